"""The official converter, for architectures that are not converted here: a program of its own, asked by path.

It needs PyTorch and writes the whole model as BF16 beside the result; that file is then quantised like any GGUF.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelpick.errors import ModelpickError, UsageError


@contextmanager
def converted(source: Path, converter: Path, *, python: str | None = None) -> Iterator[Path]:
    """A BF16 GGUF of the source, removed afterwards.

    ``python`` is the interpreter that has the converter's packages; by default the one beside it in a virtual
    environment, else this one.

    :raises ModelpickError: when the converter fails, with its last line.
    """
    if not converter.is_file():
        raise UsageError(f"there is no converter at {converter}", hint="give the path of convert_hf_to_gguf.py")
    with tempfile.TemporaryDirectory(prefix=".modelpick-", dir=source.parent) as folder:
        middle = Path(folder) / "middle.gguf"
        command = [python or interpreter(converter), str(converter), str(source), "--outtype", "bf16"]
        done = subprocess.run([*command, "--outfile", str(middle)], capture_output=True, text=True, check=False)
        if done.returncode or not middle.is_file():
            lines = done.stderr.strip().splitlines() or ["it said nothing"]
            raise ModelpickError(
                f"the converter failed with status {done.returncode}: {lines[-1][:500]}",
                hint="run it by hand: " + " ".join(command),
            )
        yield middle


def interpreter(converter: Path) -> str:
    """The Python of the virtual environment that the converter lies in, else this one."""
    for folder in converter.resolve().parents:
        if (folder / "pyvenv.cfg").is_file():
            for name in ("bin/python", "Scripts/python.exe"):
                if (folder / name).is_file():
                    return str(folder / name)
    return sys.executable
