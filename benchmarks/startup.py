"""How long until the first answer, in multiples of ``python -c pass``? Whole processes, in pairs.

    .venv/bin/python benchmarks/startup.py [RUNS]

Exit status 1 when a bound is missed.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from measure import BARE_PYTHON, ratios

MODELPICK = str(Path(sys.executable).with_name("modelpick"))
MIB = 1024**2
TAB = {"_MODELPICK_COMPLETE": "bash_complete", "COMP_WORDS": "modelpick show qwen2", "COMP_CWORD": "2"}


@dataclass(frozen=True, slots=True)
class Case:
    """One command with its bounds: at most so many times bare Python, at most so many MiB."""

    name: str
    arguments: tuple[str, ...]
    times: float
    variables: tuple[tuple[str, str], ...] = ()
    peak_mib: float | None = None


CASES = (
    Case("--version", ("--version",), 6),
    Case("TAB on a model's name", (), 6, tuple(TAB.items())),
    Case("list --json, all models", ("list", "--json"), 12, peak_mib=40),
    Case("show, as JSON", ("show", "mistral-7b-v0.1", "--json"), 12),
)


def main(runs: int) -> int:
    """Measure every case; the number of bounds missed becomes the exit status."""
    missed = 0
    print(f"{'':26} {'wall x':>8} {'CPU x':>8} {'bound':>6} {'wall ms':>8} {'peak MiB':>9}")
    for case in CASES:
        command = (MODELPICK, *case.arguments)
        wall, cpu, run = ratios(command, BARE_PYTHON, runs=runs, environment={**os.environ, **dict(case.variables)})
        assert run.exit_code == 0, f"{case.name}: exit status {run.exit_code}"
        peak = run.peak_bytes / MIB
        ok = wall <= case.times and (case.peak_mib is None or peak <= case.peak_mib)
        missed += not ok
        figures = f"{wall:8.1f} {cpu:8.1f} {case.times:6g} {run.wall_seconds * 1000:8.0f} {peak:9.1f}"
        print(f"{case.name:26} {figures}{'' if ok else '  MISSED'}")
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
