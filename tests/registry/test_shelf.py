"""The shelf of the bundled registry, and of a user's registry over it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.registry.test_user import BLOCK, write

from modelpick.registry.layers import Layers
from modelpick.registry.shelf import RegistryShelf
from modelpick.registry.user import add
from modelpick.selection.bounds import params_read
from modelpick.selection.interface import TASKS, Entry, Place

WEIGHTS = {"format": "safetensors", "repo": "me/weights", "publisher": "official"}


@pytest.fixture
def registry() -> Iterator[Layers]:
    with Layers.open() as opened:
        yield opened


def places(registry: Layers, task: str, policy: str = "any", *, each: bool = True) -> list[Place]:
    shelf = RegistryShelf(registry)
    classes = [size for size, _ in shelf.size_classes(task, policy)]
    return [place for size in classes for place in shelf.places(task, policy, size, each=each)]


def nameless(entry: Entry) -> Entry:
    """The entry without what kin may differ in."""
    sources = tuple(replace(source, repo="") for source in entry.sources)
    return replace(entry, slug="", name="", family="", ability=None, ability_basis=None, sources=sources)


@pytest.mark.parametrize("task", TASKS)
def test_a_place_says_what_its_model_says(registry: Layers, task: str) -> None:
    shelf = RegistryShelf(registry)
    seen: dict[int, Entry] = {}
    for place in places(registry, task):
        entry = shelf.entry(task, place.slug)
        low = entry.ability.low if entry.ability else None
        kin = seen.setdefault(place.kin, nameless(entry))
        assert kin == nameless(entry)
        assert place == Place(
            entry.slug, entry.family, place.kin, low, entry.modality, entry.params_total, params_read(entry)
        )
    assert seen


@pytest.mark.parametrize("policy", ["permissive", "commercial", "any"])
def test_of_models_alike_the_first_stands_for_all(registry: Layers, policy: str) -> None:
    def alike(place: Place) -> tuple[object, ...]:
        return place.kin, place.family, place.low

    every, first = places(registry, "chat", policy), places(registry, "chat", policy, each=False)
    assert {alike(place) for place in every} == {alike(place) for place in first}
    assert len(first) == len({alike(place) for place in first})
    names = {alike(place): place.slug for place in first}
    assert all(names[alike(place)] <= place.slug for place in every)
    lows = [30.0 if place.low is None else place.low for place in first if place.params_total == 7_000_000_000]
    assert lows == sorted(lows, reverse=True)


def test_models_are_found_by_name(registry: Layers) -> None:
    shelf = RegistryShelf(registry)
    every = {place.slug: place for place in places(registry, "chat", "permissive")}
    wanted = ("gemma-4-26b-a4b-it", "qwen3-8b", "whisper-large-v3", "unheard-of")
    found = [
        place
        for size, _ in shelf.size_classes("chat", "permissive")
        for place in shelf.places("chat", "permissive", size, only=wanted)
    ]
    assert sorted(place.slug for place in found) == ["gemma-4-26b-a4b-it", "qwen3-8b"]
    assert all(every[place.slug] == place for place in found)


def test_a_model_that_stands_for_its_like_may_be_hidden_by_the_users_own(own: Path, tmp_path: Path) -> None:
    pair = [BLOCK | {"slug": slug, "license_key": "apache-2.0", "variants": [WEIGHTS]} for slug in ("one", "two")]
    lower = tmp_path / "lower.sqlite"
    add(lower, write(tmp_path / "pair.toml", *pair))
    add(own, write(tmp_path / "mine.toml", pair[0] | {"context_length": 4096}))
    with Layers.open() as upper, Layers.open(lower) as under:
        registry = Layers([upper.layers[0], under.layers[0]])
        assert [place.slug for place in places(under, "chat", each=False) if place.family == "Mine"] == ["one"]
        assert sorted(place.slug for place in places(registry, "chat", each=False)) == ["one", "two"]
        assert sorted(place.slug for place in places(registry, "chat", each=True)) == ["one", "two"]
        contexts = {slug: RegistryShelf(registry).entry("chat", slug).context_length for slug in ("one", "two")}
    assert contexts == {"one": 4096, "two": None}
