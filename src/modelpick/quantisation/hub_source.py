"""Shards that are still on their way: read once, in order, hashed as they pass, never stored.

A thread for each shard in turn pushes what arrives into a queue of bounded size; :meth:`HubSource.read` takes from
it. What the conversion does not want is hashed all the same, so that at the end the hash of every shard can be held
against the one the Hub lists.
"""

from __future__ import annotations

import hashlib
import io
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

from modelpick.acquisition.interface import RemoteFile
from modelpick.errors import IntegrityError
from modelpick.formats.safetensors import MOST_HEADER_BYTES, parse_safetensors
from modelpick.quantisation.interface import SourceTensor
from modelpick.quantisation.safetensors import in_file_order

Write = Callable[[bytes | memoryview], int]
Fetch = Callable[[RemoteFile, int, int, Write], None]
"""Bytes ``start`` to ``stop`` of a file go to ``write`` in order; it tries again by itself, and raises in the end."""

QUEUE_BYTES = 32 * 1024 * 1024
_FIRST_BYTES = 256 * 1024


class HubSource:
    """The tensors of shards on the Hub, in the order in which they come."""

    def __init__(self, shards: Sequence[RemoteFile], fetch: Fetch) -> None:
        self._shards, self._fetch = shards, fetch
        self._flow: _Flow | None = None
        self._next = 0
        self.tensors: dict[str, SourceTensor] = {}
        for number, shard in enumerate(shards):
            for tensor in in_file_order(parse_safetensors(*self._header(shard)), shard.path, shard=number):
                if tensor.name in self.tensors:
                    raise IntegrityError(f"{tensor.name} stands in two shards, the second is {shard.path}")
                self.tensors[tensor.name] = tensor

    def read(self, tensor: SourceTensor, offset: int, buffer: memoryview) -> None:
        """Fill ``buffer``. Going on is free; a place that has passed is asked for once more."""
        at = tensor.start + offset
        if self._flow is not None and tensor.shard == self._next - 1 and at >= self._flow.position:
            self._flow.skip_to(at)
            self._flow.take(buffer)
        elif tensor.shard >= self._next and self._in_order:
            while self._next <= tensor.shard:
                self._begin_next()
            assert self._flow is not None
            self._flow.skip_to(at)
            self._flow.take(buffer)
        else:
            self._again(self._shards[tensor.shard], at, buffer)

    _in_order = False

    @property
    def identity(self) -> str:
        """The published hashes of the shards."""
        return repr([(shard.path, shard.sha256) for shard in self._shards])

    def begin(self) -> None:
        """From now on reads are in order; before, single tensors (scales) are fetched by themselves."""
        self._in_order = True

    def finish(self) -> None:
        """Take in what is left of every shard and hold the hashes against the Hub's.

        :raises IntegrityError: when a shard is not what the Hub lists.
        """
        self._in_order = True
        while self._next < len(self._shards):
            self._begin_next()
        self._end()

    def close(self) -> None:
        """Stop what is under way."""
        if self._flow is not None:
            self._flow.abandon()
            self._flow = None

    def _begin_next(self) -> None:
        self._end()
        self._flow = _Flow(self._shards[self._next], self._fetch)
        self._next += 1

    def _end(self) -> None:
        if self._flow is not None:
            flow, self._flow = self._flow, None
            try:
                flow.check()
            finally:
                flow.abandon()

    def _again(self, shard: RemoteFile, at: int, buffer: memoryview) -> None:
        sink = io.BytesIO()
        self._fetch(shard, at, at + len(buffer), sink.write)
        buffer[:] = sink.getvalue()

    def _header(self, shard: RemoteFile) -> tuple[io.BytesIO, int, str]:
        """A stream with the shard's header."""
        sink = io.BytesIO()
        first = min(_FIRST_BYTES, shard.bytes)
        self._fetch(shard, 0, first, sink.write)
        need = 8 + int.from_bytes(sink.getvalue()[:8], "little")
        if first < need <= min(shard.bytes, MOST_HEADER_BYTES):
            self._fetch(shard, first, need, sink.write)
        sink.seek(0)
        return sink, shard.bytes, shard.path


class _Stopped(Exception):
    """The reader went away."""


class _Flow:
    """One shard from its first byte to its last."""

    def __init__(self, shard: RemoteFile, fetch: Fetch) -> None:
        self.position = 0
        self._shard, self._fetch = shard, fetch
        self._sha256 = hashlib.sha256()
        self._queue: queue.Queue[memoryview | BaseException | None] = queue.Queue(maxsize=64)
        self._piece = memoryview(b"")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="download", daemon=True)
        self._thread.start()

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
        self._sha256.update(view)
        for start in range(0, len(view), size):
            self._put(view[start : start + size])
        return len(view)

    def _put(self, item: memoryview | BaseException | None) -> None:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=0.2)
                return
            except queue.Full:
                continue
        raise _Stopped

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
        """Let the rest pass, then compare the hash."""
        self.skip_to(self._shard.bytes)
        found = self._sha256.hexdigest()
        if self._shard.sha256 is not None and found != self._shard.sha256:
            raise IntegrityError(
                f"{self._shard.path} has the sha256 {found[:16]}..., the Hub lists {self._shard.sha256[:16]}...",
                hint="run the command again; tell the publisher if it stays",
            )

    def abandon(self) -> None:
        """Stop the thread."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _more(self, wanted: int) -> int:
        while not self._piece:
            item: Any = self._queue.get()
            if isinstance(item, BaseException):
                raise item
            if item is None:
                raise IntegrityError(f"{self._shard.path} ended at byte {self.position:,}")
            self._piece = item
        return min(len(self._piece), wanted)
