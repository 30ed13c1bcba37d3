"""llama.cpp's own cache (``llama-cli -hf``): flat files, with what was asked of the Hub beside them.

Source: https://github.com/ggml-org/llama.cpp/blob/master/common/common.cpp (fs_get_cache_directory) and
common/download.cpp. Newer builds use the Hub's cache, which has its own file here.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from modelpick.acquisition.interface import Installed
from modelpick.acquisition.stores.files import home, models, total, walk

_ADDRESS = re.compile(r"https?://[^/]+/([^/]+/[^/]+)/resolve/")
_SHA256 = re.compile(r'"?([0-9a-f]{64})"?')
_BESIDE_MAX = 64 * 1024


def root(environment: Mapping[str, str]) -> Path:
    """The cache folder: ``LLAMA_CACHE``, else where the system keeps caches."""
    if given := environment.get("LLAMA_CACHE"):
        return Path(given).expanduser()
    if sys.platform == "darwin":
        return home(environment) / "Library" / "Caches" / "llama.cpp"
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home(environment) / "AppData" / "Local") / "llama.cpp"
    return Path(environment.get("XDG_CACHE_HOME") or home(environment) / ".cache") / "llama.cpp"


def find(environment: Mapping[str, str]) -> list[Installed]:
    """Every GGUF model in the cache."""
    folder = root(environment)
    found = []
    for files, quantisation, whole in models(walk(folder, ".gguf"), folder):
        repo, _ = _origin(files[0])
        found.append(
            Installed(
                name=f"{repo}:{quantisation}" if repo and quantisation else files[0].stem,
                store="llama.cpp",
                path=str(files[0]),
                format="gguf",
                quantisation=quantisation,
                bytes=total(files),
                files=tuple(map(str, files)),
                repo=repo,
                sha256=tuple(_origin(file)[1] for file in files),
                complete=whole,
            )
        )
    return found


def _origin(path: Path) -> tuple[str | None, str | None]:
    """The repository and the hash, from the notes that llama.cpp leaves beside a file; None when there are none."""
    repo = sha = None
    beside = path.with_name(f"{path.name}.json")
    try:
        notes = json.loads(beside.read_text(encoding="utf-8")) if beside.stat().st_size < _BESIDE_MAX else {}
        address = _ADDRESS.match(str(notes.get("url")))
        tag = _SHA256.fullmatch(str(notes.get("etag") or notes.get("etags")))
        repo, sha = address and address[1], tag and tag[1]
    except (OSError, ValueError, AttributeError):
        pass
    if sha is None:
        try:
            tag = _SHA256.fullmatch(path.with_name(f"{path.name}.etag").read_text(encoding="ascii").strip())
            sha = tag and tag[1]
        except (OSError, ValueError):
            pass
    return repo, sha
