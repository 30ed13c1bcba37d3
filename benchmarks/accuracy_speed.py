"""How far estimated speeds are from measured ones, each accelerator left out of the fit in turn.

Usage: ``python benchmarks/accuracy_speed.py MEASUREMENTS_FOLDER [--fit]`` (or MODELPICK_MEASUREMENTS). With
``--fit`` the constants of all runs are printed as they stand in ``estimation/speed_constants.py``. Needs numpy and
scipy. The laws are those of ``estimation/speed_laws.py``; what runs are dropped stands in ``speed_runs.py``.

LocalScore's engine of spring 2025 spent two to four times as long between kernels as today's and had early kernels
for AMD: in the fit its runs have factors of their own, and what is shipped are the constants of today's engines.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import least_squares  # type: ignore[import-untyped,unused-ignore]
from speed_cases import Case, cases_of
from speed_heldout import HeldOut, held_out
from speed_runs import load

from modelpick.estimation.interface import Placement, PoolUse, Range, Settings
from modelpick.estimation.speed import speed_of
from modelpick.estimation.speed_laws import cpu_token_seconds, gpu_token_seconds, prompt_seconds
from modelpick.registry.reader import Registry

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


def columns_of(cases: list[Case], measured: str) -> dict[str, Array]:
    """The cases that have that measurement, as arrays."""
    chosen = [case for case in cases if getattr(case, measured)]
    names = [name for name in Case.__slots__ if name not in {"prompts", "run", "work", "hardware"}]
    columns = {name: np.array([getattr(case, name) for case in chosen]) for name in names}
    columns["measured"] = np.array([float(getattr(case, measured)) for case in chosen])
    width = max(len(case.prompts) for case in chosen)
    columns["prompts"] = np.array([[*case.prompts, *[0.0] * (width - len(case.prompts))] for case in chosen])
    return columns


def line(title: str, estimated: Array, measured: Array) -> str:
    """Median and 90th percentile of |estimated / measured - 1|, and the median of the ratio."""
    if not len(measured):
        return f"{title:34} no runs"
    error = np.abs(estimated / measured - 1)
    bias = np.median(estimated / measured)
    figures = f"median {np.median(error):6.1%}  p90 {np.percentile(error, 90):6.1%}  ratio {bias:.2f}"
    return f"{title:34} n={len(error):4d}  {figures}"


BARS = {"GPU decode": (0.20, 0.50), "CPU decode": (0.30, None), "GPU prompt": (0.35, None)}
"""What is asked of the median and the 90th percentile."""


def bar(title: str, estimated: Array, measured: Array) -> str | None:
    """Whether the errors are within what is asked; None where nothing is."""
    if title not in BARS:
        return None
    error = np.abs(estimated / measured - 1)
    said = []
    for name, asked, found in zip(
        ("median", "p90"), BARS[title], (np.median(error), np.percentile(error, 90)), strict=True
    ):
        if asked is not None:
            said.append(f"{name} {found:.1%} of {asked:.0%} allowed: {'met' if found <= asked else 'MISSED'}")
    return "  " + "; ".join(said)


def report(title: str, problem: Problem, columns: dict[str, Array], groups: Sequence[str]) -> dict[str, float]:
    """Fit, leave each accelerator out in turn, and print; gives back the constants of all runs."""
    full = problem.fit(columns)
    estimated = problem.held_out(columns, full)
    measured = columns["measured"]
    print(f"\n{title}, each of {len(set(columns['accelerator']))} accelerators left out in turn")
    print(line("all", estimated, measured))
    if asked := bar(title, estimated, measured):
        print(asked)
    sizes = (("< 2B", 0, 2e9), ("2B to 6B", 2e9, 6e9), ("6B to 10B", 6e9, 1e10), ("> 10B", 1e10, 1e15))
    for name, least, most in sizes:
        chosen = (columns["total"] >= least) & (columns["total"] < most)
        print(line(f"  size {name}", estimated[chosen], measured[chosen]))
    for group in groups:
        for value in sorted(set(columns[group])):
            chosen = columns[group] == value
            print(line(f"  {group} {value}", estimated[chosen], measured[chosen]))
    spread(columns, estimated, "instructions" if "instructions" in groups else "family")
    return full


def spread(columns: dict[str, Array], estimated: Array, group: str) -> None:
    """The ranges: 10th and 90th percentile of measured / estimated, and the share of left-out cases inside."""
    ratio = columns["measured"] / estimated
    inside = np.zeros(len(ratio), dtype=bool)
    for value in sorted(set(columns[group])):
        chosen = columns[group] == value
        accelerators = len(set(columns["accelerator"][chosen]))
        low, high = np.percentile(ratio[chosen], [10, 90])
        inside |= chosen & (ratio >= low) & (ratio <= high)
        print(f"  range for {value}: x{low:.2f} to x{high:.2f} ({accelerators} accelerators)")
    print(f"  inside its range: {inside.mean():.0%}")


def shipped(cases: list[Case]) -> None:
    """The constants as shipped, blind to engines, through the program's own functions; and what their ranges hold."""
    print("\nThe constants as shipped, on all runs (not left out, engines of 2024 to 2026 alike)")
    for title, measured in (("decode", "decode"), ("prompt", "prompt")):
        for processor in (False, True):
            chosen = [case for case in cases if getattr(case, measured) and case.processor == processor]
            speeds = [_shipped(case, title) for case in chosen]
            found = np.array([getattr(case, measured) for case in chosen])
            likely = np.array([speed.likely for speed in speeds])
            inside = np.array([speed.low <= value <= speed.high for speed, value in zip(speeds, found, strict=True)])
            name = f"{'CPU' if processor else 'GPU'} {title}"
            print(line(name, likely, found), f" inside its range {inside.mean():.0%}")
            for source in sorted({case.source for case in chosen}):
                mine = np.array([case.source == source for case in chosen])
                print(line(f"  {source}", likely[mine], found[mine]), f" inside {inside[mine].mean():.0%}")


