"""What the engines that make folders share: nothing stands under the final name before it is whole and was loaded."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from modelpick.errors import UsageError
from modelpick.quantisation.interface import Recipe

_LEGAL = ("LICENSE*", "LICENCE*", "NOTICE*", "USE_POLICY*")


def check(source: Path, target: Path, recipe: Recipe, kinds: Collection[str], engine: str) -> None:
    """Refuse an unknown type, a source that is no folder, and a target that exists or has no folder to stand in."""
    if recipe.type not in kinds:
        raise UsageError(f"{recipe.type!r} is no type of {engine}", hint="one of: " + ", ".join(kinds))
    if not source.is_dir():
        raise UsageError(f"{source} is not a folder with safetensors")
    if target.exists() and any(target.samefile(folder) for folder in (source, *source.resolve().parents)):
        raise UsageError(f"{target} is the source itself or holds it", hint="choose another folder with --out")
    if target.exists() and not recipe.overwrite:
        raise UsageError(f"{target} exists", hint="--force overwrites it")
    if target.is_file():
        raise UsageError(f"{target} is a file", hint="choose another folder with --out")
    if not target.parent.is_dir():
        raise UsageError(f"there is no folder {target.parent}", hint=f"mkdir -p {target.parent}")


@contextmanager
def making(target: Path) -> Iterator[Path]:
    """A path beside the target to make the folder at; it gets its name when the block ends well, else it goes."""
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield work / "made"
        before = work / "before"
        if target.exists():
            target.replace(before)
        try:
            (work / "made").replace(target)
        except OSError:
            if before.exists():
                before.replace(target)
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def copy_terms(source: Path, made: Path) -> None:
    """The licence's own files go where the weights go."""
    for pattern in _LEGAL:
        for path in source.glob(pattern):
            if path.is_file():
                shutil.copyfile(path, made / path.name)


def size(folder: Path) -> int:
    """Bytes of all files below."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
