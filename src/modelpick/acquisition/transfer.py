"""One file over HTTP into a partial that survives anything: ranges from where it stopped, hashed on the way.

huggingface_hub 2.x throws a partial away when a download ends early (huggingface_hub issue 4228: two processes must
not append to one file), so the bytes are fetched here, with the library's own session, headers and addresses, under
its own lock. Every try begins at the Hub's address: what it redirects to is signed and expires.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from modelpick.acquisition.digest import Follower, Sums
from modelpick.acquisition.faults import translated
from modelpick.acquisition.hub import pause
from modelpick.acquisition.interface import Event, HubSettings, Patience, RemoteFile
from modelpick.acquisition.lanes import Lanes, is_far
from modelpick.acquisition.progress import Meter, Stopped
from modelpick.errors import IntegrityError, NetworkError
from modelpick.units import format_bytes

_LONGEST_ANSWER = 32 * 2**30
"""Content networks do not send more than about 50 GB in one answer; larger files come in several ranges."""
_BUSY = (408, 429, 500, 502, 503, 504)


class _Again(Exception):
    """This try ended early; the next goes on from where it stopped."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Sink(Protocol):
    """Where bytes go, in order."""

    def write(self, piece: memoryview, /) -> int:
        """Take bytes; how many were taken."""
        ...

    def truncate(self, size: int, /) -> int:
        """Forget what follows byte ``size``, because the server begins again there."""
        ...


