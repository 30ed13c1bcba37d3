"""The memory of one variant of one model under given settings, by part.

One function for all kinds of models; each kind has its own small one. Where a field was missing the figures come
from a fallback, ``exact`` is False and the range widens.
"""

from __future__ import annotations

from modelpick.estimation.buffers import device_compute_bytes
from modelpick.estimation.cache import cache_bytes, state_bytes
from modelpick.estimation.interface import Architecture, Footprint, Range, Settings, Shape, VariantSpec
from modelpick.estimation.other_kinds import Other, diffusion_parts, plain_parts, speech_parts
from modelpick.estimation.overheads import TORCH_CONTEXT, overhead_of
from modelpick.estimation.torch_runtimes import (
    transformers_peak_bytes,
    vllm_cache_bytes,
    vllm_compute_bytes,
    vllm_overhead_bytes,
)
from modelpick.estimation.weights import Weights, weights_of
from modelpick.units import MIB
from modelpick.values import dataclass

_LONGEST_SEQUENCE = 8192


@dataclass(frozen=True, slots=True)
class Parts:
    """What the parts come to before they are laid on a machine."""

    weights: Weights
    cache: int
    state: int
    compute: int
    projector: int
    exact: bool
    spread: tuple[float, float]
    """How much lower and higher everything but the weights may be, as factors."""
    notes: tuple[str, ...]


def footprint(
    architecture: Architecture, variant: VariantSpec, settings: Settings, *, backend: str = "cuda"
) -> Footprint | None:
    """Memory by part with everything on one device of that backend.

    None when neither a size nor a parameter count is known. Source: the formulas of :mod:`.weights`,
    :mod:`.cache`, :mod:`.buffers` (llama.cpp), :mod:`.torch_runtimes` and :mod:`.other_kinds`.
    """
    made = parts_of(architecture, variant, settings)
    if made is None:
        return None
    weights = made.weights
    overhead = _overhead(settings, backend)
    fixed = made.cache + made.state + made.compute + made.projector
    low = weights.file * (1 - weights.spread) + fixed * made.spread[0] + overhead * 0.8
    high = weights.file * (1 + weights.spread) + fixed * made.spread[1] + overhead * 1.3
    likely = weights.file + fixed + overhead
    return Footprint(
        weights=weights.file,
        kv_cache=made.cache,
        recurrent_state=made.state,
        compute=made.compute,
        overhead=overhead,
        projector=made.projector,
        weights_origin=weights.origin,
        exact=made.exact and weights.exact,
        total_range=Range(min(low, likely), likely, max(high, likely)),
        notes=(*weights.notes, *made.notes),
    )


def _overhead(settings: Settings, backend: str) -> int:
    if settings.runtime == "vllm":
        return vllm_overhead_bytes()
    if settings.runtime == "transformers" and backend != "cpu":
        return TORCH_CONTEXT
    return overhead_of(backend, settings.runtime).context


def parts_of(architecture: Architecture, variant: VariantSpec, settings: Settings) -> Parts | None:
    """The parts of a variant under the settings; None when its size cannot be told."""
    weights = weights_of(architecture, variant)
    if weights is None:
        return None
    if architecture.speech:
        return _other(weights, speech_parts(architecture.speech, settings))
    if architecture.kind == "diffusion":
        return _other(weights, diffusion_parts(architecture, settings))
    shape = architecture.shape
    if shape is None:
        return _other(weights, plain_parts(architecture, settings))
    projector = _projector(architecture, variant)
    cache, state, compute = _language(architecture, shape, settings)
    exact = not architecture.missing
    spread = (1.0, 1.03) if exact else (0.8, 1.3)
    return Parts(weights, cache, state, compute, projector, exact, spread, architecture.notes)


def _other(weights: Weights, other: Other) -> Parts:
    return Parts(weights, other.cache, 0, other.compute, 0, False, (other.low, other.high), other.notes)


def _language(architecture: Architecture, shape: Shape, settings: Settings) -> tuple[int, int, int]:
    if settings.runtime == "vllm":
        return vllm_cache_bytes(shape, settings), 0, vllm_compute_bytes(shape)
    if settings.runtime == "transformers":
        answer = min(2048, settings.context // 4)
        cache, activations = transformers_peak_bytes(shape, settings.context - answer, answer)
        return (0 if architecture.kind == "encoder" else cache), state_bytes(shape, settings), activations
    if architecture.kind == "encoder":
        return 0, 0, _encoder_compute(architecture, shape, settings)
    return cache_bytes(shape, settings), state_bytes(shape, settings), device_compute_bytes(shape, settings)


def _encoder_compute(architecture: Architecture, shape: Shape, settings: Settings) -> int:
    """An encoder reads a whole sequence at once: attention scores of all its tokens beside one layer's widths."""
    longest = min(settings.context, architecture.context_length or _LONGEST_SEQUENCE, _LONGEST_SEQUENCE)
    width = 3 * shape.ffn + 6 * shape.hidden
    return 4 * longest * (width + (0 if settings.flash_attention else longest * shape.heads))


def _projector(architecture: Architecture, variant: VariantSpec) -> int:
    """A vision projector and its graph: its file, a third of it again, and the largest image's activations."""
    vision = architecture.vision
    if vision is None and variant.projector_bytes is None:
        return 0
    size = variant.projector_bytes
    if size is None:
        size = 850 * MIB if vision is None or vision.params is None else 2 * vision.params
    return round(size * 1.33) + 350 * MIB
