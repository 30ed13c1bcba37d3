"""What detection costs on this machine: the first answer with its imports, and each one after.

    python benchmarks/detection.py

On a machine without a GPU the first answer has to stay within 15 ms on a quiet machine. CPU time is counted, which
waiting for other programs does not lengthen; bare Python is measured beside it for scale.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from time import process_time

_FIRST = """
import re, time
import modelpick.hardware.interface
start = time.process_time()
from modelpick.hardware.detect import detect
detect()
print((time.process_time() - start) * 1000)
"""


def first_answers(runs: int = 10) -> list[float]:
    """CPU milliseconds of the first detection in a fresh process, the detectors' imports included."""
    command = [sys.executable, "-c", _FIRST]
    return [float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(runs)]


def bare(runs: int = 10) -> list[float]:
    """CPU milliseconds of a Python that does nothing."""
    command = [sys.executable, "-c", "import time; print(time.process_time() * 1000)"]
    return [float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(runs)]


def later_answers(runs: int = 50) -> list[float]:
    """CPU milliseconds of each detection once all is imported."""
    from modelpick.hardware.detect import detect

    times = []
    for _ in range(runs):
        start = process_time()
        detect()
        times.append((process_time() - start) * 1000)
    return times


def main() -> None:
    """Print minimum, median and maximum of both."""
    for name, times in (("bare Python", bare()), ("first", first_answers()), ("later", later_answers())):
        print(f"{name}: min {min(times):.2f} ms, median {statistics.median(times):.2f}, max {max(times):.2f}")


if __name__ == "__main__":
    main()
