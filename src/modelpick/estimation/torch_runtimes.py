"""Memory of transformers and vLLM: PyTorch's weights, cache and the peak of the prompt.

Checked on the published tables of Qwen2.5 (A100) and Qwen3 (H20), see ``benchmarks/accuracy.py``. Bytes.
"""

from __future__ import annotations

from modelpick.estimation.cache import state_elements
from modelpick.estimation.interface import Settings, Shape
from modelpick.estimation.tensors import head_dim_of, kv_heads_of, value_dim_of
from modelpick.units import GIB, MIB

CUDA_CONTEXT = 500 * MIB
"""What PyTorch's first call to CUDA takes: 0.4 to 0.75 GiB, published."""

VLLM_UTILISATION = 0.92
"""vLLM's default ``gpu_memory_utilization`` since 2025; 0.9 before."""

_VLLM_GRAPHS = 512 * MIB
_VLLM_OTHER = 512 * MIB
_BLOCK = 16


def token_cache_bytes(shape: Shape, element: float = 2.0) -> int:
    """What every token keeps in all layers together, windows not regarded."""
    return sum(_layer_token(shape, layer, element) for layer in range(shape.layers))


def _layer_token(shape: Shape, layer: int, element: float) -> int:
    if shape.attention[layer] == "none":
        return 0
    if shape.mla:
        return round((shape.mla.kv_lora_rank + shape.mla.rope_dim) * element)
    width = head_dim_of(shape, layer) + value_dim_of(shape, layer)
    return round(kv_heads_of(shape, layer) * width * element)


def transformers_cache_bytes(shape: Shape, tokens: int) -> int:
    """The dynamic cache: all tokens in every layer. Latent attention without absorbed kernels keeps whole heads."""
    if shape.mla:
        mla = shape.mla
        width = mla.nope_dim + mla.rope_dim + mla.value_dim
        attending = sum(kind != "none" for kind in shape.attention)
        return 2 * attending * shape.heads * width * tokens
    return token_cache_bytes(shape) * tokens


def activation_bytes(shape: Shape, tokens: int) -> int:
    """The peak of a prompt of so many tokens, one sequence, fused attention, 16-bit."""
    width = max(shape.ffn_by_layer) if shape.ffn_by_layer else shape.ffn
    if shape.experts:
        width = max(shape.experts.shared_ffn, shape.experts.used * shape.experts.ffn)
    return 2 * tokens * (3 * width + 4 * shape.hidden)


def transformers_peak_bytes(shape: Shape, prompt: int, generated: int) -> tuple[int, int]:
    """Cache and activations at the worst moment: the end of the answer, or the prompt if that is more."""
    end = transformers_cache_bytes(shape, prompt + generated)
    start = transformers_cache_bytes(shape, prompt)
    activations = activation_bytes(shape, prompt)
    return (end, 0) if end >= start + activations else (start, activations)


def vllm_cache_bytes(shape: Shape, settings: Settings, tensor_parallel: int = 1) -> int:
    """The cache that one request of the full context needs, per GPU and user, in pages of 16 tokens."""
    element = 1.0 if settings.cache_type_k in {"fp8", "q8_0", "int8"} else 2.0
    batched = batched_tokens(None)
    pages = 0
    for layer in range(shape.layers):
        kind = shape.attention[layer]
        if kind == "none":
            continue
        page = _BLOCK * _layer_token(shape, layer, element)
        if not shape.mla:
            page = page // min(tensor_parallel, max(kv_heads_of(shape, layer), 1))
        tokens = settings.context
        extra = 0
        if kind == "sliding" and shape.window:
            tokens, extra = min(shape.window - 1 + batched, settings.context), 1
        pages += page * (-(-tokens // _BLOCK) + extra)
    states = 0
    if shape.recurrence:
        states = 4 * state_elements(shape.recurrence, shape.hidden) * sum(shape.recurrent) // tensor_parallel
    return (pages + states) * max(settings.users, 1)


def batched_tokens(memory_bytes: int | None) -> int:
    """vLLM's default ``max_num_batched_tokens`` of its API server on a GPU of that size."""
    if memory_bytes is None or memory_bytes < 70 * GIB:
        return 2048
    return 16384 if memory_bytes >= 160 * GIB else 8192


def vllm_compute_bytes(shape: Shape, memory_bytes: int | None = None) -> int:
    """Activations of a full batch, the sampler's warm-up and CUDA graphs, per GPU."""
    sampler = 2 * (256 if batched_tokens(memory_bytes) == 2048 else 1024) * shape.vocab * 4
    return activation_bytes(shape, batched_tokens(memory_bytes)) + sampler + _VLLM_GRAPHS


def vllm_overhead_bytes() -> int:
    """CUDA context, NCCL and what else does not come from PyTorch's allocator, per GPU."""
    return CUDA_CONTEXT + _VLLM_OTHER
