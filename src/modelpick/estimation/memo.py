"""Remembering what was computed from a frozen value, by identity: hashing its many fields would cost more."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")
_MOST = 4096
_kept: dict[tuple[str, int, Hashable], tuple[object, Any]] = {}


def remembered(what: str, owner: object, key: Hashable, make: Callable[[], T]) -> T:
    """The value made before for this very ``owner`` and key, else a new one.

    The owner is kept alive with the value, so that its identity cannot come to mean another object.
    """
    place = (what, id(owner), key)
    found = _kept.get(place)
    if found is not None and found[0] is owner:
        value: T = found[1]
        return value
    made = make()
    if len(_kept) >= _MOST:
        _kept.clear()
    _kept[place] = (owner, made)
    return made
