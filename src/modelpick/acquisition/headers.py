"""Whether a weight file's header is what was asked for: the right kind, architecture, size and quantisation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from modelpick.acquisition.interface import Plan, RemoteFile
from modelpick.errors import IntegrityError

Inspect = Callable[[Path, RemoteFile], None]


def inspect_any(path: Path, file: RemoteFile) -> None:
    """The file is what its ending says.

    :raises IntegrityError: when it is not, or its header is damaged.
    """
    if file.path.lower().endswith(".gguf"):
        with path.open("rb") as opened:
            if opened.read(4) != b"GGUF":
                raise IntegrityError(f"{file.path} is no GGUF file", hint="tell its publisher")


def inspector(plan: Plan) -> Inspect:
    """The check of a plan's files."""
    return inspect_any
