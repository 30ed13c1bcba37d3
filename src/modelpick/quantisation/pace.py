"""How long quantising takes, roughly: weights per second and core of ggml's kernels.

Measured on one core of a Xeon (Sapphire Rapids, AVX2 build) in November 2026; reading and writing are on top.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from modelpick.quantisation.interface import TensorPlan

WEIGHTS_PER_SECOND: dict[str, float] = {
    "F32": 600e6, "F16": 400e6, "BF16": 1000e6, "Q8_0": 250e6, "Q4_0": 400e6, "Q4_1": 700e6, "Q5_0": 280e6,
    "Q5_1": 500e6, "Q2_K": 15e6, "Q3_K": 75e6, "Q4_K": 15e6, "Q5_K": 18e6, "Q6_K": 33e6, "IQ4_NL": 3.5e6,
    "IQ4_XS": 4.5e6, "IQ3_S": 3.5e6, "IQ3_XXS": 2.5e6, "IQ2_S": 1e6, "IQ2_XS": 1e6, "IQ2_XXS": 1e6, "IQ1_S": 0.5e6,
    "IQ1_M": 0.5e6,
}  # fmt: skip
_BYTES_PER_SECOND = 400e6


def seconds_for(plans: Iterable[TensorPlan], threads: int) -> float:
    """Seconds for these tensors with so many threads, on a core like the one that was measured."""
    work = sum(prod(plan.shape) / WEIGHTS_PER_SECOND[plan.type] + plan.bytes / _BYTES_PER_SECOND / 4 for plan in plans)
    return round(work / max(threads, 1), 1)
