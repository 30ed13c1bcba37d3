"""Ollama's store: manifests that name blobs by their sha256.

Source of the layout: https://github.com/ollama/ollama/blob/main/server/modelpath.go and server/manifest.go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelpick.acquisition.interface import Installed
from modelpick.acquisition.names import normal_quantisation
from modelpick.acquisition.stores.files import home, size

_WEIGHTS = ("application/vnd.ollama.image.model", "application/vnd.ollama.image.projector")
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")
_SYSTEM = ("/usr/share/ollama/.ollama/models", "/var/lib/ollama/models")
"""Where the Linux installer's service keeps them."""


def roots(environment: Mapping[str, str]) -> list[Path]:
    """Folders that may be a store: ``OLLAMA_MODELS`` alone when it is set."""
    if given := environment.get("OLLAMA_MODELS"):
        return [Path(given).expanduser()]
    return [home(environment) / ".ollama" / "models", *map(Path, _SYSTEM)]


def blob(root: Path, sha256: str) -> Path:
    """Where a store keeps the file of that hash."""
    return root / "blobs" / f"sha256-{sha256}"


def find(environment: Mapping[str, str]) -> list[Installed]:
    """Every model that a manifest of a store names."""
    found: list[Installed] = []
    for root in roots(environment):
        manifests = root / "manifests"
        try:
            paths = sorted(path for path in manifests.rglob("*") if path.is_file())
        except OSError:
            continue
        found += [model for path in paths if (model := _model(root, path.relative_to(manifests), path))]
    return found


def _model(root: Path, relative: Path, path: Path) -> Installed | None:
    manifest = _json(path)
    layers = [layer for layer in manifest.get("layers") or () if layer.get("mediaType") in _WEIGHTS]
    layers.sort(key=lambda layer: _WEIGHTS.index(layer["mediaType"]))
    digests = [found[1] for layer in layers if (found := _DIGEST.fullmatch(str(layer.get("digest"))))]
    if not digests or len(relative.parts) < 3:
        return None
    config = _DIGEST.fullmatch(str((manifest.get("config") or {}).get("digest")))
    facts = _json(blob(root, config[1])) if config else {}
    files = [blob(root, digest) for digest in digests]
    quantisation = facts.get("file_type")
    repo = "/".join(relative.parts[1:-1])
    return Installed(
        name=_name(relative),
        store="ollama",
        path=str(files[0]),
        format=str(facts.get("model_format") or "gguf"),
        quantisation=normal_quantisation(quantisation) if isinstance(quantisation, str) and quantisation else None,
        bytes=sum(size(file) or 0 for file in files),
        files=tuple(map(str, files)),
        repo=repo if relative.parts[0] in ("hf.co", "huggingface.co") else None,
        sha256=tuple(digests),
        complete=all(size(file) == layer.get("size") for file, layer in zip(files, layers, strict=True)),
    )


def _name(relative: Path) -> str:
    """As ``ollama list`` shows it: the default host and the default namespace are left out."""
    *place, tag = relative.parts
    if place[0] == "registry.ollama.ai":
        place = place[1:]
        if place[0] == "library":
            place = place[1:]
    return f"{'/'.join(place)}:{tag}"


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > 2**20:
            return {}
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
