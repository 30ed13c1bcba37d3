"""The physical laws of speed, as bare arithmetic: times add up, bytes wait for memory, operations for the cores.

The benchmark fits the constants through these same functions (they also take arrays), so what is measured there
is what runs here.
"""

from __future__ import annotations

_BLEND = 1.5
"""Reading and computing overlap on a processor, but not wholly: 1 would add them, infinity take the longer."""


def gpu_token_seconds(
    *,
    weight_bytes: float,
    cache_bytes: float,
    params: float,
    layers: float,
    bandwidth: float,
    shader: float,
    bandwidth_share: float,
    cache_share: float,
    work: float,
    layer_seconds: float,
) -> float:
    """Seconds of one decoded token on a GPU: read the weights, read the cache, unpack and multiply, launch."""
    return (
        weight_bytes / (bandwidth * bandwidth_share)
        + cache_bytes / (bandwidth * cache_share)
        + params * work / shader
        + layers * layer_seconds
    )


def cpu_token_seconds(
    *,
    weight_bytes: float,
    cache_bytes: float,
    params: float,
    layers: float,
    bandwidth: float,
    weights_per_second: float,
    bandwidth_share: float,
    cache_cost: float,
    layer_seconds: float,
) -> float:
    """Seconds of one decoded token on a processor; ``weights_per_second`` is that of all its cores together."""
    reading = (weight_bytes + cache_bytes * cache_cost) / (bandwidth * bandwidth_share)
    computing = params / weights_per_second
    together: float = (reading**_BLEND + computing**_BLEND) ** (1 / _BLEND)
    return together + layers * layer_seconds


def prompt_seconds(
    *,
    tokens: float,
    batches: float,
    params: float,
    attention_operations: float,
    weight_bytes: float,
    layers: float,
    matrix: float,
    matrix_share: float,
    attention_share: float,
    bandwidth: float,
    layer_seconds: float,
) -> float:
    """Seconds to process a prompt on a GPU in micro-batches: multiply, attend, and per batch read and launch.

    ``attention_operations`` is the mean per token; half of a batch's weight reading hides behind the arithmetic.
    """
    return tokens * (
        2 * params / (matrix * matrix_share) + attention_operations / (matrix * attention_share)
    ) + batches * (0.5 * weight_bytes / bandwidth + layers * layer_seconds)


def cores_rate(cores: float, exponent: float, weights_per_second: float) -> float:
    """Weights per second of several cores: they share caches and clocks, so n do the work of n^exponent."""
    rate: float = weights_per_second * cores**exponent
    return rate
