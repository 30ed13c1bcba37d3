"""The few numbers that the speed estimate rests on, fitted on published runs, with their error.

Fitted by ``benchmarks/accuracy_speed.py`` on 1,900 speeds that people reported for 97 GPUs and 139 processors
(LocalScore, llama-bench tables, community runs; what was left out, and by which rule, stands in ``speed_runs.py``).
With each accelerator left out of the fit in turn the estimates were off by, median and 90th percentile:

===============  ==================  ====================================================================
GPU decode       12.7 %  and 35 %    852 runs of 97 GPUs, 0.3 to 120 B parameters, Q2_K to F16
CPU decode       17.4 %  and 49 %    311 runs of 139 processors
GPU prompt       16.0 %  and 55 %    559 runs of 93 GPUs
CPU prompt       35 %    and 101 %   299 runs of 138 processors
===============  ==================  ====================================================================

The spreads are about the 10th and 90th percentile of measured / estimated, so that four of five runs lie inside:
they are the width of the ranges. On 74 runs of a source that no fit saw the constants below were off by 14 %.
"""

from __future__ import annotations

from modelpick.values import dataclass

Spread = tuple[float, float]


@dataclass(frozen=True, slots=True)
class GpuConstants:
    """How one family of GPUs spends its time.

    ``bandwidth_share``: share of the published bandwidth that kernels reach on large matrices.
    ``work``: shader operations per weight of a decoded token, by kernel class (f16, byte, packed).
    ``layer_seconds``: time per layer that does not depend on its size (launches, synchronisation, small kernels).
    ``matrix_share``: share of the published half-precision rate that prompt processing reaches.
    ``prompt_layer_seconds``: as ``layer_seconds``, per micro-batch of a prompt.
    """

    bandwidth_share: float
    work: tuple[float, float, float]
    layer_seconds: float
    matrix_share: float
    prompt_layer_seconds: float
    decode_spread: Spread
    prompt_spread: Spread
    fitted: bool = True


@dataclass(frozen=True, slots=True)
class CpuConstants:
    """How processors spend theirs. ``weights_per_second``: weights one core multiplies per second, by instructions.

    ``core_exponent``: n cores do the work of n^exponent. ``low_power``: factor for processors whose names say
    that they run on a few watts. ``cache_cost``: reading one byte of the key-value cache, in bytes of weights.
    """

    bandwidth_share: float
    core_exponent: float
    weights_per_second: dict[str, float]
    prompt_weights_per_second: dict[str, float]
    prompt_exponent: float
    low_power: float
    prompt_low_power: float
    cache_cost: float
    layer_seconds: float
    decode_spread: Spread
    prompt_spread: Spread


@dataclass(frozen=True, slots=True)
class Constants:
    """All constants of one generation of inference engines."""

    gpus: dict[str, GpuConstants]
    shader_scale: dict[str, float]
    """Work done per published single-precision operation, relative to the family's common architecture."""
    matrix_scale: dict[str, float]
    """Likewise for prompt processing."""
    cpu: CpuConstants
    cache_share: float = 1.0
    """Share of the bandwidth at which the key-value cache is read with flash attention."""
    cache_share_plain: float = 0.21
    """Likewise without flash attention."""
    attention_share: float = 0.145
    """Share of the half-precision rate that attention over a long prompt reaches."""
    expert_layers: float = 0.4
    """Extra ``layer_seconds`` of a layer that routes to experts."""
    recurrent_layers: float = 0.0
    expert_prompt: float = 1.06
    """Extra prompt compute of a mixture of experts: small matrices fill a GPU badly."""
    half_prompt: float = 1.07
    """Prompt rate of unquantised weights against quantised ones."""


