"""Reads models for selection, best first: pages of one task, licence tier and size class at a time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from modelpick.estimation.interface import Range
from modelpick.registry.layers import Layer, Layers
from modelpick.selection.interface import Entry, Source

if TYPE_CHECKING:
    from modelpick.registry.interface import Tier

_PAGES = (4, 12, 48)
_TIERS: Mapping[str, tuple[Tier, ...]] = {"permissive": (0,), "commercial": (0, 1, 2)}
_ALL: tuple[Tier, ...] = (0, 1, 2, 3, 4)
_REASON = {0: "licence", 1: "licence-not-permissive", 2: "licence-conditional", 3: "licence-no", 4: "licence-unknown"}
_COLUMNS = (
    "s.descent, s.model, s.low, s.likely, s.high, s.basis, m.family, m.name, m.relation, m.tasks, m.modality,"
    " m.released, m.params_total, m.params_active, m.context_length, m.languages, m.capabilities, m.commercial_use,"
    " m.verdict_status, a.config, a.model_type, a.sizes"
)
_PAGE = (
    f"SELECT {_COLUMNS} FROM shelf s JOIN model m ON m.slug = s.model LEFT JOIN architecture a ON a.model = s.model"
    " WHERE s.task = ? AND s.tier = ? AND s.size_class = ? AND (s.descent, s.model) > (?, ?)"
    " ORDER BY s.descent, s.model LIMIT ?"
)
_Keyed = tuple[float, str, Entry]


class RegistryShelf:
    """The registry as selection's shelf; a user's row stands in place of a bundled one of the same slug."""

    def __init__(self, registry: Layers) -> None:
        self._registry = registry

    def size_classes(self, task: str, policy: str) -> list[tuple[int, int]]:
        """See :class:`modelpick.selection.interface.Shelf`."""
        counted: Counter[int] = Counter()
        for tier, size, models in self._counts(task):
            if tier in _tiers(policy):
                counted[size] += models
        return sorted(counted.items())

    def turned_down(self, task: str, policy: str) -> dict[str, int]:
        """See :class:`modelpick.selection.interface.Shelf`."""
        counted: Counter[str] = Counter()
        for tier, _, models in self._counts(task):
            if tier not in _tiers(policy):
                counted[_REASON[tier]] += models
        return dict(counted)

    def entries(self, task: str, policy: str, size_class: int) -> Iterator[Entry]:
        """See :class:`modelpick.selection.interface.Shelf`."""
        lanes = [
            self._lane(layer, task, tier, size_class) for layer in self._registry.layers for tier in _tiers(policy)
        ]
        for _, _, entry in lanes[0] if len(lanes) == 1 else _merged(lanes):
            yield entry

    def _counts(self, task: str) -> list[tuple[int, int, int]]:
        sql = "SELECT tier, size_class, models FROM shelf_count WHERE task = ?"
        return [(row[0], row[1], row[2]) for layer in self._registry.layers for row in layer.execute(sql, (task,))]

    def _lane(self, layer: Layer, task: str, tier: Tier, size_class: int) -> Iterator[_Keyed]:
        after: tuple[float, str] = (-1e9, "")
        page = 0
        while True:
            limit = _PAGES[min(page, len(_PAGES) - 1)]
            rows = layer.execute(_PAGE, (task, tier, size_class, *after, limit))
            sources = _sources(layer, [row[1] for row in rows])
            for row in rows:
                if layer is self._registry.layers[0] or not self._registry.hidden(row[1], layer):
                    yield row[0], row[1], _entry(row, sources.get(row[1], ()))
            if len(rows) < limit:
                return
            after = (rows[-1][0], rows[-1][1])
            page += 1


def _merged(lanes: Sequence[Iterator[_Keyed]]) -> Iterator[_Keyed]:
    import heapq

    return heapq.merge(*lanes, key=lambda keyed: keyed[:2])


def entry_of(registry: Layers, slug: str, ability: str) -> Entry:
    """The entry of one model, whatever it is for; ``ability`` is the family whose index it gets.

    :raises KeyError: when there is no model of exactly that slug.
    """
    columns = _COLUMNS.replace("s.descent, s.model, s.low, s.likely", "0, m.slug, s.low, s.value")
    sql = (
        f"SELECT {columns} FROM model m LEFT JOIN architecture a ON a.model = m.slug"
        " LEFT JOIN ability s ON s.model = m.slug AND s.task = ? WHERE m.slug = ?"
    )
    layer = registry.layer_of(slug)
    if layer is None:
        raise KeyError(slug)
    return _entry(layer.execute(sql, (ability, slug))[0], _sources(layer, [slug]).get(slug, ()))


def serves(registry: Layers, slug: str, task: str) -> bool:
    """Whether a model stands on the shelf of a task."""
    layer = registry.layer_of(slug)
    return bool(layer and layer.execute("SELECT 1 FROM shelf WHERE model = ? AND task = ?", (slug, task)))


def _tiers(policy: str) -> tuple[Tier, ...]:
    return _TIERS.get(policy, _ALL)


def _sources(layer: Layer, slugs: Sequence[str]) -> dict[str, list[Source]]:
    found: dict[str, list[Source]] = {}
    if slugs:
        marks = ", ".join("?" * len(slugs))
        sql = (
            "SELECT model, format, repo, publisher, quantisation, bytes FROM variant"
            f" WHERE model IN ({marks}) ORDER BY model, position"
        )
        for model, *rest in layer.execute(sql, slugs):
            found.setdefault(model, []).append(Source(*rest))
    return found


@lru_cache(maxsize=1024)
def _texts(value: str) -> tuple[str, ...]:
    return () if value == "[]" else tuple(json.loads(value))


def _entry(row: tuple[Any, ...], sources: Sequence[Source]) -> Entry:
    _, slug, low, likely, high, basis, family, name, relation, tasks, modality, released, *rest = row
    total, active, context, languages, capabilities, commercial_use, status, config, model_type, sizes = rest
    return Entry(
        slug=slug,
        family=family,
        name=name,
        relation=relation,
        tasks=_texts(tasks),
        modality=modality,
        released=released,
        params_total=total,
        params_active=active,
        context_length=context,
        languages=_texts(languages),
        capabilities=_texts(capabilities),
        commercial_use=commercial_use,
        verdict_status=status,
        ability=None if likely is None else Range(low, likely, high),
        ability_basis=basis,
        config=config,
        model_type=model_type,
        sizes=sizes,
        sources=tuple(sources),
    )
