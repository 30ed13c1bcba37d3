"""Which columns of which table make which dataclass, and how a row becomes one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from modelpick.registry import interface

T = TypeVar("T")

TABLE_OF: dict[type, str] = {
    interface.Model: "model",
    interface.ArchitectureRow: "architecture",
    interface.Variant: "variant",
    interface.License: "license",
    interface.LicenseCondition: "license_condition",
    interface.Lineage: "lineage",
    interface.Benchmark: "benchmark",
    interface.Dataset: "dataset",
    interface.VramReport: "vram",
    interface.Source: "source",
    interface.Alias: "alias",
    interface.NamePart: "name_part",
    interface.Ability: "ability",
    interface.Accelerator: "accelerator",
    interface.Collection: "collection",
    interface.CollectionMember: "collection_member",
    interface.Rule: "rule",
    interface.ShelfRow: "shelf",
    interface.ShelfCount: "shelf_count",
    interface.Meta: "meta",
}
_NOT_COLUMNS = frozenset({"origin"})


def _texts(value: str) -> tuple[str, ...]:
    return () if value == "[]" else tuple(json.loads(value))


def _truth(value: int | None) -> bool | None:
    return None if value is None else bool(value)


_READ: dict[str, Callable[[Any], Any]] = {"tuple[str, ...]": _texts, "bool": bool, "bool | None": _truth}
"""By the field's annotation; whatever is not here is as SQLite gives it."""


_Plan = tuple[tuple[str, ...], tuple[tuple[int, Callable[[Any], Any]], ...], bool]
_plans: dict[type, _Plan] = {}


def _plan(kind: type[Any]) -> _Plan:
    """The columns of a dataclass, which of them need reading, and whether it says its origin."""
    if kind not in _plans:
        # The dataclass's own fields would load the standard library's decorator, which takes as long as the reading.
        types = {
            name: of for base in reversed(kind.__mro__) for name, of in getattr(base, "__annotations__", {}).items()
        }
        names: tuple[str, ...] = kind.__match_args__
        columns = tuple(name for name in names if name not in _NOT_COLUMNS)
        reads = tuple((place, _READ[types[name]]) for place, name in enumerate(columns) if types[name] in _READ)
        _plans[kind] = (columns, reads, "origin" in names)
    return _plans[kind]


def columns_of(kind: type[Any]) -> tuple[str, tuple[str, ...]]:
    """The table of a dataclass, and its columns in the order of the fields."""
    return TABLE_OF[kind], tuple(f'"{name}"' for name in _plan(kind)[0])


def from_row(kind: type[T], row: tuple[Any, ...], origin: str) -> T:
    """A row as ``kind``. :raises ValueError: when a text list is not JSON."""
    _, reads, has_origin = _plan(kind)
    values = list(row)
    for place, read in reads:
        values[place] = read(values[place])
    if has_origin:
        values.append(origin)
    return kind(*values)
