"""Splitting a model between a GPU and the host in llama.cpp: ``-ngl`` and experts kept on the host.

With ``-ngl N`` the output layer goes first, then the last N - 1 layers; layers + 1 is everything. Weights that
stay on the host are copied to the GPU for batches, so its compute buffer grows by the largest of them.
Source: llama.cpp b10605; checked on ``benchmarks/accuracy.py``'s 90 partial loads. All sizes are bytes.
"""

from __future__ import annotations

from modelpick.estimation.buffers import device_compute_bytes as whole_compute_bytes
from modelpick.estimation.buffers import masks_bytes, stage_bytes
from modelpick.estimation.cache import cache_type, cells_of, layer_cache_bytes, micro_batch, state_bytes_per_layer
from modelpick.estimation.interface import Settings, Shape
from modelpick.estimation.weights import Weights
from modelpick.values import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """What one device holds."""

    weights: int
    cache: int
    state: int
    compute: int
    layers: int
    has_output: bool

    @property
    def total(self) -> int:
        """All parts together."""
        return self.weights + self.cache + self.state + self.compute


def gpu_part(shape: Shape, weights: Weights, settings: Settings, gpu_layers: int, experts_on_host: int = 0) -> Part:
    """What a GPU holds of a model with ``gpu_layers`` (``-ngl``) and some layers' experts on the host."""
    first = max(shape.layers - max(gpu_layers - 1, 0), 0)
    has_output = gpu_layers > 0
    held = sum(weights.layers[first:]) + (weights.output + weights.outer if has_output else 0)
    kept = sum(weights.experts[first:experts_on_host]) if experts_on_host > first else 0
    caches = layer_cache_bytes(shape, settings)
    state = state_bytes_per_layer(shape, settings) if shape.recurrence else 0
    states = sum(shape.recurrent[first:]) * state
    return Part(
        weights=held - kept,
        cache=sum(caches[first:]),
        state=states,
        compute=_compute(shape, weights, settings, first, caches, experts_on_host),
        layers=shape.layers - first,
        has_output=has_output,
    )


def _compute(
    shape: Shape, weights: Weights, settings: Settings, first: int, caches: list[int], experts_on_host: int
) -> int:
    whole = whole_compute_bytes(shape, settings)
    if first == 0 and experts_on_host == 0:
        return whole
    cells, batch = cells_of(shape, settings), micro_batch(settings)
    masks = masks_bytes(shape, settings, cells, batch)
    stage = stage_bytes(shape, settings, cells, batch)
    copied = max(weights.largest[:first], default=0)
    if weights.largest_expert:
        copied = max(copied, weights.largest_expert)
        wide = stage + weights.largest_query + (2 if experts_on_host else 1) * weights.largest_expert
    else:
        wide = max(stage, _copied_feed_forward(shape, weights, batch))
    if first == 0:
        return max(whole, masks + wide)
    return max(whole, masks + max(wide, _copied_attention(shape, settings, max(caches[:first]), copied, masks)))


def _copied_feed_forward(shape: Shape, weights: Weights, batch: int) -> int:
    """A dense feed-forward whose weights come in one after another; what they leave is used again or not."""
    row = 4 * batch
    queries = shape.heads * shape.head_dim
    held = row * (2 * shape.ffn + 4 * shape.hidden + queries) + weights.largest_up
    if weights.largest_up < row * shape.ffn:
        return held + max(weights.largest, default=0)
    return held + (2 * row * shape.hidden if queries > shape.hidden else 0)


def _copied_attention(shape: Shape, settings: Settings, cache: int, copied: int, masks: int) -> int:
    """Attention over the host's cache: one layer's keys and values are copied, and the last weight still lies there."""
    row = 4 * micro_batch(settings)
    held = cache + row * (2 * shape.hidden + shape.heads * shape.head_dim)
    quantised = cache_type(settings.cache_type_k).quantised
    if "sliding" in shape.attention:
        return held + (copied if quantised else 2 * row * shape.kv_heads * shape.head_dim)
    width = shape.experts.used * shape.experts.ffn if shape.experts else shape.ffn
    return held + copied + (0 if quantised else max(0, masks - row * width // 2))
