"""A small set of text sources, and registries built from it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from modelpick.registry.build import build
from modelpick.registry.locations import VARIABLE

ROOT = Path(__file__).resolve().parents[2]
SMALL = """\
family = "Small"

[[model]]
slug = "small-1b"
name = "Small 1B"
developer = "Somebody"
hf_repo = "somebody/Small-1B"
relation = "base"
modality = "text"
tasks = ["completion"]
released = "2024-05-01"
access = "open-weights"
downloadable = true
params_total = 1000000000
license = "apache-2.0"
license_key = "apache-2.0"
aliases = ["The Small One"]
ollama_tag = "small:1b"
confidence = "high"
sources = ["https://example.org/small"]
read_on = "2026-10"

[model.field_sources]
params_total = "the card"

[model.arch]
num_hidden_layers = 16
model_type = "llama"

[[model.variants]]
format = "gguf"
quantisation = "Q4_K_M"
repo = "somebody/Small-1B-GGUF"
publisher = "official"
files = ["small-q4.gguf"]
bytes = 700000000

[[model.benchmarks]]
metric = "MMLU"
value = 41.5
kind = "self-reported"

[[model]]
slug = "small-1b-instruct"
name = "Small 1B Instruct"
developer = "Somebody"
relation = "instruct"
modality = "text"
tasks = ["chat", "code"]
access = "open-weights"
downloadable = true
confidence = "low"
sources = []

[[model.base]]
parent = "small-1b"
relation = "instruct"
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with two models, and the project's own licences and accelerators."""
    data = tmp_path / "data"
    (data / "models").mkdir(parents=True)
    (data / "models" / "small.toml").write_text(SMALL)
    for name in ("licenses.toml", "accelerators.toml"):
        shutil.copy(ROOT / "data" / name, data / name)
    return data


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry built from the two models: never written to."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "models").mkdir()
    (folder / "models" / "small.toml").write_text(SMALL)
    for name in ("licenses.toml", "accelerators.toml"):
        shutil.copy(ROOT / "data" / name, folder / name)
    build(folder, folder / "registry.sqlite")
    return folder / "registry.sqlite"


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's registry would lie; it is not there yet."""
    path = tmp_path / "home" / "registry.sqlite"
    monkeypatch.setenv(VARIABLE, str(path))
    return path
