"""The host's memory bandwidth, measured: several threads read buffers that no cache holds, for about a second.

Running a model reads its weights, so reading is what is timed. ``memchr`` of the C library looks at every byte with
the widest registers there are, and ctypes lets go of the interpreter's lock meanwhile.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from modelpick.errors import RoomError
from modelpick.units import GIB, MIB, format_bytes

_SECONDS = 1.0
_LEAST = 64 * MIB


def measured_bandwidth(threads: int, free_bytes: int | None, *, seconds: float = _SECONDS) -> int:
    """Bytes per second that ``threads`` threads read together, the best of the passes that fit in ``seconds``.

    The buffers take 1 GiB together, or an eighth of what is free.

    :raises RoomError: if less than 512 MiB is free.
    """
    import ctypes

    if free_bytes is not None and free_bytes // 8 < _LEAST:
        raise RoomError(
            f"measuring needs {format_bytes(8 * _LEAST)} free, and {format_bytes(free_bytes)} is",
            hint="give the figure instead: --memory-bandwidth 50GB",
        )
    whole = min(GIB, (free_bytes or GIB) // 8)
    size = max(whole // threads, MIB)
    buffers = [ctypes.create_string_buffer(size) for _ in range(threads)]
    for buffer in buffers:  # written, or all pages would be the one page of zeros, which a cache holds
        ctypes.memset(buffer, 1, size)
    return round(size * threads / _best_pass(buffers, size, _reader(ctypes), seconds))


def _reader(ctypes: Any) -> Callable[[Any, int], object]:
    if sys.platform == "win32":  # its memchr goes byte by byte; a copy within the buffer moves as much as it reads

        def copy(buffer: Any, size: int) -> object:
            return ctypes.memmove(buffer, ctypes.addressof(buffer) + size // 2, size // 2)

        return copy
    find = ctypes.CDLL(None).memchr
    find.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    find.restype = ctypes.c_void_p

    def read(buffer: Any, size: int) -> object:
        return find(buffer, 0, size)

    return read


def _best_pass(buffers: list[Any], size: int, read: Callable[[Any, int], object], seconds: float) -> float:
    """Seconds of the fastest pass in which all threads read their buffer, started together."""
    import threading
    from time import perf_counter

    begin, end = threading.Barrier(len(buffers) + 1), threading.Barrier(len(buffers) + 1)
    # Each worker takes its own times: on a busy machine the one who waits for them may wake when all is over.
    spans: list[tuple[float, float]] = [(0.0, 0.0)] * len(buffers)
    going = True

    def work(number: int, buffer: Any) -> None:
        while True:
            begin.wait()
            if not going:
                return
            start = perf_counter()
            read(buffer, size)
            spans[number] = (start, perf_counter())
            end.wait()

    workers = [threading.Thread(target=work, args=pair, daemon=True) for pair in enumerate(buffers)]
    for worker in workers:
        worker.start()
    best = float("inf")
    until = perf_counter() + seconds
    while best == float("inf") or perf_counter() < until:
        begin.wait()
        end.wait()
        best = min(best, max(stop for _, stop in spans) - min(start for start, _ in spans))
    going = False
    begin.wait()
    for worker in workers:
        worker.join()
    return best
