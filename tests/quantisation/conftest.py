"""One build of each small model for the whole run; tests copy what they change."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.quantisation import models

from modelpick.quantisation.gguf_engine import GgufEngine
from modelpick.quantisation.interface import Quantised, Recipe

Quantise = Callable[..., Quantised]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a small model; do not write into it."""
    root = tmp_path_factory.mktemp("models")

    def build(name: str) -> Path:
        folder = root / name
        return folder if folder.is_dir() else models.build(name, folder)

    return build


@pytest.fixture
def copied(built: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a small model to damage."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(built(name), tmp_path / f"source-{name}"))

    return copy


@pytest.fixture
def quantise(tmp_path: Path) -> Quantise:
    """Quantise with the engine as a caller does."""

    def run(source: Path, type: str = "Q4_K_M", target: Path | None = None, **recipe: object) -> Quantised:
        values = {"threads": 2, **recipe}
        return GgufEngine().quantise(
            source, target or tmp_path / "out.gguf", Recipe(type=type, **values), lambda done, total: None
        )

    return run
