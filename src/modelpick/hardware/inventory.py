"""A machine as JSON and back, exactly: ``from_json(to_json(h)) == h``.

The file holds nothing that names the machine or its user. Unknown is null and present; a key this version does not
know is refused, because a figure that is silently dropped would be a wrong answer later.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from modelpick.errors import UsageError
from modelpick.hardware.interface import Hardware

SCHEMA = "modelpick.hardware/1"
_HINT = "write one with: modelpick hardware --json > node.json"


def to_json(hardware: Hardware) -> dict[str, Any]:
    """The machine as JSON values, keys in the order of :class:`Hardware`'s fields."""
    plain: dict[str, Any] = _plain(hardware)
    return plain


def from_json(document: object) -> Hardware:
    """The machine in a document of ``modelpick hardware --json``, or in its ``hardware`` object alone.

    :raises UsageError: for another schema, an unknown key, a missing one or a value of the wrong kind; the message
        names the place.
    """
    if not isinstance(document, Mapping):
        raise UsageError("not an inventory: a JSON object is expected", hint=_HINT)
    schema = document.get("schema", SCHEMA)
    if schema != SCHEMA:
        raise UsageError(f"not an inventory: schema {schema!r}, expected {SCHEMA!r}", hint=_HINT)
    body = document.get("hardware", document)
    hardware: Hardware = _read(Hardware, body, "hardware")
    _check(hardware)
    return hardware


def read_inventory(path: str) -> Hardware:
    """The machine in a file.

    :raises UsageError: if it cannot be read, is no JSON or no inventory.
    """
    import json
    from pathlib import Path

    try:
        with Path(path).open(encoding="utf-8") as file:
            document = json.load(file)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint=_HINT) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}", hint=_HINT) from error
    try:
        return from_json(document)
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", hint=error.hint) from error


def _plain(value: Any) -> Any:
    """Values as dictionaries of their fields; without the standard library's asdict, which recommend pays for, too."""
    if hasattr(value, "__match_args__"):
        return {name: _plain(getattr(value, name)) for name in value.__match_args__}
    return [_plain(inner) for inner in value] if isinstance(value, tuple) else value


def _read(kind: Any, value: Any, where: str) -> Any:
    """``value`` as ``kind``: a dataclass, a tuple, a literal, an optional or a plain value."""
    if hasattr(kind, "__match_args__"):
        return _read_record(kind, value, where)
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _read(get_args(kind)[0], value, where)
    if origin is Literal:
        if value not in get_args(kind) or isinstance(value, bool):
            raise _wrong(where, value, f"one of {', '.join(map(str, get_args(kind)))}")
        return value
    if origin is tuple:
        return _read_tuple(get_args(kind), value, where)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise _wrong(where, value, {int: "a whole number", float: "a number", str: "text", bool: "true or false"}[kind])
    if kind is float and not abs(value) < float("inf"):
        raise _wrong(where, value, "a number")
    return value


def _read_record(kind: Any, value: Any, where: str) -> Any:
    from dataclasses import MISSING, fields

    if not isinstance(value, Mapping):
        raise _wrong(where, value, "an object")
    hints = get_type_hints(kind)
    known = [field.name for field in fields(kind)]
    unknown = sorted(set(value) - set(known))
    if unknown:
        raise UsageError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(known)}", hint=_HINT)
    # Written by hand, an inventory may leave out what has a default; modelpick itself writes every key.
    needed = {field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING}
    missing = [name for name in known if name in needed and name not in value]
    if missing:
        raise UsageError(f"{where}: {missing[0]!r} is missing (null means unknown)", hint=_HINT)
    return kind(**{name: _read(hints[name], value[name], f"{where}.{name}") for name in known if name in value})


def _read_tuple(inner: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _wrong(where, value, "a list")
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(_read(inner[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if len(value) != len(inner):
        raise _wrong(where, value, f"a list of {len(inner)}")
    return tuple(_read(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(inner, value, strict=True)))


def _check(hardware: Hardware) -> None:
    """What the types cannot say: names that refer to each other, and sizes that are sizes."""
    names = [pool.name for pool in hardware.pools]
    if "host" not in names or len(set(names)) != len(names):
        raise UsageError("hardware.pools: exactly one pool 'host' and no name twice are expected", hint=_HINT)
    for device in hardware.devices:
        if device.pool not in names:
            raise UsageError(f"hardware.devices: {device.name!r} names no pool: {device.pool!r}", hint=_HINT)
    for pool in hardware.pools:
        for what, size in (("total_bytes", pool.total_bytes), ("free_bytes", pool.free_bytes)):
            if size is not None and not 0 <= size < 2**53:
                raise UsageError(f"pool {pool.name!r}: {what} {size} is no memory size", hint=_HINT)


def _wrong(where: str, value: Any, expected: str) -> UsageError:
    shown = repr(value)
    return UsageError(f"{where}: {shown[:40]} is not {expected}", hint=_HINT)
