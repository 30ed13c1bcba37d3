"""The Hub's shared cache: ``models--org--name/snapshots/COMMIT/...`` pointing at ``blobs/HASH``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from modelpick.acquisition.interface import Installed
from modelpick.acquisition.names import missing_parts
from modelpick.acquisition.settings import hub_cache
from modelpick.acquisition.stores.files import models, size, total, walk

_SHA256 = re.compile(r"[0-9a-f]{64}")


def find(environment: Mapping[str, str]) -> list[Installed]:
    """Every model of every repository in the cache, from its newest snapshot that has it."""
    found: list[Installed] = []
    for folder in sorted(hub_cache(environment).glob("models--*")):
        repo = folder.name.removeprefix("models--").replace("--", "/")
        seen: set[tuple[str, str | None]] = set()
        for snapshot in _snapshots(folder):
            for model in _models(snapshot, repo):
                if (model.format, model.quantisation) not in seen:
                    seen.add((model.format, model.quantisation))
                    found.append(model)
    return found


def _snapshots(folder: Path) -> list[Path]:
    """Snapshots, the branch's first, then newest first."""
    try:
        current = (folder / "refs" / "main").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        current = ""
    try:
        snapshots = [path for path in (folder / "snapshots").iterdir() if path.is_dir()]
        return sorted(snapshots, key=lambda path: (path.name != current, -path.stat().st_mtime, path.name))
    except OSError:
        return []


def _models(snapshot: Path, repo: str) -> Iterator[Installed]:
    for files, quantisation, whole in models(walk(snapshot, ".gguf"), snapshot):
        yield _installed(snapshot, repo, files, files[0], "gguf", quantisation, whole)
    weights = list(walk(snapshot, ".safetensors"))
    if weights:
        names = [path.name for path in weights]
        whole = not missing_parts(names) and all(size(path) is not None for path in weights)
        yield _installed(snapshot, repo, weights, snapshot, "safetensors", None, whole)


def _installed(
    snapshot: Path, repo: str, files: list[Path], path: Path, form: str, quantisation: str | None, whole: bool
) -> Installed:
    hashes = tuple(name if _SHA256.fullmatch(name := file.resolve().name) else None for file in files)
    return Installed(
        name=f"{repo}:{quantisation}" if quantisation else repo,
        store="hub-cache",
        path=str(path),
        format=form,
        quantisation=quantisation,
        bytes=total(files),
        files=tuple(map(str, files)),
        repo=repo,
        commit=snapshot.name,
        sha256=hashes,
        complete=whole,
    )
