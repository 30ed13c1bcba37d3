"""How far the download is, told to an observer a few times a second: bytes, speed, time left."""

from __future__ import annotations

import threading
import time
from collections import deque

from modelpick.acquisition.interface import Event, Observer

_EVERY_SECONDS = 0.2
_WINDOW_SECONDS = 5.0


class Stopped(Exception):
    """Another file's failure, or the user, ended the download."""


class Meter:
    """Counts the bytes of all files and passes events on, one at a time whatever thread they come from."""

    def __init__(self, observe: Observer, total: int) -> None:
        self._observe, self.total = observe, total
        self.done = 0
        self.fetched = 0
        """Bytes that came over the network in this run."""
        self._lock = threading.Lock()
        self._marks: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])

    def tell(self, event: Event) -> None:
        """Pass an event on."""
        with self._lock:
            self._observe(event)

    def here(self, count: int) -> None:
        """Bytes that were already on this disk (negative: they did not count)."""
        with self._lock:
            self.done += count

    def moved(self, count: int) -> None:
        """Bytes that just arrived; tells the observer when it is time."""
        now = time.monotonic()
        with self._lock:
            self.done += count
            self.fetched += count
            if now - self._marks[-1][0] >= _EVERY_SECONDS:
                self._marks.append((now, self.fetched))
                self._observe(self._progress(now))

    def _progress(self, now: float) -> Event:
        while len(self._marks) > 2 and now - self._marks[0][0] > _WINDOW_SECONDS:
            self._marks.popleft()
        begun, before = self._marks[0]
        speed = max(0.0, (self.fetched - before) / (now - begun)) if now > begun else None
        left = (self.total - self.done) / speed if speed else None
        return Event(
            "progress", bytes_done=self.done, bytes_total=self.total, bytes_per_second=speed, seconds_left=left
        )
