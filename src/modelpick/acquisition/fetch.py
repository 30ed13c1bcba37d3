"""A plan carried out: every file fetched or found, checked, and only then given its name. Files come in parallel."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from modelpick.acquisition import manifest
from modelpick.acquisition.digest import Sums, sums_of
from modelpick.acquisition.hub import request_headers
from modelpick.acquisition.interface import (
    Artifact,
    ArtifactFile,
    Event,
    HubSettings,
    Observer,
    Patience,
    Plan,
    RemoteFile,
)
from modelpick.acquisition.lanes import Lanes
from modelpick.acquisition.progress import Meter, Stopped
from modelpick.acquisition.store import (
    Place,
    artifact_folder,
    has_size,
    link_or_copy,
    locked,
    place,
    point,
    require_room,
    write_ref,
)
from modelpick.acquisition.transfer import Transfer
from modelpick.errors import IntegrityError, RoomError, UsageError
from modelpick.units import format_bytes

_AT_ONCE = 4
_WORTH_SAYING_BYTES = 2**30
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Inspect = Callable[[Path, RemoteFile], None]
"""Reads a whole file's header before it gets its name; raises IntegrityError when it is not what was asked for."""


def fetch(
    plan: Plan, hub: HubSettings, *, observe: Observer, inspect: Inspect, patience: Patience | None = None
) -> Artifact:
    """The plan's files, whole and verified, under their final names.

    :raises RoomError: before the first byte, or when the disk fills (what came stays and is gone on from).
    :raises NetworkError, AccessError, IntegrityError: as they happen; the first one ends the others.
    """
    require_room(plan)
    meter = Meter(observe, plan.total_bytes)
    meter.tell(Event("start", bytes_done=0, bytes_total=plan.total_bytes, message=plan.repo))
    run = _Run(plan, hub, meter, inspect, patience or Patience())
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="modelpick-fetch") as pool:
        # Large files first: they decide when all is done.
        futures = {file.path: pool.submit(run.one, file) for file in sorted(plan.files, key=lambda f: -f.bytes)}
        try:
            wait(futures.values(), return_when=FIRST_EXCEPTION)
        finally:
            run.stop.set()  # Also on Ctrl-C: the others stop at their next bytes.
            for future in futures.values():
                future.cancel()
    failures = [error for future in futures.values() if not future.cancelled() and (error := future.exception())]
    if failures:
        raise next((error for error in failures if not isinstance(error, Stopped)), failures[0])
    write_ref(plan, hub)
    files = tuple(futures[file.path].result() for file in plan.files)
    meter.tell(Event("done", bytes_done=meter.done, bytes_total=plan.total_bytes))
    return Artifact(
        path=str(artifact_folder(plan)),
        model=plan.model,
        repo=plan.repo,
        commit=plan.commit,
        format=plan.format,
        quantisation=plan.quantisation,
        files=files,
        license_verdict=None,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


class _Run:
    """What the files of one download share."""

    def __init__(self, plan: Plan, hub: HubSettings, meter: Meter, inspect: Inspect, patience: Patience) -> None:
        self.plan, self.hub, self.meter, self.inspect, self.patience = plan, hub, meter, inspect, patience
        self.headers = request_headers(hub)
        self.lanes = Lanes(_AT_ONCE)
        self.stop = threading.Event()

    def one(self, file: RemoteFile) -> ArtifactFile:
        """One file from wherever it is to its final name."""
        where = place(self.plan, file)
        try:
            with locked(where.lock, file.path, self.meter.tell, self.stop):
                sums = self._here(file, where) or self._elsewhere(file, where) or self._fetched(file, where)
                if where.pointer:
                    point(where.pointer, where.final)
        except OSError as error:
            self.stop.set()
            if error.errno in _NO_ROOM:
                raise self._full(file) from error
            raise UsageError(
                f"{error.filename or self.plan.target} cannot be written: {error.strerror or error}",
                hint="choose another folder with --to DIR, or another cache with HF_HOME",
            ) from error
        except BaseException:
            self.stop.set()
            raise
        self.meter.tell(Event("verified", path=file.path, bytes_done=self.meter.done, bytes_total=self.meter.total))
        return ArtifactFile(file.path, file.bytes, sums.sha256.hexdigest())

    def _here(self, file: RemoteFile, where: Place) -> Sums | None:
        """The sums of the file if it already has its name and is whole; a damaged one is taken away."""
        if not has_size(where.final, file.bytes):
            if where.final.exists() and where.pointer is None:
                self._keep_users(file, where)
            return None
        if file.bytes >= _WORTH_SAYING_BYTES:
            self.meter.tell(Event("checking", path=file.path, message="hashing what is here"))
        sums = sums_of(where.final, file)
        if not sums.matches(file):
            if where.pointer is None:
                self._keep_users(file, where)
            self.meter.tell(Event("retry", path=file.path, message="the file that was here is damaged; fetching it"))
            where.final.unlink()
            return None
        self.inspect(where.final, file)
        self.meter.here(file.bytes)
        return sums

    def _keep_users(self, file: RemoteFile, where: Place) -> None:
        """In a folder of the user's, a file of that name that modelpick did not put there is not overwritten."""
        if not manifest.owns(Path(self.plan.target), file.path):
            raise IntegrityError(
                f"{where.final} is there already and is another file than {self.plan.repo} has",
                hint="move it away, or choose another folder with --to DIR",
            )

    def _elsewhere(self, file: RemoteFile, where: Place) -> Sums | None:
        """The file from another place on this disk, if it is there with the right hash."""
        if not file.reuse_from or not has_size(source := Path(file.reuse_from), file.bytes):
            return None
        taken = where.partial.with_name(f"{where.partial.name}.taken")
        taken.unlink(missing_ok=True)
        try:
            how = link_or_copy(source, taken)
            sums = sums_of(taken, file)
        except OSError:
            taken.unlink(missing_ok=True)
            return None  # It is fetched instead, and a full disk is told then.
        if not sums.matches(file):
            taken.unlink()
            return None
        self._name(file, taken, where)
        where.partial.unlink(missing_ok=True)
        self.meter.here(file.bytes)
        self.meter.tell(Event("reuse", path=file.path, message=f"{how} of {source}"))
        return sums

    def _fetched(self, file: RemoteFile, where: Place) -> Sums:
        from huggingface_hub import hf_hub_url

        from modelpick.acquisition.hub import at

        url = hf_hub_url(self.plan.repo, file.path, revision=self.plan.commit)
        for last in (False, True):
            transfer = Transfer(
                file, at(url, self.hub), self.plan.repo, where.partial, self.hub, self.headers, self.patience,
                self.meter, self.stop, self.lanes,
            )  # fmt: skip
            sums = transfer.run()
            if sums.matches(file):
                self._name(file, where.partial, where)
                return sums
            where.partial.unlink()
            if last or not transfer.resumed:
                break
            # What an earlier run left may have been spoilt (a power cut): once from the beginning.
            self.meter.here(-file.bytes)
            self.meter.tell(
                Event("retry", path=file.path, message="what was left of it is damaged; from the beginning")
            )
        raise IntegrityError(
            f"{file.path}: the bytes do not have the hash that the Hub lists "
            f"({sums.sha256.hexdigest()[:9]}..., not {(file.sha256 or file.blob_id or '')[:9]}...); none was kept",
            hint="run this again later; tell the publisher if it stays",
        )

    def _name(self, file: RemoteFile, whole: Path, where: Place) -> None:
        """The last step: header read, then the final name, in one move."""
        self.inspect(whole, file)
        where.final.parent.mkdir(parents=True, exist_ok=True)
        whole.replace(where.final)

    def _full(self, file: RemoteFile) -> RoomError:
        left = sum(f.bytes for f in self.plan.files) - self.meter.done
        return RoomError(
            f"the disk of {self.plan.target} is full: {format_bytes(self.meter.done)} of "
            f"{format_bytes(self.plan.total_bytes)} are here ({file.path}), {format_bytes(left)} are missing",
            hint="free some room and run the same command again: it goes on from there",
            details={"needed_bytes": left},
        )


def with_verdict(artifact: Artifact, verdict: str | None) -> Artifact:
    """The artifact with the licence verdict that its download was allowed by."""
    return replace(artifact, license_verdict=verdict)
