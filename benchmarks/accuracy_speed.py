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
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from speed_cases import Case, cases_of
from speed_fit import CPU_DECODE, CPU_PROMPT, GPU_DECODE, GPU_PROMPT, Array, Problem
from speed_heldout import HeldOut, held_out
from speed_runs import load

from modelpick.estimation.interface import Placement, PoolUse, Range, Settings
from modelpick.estimation.speed import speed_of
from modelpick.registry.reader import Registry


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
