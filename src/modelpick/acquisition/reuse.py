"""Files that need not come over the network: the same bytes somewhere else on this disk, found by their hash.

What a store's name promises is not believed: the fetch hashes every file it takes over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from modelpick.acquisition.interface import HubSettings, RemoteFile
from modelpick.acquisition.stores import llamacpp, lmstudio, ollama
from modelpick.acquisition.stores.files import size, walk

_WORTH_BYTES = 2**20
"""Smaller files are fetched faster than found."""


def elsewhere(files: Iterable[RemoteFile], hub: HubSettings, environment: Mapping[str, str]) -> dict[str, str]:
    """Repository path to a file on this disk that should hold the same bytes."""
    wanted = [file for file in files if file.sha256 and file.bytes >= _WORTH_BYTES]
    if not wanted:
        return {}
    named = _named_by_hash(hub, environment)
    unnamed: dict[int, list[Path]] | None = None
    found: dict[str, str] = {}
    for file in wanted:
        for folder, prefix in named:
            path = folder / f"{prefix}{file.sha256}"
            if size(path) == file.bytes:
                found[file.path] = str(path)
                break
        else:
            if unnamed is None:
                unnamed = _by_size(environment)
            name = file.path.rpartition("/")[2]
            # The same name first; among a family's fine-tunes many files have one size.
            candidates = sorted(unnamed.get(file.bytes, ()), key=lambda path: not path.name.endswith(name))
            if candidates and candidates[0].name.endswith(name):
                found[file.path] = str(candidates[0])
    return found


def _named_by_hash(hub: HubSettings, environment: Mapping[str, str]) -> list[tuple[Path, str]]:
    """Folders whose files are named by their sha256, with what stands before it."""
    blobs = [(folder, "") for folder in sorted(hub.cache.glob("models--*/blobs"))]
    return blobs + [(root / "blobs", "sha256-") for root in ollama.roots(environment)]


def _by_size(environment: Mapping[str, str]) -> dict[int, list[Path]]:
    """GGUF files of the stores that keep plain names, by size."""
    found: dict[int, list[Path]] = {}
    for path in _plain(environment):
        if (count := size(path)) is not None:
            found.setdefault(count, []).append(path)
    return found


def _plain(environment: Mapping[str, str]) -> Iterator[Path]:
    for root in (*lmstudio.roots(environment), llamacpp.root(environment)):
        yield from walk(root, ".gguf")
