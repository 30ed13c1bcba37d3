"""How a model is made smaller, as values and the protocol every engine keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all; an observer, never a printer."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to quantise: the target type (a mix such as Q4_K_M), threads, importance matrix."""

    type: str
    threads: int
    imatrix: Path | None = None
    license: str | None = None
    base_model: str | None = None
    source_repo: str | None = None
    source_commit: str | None = None


@dataclass(frozen=True, slots=True)
class TensorPlan:
    """One tensor of the result: its name, shape (ggml order, fastest first), type and bytes."""

    name: str
    shape: tuple[int, ...]
    type: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Quantised:
    """What an engine made: where, how large, of which types."""

    path: Path
    bytes: int
    tensors: tuple[TensorPlan, ...]
    engine: str
    engine_version: str
    notes: tuple[str, ...] = field(default=())


class Engine(Protocol):
    """One way of quantising. Engines import their packages inside their methods."""

    name: str

    def available(self) -> str | None:
        """None when the engine can run here, else what to install, as a command."""
        ...

    def quantise(self, source: Path, target: Path, recipe: Recipe, progress: Progress) -> Quantised:
        """Write ``target`` from ``source``; nothing stands under the final name unless it verified."""
        ...