CURRENT = Constants(
    gpus={
        "nvidia": GpuConstants(0.92, (15.7, 13.4, 5.0), 64e-6, 0.456, 660e-6, (0.85, 1.3), (0.65, 1.6)),
        "amd": GpuConstants(0.92, (12.0, 3.5, 4.3), 95e-6, 0.31, 1.9e-3, (0.7, 1.6), (0.5, 1.8)),
        "rdna2": GpuConstants(0.92, (12.0, 10.0, 12.0), 240e-6, 0.31, 1.9e-3, (0.8, 1.8), (0.5, 2.0)),
        "apple": GpuConstants(0.92, (8.5, 2.4, 7.0), 134e-6, 0.69, 1.4e-3, (0.85, 1.4), (0.75, 1.3)),
        "intel": GpuConstants(0.7, (12.0, 6.0, 4.0), 200e-6, 0.2, 2.3e-3, (0.5, 2.0), (0.4, 2.5), fitted=False),
        "other": GpuConstants(0.7, (12.0, 6.0, 4.0), 200e-6, 0.2, 2.3e-3, (0.5, 2.0), (0.4, 2.5), fitted=False),
    },
    shader_scale={"pascal": 0.22, "turing": 0.84, "volta": 0.84, "ga100": 0.74, "hopper": 0.40, "rdna2": 2.4},
    matrix_scale={
        "pascal": 2.54, "volta": 0.63, "turing": 0.75, "ga100": 0.73, "hopper": 0.44, "blackwell": 1.37, "rdna2": 2.13,
    },
    cpu=CpuConstants(
        bandwidth_share=0.9,
        core_exponent=0.55,
        weights_per_second={"none": 3.05e9, "avx": 5.1e9, "avx2": 29.2e9, "avx512": 52e9, "neon": 45e9},
        prompt_weights_per_second={"none": 2.7e9, "avx": 7.6e9, "avx2": 25.3e9, "avx512": 41e9, "neon": 21.9e9},
        prompt_exponent=0.978,
        low_power=0.54,
        prompt_low_power=0.73,
        cache_cost=3.2,
        layer_seconds=100e-6,
        decode_spread=(0.7, 1.45),
        prompt_spread=(0.55, 2.0),
    ),
)  # fmt: skip
"""Engines of today (llama.cpp and what embeds it).

Set by hand beside the fit: ``layer_seconds`` of NVIDIA and Apple are 1.5 to 1.6 times what runs of today's engines
show (40 and 89 microseconds), because hosts differ and an engine of 2025 took 3 times as long, and
``expert_layers`` is smaller by as much; RDNA 2 lies half-way between an engine of 2025, the only one it was
measured with, and what RDNA 3 gained since; NEON rates; a processor's ``layer_seconds``; all of Intel, which has
too few runs.
"""

ENGINE_LAYERS = {"transformers": 900e-6, "vllm": 25e-6, "mlx": 50e-6}
"""``layer_seconds`` of other engines: vLLM by runs on one RTX 5090, MLX by runs on one M4 Pro, transformers assumed."""
MEETINGS_PER_LAYER = 2
"""With every layer cut across cards: after its attention, and after its feed-forward part."""
MEETING_PCIE = 20e-6
"""Seconds of one exchange: six runs of vLLM on 2 x RTX 3090 and 4 x RTX 5090, all one user, ask for 0 to 36
microseconds each, and are met within 35 % by this."""
MEETING_NVLINK = 8e-6
"""Assumed: there are no such runs."""
UNFITTED_ENGINES = frozenset({"transformers", "vllm"})

SHADERS_PER_MATRIX_RATE = {"volta": 1 / 8, "turing": 1 / 8, "ga100": 1 / 16, "hopper": 1 / 14.8}
"""Single-precision rate over dense half-precision rate where only the latter is known; others 1/4, AMD 1/2."""

FLOPS_PER_BYTE = {"nvidia": 38.0, "amd": 45.0, "apple": 16.0, "intel": 40.0, "other": 30.0}
"""Single-precision operations per byte of bandwidth of a family's usual card, where no rate is known."""

PCIE_BYTES_PER_LANE = {1: 0.25e9, 2: 0.5e9, 3: 0.985e9, 4: 1.97e9, 5: 3.94e9, 6: 7.56e9}
PCIE_SHARE = 0.7
"""Of the link's rate that copying weights reaches (assumed: the measurements hold no such runs)."""
PCIE_UNKNOWN = 12e9
CORE_BANDWIDTH = 18e9
"""Memory bandwidth that one core can draw at most, bytes per second (published single-core STREAM figures)."""
