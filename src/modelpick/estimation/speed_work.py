"""What one token makes a machine read and compute, told from a model's shape and the size of its weights.

Decoding reads the active weights once per token: the repeating layers (of a mixture of experts only the experts
that are used), the output matrix, one row of the embedding, and the cache of every token before it.
"""

from __future__ import annotations

from functools import lru_cache

from modelpick.estimation.interface import Architecture, Settings, Shape, VariantSpec
from modelpick.estimation.tensors import (
    head_dim_of,
    kv_heads_of,
    parameter_count,
    routes,
    value_dim_of,
)
from modelpick.formats.ggml import TYPES
from modelpick.values import dataclass

HALF, BYTE, PACKED = 0, 1, 2
"""Kernel classes: unquantised, whole bytes or plain four-bit blocks, and packed super-blocks (K- and I-quants)."""

_HALF_TYPES = frozenset({"F16", "BF16", "FP16", "F32", "FLOAT16", "BFLOAT16", "NONE"})
_BYTE_TYPES = ("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL", "MXFP4", "NVFP4", "FP8", "INT8", "INT4", "AWQ", "GPTQ")
_PLAIN = "INT4"
"""Outside GGUF low-bit weights are whole bytes or plain four-bit groups, whatever the scheme is called."""
_OUTPUT_BITS = 6.5625
"""K mixes keep the output matrix at Q6_K (see ``formats.mixes``)."""
_TYPICAL_LAYERS = ((1e9, 20), (4e9, 30), (1e10, 34), (2e10, 44), (5e10, 60), (1e11, 80), (1e15, 90))


@dataclass(frozen=True, slots=True)
class Work:
    """A model's work per token; bytes and parameters are of the active part unless said otherwise.

    ``cache_row`` is bytes of cache per token in layers that keep everything, ``window_row`` in layers that keep
    ``window`` tokens. ``attention`` and ``window_attention`` count head elements over those layers. ``exact`` is
    False where dimensions were missing and typical ones stand in.
    """

    layers: int
    params: float
    output_params: float
    weight_bytes: float
    output_bytes: float
    all_weight_bytes: float
    kernel: int
    cache_row: float
    window_row: float
    window: int
    state_bytes: float
    attention: float
    window_attention: float
    routed: bool
    recurrent: bool
    exact: bool

    def cache_bytes(self, tokens: float) -> float:
        """Bytes of cache read for one token when ``tokens`` stand before it."""
        return self.cache_row * tokens + self.window_row * min(tokens, self.window) + self.state_bytes

    def attention_operations(self, tokens: float) -> float:
        """Operations of attention for one token when ``tokens`` stand before it."""
        return 4 * (self.attention * tokens + self.window_attention * min(tokens, self.window))


def work_of(arch: Architecture, variant: VariantSpec, settings: Settings, weights_bytes: int) -> Work | None:
    """The work of a language model whose weights take ``weights_bytes``; None for other kinds of model."""
    if arch.kind != "decoder" or weights_bytes <= 0:
        return None
    scheme = variant.quantisation or variant.format
    if variant.format != "gguf" and kernel_of(scheme) == PACKED:
        scheme = _PLAIN
    return _work(arch, scheme, weights_bytes, settings.cache_type_k, settings.cache_type_v)


@lru_cache(maxsize=4096)
def _work(arch: Architecture, quantisation: str, weights_bytes: int, type_k: str, type_v: str) -> Work | None:
    if arch.shape is None:
        return _guessed(arch, quantisation, weights_bytes)
    shape = arch.shape
    embedding = float(shape.vocab * shape.hidden)
    counted = float(parameter_count(shape))
    total, agrees = _total(arch, counted)
    rest = max(total - embedding * (1 if shape.tied else 2), 1.0)
    output_bytes, embedding_bytes = _edges(embedding, quantisation, weights_bytes * 8 / total, shape.tied)
    rest_bytes = max(weights_bytes - embedding_bytes - (0 if shape.tied else output_bytes), rest / 8)
    active = min(active_parameters(shape, rest), rest)
    if not agrees and arch.params_active:
        active = min(max(arch.params_active - embedding, 0.3 * arch.params_active), rest)
    cache_row, window_row, attention, window_attention = _cache_rows(shape, type_k, type_v)
    return Work(
        layers=shape.layers,
        params=active,
        output_params=embedding,
        weight_bytes=rest_bytes * active / rest,
        output_bytes=output_bytes,
        all_weight_bytes=rest_bytes,
        kernel=kernel_of(quantisation),
        cache_row=cache_row,
        window_row=window_row,
        window=shape.window,
        state_bytes=_state_bytes(shape),
        attention=attention,
        window_attention=window_attention,
        routed=shape.experts is not None,
        recurrent=any(shape.recurrent),
        exact=agrees and not arch.missing,
    )


