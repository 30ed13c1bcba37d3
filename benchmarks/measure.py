"""Whole-process figures: wall and CPU seconds and peak memory, and ratios of two commands run in turn.

Machines drift, so a figure is compared pair by pair with one taken beside it, and medians are quoted.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process: seconds on the wall, seconds of CPU, bytes at its peak, exit status."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    exit_code: int


def run_once(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """Run one command to its end with its output thrown away, and account for it (and its children)."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    scale = 1 if sys.platform == "darwin" else 1024
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * scale, process.returncode)


def ratios(
    command: Sequence[str], against: Sequence[str], *, runs: int = 11, environment: Mapping[str, str] | None = None
) -> tuple[float, float, Run]:
    """Median wall ratio, median CPU ratio of ``command`` to ``against`` in pairs, and the command's median run."""
    run_once(command, environment)
    run_once(against, environment)
    pairs = [(run_once(command, environment), run_once(against, environment)) for _ in range(runs)]
    wall = statistics.median(one.wall_seconds / other.wall_seconds for one, other in pairs)
    cpu = statistics.median(one.cpu_seconds / max(other.cpu_seconds, 1e-4) for one, other in pairs)
    ours = [one for one, _ in pairs]
    middle = Run(
        statistics.median(run.wall_seconds for run in ours),
        statistics.median(run.cpu_seconds for run in ours),
        round(statistics.median(run.peak_bytes for run in ours)),
        ours[-1].exit_code,
    )
    return wall, cpu, middle


BARE_PYTHON = (sys.executable, "-c", "pass")
"""What start-up is measured in multiples of. Run benchmarks with the interpreter itself, not a version manager."""
