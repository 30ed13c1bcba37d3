"""Whether what was fetched is still what was fetched: every file of an artifact hashed again."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from modelpick.acquisition import manifest
from modelpick.acquisition.digest import sums_of
from modelpick.acquisition.interface import Artifact, ArtifactFile, Check, FileCheck, RemoteFile
from modelpick.errors import IntegrityError, NotFoundError

_NAMED_BY_HASH = re.compile(r"(?:sha256-)?([0-9a-f]{64})")

Inspect = Callable[[Path, RemoteFile], None]


def verify(path: Path, inspect: Inspect) -> tuple[Check, ...]:
    """Every artifact that ``path`` is, holds or belongs to, checked again.

    ``path`` is a folder, one of an artifact's files, or a manifest. A file named by its hash (a cache's or Ollama's
    blob) needs no manifest. ``inspect`` reads a weight file's header and raises IntegrityError.

    :raises NotFoundError: when there is nothing of that name, or nothing that says what it should be.
    """
    if not path.exists() and not path.is_symlink():
        raise NotFoundError(f"{path} does not exist", hint="`modelpick installed` lists what is here")
    found = _manifests(path.absolute())
    if found:
        return tuple(_check(manifest.read(one), str(one), inspect) for one in found)
    if by_name := _named(path):
        return (_check(by_name, None, inspect),)
    raise NotFoundError(
        f"{path}: no manifest says what it should be",
        hint="`modelpick download` writes one beside what it fetches; sha256sum compares with the publisher's page",
    )


def _manifests(path: Path) -> list[Path]:
    if path.is_file() and path.suffix == ".json" and path.parent.name == manifest.FOLDER:
        return [path]
    if path.is_dir():
        if found := list(manifest.all_of(path)):
            # One snapshot of the cache: only what was fetched at its commit.
            return [one for one in found if path.parent.name != "snapshots" or manifest.read(one).commit == path.name]
        return []
    found = []
    for folder in list(path.parents)[:6]:
        for one in manifest.all_of(folder):
            artifact = manifest.read(one)
            files = {Path(artifact.path) / file.path for file in artifact.files}
            if path in files:
                found.append(one)
        if found:
            break
    return found


def _named(path: Path) -> Artifact | None:
    """Files whose names are their hashes, as an artifact of their own."""
    files = [path] if not path.is_dir() else sorted(file for file in path.rglob("*") if file.is_file())
    known = []
    for file in files:
        target = file.resolve()
        if found := _NAMED_BY_HASH.fullmatch(target.name):
            shown = file.relative_to(path).as_posix() if path.is_dir() else path.name
            known.append(ArtifactFile(shown, target.stat().st_size, found[1]))
    if not known:
        return None
    folder = path if path.is_dir() else path.parent
    return Artifact(str(folder.absolute()), folder.name, None, None, "unknown", None, tuple(known), None, "")


def _check(artifact: Artifact, where: str | None, inspect: Inspect) -> Check:
    return Check(artifact, tuple(_file(Path(artifact.path), file, inspect) for file in artifact.files), where)


def _file(folder: Path, file: ArtifactFile, inspect: Inspect) -> FileCheck:
    path = folder / file.path
    result = FileCheck(file.path, "ok", None, file.bytes, None, file.sha256)
    try:
        size = path.stat().st_size
        if size != file.bytes:
            return replace(result, status="damaged", bytes=size, message="another size")
        expected = RemoteFile(file.path, file.bytes, file.sha256)
        sums = sums_of(path, expected)
        result = replace(result, bytes=size, sha256=sums.sha256.hexdigest())
        if not sums.matches(expected):
            return replace(result, status="damaged", message="another sha256")
        inspect(path, expected)
    except FileNotFoundError:
        return replace(result, status="missing", message="not there")
    except IntegrityError as error:
        return replace(result, status="damaged", message=error.message)
    except OSError as error:
        return replace(result, status="damaged", message=f"cannot be read: {error.strerror or error}")
    return result
