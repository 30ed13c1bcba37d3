"""Reads models for selection, best first: pages of one task, licence tier and size class at a time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from modelpick.estimation.interface import Range
from modelpick.registry.layers import Layer, Layers
from modelpick.selection.interface import Entry, Place, Source

if TYPE_CHECKING:
    from modelpick.registry.interface import Tier

_PAGES = (12, 48, 192)
_TIERS: Mapping[str, tuple[Tier, ...]] = {"permissive": (0,), "commercial": (0, 1, 2)}
_ALL: tuple[Tier, ...] = (0, 1, 2, 3, 4)
_REASON = {0: "licence", 1: "licence-not-permissive", 2: "licence-conditional", 3: "licence-no", 4: "licence-unknown"}
_COLUMNS = (
    "m.slug, s.low, s.likely, s.high, s.basis, m.family, m.name, m.relation, m.tasks, m.modality, m.released,"
    " m.params_total, m.params_active, m.context_length, m.languages, m.capabilities, m.commercial_use,"
    " m.verdict_status, a.config, a.model_type, a.sizes"
)
_ENTRY = (
    f"SELECT {_COLUMNS} FROM model m LEFT JOIN architecture a ON a.model = m.slug"
    " LEFT JOIN shelf s INDEXED BY shelf_model ON s.model = m.slug AND s.task = ? WHERE m.slug = ?"
)
_SOURCES = "SELECT format, repo, publisher, quantisation, bytes FROM variant WHERE model = ? ORDER BY position"
_LANE = "FROM shelf WHERE task = ? AND tier = ? AND size_class = ?"
_KEY = "descent, kin, family"
_PLACE = "low, modality, params_total, params_read"
_EACH = f"SELECT {_KEY}, model, {_PLACE} {_LANE} AND ({_KEY}, model) > (?, ?, ?, ?)%s ORDER BY {_KEY}, model LIMIT ?"
# The table is read in the order of its key: those alike, and those passed over, are steps from row to row.
_ALIKE = (
    f"SELECT {_KEY}, min(model), {_PLACE} {_LANE} AND ({_KEY}) > (?, ?, ?)%s GROUP BY {_KEY} ORDER BY {_KEY} LIMIT ?"
)
_NAMED = (
    f"SELECT {_KEY}, model, {_PLACE} FROM shelf INDEXED BY shelf_model"
    " WHERE model = ? AND task = ? AND tier = ? AND size_class = ?"
)
_GROUP = f"SELECT model {_LANE} AND ({_KEY}) = (?, ?, ?) ORDER BY model"
_START = (-1e9, -(2**63), "", "")
_Keyed = tuple[float, Place]


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

    def places(
        self,
        task: str,
        policy: str,
        size_class: int,
        *,
        each: bool = False,
        only: Collection[str] = (),
        passed: Set[tuple[int, bool]] = frozenset(),
    ) -> Iterator[Place]:
        """See :class:`modelpick.selection.interface.Shelf`."""
        lanes = [
            self._named(layer, (task, tier, size_class), only)
            if only
            else self._lane(layer, (task, tier, size_class), passed, each=each)
            for layer in self._registry.layers
            for tier in _tiers(policy)
        ]
        for _, place in lanes[0] if len(lanes) == 1 else _merged(lanes):
            yield place

    def entry(self, task: str, slug: str) -> Entry:
        """See :class:`modelpick.selection.interface.Shelf`.

        :raises KeyError: when there is no model of exactly that slug.
        """
        return _entry_of(self._registry, _ENTRY, task, slug)

    def _counts(self, task: str) -> list[tuple[int, int, int]]:
        sql = "SELECT tier, size_class, models FROM shelf_count WHERE task = ?"
        return [(row[0], row[1], row[2]) for layer in self._registry.layers for row in layer.execute(sql, (task,))]

    def _lane(
        self, layer: Layer, lane: tuple[str, Tier, int], passed: Set[tuple[int, bool]], *, each: bool
    ) -> Iterator[_Keyed]:
        width = 4 if each else 3
        after: tuple[Any, ...] = _START
        page = 0
        while True:
            limit = _PAGES[min(page, len(_PAGES) - 1)]
            sql = _EACH if each else _ALIKE
            rows = layer.execute(sql % _left_out(passed), (*lane, *after[:width], limit))
            for descent, kin, family, model, *rest in rows:
                standing = self._standing(layer, lane, (descent, kin, family), model, each=each)
                if standing:
                    yield descent, Place(standing, family, kin, *rest)
            if len(rows) < limit:
                return
            after = rows[-1]
            page += 1

    def _named(self, layer: Layer, lane: tuple[str, Tier, int], only: Collection[str]) -> Iterator[_Keyed]:
        rows = [row for slug in only for row in layer.execute(_NAMED, (slug, *lane))]
        for descent, kin, family, model, *rest in sorted(rows):
            if self._standing(layer, lane, (descent, kin, family), model, each=True):
                yield descent, Place(model, family, kin, *rest)

    def _standing(
        self, layer: Layer, lane: tuple[str, Tier, int], key: tuple[Any, ...], model: str, *, each: bool
    ) -> str | None:
        """The model itself, or if a layer above hides it, the next of those alike that none hides."""
        if layer is self._registry.layers[0] or not self._registry.hidden(model, layer):
            return model
        if each:
            return None
        alike = (row[0] for row in layer.execute(_GROUP, (*lane, *key)))
        return next((one for one in alike if not self._registry.hidden(one, layer)), None)


def _left_out(passed: Set[tuple[int, bool]]) -> str:
    condition = ""
    for without, other in ((False, "low IS NULL"), (True, "low IS NOT NULL")):
        if kin := [str(number) for number, has_none in passed if has_none == without]:
            condition += f" AND ({other} OR kin NOT IN ({', '.join(kin)}))"
    return condition


def _merged(lanes: Sequence[Iterator[_Keyed]]) -> Iterator[_Keyed]:
    import heapq

    return heapq.merge(*lanes, key=lambda keyed: keyed[0])


def entry_of(registry: Layers, slug: str, ability: str) -> Entry:
    """The entry of one model, whatever it is for; ``ability`` is the family whose index it gets.

    :raises KeyError: when there is no model of exactly that slug.
    """
    columns = _COLUMNS.replace("s.likely", "s.value")
    sql = (
        f"SELECT {columns} FROM model m LEFT JOIN architecture a ON a.model = m.slug"
        " LEFT JOIN ability s ON s.model = m.slug AND s.task = ? WHERE m.slug = ?"
    )
    return _entry_of(registry, sql, ability, slug)


def _entry_of(registry: Layers, sql: str, *values: str) -> Entry:
    for layer in registry.layers:
        for row in layer.execute(sql, values):
            return _entry(row, [Source(*source) for source in layer.execute(_SOURCES, values[-1:])])
    raise KeyError(values[-1])


def serves(registry: Layers, slug: str, task: str) -> bool:
    """Whether a model stands on the shelf of a task."""
    layer = registry.layer_of(slug)
    return bool(
        layer and layer.execute("SELECT 1 FROM shelf INDEXED BY shelf_model WHERE model = ? AND task = ?", (slug, task))
    )


def _tiers(policy: str) -> tuple[Tier, ...]:
    return _TIERS.get(policy, _ALL)


@lru_cache(maxsize=1024)
def _texts(value: str) -> tuple[str, ...]:
    return () if value == "[]" else tuple(json.loads(value))


def _entry(row: tuple[Any, ...], sources: Sequence[Source]) -> Entry:
    slug, low, likely, high, basis, family, name, relation, tasks, modality, released, *rest = row
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
