"""The constants of the speed laws as problems to be fitted: names, starting values, and seconds for many cases.

The laws themselves are the program's own functions, given arrays; each case is a run (see ``speed_cases.Case``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import least_squares  # type: ignore[import-not-found,import-untyped,unused-ignore]

from modelpick.estimation.speed_laws import cpu_token_seconds, gpu_token_seconds, prompt_seconds

Array = Any
gpu_law: Any = gpu_token_seconds
cpu_law: Any = cpu_token_seconds
prompt_law: Any = prompt_seconds
"""The same functions, given arrays."""
FAMILIES = ("nvidia", "amd", "apple")
SCALED = ("pascal", "turing", "ga100", "hopper", "rdna2")
"""Generations whose shaders are rated against their family's; Volta counts with Turing."""
MATRIX_SCALED = ("pascal", "volta", "turing", "ga100", "hopper", "ada", "blackwell", "rdna2")
INSTRUCTIONS = ("none", "avx", "avx2", "avx512", "neon")
KERNELS = ("f16", "byte", "packed")
CPU_LAYER = 40.0
"""Microseconds per layer of current engines on a processor: set by hand, one processor alone has such runs."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One law to be fitted: names and starting values of its constants, and seconds for cases."""

    start: dict[str, float]
    seconds: Callable[[dict[str, float], dict[str, Array]], Array]
    ceilings: dict[str, float]

    def fit(self, columns: dict[str, Array], first: dict[str, float] | None = None) -> dict[str, float]:
        """Constants that make log(estimated / measured) small; each accelerator weighs by the root of its runs."""
        names = list(self.start)
        prior = np.log([self.start[name] for name in names])
        counts: Counter[str] = Counter(columns["accelerator"])
        weight = np.array([counts[name] ** -0.5 for name in columns["accelerator"]])
        measured = np.log(columns["measured"])

        def residuals(values: Array) -> Array:
            constants = dict(zip(names, np.exp(values), strict=True))
            error = -np.log(self.seconds(constants, columns)) - measured
            above = [10 * max(0.0, constants[name] - most) for name, most in self.ceilings.items()]
            return np.concatenate([weight * error, 0.03 * (values - prior), above])

        begin = np.log([(first or self.start)[name] for name in names])
        found = least_squares(residuals, begin, loss="soft_l1", f_scale=0.1, max_nfev=80 if first is None else 8)
        return dict(zip(names, np.exp(found.x), strict=True))

    def held_out(self, columns: dict[str, Array], full: dict[str, float]) -> Array:
        """Speeds estimated for each case by constants that were fitted without its accelerator."""
        estimated = np.zeros(len(columns["measured"]))
        for accelerator in sorted(set(columns["accelerator"])):
            mine = columns["accelerator"] == accelerator
            constants = self.fit({name: values[~mine] for name, values in columns.items()}, full)
            estimated[mine] = 1 / self.seconds(constants, {name: values[mine] for name, values in columns.items()})
        return estimated


def gpu_decode(c: dict[str, float], x: dict[str, Array]) -> Array:
    """Seconds per token of GPU cases."""
    old = x["old"]
    early = old & (x["family"] == "amd")
    layer = pick(c, x, "layer_", FAMILIES, "family") * np.where(old, pick(c, x, "old_layer_", FAMILIES, "family"), 1.0)
    work = np.zeros(len(old))
    for family in FAMILIES:
        for number, kernel in enumerate(KERNELS):
            work = work + c[f"work_{family}_{kernel}"] * ((x["family"] == family) & (x["kernel"] == number))
    work = work * np.where(early, c["old_work_amd"], 1.0)
    slower = 1 + c["expert_layers"] * x["routed"] + c["recurrent_layers"] * x["recurrent"]
    seconds: Array = gpu_law(
        weight_bytes=x["weight_bytes"],
        cache_bytes=x["cache_bytes"],
        params=x["params"],
        layers=x["layers"],
        bandwidth=x["bandwidth"],
        shader=x["shader"] * scale(c, x, "scale_", SCALED),
        bandwidth_share=pick(c, x, "share_", FAMILIES, "family"),
        cache_share=np.where(x["plain"], c["cache_share_plain"], c["cache_share"]),
        work=work,
        layer_seconds=layer * 1e-6 * slower,
    )
    return seconds


