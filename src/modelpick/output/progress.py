"""One line of a download's progress, for a person or for a script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modelpick.units import format_bytes

SCHEMA = "modelpick.event/1"


def json_line(event: Mapping[str, Any]) -> str:
    """The event as one JSON object on one line."""
    return json.dumps({"schema": SCHEMA, **event}) + "\n"


def status_line(done: int | None, total: int | None, bytes_per_second: float | None, seconds_left: float | None) -> str:
    """How far it is: ``1.2 GiB of 4.4 GiB, 27 %, 84.0 MiB/s, 39 s left``."""
    parts = [f"{format_bytes(done)} of {format_bytes(total)}"]
    if total:
        parts.append(f"{100 * (done or 0) // total} %")
    if bytes_per_second:
        parts.append(f"{format_bytes(bytes_per_second)}/s")
    if seconds_left is not None:
        parts.append(f"{_duration(seconds_left)} left")
    return ", ".join(parts)


def message_line(kind: str, path: str | None, message: str | None) -> str | None:
    """What a person wants to know besides the numbers; None for events that are only numbers."""
    match kind:
        case "verified":
            return f"verified {path}"
        case "reuse":
            return f"found {path} on this disk ({message})"
        case "waiting" | "retry" | "checking":
            return f"{path}: {message}"
        case _:
            return None


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