def never_seen(runs: list[HeldOut]) -> None:
    """The constants as shipped on a source that no fit has seen."""
    print("\nThe constants as shipped, on runs that no fit has seen (placed by the program itself)")
    for group in ("desktop", "board", "cpu"):
        chosen = [run for run in runs if run.group == group]
        likely, found = (np.array([r.estimated.likely for r in chosen]), np.array([r.measured for r in chosen]))
        inside = np.array([run.estimated.low <= run.measured <= run.estimated.high for run in chosen])
        print(line(f"  {group}", likely, found), f" inside its range {inside.mean():.0%}")


def _shipped(case: Case, title: str) -> Range:
    device = None if case.processor else 0
    use = PoolUse("host" if case.processor else "gpu0", device, 0, 0, case.work.layers)
    placement = Placement("cpu" if case.processor else "gpu", (use,), None, case.work.layers)
    settings = Settings(context=2**20, flash_attention=not case.plain)
    speeds = [
        speed_of(
            case.work, placement, case.hardware, settings, filled=round(case.run.tokens), prompt_tokens=round(length)
        )
        for length in (case.prompts if title == "prompt" else case.prompts[:1])
    ]
    ranges = [s.decode_tokens_per_second if title == "decode" else s.prompt_tokens_per_second for s in speeds if s]
    kept = [r for r in ranges if r]
    return Range(*(sum(getattr(r, part) for r in kept) / len(kept) for part in ("low", "likely", "high")))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the errors; with ``--fit`` also the constants."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measurements", nargs="?", default=os.environ.get("MODELPICK_MEASUREMENTS"))
    parser.add_argument("--fit", action="store_true", help="print the constants of all runs")
    options = parser.parse_args(arguments)
    if not options.measurements:
        parser.error("say where the measurements are")
    with Registry.open() as registry:
        cases = cases_of(load(Path(options.measurements)), registry)
        unseen = list(held_out(Path(options.measurements), registry))
    gpus = [case for case in cases if not case.processor]
    cpus = [case for case in cases if case.processor]
    fitted = {
        "GPU decode": report(
            "GPU decode",
            GPU_DECODE,
            columns_of(gpus, "decode"),
            ("source", "family", "kernel_name", "routed", "generation"),
        ),
        "GPU prompt": report(
            "GPU prompt", GPU_PROMPT, columns_of(gpus, "prompt"), ("source", "family", "routed", "generation")
        ),
        "CPU decode": report("CPU decode", CPU_DECODE, columns_of(cpus, "decode"), ("source", "instructions")),
        "CPU prompt": report("CPU prompt", CPU_PROMPT, columns_of(cpus, "prompt"), ("source", "instructions")),
    }
    blind = columns_of(gpus, "decode")
    blind["old"] = np.zeros(len(blind["old"]), dtype=bool)
    report("GPU decode when nobody tells the fit which engine ran", GPU_DECODE, blind, ("source",))
    shipped(cases)
    never_seen(unseen)
    if options.fit:
        for title, constants in fitted.items():
            print(f"\n{title}: " + ", ".join(f"{name}={value:.3g}" for name, value in constants.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