def gpu_prompt(c: dict[str, float], x: dict[str, Array]) -> Array:
    """Seconds per prompt token of GPU cases: the mean speed over the case's prompts."""
    matrix_share = pick(c, x, "matrix_", FAMILIES, "family") * scale(c, x, "scale_", MATRIX_SCALED)
    matrix_share = matrix_share * np.where(x["kernel"] == 0, c["half_prompt"], 1.0)
    matrix_share = matrix_share * np.where(x["old"] & (x["family"] == "amd"), c["old_matrix_amd"], 1.0)
    speeds = np.zeros(len(matrix_share))
    counts = np.zeros(len(matrix_share))
    for column in range(x["prompts"].shape[1]):
        tokens = x["prompts"][:, column]
        there = tokens > 0
        tokens = np.where(there, tokens, 1.0)
        seconds = prompt_law(
            tokens=tokens,
            batches=np.ceil(tokens / 512),
            params=x["active"] * (1 + c["expert_prompt"] * x["routed"]),
            attention_operations=4
            * (x["attention"] * tokens / 2 + x["window_attention"] * np.minimum(tokens / 2, x["window"])),
            weight_bytes=x["all_bytes"],
            layers=x["layers"],
            matrix=x["matrix"],
            matrix_share=matrix_share,
            attention_share=c["attention_share"],
            bandwidth=x["bandwidth"],
            layer_seconds=pick(c, x, "layer_", FAMILIES, "family") * 1e-6,
        )
        speeds = speeds + np.where(there, tokens / seconds, 0.0)
        counts = counts + there
    return counts / speeds


def cpu_decode(c: dict[str, float], x: dict[str, Array]) -> Array:
    """Seconds per token of processors."""
    rate = pick(c, x, "rate_", INSTRUCTIONS, "instructions") * 1e9 * x["cores"] ** c["exponent"]
    rate = rate * np.where(x["low_power"], c["low_power"], 1.0)
    seconds: Array = cpu_law(
        weight_bytes=x["weight_bytes"],
        cache_bytes=x["cache_bytes"],
        params=x["params"],
        layers=x["layers"],
        bandwidth=x["bandwidth"],
        weights_per_second=rate,
        bandwidth_share=c["share"],
        cache_cost=c["cache_cost"],
        layer_seconds=np.where(x["old"], c["old_layer"], CPU_LAYER) * 1e-6,
    )
    return seconds


def cpu_prompt(c: dict[str, float], x: dict[str, Array]) -> Array:
    """Seconds per prompt token of processors."""
    rate = pick(c, x, "rate_", INSTRUCTIONS, "instructions") * 1e9 * x["cores"] ** c["exponent"]
    rate = rate * np.where(x["low_power"], c["low_power"], 1.0)
    tokens = x["prompts"].sum(axis=1) / np.maximum((x["prompts"] > 0).sum(axis=1), 1)
    return (x["active"] + x["attention"] * tokens) / rate


def pick(c: dict[str, float], x: dict[str, Array], prefix: str, names: Sequence[str], column: str) -> Array:
    """Per case the constant of its family."""
    total = np.zeros(len(x[column]))
    for name in names:
        total = total + c[prefix + name] * (x[column] == name)
    return total


def scale(c: dict[str, float], x: dict[str, Array], prefix: str, names: Sequence[str]) -> Array:
    """Per case the factor of its generation, 1 where it has none."""
    total = np.ones(len(x["generation"]))
    for name in names:
        same = (x["generation"] == name) | ((name == "turing") & ("volta" not in names) & (x["generation"] == "volta"))
        total = np.where(same, c[prefix + name], total)
    return total


GPU_DECODE = Problem(
    start={
        **{f"share_{family}": 0.85 for family in FAMILIES},
        **{f"work_{family}_{kernel}": 5.0 for family in FAMILIES for kernel in KERNELS},
        **{f"layer_{family}": 60.0 for family in FAMILIES},
        **{f"old_layer_{family}": 2.0 for family in FAMILIES},
        "old_work_amd": 4.0,
        **{f"scale_{name}": 0.7 for name in SCALED},
        "cache_share": 0.9,
        "cache_share_plain": 0.3,
        "expert_layers": 0.5,
        "recurrent_layers": 0.5,
    },
    seconds=gpu_decode,
    ceilings={**{f"share_{family}": 0.92 for family in FAMILIES}, "cache_share": 1.0},
)
GPU_PROMPT = Problem(
    start={
        **{f"matrix_{family}": 0.4 for family in FAMILIES},
        **{f"layer_{family}": 300.0 for family in FAMILIES},
        **{f"scale_{name}": 1.0 for name in MATRIX_SCALED},
        "half_prompt": 1.0,
        "old_matrix_amd": 0.5,
        "attention_share": 0.1,
        "expert_prompt": 1.0,
    },
    seconds=gpu_prompt,
    ceilings={},
)
CPU_DECODE = Problem(
    start={
        "share": 0.8, "exponent": 0.8, "rate_none": 1.5, "rate_avx": 3.0, "rate_avx2": 8.0, "rate_avx512": 10.0,
        "rate_neon": 8.0, "low_power": 0.8, "cache_cost": 2.0, "old_layer": 200.0,
    },
    seconds=cpu_decode,
    ceilings={"share": 0.9, "exponent": 1.0},
)  # fmt: skip
CPU_PROMPT = Problem(
    start={
        "exponent": 0.9, "rate_none": 3.0, "rate_avx": 5.0, "rate_avx2": 30.0, "rate_avx512": 45.0, "rate_neon": 40.0,
        "low_power": 0.7,
    },
    seconds=cpu_prompt,
    ceilings={"exponent": 1.0},
)  # fmt: skip
