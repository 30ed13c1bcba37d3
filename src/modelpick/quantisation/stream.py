"""The one pass: blocks of source rows are read in file order, quantised by threads, written at their final place.

Nothing but the blocks in flight is in memory, and nothing but the result on disk. The kernels drop the interpreter
lock, and so does NumPy on blocks of this size.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING, Protocol

from modelpick.errors import IntegrityError, ModelpickError
from modelpick.formats.ggml import TYPES, row_bytes
from modelpick.quantisation import floats
from modelpick.quantisation.gguf_header import Placed
from modelpick.quantisation.interface import Progress, SourceTensor, TensorSource
from modelpick.quantisation.layout import Move, Output, rows_of

if TYPE_CHECKING:
    import numpy as np

    from modelpick.quantisation.ggml_bridge import Kernels
    from modelpick.quantisation.scales import Scales

BLOCK_ELEMENTS = 1 << 20
_IN_FLIGHT_ELEMENTS = 8 << 20
"""About 8 bytes an element: what all blocks in flight may take together is 64 MiB whatever the thread count."""


class Sink(Protocol):
    """Where finished rows go."""

    def write(self, data: memoryview, at: int) -> None:
        """Write at that byte of the file; called from many threads."""
        ...

    def finished(self, names: Sequence[str]) -> None:
        """All that is made of these source tensors is written; called from the reading thread."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """What the pass needs besides source and sink. ``weights`` are importances by tensor, experts by columns.

    What is made of the source tensors in ``done`` stands already.
    """

    outputs: tuple[Output, ...]
    placed: Mapping[str, Placed]
    kernels: Kernels | None
    threads: int
    scales: Scales
    weights: Mapping[str, np.ndarray]
    through_bf16: bool
    done: frozenset[str] = frozenset()
    by_shard: bool = False
    """Complete what is made of one shard before the next is read, so that both can be noted together."""


@dataclass(slots=True)
class _Buffers:
    raw: np.ndarray
    rows: np.ndarray
    out: np.ndarray


@dataclass(frozen=True, slots=True)
class _Use:
    move: Move
    placed: Placed


def run(task: Task, source: TensorSource, sink: Sink, progress: Progress) -> None:
    """Fill every tensor of the task, but for what is made of sources that are done.

    :raises IntegrityError: for NaN or infinity in a source row, or a value that the target type cannot hold.
    """
    _write_computed(task, sink)
    uses = _uses(task)
    left = {name: rows_of(source.tensors[name].shape)[0] for name in uses}
    total = sum(source.tensors[name].bytes for name in uses)
    done = shard = 0
    progress(done, total)
    with _Crew(task, sink) as crew:
        for tensor in source.tensors.values():
            if tensor.name not in uses:
                continue
            if task.by_shard and tensor.shard != shard:
                shard = tensor.shard
                crew.drain()
                sink.finished(crew.collect(left))
            for first, count in _blocks(tensor, uses[tensor.name]):
                crew.submit(source, tensor, first, count, uses[tensor.name])
                done += count * (tensor.bytes // max(rows_of(tensor.shape)[0], 1))
                progress(done, total)
                sink.finished(crew.collect(left))
        crew.drain()
        sink.finished(crew.collect(left))


class _Crew:
    """Threads and their buffers. At most as many blocks are in flight as there are buffers."""

    def __init__(self, task: Task, sink: Sink) -> None:
        self._task, self._sink = task, sink
        self._pool = ThreadPoolExecutor(task.threads, thread_name_prefix="quantise")
        self._free: queue.SimpleQueue[_Buffers | None] = queue.SimpleQueue()
        for _ in range(task.threads + 2):
            self._free.put(None)
        self._futures: list[Future[tuple[str, int]]] = []

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, source: TensorSource, tensor: SourceTensor, first: int, count: int, uses: list[_Use]) -> None:
        """Read a block and hand it to a thread; waits while all buffers are in use."""
        length = rows_of(tensor.shape)[1]
        buffers = _sized(self._free.get(), count * length, floats.WIDTHS[tensor.dtype])
        width = floats.WIDTHS[tensor.dtype] * length
        raw = buffers.raw[: count * width]
        source.read(tensor, first * width, raw.data)
        self._futures.append(self._pool.submit(self._work, buffers, tensor, first, count, uses))

    def collect(self, left: dict[str, int]) -> list[str]:
        """Names of the sources that are dealt with; a failure of a thread is raised here. ``left`` counts rows."""
        ready = [future for future in self._futures if future.done()]
        self._futures = [future for future in self._futures if future not in ready]
        complete = []
        for future in ready:
            name, rows = future.result()
            left[name] -= rows
            if left[name] == 0:
                complete.append(name)
        return complete

    def drain(self) -> None:
        """Wait until nothing is in flight."""
        for future in self._futures:
            future.exception()

    def _work(
        self, buffers: _Buffers, tensor: SourceTensor, first: int, count: int, uses: list[_Use]
    ) -> tuple[str, int]:
        try:
            length = rows_of(tensor.shape)[1]
            rows = buffers.rows[: count * length].reshape(count, length)
            raw = buffers.raw[: count * length * floats.WIDTHS[tensor.dtype]]
            floats.decode(tensor.dtype, raw, rows.reshape(-1))
            self._task.scales.apply(tensor.name, rows, first)
            if not floats.all_finite(rows):
                raise IntegrityError(f"{tensor.name} has NaN or infinite weights {_where(rows, first)}")
            for use in uses:
                if use.move.first < first + count and use.move.first + use.move.rows > first:
                    self._emit(buffers, tensor, rows, first, use)
            return tensor.name, count
        finally:
            self._free.put(buffers)

    def _emit(self, buffers: _Buffers, tensor: SourceTensor, rows: np.ndarray, first: int, use: _Use) -> None:
        """Write the part of the block that this use takes."""
        move = use.move
        start, end = max(move.first, first), min(move.first + move.rows, first + len(rows))
        part = rows[start - first : end - first]
        if move.order:
            part = part.reshape(-1, len(move.order), part.shape[1])[:, list(move.order)].reshape(part.shape)
        if move.add:
            part = part + _as_stored(move.add)
        plan, to = use.placed.plan, move.to + start - move.first
        if TYPES[plan.type].quantised and self._task.through_bf16 and tensor.dtype != "BF16":
            part = part.copy() if part.base is not None else part
            floats.round_to_bf16(part)
        size = row_bytes(plan.type, part.shape[1])
        for piece, weights, at in self._by_expert(plan.name, plan.shape, part, to):
            data = self._encode(plan.type, plan.name, piece, buffers, weights)
            self._sink.write(data, use.placed.at + at * size)

    def _by_expert(
        self, name: str, shape: tuple[int, ...], part: np.ndarray, to: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray | None, int]]:
        weights = self._task.weights.get(name)
        if weights is None or len(weights) == 1:
            yield part, None if weights is None else weights[0], to
            return
        per_expert = shape[1]
        row = 0
        while row < len(part):
            expert, inside = divmod(to + row, per_expert)
            count = min(per_expert - inside, len(part) - row)
            yield part[row : row + count], weights[expert], to + row
            row += count

    def _encode(
        self, kind: str, name: str, rows: np.ndarray, buffers: _Buffers, weights: np.ndarray | None
    ) -> memoryview:
        import numpy as np

        match kind:
            case "F32":
                return np.ascontiguousarray(rows).data.cast("B")
            case "BF16":
                return floats.to_bf16(np.ascontiguousarray(rows)).data.cast("B")
            case "F16":
                with np.errstate(over="ignore"):
                    half = rows.astype("<f2")
                if not np.isfinite(half).all():
                    raise IntegrityError(
                        f"{name} has weights of up to {float(np.abs(rows).max()):.3g}; F16 holds 65,504",
                        hint="use --type BF16",
                    )
                return half.data.cast("B")
        if self._task.kernels is None:
            raise ModelpickError(f"{name} is to be {kind}, and no kernels are loaded")
        type_ = TYPES[kind]
        size = self._task.kernels.quantise(type_, np.ascontiguousarray(rows), buffers.out, weights)
        if not self._task.kernels.valid(type_, buffers.out, size):
            raise IntegrityError(
                f"{name} as {kind} has blocks whose scales are not finite: weights of up to "
                f"{float(np.abs(rows).max()):.3g} are out of its range"
            )
        return buffers.out.data[:size]


def _uses(task: Task) -> dict[str, list[_Use]]:
    uses: dict[str, list[_Use]] = {}
    for output in task.outputs:
        for move in output.moves:
            if move.source not in task.done:
                uses.setdefault(move.source, []).append(_Use(move, task.placed[output.name]))
    return uses


def _blocks(tensor: SourceTensor, uses: Sequence[_Use]) -> Iterator[tuple[int, int]]:
    """Row ranges to read at once: whole groups where rows are permuted."""
    rows, length = rows_of(tensor.shape)
    group = 1
    for use in uses:
        size = len(use.move.order) or 1
        group = group * size // gcd(group, size)
    count = max(BLOCK_ELEMENTS // max(length, 1) // group, 1) * group
    for first in range(0, rows, count):
        yield first, min(count, rows - first)


def _sized(buffers: _Buffers | None, elements: int, width: int) -> _Buffers:
    import numpy as np

    if buffers is None or buffers.rows.size < elements or buffers.raw.size < elements * width:
        size = max(elements, BLOCK_ELEMENTS)
        return _Buffers(
            np.empty(size * max(width, 2), np.uint8), np.empty(size, np.float32), np.empty(size * 9 // 8 + 64, np.uint8)
        )
    return buffers


def _write_computed(task: Task, sink: Sink) -> None:
    for output in task.outputs:
        if output.data is not None:
            sink.write(output.data.astype("<f4").data.cast("B"), task.placed[output.name].at)


def _as_stored(value: float) -> np.float32:
    import numpy as np

    return np.float32(value)


def _where(rows: np.ndarray, first: int) -> str:
    import numpy as np

    row, column = np.argwhere(~np.isfinite(rows))[0]
    return f"(row {first + int(row)}, column {int(column)})"
