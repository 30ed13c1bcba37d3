"""What all stores need: sizes, folders that may not be readable, GGUF files grouped into models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from modelpick.acquisition.names import groups, missing_parts, quantisation_of

_PROJECTOR = re.compile(r"mmproj", re.IGNORECASE)
_MOST_FILES = 100_000


def home(environment: Mapping[str, str]) -> Path:
    """The user's home as the environment says."""
    return Path(environment.get("HOME") or environment.get("USERPROFILE") or Path.home())


def size(path: Path) -> int | None:
    """Bytes of a file, None when it is not there (a broken link)."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def walk(root: Path, ending: str) -> Iterator[Path]:
    """Files under ``root`` with that ending, in order; unreadable folders are passed over."""
    import os

    seen = 0
    for folder, names, files in os.walk(root):
        names.sort()
        for name in sorted(files):
            if name.lower().endswith(ending):
                yield Path(folder) / name
                seen += 1
                if seen >= _MOST_FILES:
                    return


def models(paths: Iterable[Path], root: Path) -> Iterator[tuple[list[Path], str | None, bool]]:
    """GGUF files as models: the files (projectors beside them last), the quantisation, whether all parts are there."""
    relative = {path.relative_to(root).as_posix(): path for path in paths}
    projectors = [name for name in relative if _PROJECTOR.search(name)]
    for names in groups(name for name in relative if name not in projectors).values():
        folder = names[0].rpartition("/")[0]
        beside = [name for name in projectors if name.rpartition("/")[0] == folder]
        files = [relative[name] for name in [*names, *beside]]
        whole = not missing_parts(names) and all(size(path) is not None for path in files)
        yield files, quantisation_of(names[0]), whole


def total(paths: Iterable[Path]) -> int:
    """Bytes of files, each counted once however many names it has."""
    sizes = {path.resolve(): size(path) or 0 for path in paths}
    return sum(sizes.values())
