"""The small file that says what was fetched, from which commit, with which hashes and under which verdict.

In a folder it lies in ``.modelpick/``; in the Hub's cache in ``.modelpick/`` of the repository's folder, beside the
library's own ``blobs`` and ``snapshots``, which stay as the library expects them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from modelpick.acquisition.interface import Artifact, ArtifactFile
from modelpick.acquisition.names import unsafe
from modelpick.errors import IntegrityError

SCHEMA = "modelpick.artifact/1"
FOLDER = ".modelpick"
_REQUIRED = ("path", "model", "format", "files", "created")


def home(folder: Path) -> Path:
    """Where the manifests of a folder of files lie."""
    if folder.parent.name == "snapshots":
        return folder.parent.parent / FOLDER
    return folder / FOLDER


def write(artifact: Artifact) -> Path:
    """Write the artifact's manifest, whole or not at all; an older one of the same files is replaced."""
    folder = home(Path(artifact.path))
    folder.mkdir(parents=True, exist_ok=True)
    parts = [(artifact.commit or "")[:12], artifact.quantisation or artifact.format]
    if artifact.made_by and artifact.files:  # several results may lie in one folder
        parts = [Path(artifact.files[0].path).stem]
    name = "-".join(filter(None, parts))
    path = folder / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', name)}.json"
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    text = json.dumps({"schema": SCHEMA, **asdict(artifact)}, indent=2, ensure_ascii=False)
    fresh.write_text(text + "\n", encoding="utf-8")
    fresh.replace(path)
    return path


def read(path: Path) -> Artifact:
    """The artifact that a manifest describes. Its folder is where the manifest is now, should it have moved.

    :raises IntegrityError: when the file is no manifest or names files outside its folder.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.get("schema") != SCHEMA or any(key not in data for key in _REQUIRED):
            raise ValueError(f"it is not a {SCHEMA}")
        files, sources = _files(data["files"]), _files(data.get("made_from") or ())
        if bad := [file.path for file in files if unsafe(file.path)]:
            raise ValueError(f"it names {bad[0]!r}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(
            f"{path}: the manifest cannot be read: {error}", hint="download the model again"
        ) from error
    known = {name: data.get(name) for name in Artifact.__dataclass_fields__}
    return Artifact(**{**known, "files": files, "made_from": sources, "path": str(_folder(path, data))})


def _files(entries: Iterable[Mapping[str, Any]]) -> tuple[ArtifactFile, ...]:
    return tuple(ArtifactFile(str(f["path"]), int(f["bytes"]), str(f["sha256"])) for f in entries)


def _folder(path: Path, data: dict[str, object]) -> Path:
    above = path.parent.parent
    if (above / "snapshots").is_dir() and data.get("commit"):
        return above / "snapshots" / str(data["commit"])
    return above


def all_of(folder: Path) -> Iterator[Path]:
    """Manifests that describe files of ``folder``."""
    place = home(folder)
    yield from sorted(place.glob("*.json")) if place.is_dir() else ()


def owns(folder: Path, file: str) -> bool:
    """Whether a manifest of the folder names the file."""
    for path in all_of(folder):
        try:
            if any(known.path == file for known in read(path).files):
                return True
        except IntegrityError:
            continue
    return False
