"""How many files come at once: several over a distance, one at a time where a single one fills the line."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from modelpick.acquisition.progress import Stopped

_NEAR_MICROSECONDS = 1_000


class Lanes:
    """One lane until :meth:`widen`, then all.

    A server that is faster than this process fills the buffers of every connection (some 4 MiB each), and a killed
    process has to fetch all of that again.
    """

    def __init__(self, at_most: int) -> None:
        self._more = at_most - 1
        self._turns = threading.Semaphore(1)
        self._lock = threading.Lock()

    def widen(self) -> None:
        """The server is far: let all in."""
        with self._lock:
            if self._more:
                self._turns.release(self._more)
                self._more = 0

    @contextmanager
    def turn(self, stop: threading.Event) -> Iterator[None]:
        """Wait for a lane and hold it.

        :raises Stopped: when ``stop`` is set before there is one.
        """
        while not self._turns.acquire(timeout=0.2):
            if stop.is_set():
                raise Stopped
        try:
            if stop.is_set():
                raise Stopped
            yield
        finally:
            self._turns.release()


def is_far(answer: Any) -> bool:
    """Whether packets take noticeable time to the server, as they do everywhere but on one machine or its network."""
    stream = answer.extensions.get("network_stream")
    connection = stream.get_extra_info("socket") if stream else None
    information = getattr(socket, "TCP_INFO", None)
    if connection is None or information is None:
        return True
    try:
        # struct tcp_info of linux/tcp.h (4.6 and later): tcpi_min_rtt, in microseconds, stands at byte 148.
        (delay,) = struct.unpack_from("=I", connection.getsockopt(socket.IPPROTO_TCP, information, 152), 148)
    except (OSError, struct.error, AttributeError):
        return True
    return bool(delay >= _NEAR_MICROSECONDS)
