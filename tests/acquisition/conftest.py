"""A Hub on the loopback, and places of its own for every test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.hubserver import Hub

from modelpick.acquisition.interface import Artifact, Event, HubSettings, Patience, Plan, Source, Wish
from modelpick.acquisition.plan import make_plan

QUICK = Patience(attempts=3, first_wait_seconds=0.02, longest_wait_seconds=0.05, read_seconds=0.7)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        yield server


@pytest.fixture
def settings(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HubSettings:
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "no-token"))
    return HubSettings(endpoint=hub.endpoint, cache=tmp_path / "hub")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home without any models."""
    return {"HOME": str(tmp_path / "home"), "OLLAMA_MODELS": str(tmp_path / "ollama")}


def wish(repo: str = "org/model-GGUF", quantisation: str | None = None, **more: object) -> Wish:
    form = "safetensors" if more.get("format") == "safetensors" else "gguf"
    return Wish("a-model", (Source(repo, form, True),), quantisation, **more)  # type: ignore[arg-type]


class Events(list[Event]):
    """An observer that keeps what it was told."""

    __call__ = list.append

    def kinds(self) -> list[str]:
        return [event.kind for event in self]


Planner = Callable[..., Plan]


@pytest.fixture
def plan(settings: HubSettings, environment: dict[str, str]) -> Planner:
    def make(*args: object, **more: object) -> Plan:
        return make_plan(wish(*args, **more), settings, environment, patience=QUICK)  # type: ignore[arg-type]

    return make


@pytest.fixture
def download(settings: HubSettings) -> Callable[..., Artifact]:
    from modelpick.acquisition.fetch import fetch

    def run(made: Plan, events: Events | None = None, *, patience: Patience = QUICK) -> Artifact:
        return fetch(
            made,
            settings,
            observe=Events() if events is None else events,
            inspect=lambda path, file: None,
            patience=patience,
        )

    return run
