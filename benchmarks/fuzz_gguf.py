"""A coverage-guided fuzz run of the GGUF header reader: ``python benchmarks/fuzz_gguf.py [libFuzzer options]``.

Needs ``pip install atheris`` (not a dependency of the project). Any exception other than IntegrityError, and more
than 512 MiB of memory, stops the run. Ten minutes: ``-max_total_time=600``.
"""

from __future__ import annotations

import importlib
import io
import struct
import sys
import tempfile
from pathlib import Path

atheris = importlib.import_module("atheris")

with atheris.instrument_imports(include=["modelpick"]):
    from modelpick.errors import IntegrityError
    from modelpick.formats.gguf import parse_gguf


def text(value: str) -> bytes:
    """A GGUF string."""
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def seeds() -> list[bytes]:
    """Small valid headers: scalars, strings, arrays, two tensors; little and big endian."""
    pair = text("general.architecture") + struct.pack("<I", 8) + text("llama")
    number = text("llama.block_count") + struct.pack("<II", 4, 2)
    array = text("tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")
    nested = text("deep") + struct.pack("<IIQIQ", 9, 9, 1, 4, 1) + struct.pack("<I", 7)
    tensor = text("token_embd.weight") + struct.pack("<IQQIQ", 2, 32, 4, 8, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 4) + pair + number + array + nested + tensor
    whole = head + bytes(-len(head) % 32) + bytes(160)
    big = b"GGUF" + struct.pack(">IQQ", 3, 0, 0)
    return [whole, head, big, b"GGUF" + struct.pack("<IQQ", 2, 0, 0)]


def one_input(data: bytes) -> None:
    """Parse; a clear refusal or a consistent header are the only ways out."""
    try:
        header = parse_gguf(io.BytesIO(data), len(data), "fuzz")
    except IntegrityError:
        return
    if header.data_offset > len(data) + header.alignment or header.tensor_bytes > len(data):
        raise AssertionError("a header that promises more than the file holds")


def main() -> None:
    """Run with a seeded corpus in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        for index, seed in enumerate(seeds()):
            (Path(folder) / f"seed{index}").write_bytes(seed)
        options = [sys.argv[0], folder, "-rss_limit_mb=512", "-max_len=4096", *sys.argv[1:]]
        atheris.Setup(options, one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
