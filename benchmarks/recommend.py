"""How long does ``recommend`` take, and what does it cost in memory? Whole processes, in pairs.

    .venv/bin/python benchmarks/recommend.py [RUNS] [MODELS]

Multiples of ``python -c pass`` run beside it; where ``llmfit`` is on the PATH, of ``llmfit recommend --json`` too.
With MODELS (1000000 makes about 5 GB of a registry in a temporary directory), its time with so many models in
multiples of its time with the bundled ones. Exit status 1 when a bound is missed.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing import Process
from pathlib import Path

from measure import BARE_PYTHON, Run, ratios
from registry_scale import MIXES, generate

MODELPICK = str(Path(sys.executable).with_name("modelpick"))
PEER = "llmfit"
MIB = 1024**2
OF_PEERS_TIME, OF_PEERS_MEMORY = 0.35, 0.6
LARGE = 3.0
CARD = ("--gpu", "RTX 4090", "--ram", "64GB")
PI = ("--machine", "Raspberry Pi 5 8GB")


@dataclass(frozen=True, slots=True)
class Case:
    """One question, and the most times bare Python that it may take."""

    name: str
    arguments: tuple[str, ...]
    times: float

    @property
    def command(self) -> tuple[str, ...]:
        """The whole command line."""
        return (MODELPICK, *self.arguments)


CASES = (
    Case("recommend --json", ("recommend", "--json"), 12),
    Case("recommend, table", ("recommend",), 16),
    Case("recommend --json, 24 GB card", ("recommend", "--json", *CARD), 12),
    Case("recommend --json, small board", ("recommend", "--json", *PI), 12),
    Case("recommend --json, embedding", ("recommend", "--json", "--task", "embedding"), 12),
)


def against_python(runs: int) -> int:
    """Every case in multiples of bare Python; the number of bounds missed."""
    print(f"{'':32} {'wall x':>7} {'CPU x':>7} {'bound':>6} {'wall ms':>8} {'CPU ms':>7} {'peak MiB':>9}")
    missed = 0
    for case in CASES:
        wall, cpu, run = ratios(case.command, BARE_PYTHON, runs=runs)
        assert run.exit_code == 0, f"{case.name}: exit status {run.exit_code}"
        print(f"{case.name:32} {wall:7.1f} {cpu:7.1f} {case.times:6g} {_figures(run)}{_mark(wall <= case.times)}")
        missed += wall > case.times
    return missed


def against_peer(runs: int) -> int:
    """The first case beside the peer's default answer, where the peer is installed."""
    peer = shutil.which(PEER)
    if peer is None:
        print(f"{PEER} is not installed: not compared")
        return 0
    theirs = (peer, "recommend", "--json")
    wall, cpu, ours = ratios(CASES[0].command, theirs, runs=runs)
    _, _, other = ratios(theirs, BARE_PYTHON, runs=runs)
    memory = ours.peak_bytes / other.peak_bytes
    print(f"{'of llmfit recommend --json':32} {wall:7.2f} {cpu:7.2f} {OF_PEERS_TIME:6g}{_mark(wall <= OF_PEERS_TIME)}")
    print(f"{'of its peak memory':32} {memory:7.2f} {'':7} {OF_PEERS_MEMORY:6g}{_mark(memory <= OF_PEERS_MEMORY)}")
    return (wall > OF_PEERS_TIME) + (memory > OF_PEERS_MEMORY)


def against_bundled(runs: int, models: int) -> int:
    """The cases with large registries in multiples of the bundled one."""
    return sum(_with_mix(name, runs, models) for name in MIXES)


def _with_mix(mix: str, runs: int, models: int) -> int:
    missed = 0
    with tempfile.TemporaryDirectory(prefix="modelpick-recommend-") as folder:
        path, empty = Path(folder) / "registry.sqlite", Path(folder) / "none.sqlite"
        began = time.perf_counter()
        # In a process of its own: what it took would count as the peak of every process started from here.
        writer = Process(target=generate, args=(path, models, MIXES[mix]))
        writer.start()
        writer.join()
        assert writer.exitcode == 0
        made, size = time.perf_counter() - began, path.stat().st_size / 1e6
        print(f"{models:,} models ({mix}), {size:,.0f} MB, made in {made:.0f} s")
        for case in CASES:
            wall, cpu, run = ratios(
                ("env", f"MODELPICK_REGISTRY={path}", *case.command),
                ("env", f"MODELPICK_REGISTRY={empty}", *case.command),
                runs=runs,
            )
            assert run.exit_code == 0, f"{case.name}: exit status {run.exit_code}"
            print(f"{case.name:32} {wall:7.2f} {cpu:7.2f} {LARGE:6g} {_figures(run)}{_mark(wall <= LARGE)}")
            missed += wall > LARGE
    return missed


def _figures(run: Run) -> str:
    return f"{run.wall_seconds * 1000:8.0f} {run.cpu_seconds * 1000:7.0f} {run.peak_bytes / MIB:9.1f}"


def _mark(met: bool) -> str:
    return "" if met else "  MISSED"


def main(runs: int, models: int) -> int:
    """Measure everything that was asked for."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    missed = against_python(runs) + against_peer(runs)
    if models:
        missed += against_bundled(runs, models)
    return min(missed, 1)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*(given + [11, 0][len(given) :])))
