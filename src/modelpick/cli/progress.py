"""Progress on stderr: a line that renews itself on a terminal, a line now and then elsewhere, JSON for scripts."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict

from modelpick.acquisition.interface import Event, Observer
from modelpick.cli.emit import warn
from modelpick.output.progress import json_line, message_line, status_line

KINDS = ("auto", "plain", "json", "none")
_PLAIN_EVERY_SECONDS = 10.0


def observer(kind: str, *, quiet: bool) -> Observer:
    """The observer for ``--progress``: ``auto`` is a renewed line on a terminal, else plain; quiet shows no words."""
    if kind == "json":
        return _json
    if kind == "none" or quiet:
        return lambda event: None
    if kind == "auto" and sys.stderr.isatty():
        return _Renewed()
    return _Plain()


def _json(event: Event) -> None:
    sys.stderr.write(json_line(asdict(event)))
    sys.stderr.flush()


def _status(event: Event) -> str:
    return status_line(event.bytes_done, event.bytes_total, event.bytes_per_second, event.seconds_left)


def _message(event: Event) -> str | None:
    return message_line(event.kind, event.path, event.message)


class _Plain:
    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, event: Event) -> None:
        if event.kind == "progress":
            if time.monotonic() - self._told < _PLAIN_EVERY_SECONDS:
                return
            self._told = time.monotonic()
            warn(_status(event))
        elif line := _message(event):
            warn(line)


class _Renewed:
    """``\\r`` and the line; cleared before anything else is written."""

    def __call__(self, event: Event) -> None:
        if event.kind in ("progress", "start"):
            sys.stderr.write(f"\r\x1b[K{_status(event)}")
        else:
            sys.stderr.write("\r\x1b[K")
            if line := _message(event):
                warn(line)
        sys.stderr.flush()
