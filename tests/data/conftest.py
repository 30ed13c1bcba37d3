"""The text sources, parsed once for all tests of this folder."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).resolve().parents[2] / "data"


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return tomllib.load(file)


@pytest.fixture(scope="session")
def families() -> dict[str, dict[str, Any]]:
    """Each family file by its stem."""
    return {path.stem: _read(path) for path in sorted((DATA / "models").glob("*.toml"))}


@pytest.fixture(scope="session")
def models(families: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each model by its slug."""
    return {model["slug"]: model for family in families.values() for model in family["model"]}


@pytest.fixture(scope="session")
def licenses() -> dict[str, dict[str, Any]]:
    """Each catalogue entry by its key."""
    return {entry["key"]: entry for entry in _read(DATA / "licenses.toml")["license"]}


@pytest.fixture(scope="session")
def accelerators() -> list[dict[str, Any]]:
    """The accelerators in the file's order."""
    return list(_read(DATA / "accelerators.toml")["accelerator"])


@pytest.fixture(scope="session")
def collections() -> dict[str, dict[str, Any]]:
    """Each collection by its key."""
    return {entry["key"]: entry for entry in _read(DATA / "collections.toml")["collection"]}
