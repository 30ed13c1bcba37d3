"""What becomes what: the tensors of the result, and from which rows of which source tensors they are filled.

Every tensor is seen as rows: all dimensions but the last, by the last. A tensor of one dimension is so many rows of
one. Rows are quantised independently, so any block of source rows can be worked on as soon as it was read, and
written at its final place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Move:
    """Rows ``first .. first+rows`` of ``source`` go to row ``to`` of the result's tensor.

    With ``order``, each group of ``len(order)`` rows is permuted: row i of the group is its source row order[i].
    ``first`` and ``rows`` are multiples of the group. ``add`` is added to every element.
    """

    source: str
    first: int
    rows: int
    to: int
    order: tuple[int, ...] = ()
    add: float = 0.0


@dataclass(frozen=True, slots=True)
class Output:
    """One tensor of the result: its shape (slowest dimension first) and what fills it.

    ``data`` holds the values of a tensor that is computed rather than read (rope factors).
    """

    name: str
    shape: tuple[int, ...]
    moves: tuple[Move, ...] = ()
    data: np.ndarray | None = field(default=None, compare=False)

    @property
    def ggml_shape(self) -> tuple[int, ...]:
        """The shape as GGUF writes it: the row length first."""
        return tuple(reversed(self.shape))


def rows_of(shape: Sequence[int]) -> tuple[int, int]:
    """Row count and row length of a tensor of that shape (slowest dimension first)."""
    if len(shape) < 2:
        return prod(shape), 1
    return prod(shape[:-1]), shape[-1]


def whole(name: str, source: str, shape: tuple[int, ...], *, add: float = 0.0) -> Output:
    """A tensor taken over as it is, with ``add`` added to every element."""
    return Output(name, shape, (Move(source, 0, rows_of(shape)[0], 0, add=add),))


def rotary(name: str, source: str, shape: tuple[int, ...], heads: int) -> Output:
    """A query or key projection whose rotary halves (first half, second half) are interleaved, head by head."""
    rows = rows_of(shape)[0]
    size, rest = divmod(rows, heads)
    if rest or size % 2:
        raise ValueError(f"{source} has {rows} rows, which do not divide into {heads} heads of even size")
    half = size // 2
    order = tuple(index // 2 + (half if index % 2 else 0) for index in range(size))
    return Output(name, shape, (Move(source, 0, rows, 0, order),))


def gathered(name: str, source: str, shape: tuple[int, ...], runs: Sequence[tuple[int, int]]) -> Output:
    """A tensor put together from runs of rows (first row, row count) of one source, in the order of the result."""
    moves, to = [], 0
    for first, rows in runs:
        moves.append(Move(source, first, rows, to))
        to += rows
    return Output(name, shape, tuple(moves))


def stacked(name: str, sources: Sequence[str], shape: tuple[int, ...]) -> Output:
    """The experts of a layer, each ``shape``, stacked along a new first dimension."""
    rows = rows_of(shape)[0]
    moves = tuple(Move(source, 0, rows, index * rows) for index, source in enumerate(sources))
    return Output(name, (len(sources), *shape), moves)
