"""Opening a repository for quantising while it is downloaded: small files fetched, shards only looked into."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading
from pathlib import Path

from modelpick.acquisition.hub import at, request_headers
from modelpick.acquisition.interface import HubSettings, Plan, RemoteFile
from modelpick.acquisition.progress import Meter
from modelpick.acquisition.settings import patience
from modelpick.acquisition.transfer import Transfer
from modelpick.errors import IntegrityError, NotFoundError
from modelpick.quantisation.hub_flow import Write
from modelpick.quantisation.hub_source import HubSource

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
        Transfer(
            file,
            at(url, self._hub),
            self._plan.repo,
            None,
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
