"""Where files lie: in the Hub's cache as the library itself lays it out, or plainly in a folder.

In both a file gets its final name only after its hash was checked; until then it is a partial beside it, guarded by
a lock that ends with the process that holds it. The cache's locks are the library's own, so a download by any
program of the Hub's family waits for ours, and ours for it.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelpick.acquisition.interface import Event, HubSettings, Observer, Plan, RemoteFile
from modelpick.acquisition.progress import Stopped
from modelpick.errors import RoomError

OWN = ".modelpick"
"""The folder of manifests and partials, beside what they describe."""
_PARTIAL = ".modelpick-partial"
_LOOK_AGAIN_SECONDS = 0.25
_SAY_AFTER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where one file goes: ``final`` only when whole, ``partial`` until then; ``pointer`` is the snapshot's link."""

    final: Path
    partial: Path
    lock: Path
    pointer: Path | None


def repo_folder(cache: Path, repo: str) -> Path:
    """A repository's folder in the Hub's cache."""
    return cache / f"models--{repo.replace('/', '--')}"


def place(plan: Plan, file: RemoteFile) -> Place:
    """The places of one file of a plan."""
    root, key = Path(plan.target), file.sha256 or file.blob_id or _key(file.path)
    if plan.layout == "folder":
        own = root / OWN
        return Place(root / file.path, own / f"{key}{_PARTIAL}", own / f"{key}.lock", None)
    folder = repo_folder(root, plan.repo)
    return Place(
        final=folder / "blobs" / key,
        partial=folder / "blobs" / f"{key}{_PARTIAL}",
        lock=root / ".locks" / folder.name / f"{key}.lock",
        pointer=folder / "snapshots" / plan.commit / file.path,
    )


def _key(path: str) -> str:
    from hashlib import sha1

    return sha1(path.encode()).hexdigest()


def artifact_folder(plan: Plan) -> Path:
    """The folder under which the files carry their repository paths."""
    if plan.layout == "folder":
        return Path(plan.target)
    return repo_folder(Path(plan.target), plan.repo) / "snapshots" / plan.commit


def resumable(plan: Plan, file: RemoteFile) -> int:
    """Bytes that an interrupted download of the file left."""
    try:
        return min(place(plan, file).partial.stat().st_size, file.bytes)
    except OSError:
        return 0


def has_size(path: Path, size: int) -> bool:
    """Whether a file is there with exactly that many bytes."""
    try:
        return path.stat().st_size == size
    except OSError:
        return False


@contextmanager
def locked(path: Path, file: str, observe: Observer, stop: threading.Event) -> Iterator[None]:
    """Hold a file's lock; says so when another process holds it first.

    :raises Stopped: when ``stop`` is set before the lock is free.
    """
    from filelock import FileLock, SoftFileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock: FileLock | SoftFileLock = FileLock(path, mode=0o664)
    begun, told = time.monotonic(), False
    while True:
        if stop.is_set():
            raise Stopped
        try:
            lock.acquire(timeout=_LOOK_AGAIN_SECONDS)
            break
        except NotImplementedError:  # A file system without flock: the library falls back the same way.
            lock = SoftFileLock(path)
        except Timeout:
            if not told and time.monotonic() - begun >= _SAY_AFTER_SECONDS:
                observe(Event("waiting", path=file, message="another process is fetching it"))
                told = True
    try:
        yield
    finally:
        lock.release()


def point(pointer: Path, blob: Path) -> None:
    """Make the snapshot's name point at the blob, in one step; a copy where links are not possible."""
    pointer.parent.mkdir(parents=True, exist_ok=True)
    target = os.path.relpath(blob, pointer.parent)
    if pointer.is_symlink() and str(pointer.readlink()) == target:
        return
    # Not beside the pointer: what a kill leaves there would look like one of the model's files.
    fresh = blob.with_name(f"{blob.name}.{os.getpid()}.link")
    fresh.unlink(missing_ok=True)
    try:
        fresh.symlink_to(target)
    except (OSError, NotImplementedError):
        link_or_copy(blob, fresh)
    fresh.replace(pointer)


def link_or_copy(source: Path, target: Path) -> str:
    """Give ``source``'s bytes a second name, whole from the start: a hard link, else a copy. Returns which.

    :raises FileExistsError: when the name is taken.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except FileExistsError:
        raise
    except OSError:
        fresh = target.with_name(f"{target.name[:100]}.{os.getpid()}.part")
        try:
            shutil.copyfile(source, fresh)
            fresh.replace(target)
        finally:
            fresh.unlink(missing_ok=True)
        return "copy"
    return "link"


def write_ref(plan: Plan, hub: HubSettings) -> None:
    """Note in the cache which commit the branch was, as the library does."""
    if plan.layout != "cache" or plan.revision == plan.commit:
        return
    ref = repo_folder(hub.cache, plan.repo) / "refs" / plan.revision
    ref.parent.mkdir(parents=True, exist_ok=True)
    fresh = ref.with_name(f".{os.getpid()}-{ref.name}")
    fresh.write_text(plan.commit, encoding="ascii")
    fresh.replace(ref)


def free_bytes(folder: Path) -> int | None:
    """Room on the disk that will hold ``folder``, which need not exist yet."""
    for path in (folder, *folder.parents):
        try:
            return shutil.disk_usage(path).free
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return None
    return None


def require_room(plan: Plan) -> None:
    """Refuse before the first byte.

    :raises RoomError: with the numbers.
    """
    from modelpick.units import format_bytes

    needed, free = plan.missing_bytes, free_bytes(Path(plan.target))
    if free is not None and needed > free:
        raise RoomError(
            f"{plan.model} needs {format_bytes(needed)} more ({needed:,} bytes); the disk of {plan.target} has "
            f"{format_bytes(free)} free ({free:,} bytes)",
            hint="free some room, take a smaller --quant, or another disk with --to DIR",
            details={"needed_bytes": needed, "available_bytes": free},
        )
