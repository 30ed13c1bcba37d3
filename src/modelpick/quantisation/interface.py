"""How a model is made smaller, as values and the protocol every engine keeps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Protocol

from modelpick.values import dataclass, field

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
    license_link: str | None = None
    license_name: str | None = None
    model_name: str | None = None
    exact_source: bool = False
    """Quantise float16 and float32 sources as they are, instead of through bfloat16 as the usual two steps do."""
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class SourceTensor:
    """One tensor of a source: its stored type, shape (slowest dimension first) and where its bytes are."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    shard: int
    start: int
    bytes: int


class TensorSource(Protocol):
    """Where weights are read from. ``tensors`` is in the order in which reading is cheapest."""

    @property
    def tensors(self) -> Mapping[str, SourceTensor]:
        """All tensors by name, in file order."""
        ...

    @property
    def identity(self) -> str:
        """What is another when the bytes are: sizes and times of files, or published hashes."""
        ...

    def read(self, tensor: SourceTensor, offset: int, buffer: memoryview) -> None:
        """Fill ``buffer`` with the tensor's bytes from ``offset`` on."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class Passage(Protocol):
    """What a source is beside, when its shards pass by once and can be believed only when they have passed whole."""

    def marks(self) -> tuple[str, ...]:
        """Of the shards that passed whole and as published; to be noted and given to a run that goes on."""
        ...

    def take_up(self, marks: Collection[str]) -> frozenset[int]:
        """Marks of an earlier run on the same source; the shards of which its results count."""
        ...

    def finish(self) -> None:
        """Let the rest pass.

        :raises IntegrityError: when a shard is not what was published.
        """
        ...


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
    sha256: str | None = None
    resumed_tensors: int = 0
    """Tensors taken over from an interrupted run of the same plan."""


class Engine(Protocol):
    """One way of quantising. Engines import their packages inside their methods."""

    name: str

    def available(self) -> str | None:
        """None when the engine can run here, else what to install, as a command."""
        ...

    def quantise(self, source: Path, target: Path, recipe: Recipe, progress: Progress) -> Quantised:
        """Write ``target`` from ``source``; nothing stands under the final name unless it verified."""
        ...


class FolderEngine(Engine, Protocol):
    """An engine whose result is a folder for another runtime than llama.cpp."""

    usual: str
    """The type that is made unless another is asked for."""

    def loading(self, target: Path) -> str:
        """The command that loads the result."""
        ...