class Transfer:
    """Fetches one file: into ``partial`` with :meth:`run`, or through, leaving nothing behind, with :meth:`pass_on`.

    Both may be called again after a failure.
    """

    def __init__(
        self,
        file: RemoteFile,
        url: str,
        repo: str,
        partial: Path | None,
        hub: HubSettings,
        headers: dict[str, str],
        patience: Patience,
        meter: Meter,
        stop: threading.Event,
        lanes: Lanes | None = None,
    ) -> None:
        self.file, self.url, self.repo, self.partial = file, url, repo, partial
        self.hub, self.patience = hub, patience
        self.headers = {**headers, "Accept-Encoding": "identity"}
        self.meter, self.stop = meter, stop
        self.lanes = lanes or Lanes(1)
        self.resumed = 0
        """Bytes that were there from an earlier run."""
        self._position, self._end = 0, file.bytes

    def run(self) -> Sums:
        """Fetch what is missing.

        :raises NetworkError: when nothing more comes; the partial stays and the next run goes on from it.
        :raises IntegrityError: when the server sends another size than the Hub lists.
        :raises OSError: when the disk is full; what was written stays.
        """
        if self.partial is None:
            raise ValueError("a transfer without a partial can only pass its bytes on")
        self.partial.parent.mkdir(parents=True, exist_ok=True)
        with self.partial.open("ab", buffering=0) as sink:
            self._end = self.file.bytes
            self._position = self.resumed = min(sink.seek(0, 2), self.file.bytes)
            sink.truncate(self._position)
            self.meter.here(self._position)
            for _ in range(self.patience.attempts):
                with self.lanes.turn(self.stop):
                    follower = Follower(self.partial, self.file)
                    follower.written(self._position)
                    try:
                        self._fill(sink, follower.written)
                    except _FromZero:
                        follower.abandon()
                        continue
                    except BaseException:
                        self.stop.set()  # Before the lane is free: nobody begins after a failure.
                        follower.abandon()
                        raise
                return follower.finish()
        raise self._given_up(_Again("the server sends no ranges and does not get to the end"))

    def pass_on(self, start: int, stop: int, write: Callable[[memoryview], int]) -> None:
        """Give bytes ``start`` to ``stop`` to ``write``, which says how many it took. Nothing is verified.

        :raises NetworkError: when nothing more comes, or the server cannot go on where it broke.
        :raises IntegrityError: when the server sends another size than the Hub lists.
        """
        self._position, self._end = start, stop
        self._fill(_Through(write), lambda position: None)

    def _fill(self, sink: Sink, wrote: Callable[[int], None]) -> None:
        failures, wait = 0, self.patience.first_wait_seconds
        while self._position < self._end:
            before = self._position
            try:
                self._request(sink, wrote)
                continue
            except _Again as again:
                if self._position > before:
                    failures, wait = 0, self.patience.first_wait_seconds
                failures += 1
                if failures >= self.patience.attempts:
                    raise self._given_up(again) from again
                seconds, reason = (wait if again.wait is None else again.wait), str(again)
            self.meter.tell(Event("retry", path=self.file.path, message=f"{reason}; again in {seconds:.0f} s"))
            if self.stop.wait(seconds):
                raise Stopped
            wait = min(2 * wait, self.patience.longest_wait_seconds)

    def _given_up(self, again: _Again) -> NetworkError:
        kept = self.partial is not None
        return NetworkError(
            f"{self.file.path}: {again} ({self.patience.attempts} times in a row), with "
            f"{format_bytes(self._position)} of {format_bytes(self.file.bytes)} {'here' if kept else 'passed'}",
            hint="run the same command again" + (": it goes on from there" if kept else ""),
        )

    def _request(self, sink: Sink, wrote: Callable[[int], None]) -> None:
        """One answer's worth of bytes."""
        from huggingface_hub.utils import get_session, httpx

        headers, start = dict(self.headers), self._position
        stop = min(self._end, start + _LONGEST_ANSWER)
        if start or stop < self.file.bytes:
            headers["Range"] = f"bytes={start}-{stop - 1}"
        limits = httpx.Timeout(self.patience.read_seconds)
        try:
            with get_session().stream(
                "GET", self.url, headers=headers, timeout=limits, follow_redirects=True
            ) as answer:
                if is_far(answer):
                    self.lanes.widen()
                stop = self._check(answer, sink, stop)
                self._copy(answer, sink, wrote, stop)
        except httpx.TimeoutException as error:
            raise _Again(f"nothing came for {self.patience.read_seconds:.0f} s") from error
        except httpx.TransportError as error:
            raise _Again(f"the connection broke ({error or type(error).__name__})") from error
        if self._position < min(stop, self._end):
            raise _Again("the answer ended early")

    def _copy(self, answer: Any, sink: Sink, wrote: Callable[[int], None], stop: int) -> None:
        coded = answer.headers.get("Content-Encoding", "identity").lower() != "identity"
        for piece in answer.iter_bytes() if coded else answer.iter_raw():
            if self._position + len(piece) > stop:
                raise self._other_size(f"more than {stop:,}")
            _write(sink, memoryview(piece)[: self._end - self._position], self._counted(wrote))
            if self._position == self._end < stop:
                return  # of a server that sends the whole file whatever it is asked for
            if self.stop.is_set():
                raise Stopped

    def _counted(self, wrote: Callable[[int], None]) -> Callable[[int], None]:
        def note(count: int) -> None:
            self._position += count
            wrote(self._position)
            self.meter.moved(count)

        return note

    def _check(self, answer: Any, sink: Sink, stop: int) -> int:
        """Whether the answer is the file that was asked for, from where it was asked for; where it must end."""
        status = answer.status_code
        if status in _BUSY:
            raise _Again(f"the Hub answers {status}", pause(answer, self.patience))
        if status in (401, 403) and self._elsewhere(answer):
            raise _Again(f"the signed address no longer holds ({status})")
        if status not in (200, 206):
            self._refused(answer)
        tags = [step.headers.get("X-Linked-Etag", "") for step in (*answer.history, answer)]
        linked = max(tags, key=len).removeprefix("W/").strip('"')
        if self.file.sha256 and re.fullmatch(r"[0-9a-f]{64}", linked) and linked != self.file.sha256:
            raise IntegrityError(
                f"{self.file.path}: the Hub lists sha256 {self.file.sha256} and serves {linked}",
                hint="run this again later; tell the publisher if it stays",
            )
        if status == 206:
            self._check_range(answer.headers.get("Content-Range", ""))
            return stop
        length = answer.headers.get("Content-Length", "")
        if "Content-Encoding" not in answer.headers and length.isdigit() and int(length) != self.file.bytes:
            raise self._other_size(f"{int(length):,}")
        if self._position:  # The server does not do ranges: from the beginning.
            sink.truncate(0)
            self.meter.here(-self._position)
            self._position = self.resumed = 0
            raise _FromZero
        return self.file.bytes

    def _check_range(self, text: str) -> None:
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", text.strip())
        if not found or int(found[1]) != self._position:
            raise _Again(f"the server sent another range ({text or 'none'})")
        if found[3] != "*" and int(found[3]) != self.file.bytes:
            raise self._other_size(f"{int(found[3]):,}")

    def _other_size(self, sent: str) -> IntegrityError:
        return IntegrityError(
            f"{self.file.path}: the Hub lists {self.file.bytes:,} bytes, the server sends {sent}",
            hint="run this again later; tell the publisher if it stays",
        )

    def _elsewhere(self, answer: Any) -> bool:
        return urlsplit(str(answer.url)).netloc != urlsplit(self.hub.endpoint).netloc

    def _refused(self, answer: Any) -> None:
        from huggingface_hub.utils import hf_raise_for_status

        try:
            hf_raise_for_status(answer)
        except Exception as error:
            raise translated(error, self.repo, self.hub.endpoint) from error
        raise NetworkError(f"{self.file.path}: the Hub answers {answer.status_code}", hint="try again later")


class _FromZero(Exception):
    """The bytes that were there do not count; begin again."""


class _Through:
    """A sink that keeps nothing."""

    def __init__(self, write: Callable[[memoryview], int]) -> None:
        self.write = write

    def truncate(self, _size: int) -> int:
        """What has passed cannot be taken back."""
        raise NetworkError(
            "the server sends no ranges, so what has passed cannot be gone on from", hint="download the files whole"
        )


def _write(sink: Sink, view: memoryview, wrote: Callable[[int], None]) -> None:
    """All of it; what fits is kept and counted also when the disk fills in its middle."""
    while view:
        count = sink.write(view)
        wrote(count)
        view = view[count:]
