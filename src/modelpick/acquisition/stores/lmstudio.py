"""LM Studio's folder: ``models/PUBLISHER/REPOSITORY/FILE``, files as they come.

Source of the layout: https://lmstudio.ai/docs/app/advanced/import-model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from modelpick.acquisition.interface import Installed
from modelpick.acquisition.names import missing_parts
from modelpick.acquisition.stores.files import home, models, size, total, walk


def roots(environment: Mapping[str, str]) -> list[Path]:
    """Folders of models: ``LMSTUDIO_MODELS`` when set, else what LM Studio's settings say, else its defaults."""
    if given := environment.get("LMSTUDIO_MODELS"):
        return [Path(given).expanduser()]
    user = home(environment)
    places = [user / ".lmstudio", user / ".cache" / "lm-studio"]
    with suppress(OSError, ValueError):
        places.insert(0, Path((user / ".lmstudio-home-pointer").read_text(encoding="utf-8").strip()))
    found: list[Path] = []
    for place in places:
        try:
            chosen = json.loads((place / "settings.json").read_text(encoding="utf-8")).get("downloadsFolder")
        except (OSError, ValueError, AttributeError):
            chosen = None
        found.append(Path(chosen) if isinstance(chosen, str) and chosen else place / "models")
    return list(dict.fromkeys(found))


def find(environment: Mapping[str, str]) -> list[Installed]:
    """Every GGUF and every safetensors (MLX) model in the folders."""
    found: list[Installed] = []
    for root in roots(environment):
        for folder in sorted(root.glob("*/*")):
            if folder.is_dir():
                found += _models(folder, f"{folder.parent.name}/{folder.name}")
    return found


def _models(folder: Path, repo: str) -> list[Installed]:
    found = []
    for files, quantisation, whole in models(walk(folder, ".gguf"), folder):
        name = f"{repo}:{quantisation}" if quantisation else f"{repo}/{files[0].name}"
        found.append(_installed(name, repo, files, files[0], "gguf", quantisation, whole))
    if weights := list(walk(folder, ".safetensors")):
        whole = not missing_parts(path.name for path in weights) and all(size(path) is not None for path in weights)
        found.append(_installed(repo, repo, weights, folder, "safetensors", None, whole))
    return found


def _installed(
    name: str, repo: str, files: list[Path], path: Path, form: str, quantisation: str | None, whole: bool
) -> Installed:
    return Installed(
        name=name,
        store="lmstudio",
        path=str(path),
        format=form,
        quantisation=quantisation,
        bytes=total(files),
        files=tuple(map(str, files)),
        repo=repo,
        sha256=(None,) * len(files),
        complete=whole,
    )
