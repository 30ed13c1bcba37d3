"""Shards that are still on their way: read once, in order, hashed as they pass, never stored.

A :class:`Flow` fetches each shard in turn; :meth:`HubSource.read` takes from it. What the conversion does not want
is hashed all the same, so that the hash of every shard can be held against the one the Hub lists. Only then does
what was made of a shard count: a run that breaks leaves the marks of the shards that passed whole, and one that goes
on fetches the others.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Sequence

from modelpick.acquisition.interface import RemoteFile
from modelpick.errors import IntegrityError, ModelpickError
from modelpick.formats.safetensors import MOST_HEADER_BYTES, parse_safetensors
from modelpick.quantisation.hub_flow import Early, Fetch, Flow
from modelpick.quantisation.interface import SourceTensor
from modelpick.quantisation.safetensors import in_file_order

FIRST_BYTES = 256 * 1024
"""What is asked for to get a shard's header; more where it is longer."""


class HubSource:
    """The tensors of shards on the Hub, in the order in which they come."""

    def __init__(self, shards: Sequence[RemoteFile], fetch: Fetch) -> None:
        self._shards, self._fetch = shards, fetch
        self._early: list[list[Early]] = [[] for _ in shards]
        self._flow: Flow | None = None
        self._next = 0
        self._whole: set[int] = set()
        self._in_order = False
        self.tensors: dict[str, SourceTensor] = {}
        for number, shard in enumerate(shards):
            for tensor in in_file_order(parse_safetensors(*self._header(number)), shard.path, shard=number):
                if tensor.name in self.tensors:
                    raise IntegrityError(f"{tensor.name} stands in two shards, the second is {shard.path}")
                self.tensors[tensor.name] = tensor

    @property
    def identity(self) -> str:
        """The published hashes of the shards, and a hash of all that was read of them before they pass."""
        parts = [(number, part.start, part.sha256) for number, parts in enumerate(self._early) for part in parts]
        early = hashlib.sha256(repr(parts).encode()).hexdigest()
        return repr([(shard.path, shard.sha256) for shard in self._shards]) + early

    def begin(self) -> None:
        """From now on reads are in order; before, single tensors (scales) are fetched by themselves."""
        self._in_order = True

    def read(self, tensor: SourceTensor, offset: int, buffer: memoryview) -> None:
        """Fill ``buffer``; from :meth:`begin` on only with what has not passed yet.

        :raises IntegrityError: when a shard that passed meanwhile is not what the Hub lists.
        """
        at = tensor.start + offset
        if not self._in_order:
            buffer[:] = self._read_early(tensor.shard, at, at + len(buffer))
            return
        if tensor.shard >= self._next:
            self._advance_to(tensor.shard)
            self._begin(tensor.shard)
        if self._flow is None or tensor.shard != self._next - 1 or at < self._flow.position:
            raise ModelpickError(f"{tensor.name} is asked for after it has passed")
        self._flow.skip_to(at)
        self._flow.take(buffer)

    def marks(self) -> tuple[str, ...]:
        """Of the shards that passed whole and as the Hub lists them, in this run or the one it goes on from."""
        return tuple(self._shards[number].path for number in sorted(self._whole))

    def take_up(self, marks: Collection[str]) -> frozenset[int]:
        """Believe an earlier run's marks; the shards that need not pass again unless something of them is read.

        To be called only where :attr:`identity` is that run's.
        """
        self._whole = {number for number, shard in enumerate(self._shards) if shard.path in marks}
        return frozenset(self._whole)

    def finish(self) -> None:
        """Take in what is left of every shard and hold the hashes against the Hub's.

        :raises IntegrityError: when a shard is not what the Hub lists.
        """
        self._advance_to(len(self._shards))

    def close(self) -> None:
        """Stop what is under way."""
        if self._flow is not None:
            self._flow.abandon()
            self._flow = None

    def _advance_to(self, shard: int) -> None:
        """Let the current shard and all before that one pass, but for those that did in an earlier run."""
        self._end()
        while self._next < shard:
            if self._next in self._whole:
                self._next += 1
            else:
                self._begin(self._next)
                self._end()

    def _begin(self, shard: int) -> None:
        self._whole.discard(shard)  # what is made of it from now on comes from bytes that are not checked yet
        self._flow = Flow(self._shards[shard], self._fetch, self._early[shard])
        self._next = shard + 1

    def _end(self) -> None:
        if self._flow is not None:
            flow, self._flow = self._flow, None
            try:
                flow.check()
            finally:
                flow.abandon()
            self._whole.add(self._next - 1)

    def _read_early(self, shard: int, start: int, stop: int) -> bytes:
        sink = io.BytesIO()
        self._fetch(self._shards[shard], start, stop, sink.write)
        self._early[shard].append(Early(start, sink.getvalue()))
        return sink.getvalue()

    def _header(self, number: int) -> tuple[io.BytesIO, int, str]:
        """A stream with the shard's header, and what came of the bytes behind it."""
        shard, sink = self._shards[number], io.BytesIO()
        first = min(FIRST_BYTES, shard.bytes)
        self._fetch(shard, 0, first, sink.write)
        need = 8 + int.from_bytes(sink.getvalue()[:8], "little")
        if first < need <= min(shard.bytes, MOST_HEADER_BYTES):
            self._fetch(shard, first, need, sink.write)
        self._early[number].append(Early(0, sink.getvalue()[:need]))
        sink.seek(0)
        return sink, shard.bytes, shard.path
