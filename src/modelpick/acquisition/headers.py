"""Whether a weight file's header is what was asked for: the right kind, architecture, size and quantisation.

The bytes are the Hub's: their hash was checked. This is about a publisher's mistake, or a repository that is not what
its name says. Readers of headers come from outside, one for each ending; what they cannot read they refuse.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from modelpick.acquisition.interface import Header, Plan, RemoteFile
from modelpick.errors import IntegrityError
from modelpick.formats.mixes import BASE, canonical, fallback
from modelpick.units import format_count

Inspect = Callable[[Path, RemoteFile], None]
Readers = Mapping[str, Callable[[Path], Header]]
"""A header's reader by the file name's ending."""

_LEAST, _MOST = 0.6, 1.6
"""How far the parameters may be from what was promised: towers for images and tied weights are counted differently."""


def inspect_any(readers: Readers) -> Inspect:
    """The check of files of which nothing was promised: their headers can be read."""

    def inspect(path: Path, file: RemoteFile) -> None:
        _read(readers, path, file)

    return inspect


def inspector(plan: Plan, readers: Readers, file_types: Mapping[str, int]) -> Inspect:
    """The check of a plan's files against what was asked for. ``file_types`` are GGUF's numbers of the mixes.

    :raises IntegrityError: naming what was promised and what is there.
    """
    counted: dict[str, int | None] = {}
    expected = [file.path for file in plan.files if _ending(readers, file.path) and not _beside(file.path)]
    turn = threading.Lock()

    def inspect(path: Path, file: RemoteFile) -> None:
        header = _read(readers, path, file)
        if header is None or _beside(file.path):
            return
        _architecture(plan, header, file)
        _quantisation(plan, header, file, file_types)
        with turn:
            counted[file.path] = header.parameters
            if len(counted) == len(expected):
                _parameters(plan, list(counted.values()), file)

    return inspect


def _beside(path: str) -> bool:
    return "mmproj" in path.lower()


def _ending(readers: Readers, path: str) -> str | None:
    return next((ending for ending in readers if path.lower().endswith(ending)), None)


def _read(readers: Readers, path: Path, file: RemoteFile) -> Header | None:
    ending = _ending(readers, file.path)
    if ending is None:
        return None
    try:
        return readers[ending](path)
    except IntegrityError as error:
        raise IntegrityError(
            f"{file.path}: {error.message.replace(path.name, 'the file')}",
            hint="its hash is the one that the Hub lists, so the publisher's file is at fault: try another repository",
        ) from error


def _architecture(plan: Plan, header: Header, file: RemoteFile) -> None:
    promised = {name for name in (plan.architecture, plan.expected_architecture) if name}
    if header.architecture and promised and header.architecture not in promised:
        raise _other(file, f"of architecture {header.architecture}", " or ".join(sorted(promised)))


def _quantisation(plan: Plan, header: Header, file: RemoteFile, file_types: Mapping[str, int]) -> None:
    """Number and tensors must both disagree: publishers' numbers are sometimes wrong, and small models fall back."""
    asked = canonical(plan.quantisation) if plan.quantisation else None
    if asked is None or asked not in file_types or header.file_type is None or header.file_type == file_types[asked]:
        return
    base = BASE[asked]
    if header.main_type not in (None, base, fallback(base, 32)):
        raise _other(file, f"mostly {header.main_type}", asked)


def _parameters(plan: Plan, counts: list[int | None], file: RemoteFile) -> None:
    if plan.params_total is None or any(count is None for count in counts):
        return
    total = sum(count or 0 for count in counts)
    if not _LEAST <= total / plan.params_total <= _MOST:
        raise _other(file, f"a model of {format_count(total)} parameters", format_count(plan.params_total))


def _other(file: RemoteFile, found: str, promised: str) -> IntegrityError:
    return IntegrityError(
        f"{file.path} is {found}, and {promised} was promised",
        hint="the file is what the Hub lists, but not what was asked for: try another repository or --quant",
    )
