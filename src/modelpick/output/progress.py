"""One line of a download's progress, for a person or for a script."""

from __future__ import annotations

import json
from dataclasses import asdict

from modelpick.acquisition.interface import Event
from modelpick.units import format_bytes

SCHEMA = "modelpick.event/1"


def json_line(event: Event) -> str:
    """The event as one JSON object on one line."""
    return json.dumps({"schema": SCHEMA, **asdict(event)}) + "\n"


def status_line(event: Event) -> str:
    """How far it is: ``1.2 GiB of 4.4 GiB, 27 %, 84.0 MiB/s, 39 s left``."""
    parts = [f"{format_bytes(event.bytes_done)} of {format_bytes(event.bytes_total)}"]
    if event.bytes_total:
        parts.append(f"{100 * (event.bytes_done or 0) // event.bytes_total} %")
    if event.bytes_per_second:
        parts.append(f"{format_bytes(event.bytes_per_second)}/s")
    if event.seconds_left is not None:
        parts.append(f"{_duration(event.seconds_left)} left")
    return ", ".join(parts)


def message_line(event: Event) -> str | None:
    """What a person wants to know besides the numbers; None for events that are only numbers."""
    match event.kind:
        case "verified":
            return f"verified {event.path}"
        case "reuse":
            return f"found {event.path} on this disk ({event.message})"
        case "waiting" | "retry":
            return f"{event.path}: {event.message}"
        case _:
            return None


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
