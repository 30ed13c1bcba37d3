"""One shard on its way: fetched by a thread of its own, hashed as it passes, taken by the reader in order."""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

from modelpick.acquisition.interface import RemoteFile
from modelpick.errors import IntegrityError

Write = Callable[[bytes | memoryview], int]
Fetch = Callable[[RemoteFile, int, int, Write], None]
"""Bytes ``start`` to ``stop`` of a file go to ``write`` in order; it tries again by itself, and raises in the end."""

QUEUE_BYTES = 32 * 1024 * 1024


class Early:
    """Bytes that were read before the shard passed. When they pass they must be the same."""

    def __init__(self, start: int, data: bytes) -> None:
        self.start, self.stop = start, start + len(data)
        self.sha256 = hashlib.sha256(data).hexdigest()
        self._passed = hashlib.sha256()

    def see(self, at: int, piece: memoryview) -> None:
        """Take in what of ``piece``, which begins at byte ``at`` of the shard, is ours."""
        self._passed.update(piece[max(self.start - at, 0) : max(self.stop - at, 0)])

    def passed_the_same(self) -> bool:
        """Whether what passed was what had been read."""
        return self._passed.hexdigest() == self.sha256


class Flow:
    """One shard from its first byte to its last."""

    def __init__(self, shard: RemoteFile, fetch: Fetch, early: Sequence[Early] = ()) -> None:
        self.position = 0
        self._shard, self._fetch, self._early = shard, fetch, early
        self._sha256, self._hashed = hashlib.sha256(), 0
        self._waiting = sorted(early, key=lambda part: part.start)
        self._queue: queue.Queue[memoryview | BaseException | None] = queue.Queue(maxsize=64)
        self._piece = memoryview(b"")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="download", daemon=True)
        self._thread.start()

    def take(self, buffer: memoryview) -> None:
        """The next bytes."""
        done = 0
        while done < len(buffer):
            count = self._more(len(buffer) - done)
            buffer[done : done + count] = self._piece[:count]
            self._piece = self._piece[count:]
            done += count
        self.position += done

    def skip_to(self, at: int) -> None:
        """Let the bytes before ``at`` pass."""
        while self.position < at:
            count = self._more(at - self.position)
            self._piece = self._piece[count:]
            self.position += count

    def check(self) -> None:
        """Let the rest pass, then compare the hash, and what had been read before.

        :raises IntegrityError: when the shard is not what the Hub lists.
        """
        self.skip_to(self._shard.bytes)
        found = self._sha256.hexdigest()
        if self._shard.sha256 is not None and found != self._shard.sha256:
            raise IntegrityError(
                f"{self._shard.path} has the sha256 {found[:16]}..., the Hub lists {self._shard.sha256[:16]}...",
                hint="run the command again; tell the publisher if it stays",
            )
        for part in self._early:
            if not part.passed_the_same():
                raise IntegrityError(
                    f"bytes {part.start:,} to {part.stop:,} of {self._shard.path} were others before",
                    hint="run the command again",
                )

    def abandon(self) -> None:
        """Stop the thread."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        try:
            self._fetch(self._shard, 0, self._shard.bytes, self._push)
            self._put(None)
        except _Stopped:
            return
        except BaseException as error:
            self._put(error)

    def _push(self, piece: bytes | memoryview) -> int:
        """Hash and queue what arrived, in pieces that keep the queue within its bound."""
        view, size = memoryview(bytes(piece)), QUEUE_BYTES // 64
        self._hash(view)
        for start in range(0, len(view), size):
            self._put(view[start : start + size])
        return len(view)

    def _hash(self, view: memoryview) -> None:
        self._sha256.update(view)
        for part in self._waiting:
            part.see(self._hashed, view)
        self._hashed += len(view)
        self._waiting = [part for part in self._waiting if part.stop > self._hashed]

    def _put(self, item: memoryview | BaseException | None) -> None:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=0.2)
                return
            except queue.Full:
                continue
        raise _Stopped

    def _more(self, wanted: int) -> int:
        while not self._piece:
            item: Any = self._queue.get()
            if isinstance(item, BaseException):
                raise item
            if item is None:
                raise IntegrityError(f"{self._shard.path} ended at byte {self.position:,}")
            self._piece = item
        return min(len(self._piece), wanted)


class _Stopped(Exception):
    """The reader went away."""
