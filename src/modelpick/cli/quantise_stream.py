"""Opening a repository for quantising while it is downloaded: small files fetched, shards only looked into."""

from __future__ import annotations

import atexit
import io
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any, cast

from modelpick.acquisition.digest import Follower
from modelpick.acquisition.hub import at, request_headers
from modelpick.acquisition.interface import HubSettings, Plan, RemoteFile
from modelpick.acquisition.progress import Meter
from modelpick.acquisition.settings import patience
from modelpick.acquisition.transfer import Transfer
from modelpick.errors import IntegrityError, NetworkError, NotFoundError
from modelpick.quantisation.hub_source import HubSource, Write
from modelpick.values import replace

_SMALL = (".json", ".model", ".jinja", ".txt", "LICENSE", "README.md")
_MOST_SMALL_BYTES = 256 * 1024 * 1024
SHARD_INDEX = "model.safetensors.index.json"


def opened(plan: Plan, hub: HubSettings) -> tuple[Path, HubSource]:
    """A folder with the small files (removed when the program ends), and the shards as a source.

    :raises NotFoundError: when the repository has no safetensors.
    """
    fetch = Opener(plan, hub)
    shards = sorted((file for file in plan.files if file.path.endswith(".safetensors")), key=lambda file: file.path)
    if not shards or plan.format not in ("safetensors",):
        raise NotFoundError(f"{plan.repo} has no safetensors to stream", hint="leave --stream out")
    unhashed = [shard.path for shard in shards if shard.sha256 is None]
    if unhashed:
        raise IntegrityError(f"the Hub lists no sha256 of {unhashed[0]}", hint="leave --stream out")
    folder = Path(tempfile.mkdtemp(prefix="modelpick-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for file in plan.files:
        if "/" not in file.path and file.path.endswith(_SMALL) and file.bytes <= _MOST_SMALL_BYTES:
            fetch.small(file, folder / file.path)
    return folder, HubSource(shards, fetch)


class Opener:
    """Ranges of a repository's files, with the library's session and headers, tried again as downloads are."""

    def __init__(self, plan: Plan, hub: HubSettings) -> None:
        self._plan, self._hub = plan, hub
        self._headers = request_headers(hub)

    def __call__(self, file: RemoteFile, start: int, stop: int, write: Write) -> None:
        """Bytes ``start`` to ``stop`` of a file, given to ``write`` in order."""
        from huggingface_hub import hf_hub_url

        url = hf_hub_url(self._plan.repo, file.path, revision=self._plan.commit, endpoint=self._hub.endpoint)
        _Passing(
            file,
            at(url, self._hub),
            self._plan.repo,
            Path(),
            self._hub,
            self._headers,
            patience(),
            Meter(lambda event: None, file.bytes),
            threading.Event(),
        ).pass_on(start, stop, write)

    def small(self, file: RemoteFile, target: Path) -> None:
        """A whole small file, verified."""
        from modelpick.acquisition.digest import sums_of

        with target.open("wb") as out:
            self(file, 0, file.bytes, out.write)
        if not sums_of(target, file).matches(file):
            raise IntegrityError(f"{file.path} is not what the Hub lists")


class _Enough(Exception):
    """All bytes that were wanted came."""


class _Passing(Transfer):
    """A transfer whose bytes go through, instead of into a partial."""

    def pass_on(self, start: int, stop: int, write: Write) -> None:
        """Give bytes ``start`` to ``stop`` to ``write``.

        :raises NetworkError: when nothing more comes, or the server does not do ranges.
        """
        self._position, self._whole = start, self.file.bytes
        self.file = replace(self.file, bytes=stop)
        self.headers["Range"] = f"bytes={start}-{stop - 1}"
        sink = _Sink(stop - start, write)
        try:
            self._fill(cast(Any, sink), cast(Follower, _Unfollowed()))
        except _Enough:
            return
        if sink.left:
            raise NetworkError(f"{self.file.path} ended {sink.left:,} bytes early")

    def _check_range(self, text: str) -> None:
        """As a download does, with the size of the whole file and not of the part that is wanted."""
        part, self.file = self.file, replace(self.file, bytes=self._whole)
        try:
            super()._check_range(text)
        finally:
            self.file = part


class _Sink(io.RawIOBase):
    def __init__(self, wanted: int, write: Write) -> None:
        super().__init__()
        self.left, self._write = wanted, write

    def write(self, piece: Any) -> int:
        """Pass on as much as was wanted, and stop the transfer when that is all."""
        if not self.left:
            raise _Enough
        count = min(len(piece), self.left)
        self._write(memoryview(piece)[:count])
        self.left -= count
        return count

    def truncate(self, _size: int | None = None) -> int:
        """The server wants to begin again from the first byte, which has passed already."""
        raise NetworkError(
            "the server sends no ranges, so an interrupted stream cannot go on", hint="leave --stream out"
        )


class _Unfollowed:
    def written(self, _position: int) -> None:
        """Nobody reads behind a stream."""
