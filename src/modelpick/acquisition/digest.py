"""The hash of a file that is still growing, computed beside the transfer instead of after it.

A follower reads what the transfer wrote (it comes back from the page cache) in a thread of its own; hashing leaves
the interpreter free, so on two cores it costs next to no time. After an interruption it begins at byte 0 while new
bytes already arrive behind.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import BinaryIO

from modelpick.acquisition.interface import RemoteFile

_STEP = 1 << 20
_POLL_SECONDS = 0.05


class Sums:
    """The sha256 of a file, and its git blob id where that is all the Hub knows of it."""

    def __init__(self, size: int) -> None:
        self.sha256 = hashlib.sha256()
        self.git = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        self.bytes = 0

    def update(self, piece: bytes | memoryview, *, git: bool) -> None:
        """Take in the next bytes."""
        self.sha256.update(piece)
        if git:
            self.git.update(piece)
        self.bytes += len(piece)

    def matches(self, file: RemoteFile) -> bool:
        """Whether the bytes are the Hub's: by size, and by the hash that it lists."""
        if self.bytes != file.bytes:
            return False
        if file.sha256:
            return self.sha256.hexdigest() == file.sha256
        return file.blob_id is None or self.git.hexdigest() == file.blob_id


def sums_of(path: Path, file: RemoteFile) -> Sums:
    """The sums of a whole file on disk."""
    sums = Sums(file.bytes)
    with path.open("rb", buffering=0) as source:
        _feed(source, sums, file.bytes + 1, git=file.sha256 is None)
    return sums


def _feed(source: BinaryIO, sums: Sums, limit: int, *, git: bool) -> None:
    buffer = memoryview(bytearray(_STEP))
    while sums.bytes < limit:
        count = source.readinto(buffer[: min(_STEP, limit - sums.bytes)])  # type: ignore[attr-defined]
        if not count:
            return
        sums.update(buffer[:count], git=git)


class Follower:
    """Hashes a growing file up to where the transfer says it has written."""

    def __init__(self, path: Path, file: RemoteFile) -> None:
        self._path, self._file = path, file
        self._sums = Sums(file.bytes)
        self._written, self._ended = 0, False
        self._news = threading.Condition()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def written(self, position: int) -> None:
        """The file now holds ``position`` bytes. Wakes the thread only when a step's worth is waiting."""
        self._written = position
        if position - self._sums.bytes >= _STEP and self._news.acquire(blocking=False):
            self._news.notify()
            self._news.release()

    def finish(self) -> Sums:
        """Wait for the last byte; the sums of everything written."""
        self._end()
        if self._error:
            raise self._error
        return self._sums

    def abandon(self) -> None:
        """Stop without a result."""
        self._written = 0
        self._end()

    def _end(self) -> None:
        with self._news:
            self._ended = True
            self._news.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            with self._path.open("rb", buffering=0) as source:
                while True:
                    with self._news:
                        if not self._ended and self._written - self._sums.bytes < _STEP:
                            self._news.wait(_POLL_SECONDS)
                        ended = self._ended
                    _feed(source, self._sums, self._written, git=self._file.sha256 is None)
                    if ended:
                        return
        except OSError as error:
            self._error = error
