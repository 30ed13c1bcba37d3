"""What it costs to run a model, as values. Everything is bytes, tokens and tokens per second.

``Architecture`` comes from a config.json-style mapping or from a GGUF header; nothing here does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Origin = Literal["measured", "published", "estimated"]
Runtime = Literal["llama.cpp", "ollama", "lmstudio", "transformers", "vllm", "mlx"]
PlacementKind = Literal["gpu", "multi-gpu", "partial-offload", "experts-on-host", "cpu", "unified"]


@dataclass(frozen=True, slots=True)
class Range:
    """A figure with the bounds it is believed to lie in."""

    low: float
    likely: float
    high: float


@dataclass(frozen=True, slots=True)
class Settings:
    """How the model would be run."""

    runtime: Runtime = "llama.cpp"
    context: int = 8192
    cache_type_k: str = "f16"
    cache_type_v: str = "f16"
    flash_attention: bool = True
    micro_batch: int = 512
    slots: int = 1
    unified_cache: bool = True
    """llama-server's default: the slots share one cache; llama-cli runs one slot."""
    output_rows: int | None = None
    """Logit rows that are reserved; None: what the runtime reserves by itself."""
    users: int = 1


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory by part, in bytes, for one placement of all parts on one pool; ``total`` is their sum.

    ``exact`` is False where a field of the architecture was missing and the fallback formula spoke; ``range``
    then widens.
    """

    weights: int
    kv_cache: int
    recurrent_state: int
    compute: int
    overhead: int
    projector: int = 0
    weights_origin: Origin = "estimated"
    exact: bool = True
    total_range: Range | None = None
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """All parts together, bytes."""
        return self.weights + self.kv_cache + self.recurrent_state + self.compute + self.overhead + self.projector


@dataclass(frozen=True, slots=True)
class PoolUse:
    """What a placement takes of one memory pool, and what was there. ``device`` is None for the host."""

    pool: str
    device: int | None
    required_bytes: int
    available_bytes: int
    layers: int
    weights_bytes: int = 0
    kv_cache_bytes: int = 0
    compute_bytes: int = 0
    overhead_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Placement:
    """Where everything goes. ``gpu_layers`` is llama.cpp's ``-ngl`` (layers + 1 is everything)."""

    kind: PlacementKind
    uses: tuple[PoolUse, ...]
    gpu_layers: int | None
    layers: int | None
    tensor_parallel: int | None = None
    experts_on_host: int = 0
    """Number of layers whose experts stay on the host (llama.cpp's ``--n-cpu-moe``)."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second with a range, and what the estimate rests on."""

    decode_tokens_per_second: Range
    prompt_tokens_per_second: Range | None
    time_to_first_token_seconds: Range | None
    basis: str
    origin: Origin = "estimated"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why it does not fit, with the numbers of the tightest pool."""

    reason: str
    needed_bytes: int
    available_bytes: int
    pool: str


@dataclass(frozen=True, slots=True)
class Fit:
    """A model variant placed on a machine: how much, where, how fast."""

    footprint: Footprint
    placement: Placement
    speed: Speed | None
    settings: Settings
    max_context: int | None = None
    notes: tuple[str, ...] = field(default=())
