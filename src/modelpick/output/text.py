"""How single values are written for people, and how text from outside is made harmless."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelpick.output.interface import Kind
from modelpick.units import format_bytes, format_count, format_rate

_VERDICTS = {"yes": "✓ yes", "conditional": "~ conditional", "no": "✗ no", "unknown": "? unknown"}
_PACES = {"tokens_per_second": "tok/s", "times_real_time": "x real time", "images_per_minute": "images/min"}
# Bidirectional overrides and isolates can make a name read as another one: https://trojansource.codes
_BIDI = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}
_HARMFUL = dict.fromkeys({*range(32), *range(127, 160), *_BIDI, 8232, 8233}, "�")
_HARMFUL[0x0A] = _HARMFUL[0x09] = " "


def clean(text: str) -> str:
    """Text without control characters, terminal escapes or direction overrides; line breaks become spaces."""
    return text.translate(_HARMFUL)


def show(value: Any, kind: Kind = "auto", key: str = "") -> str:
    """One value as people read it; unknown is ``-``."""
    if value is None:
        return "-"
    match _kind_of(value, key) if kind == "auto" else kind:
        case "bytes":
            return format_bytes(value)
        case "gigabytes":
            return f"{value / 1e9:.1f}"
        case "count":
            return format_count(value)
        case "rate":
            return format_rate(value)
        case "percent":
            return f"{value:.1f} %"
        case "verdict":
            return _VERDICTS.get(str(value), clean(str(value)))
        case "yesno":
            return "yes" if value else "no"
        case "part":
            return _part(value[0], value[1])
        case "rates":
            return f"{_rate(value['low'])}-{_rate(value['high'])}"
        case "pace":
            return f"{_rate(value['low'])}-{_rate(value['high'])} {_PACES[value['unit']]}"
        case "interval":
            return f"{value['likely']:.0f} ({value['low']:.0f}-{value['high']:.0f})"
        case _:
            return _plain(value)


def _kind_of(value: Any, key: str) -> Kind:
    """The unit is in the name: ``weights_bytes``, ``decode_tokens_per_second``, ``params_total``."""
    if isinstance(value, bool):
        return "yesno"
    if isinstance(value, int | float):
        if key.endswith("bytes"):
            return "bytes"
        if key.endswith("_per_second"):
            return "rate"
        if key.startswith("params") or key.endswith(("_tokens", "_count")):
            return "count"
    if key == "commercial_use":
        return "verdict"
    return "text"


def _rate(value: float) -> str:
    """A rate; a small one with as many digits as tell it from nothing."""
    return f"{value:.1g}" if 0 < value < 0.1 else format_rate(value)


def _part(needed: float, available: float) -> str:
    """Two sizes in the larger one's unit, ``4.6 / 23.4 GiB``."""
    whole = format_bytes(max(needed, available))
    unit = whole.split()[1]
    scale = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}[unit]
    return f"{needed / scale:.1f} / {available / scale:.1f} {unit}"


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        if {"low", "high"} <= value.keys():
            return f"{_plain(value['low'])}-{_plain(value['high'])}"
        return ", ".join(f"{clean(str(name))} {show(part, key=str(name))}" for name, part in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(_plain(part) for part in value) or "-"
    return clean(str(value))