def _total(arch: Architecture, counted: float) -> tuple[float, bool]:
    """Parameters of the language model, and whether the published total agrees with the counted tensors.

    A published total holds vision towers and extra prediction layers that no token reads; where it is far off,
    the shape is incomplete and the published figure stands.
    """
    published = float(arch.params_total or counted)
    if arch.vision and arch.vision.params:
        published -= arch.vision.params
    if 0.8 * counted <= published <= 1.3 * counted:
        return counted, True
    return max(published, 1.0), False


def kernel_of(quantisation: str) -> int:
    """The kernel class of a quantisation's name."""
    name = quantisation.upper().replace("-", "_").removeprefix("UD_")
    if name in _HALF_TYPES or name == "SAFETENSORS":
        return HALF
    if name.startswith(_BYTE_TYPES):
        return BYTE
    return PACKED


def active_parameters(shape: Shape, rest: float) -> float:
    """Parameters of the repeating layers that one token uses: all but the experts that are not chosen."""
    experts = shape.experts
    if experts is None:
        return rest
    routed = sum(1 for layer in range(shape.layers) if routes(experts, layer))
    idle = (experts.count - experts.used) * (3 if experts.gated else 2) * shape.hidden * experts.ffn
    return max(rest - float(routed * idle), rest * experts.used / experts.count)


def _edges(embedding: float, quantisation: str, bits: float, tied: bool) -> tuple[float, float]:
    """Bytes of the output matrix and of the stored embedding."""
    name = quantisation.upper().removeprefix("UD-")
    if kernel_of(quantisation) == HALF:
        output = 16.0
    elif name.startswith(("Q", "IQ", "TQ")):
        output = max(_OUTPUT_BITS, 8.5 if name.startswith(("Q8", "MXFP")) else 0.0)
    else:
        output = 8.5 if name.startswith("MXFP4") else 16.0 if bits > 4 else bits
    stored = output if tied else min(output, max(bits, 1.5))
    return embedding * output / 8, embedding * stored / 8


def _cache_rows(shape: Shape, type_k: str, type_v: str) -> tuple[float, float, float, float]:
    key_bits = TYPES[type_k.upper()].bits_per_weight if type_k.upper() in TYPES else 16.0
    value_bits = TYPES[type_v.upper()].bits_per_weight if type_v.upper() in TYPES else 16.0
    rows = {"full": 0.0, "sliding": 0.0}
    heads = {"full": 0.0, "sliding": 0.0}
    for layer in range(shape.layers):
        kind = shape.attention[layer]
        if kind == "none":
            continue
        if shape.mla is not None:
            latent = shape.mla.kv_lora_rank + shape.mla.rope_dim
            rows[kind] += latent * key_bits / 8
            heads[kind] += shape.heads * latent
            continue
        key, value = head_dim_of(shape, layer), value_dim_of(shape, layer)
        rows[kind] += kv_heads_of(shape, layer) * (key * key_bits + value * value_bits) / 8
        heads[kind] += shape.heads * (key + value) / 2
    return rows["full"], rows["sliding"], heads["full"], heads["sliding"]


def _state_bytes(shape: Shape) -> float:
    rec = shape.recurrence
    if rec is None or not shape.recurrent:
        return 0.0
    return 2 * 4.0 * sum(shape.recurrent) * (rec.state * rec.inner + rec.conv_kernel * rec.inner)


def _guessed(arch: Architecture, quantisation: str, weights_bytes: int) -> Work | None:
    """Typical dimensions where only counts are known: a tenth of the weights in the edges, grouped queries."""
    if not arch.params_total:
        return None
    total = float(arch.params_total)
    active = float(arch.params_active or total)
    share = active / total
    layers = next(count for most, count in _TYPICAL_LAYERS if active <= most)
    return Work(
        layers=layers,
        params=0.93 * active,
        output_params=0.07 * active,
        weight_bytes=0.93 * weights_bytes * share,
        output_bytes=0.07 * weights_bytes * share,
        all_weight_bytes=0.93 * weights_bytes,
        kernel=kernel_of(quantisation),
        cache_row=layers * 4096.0,
        window_row=0.0,
        window=0,
        state_bytes=0.0,
        attention=layers * 4096.0,
        window_attention=0.0,
        routed=share < 1,
        recurrent=False,
        exact=False,
    )
