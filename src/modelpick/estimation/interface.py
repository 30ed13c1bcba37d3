"""What it costs to run a model, as values. Everything is bytes, tokens and tokens per second.

``Architecture`` comes from a config.json-style mapping or from a GGUF header; nothing here does I/O.
"""

from __future__ import annotations

from typing import Literal

from modelpick.values import dataclass, field

Origin = Literal["measured", "published", "estimated"]
Runtime = Literal["llama.cpp", "ollama", "lmstudio", "transformers", "vllm", "mlx"]
PlacementKind = Literal["gpu", "multi-gpu", "partial-offload", "experts-on-host", "cpu", "unified"]


@dataclass(frozen=True, slots=True)
class Range:
    """A figure with the bounds it is believed to lie in."""

    low: float
    likely: float
    high: float


AttentionKind = Literal["full", "sliding", "none"]
"""What a layer keeps per token: all of it, a window, or nothing (recurrent, MLP-only, or sharing another's)."""

RecurrenceKind = Literal["mamba", "mamba2", "gated-delta-net", "short-conv", "kda", "rwkv", "linear"]
ModelKind = Literal["decoder", "encoder", "speech", "diffusion", "other"]


@dataclass(frozen=True, slots=True)
class Mla:
    """Multi-head latent attention: ranks and head sizes as in DeepSeek's configuration."""

    kv_lora_rank: int
    rope_dim: int
    nope_dim: int
    value_dim: int
    query_lora_rank: int = 0
    """0: queries are projected directly."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """Recurrent layers. ``inner`` is their width, ``state`` the state per unit, ``heads`` what dt is given to."""

    kind: RecurrenceKind
    conv_kernel: int
    inner: int
    state: int
    groups: int
    heads: int
    key_width: int = 0
    """Width of the keys of a gated delta net (groups x state), of KDA heads x head size."""


@dataclass(frozen=True, slots=True)
class Experts:
    """Mixture of experts. ``leading_dense`` layers have a plain feed-forward; then every ``every``-th routes."""

    count: int
    used: int
    ffn: int
    shared_ffn: int = 0
    leading_dense: int = 0
    every: int = 1
    router_bias: bool = False
    gated: bool = True


@dataclass(frozen=True, slots=True)
class Shape:
    """All dimensions of a language model, complete; per-layer tuples have ``layers`` entries.

    Widths count elements. ``head_dim`` is the keys' and ``value_dim`` the values' head size.
    """

    name: str
    """llama.cpp's name of the architecture, such as ``qwen3moe``."""
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    value_dim: int
    ffn: int
    vocab: int
    tied: bool
    attention: tuple[AttentionKind, ...]
    window: int = 0
    recurrent: tuple[bool, ...] = ()
    """Which layers carry a recurrent state; empty: none."""
    recurrence: Recurrence | None = None
    mla: Mla | None = None
    experts: Experts | None = None
    kv_heads_by_layer: tuple[int, ...] = ()
    """Where layers differ; empty: ``kv_heads`` everywhere."""
    head_dim_by_layer: tuple[int, ...] = ()
    """Where layers differ (both keys and values); empty: ``head_dim`` everywhere."""
    ffn_by_layer: tuple[int, ...] = ()
    rope_freqs: bool = False
    """A table of rotary frequencies is stored, as in Llama 3.1 and later."""
    positions: int = 0
    """Learned positions, for the families that have them."""
    per_layer_input: int = 0
    """Width of the extra embedding each layer gets (Gemma 3n and 4)."""
    byte_pair: bool = True
    """The tokenizer stores merges (BPE); False: scores (SentencePiece)."""


@dataclass(frozen=True, slots=True)
class Vision:
    """The image tower and projector of a model that sees.

    ``params`` counts both; None where unknown, 0 where they are counted with the language model.
    """

    params: int | None
    image_size: int | None = None
    patch_size: int | None = None


@dataclass(frozen=True, slots=True)
class Speech:
    """An encoder-decoder for speech (Whisper and kin)."""

    hidden: int
    heads: int
    ffn: int
    vocab: int
    encoder_layers: int
    decoder_layers: int
    source_positions: int
    target_positions: int
    mel_bins: int


@dataclass(frozen=True, slots=True)
class Diffusion:
    """A pipeline that makes images: parameters per part; resolution is the edge it was trained for, pixels.

    ``steps`` is how often an image is denoised by the maker's example, ``passes`` how often the denoiser runs in each
    of them (2 with guidance); None where that is not known.
    """

    denoiser_params: int
    text_encoder_params: int
    vae_params: int
    resolution: int
    transformer: bool = False
    steps: int | None = None
    passes: int | None = None

    @property
    def params(self) -> int:
        """Of all parts together."""
        return self.denoiser_params + self.text_encoder_params + self.vae_params


@dataclass(frozen=True, slots=True)
class Architecture:
    """What is known of a model's structure. ``shape`` is None where dimensions are missing.

    ``missing`` names the fields that were absent and matter; with any, estimates widen and say so.
    """

    kind: ModelKind
    name: str | None
    shape: Shape | None = None
    params_total: int | None = None
    params_active: int | None = None
    context_length: int | None = None
    vision: Vision | None = None
    speech: Speech | None = None
    diffusion: Diffusion | None = None
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VariantSpec:
    """One downloadable form of a model, as far as its size matters.

    ``file_bytes`` is the size of the files where somebody read it; it then beats every formula.
    ``projector_bytes`` is the size of a separate vision projector file.
    """

    format: str
    quantisation: str | None = None
    file_bytes: int | None = None
    file_origin: Origin = "published"
    projector_bytes: int | None = None


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
    full_window_cache: bool = False
    """llama.cpp's ``--swa-full``: sliding layers keep the whole context."""


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
class Throughput:
    """The rate of a model that does not write token by token. ``unit`` is ``tokens_per_second`` (embeddings),
    ``times_real_time`` (speech) or ``images_per_minute``."""

    rate: Range
    unit: str
    basis: str


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
    throughput: Throughput | None = None
    """For models whose ``speed`` is None."""
