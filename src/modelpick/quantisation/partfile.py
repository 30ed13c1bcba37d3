"""The file while it grows: beside the target under another name, locked, with a journal of what is complete.

Its first four bytes stay zero until the very end, so that no reader takes it for a GGUF file. The final name
appears by one rename of a file that was verified and synced.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from modelpick.errors import ModelpickError, RoomError, UsageError
from modelpick.quantisation.gguf_header import MAGIC, Frame
from modelpick.units import format_bytes

JOURNAL_BYTES = 512 * 1024 * 1024
"""After so many bytes the file is synced and the journal brought up to date."""

_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
_KEEP_FREE = 1024 * 1024


class PartFile:
    """The growing file. ``done`` names the source tensors that an earlier run of the same plan has dealt with.

    ``marks`` tells what to note of the source beside them; ``marked`` is what the earlier run had noted.
    """

    def __init__(
        self,
        target: Path,
        frame: Frame,
        fingerprint: str,
        *,
        journal_bytes: int = JOURNAL_BYTES,
        marks: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self.target, self._frame, self._every, self._marks = target, frame, journal_bytes, marks
        self.path = target.with_name(f".{target.name}.part")
        self._journal_path = target.with_name(f".{target.name}.journal")
        self._fresh_journal_path = target.with_name(f".{target.name}.journal.new")
        self._key = hashlib.sha256(frame.header + fingerprint.encode()).hexdigest()
        self._lock = threading.Lock()
        self._written = self._synced = 0
        self._complete: list[str] = []
        self._noted: tuple[str, ...] = ()
        self._background = ThreadPoolExecutor(1, thread_name_prefix="sync")
        self._syncing: Future[None] | None = None
        self.done: frozenset[str] = frozenset()
        self.marked: tuple[str, ...] = ()
        self._descriptor = _open(self.path, target)
        try:
            self._take_up()
        except BaseException:
            self.discard()
            raise

    def _take_up(self) -> None:
        """Go on where a run with the same plan stopped, else start anew."""
        self._fresh_journal_path.unlink(missing_ok=True)  # of a run that was killed while it wrote one
        kept, marked = self._read_journal()
        if kept and os.fstat(self._descriptor).st_size == self._frame.size and self._header_stands():
            self._complete = kept
            self.done, self.marked = frozenset(kept), tuple(marked)
        else:
            self._journal_path.unlink(missing_ok=True)
            os.ftruncate(self._descriptor, 0)
            self._check_room()
            self._guarded(lambda: os.ftruncate(self._descriptor, self._frame.size))
            self._write_at(memoryview(self._hidden_header()), 0)

    def keep_only(self, names: Collection[str]) -> None:
        """Do the others again: what an earlier run made of them is not to be believed."""
        self._complete = [name for name in self._complete if name in names]
        self.done = frozenset(self._complete)

    def _check_room(self) -> None:
        free = shutil.disk_usage(self.target.parent).free
        if free < self._frame.size + _KEEP_FREE:
            raise RoomError(
                f"{self.target.name} takes {format_bytes(self._frame.size)}, "
                f"{self.target.parent} has {format_bytes(free)} free",
                hint="make room, choose a smaller --type, or --out on another disk",
                details={"needed_bytes": self._frame.size, "free_bytes": free},
            )

    def write(self, data: memoryview, at: int) -> None:
        """Write at that byte.

        :raises RoomError: when the disk is full; what was written is then removed.
        """
        self._guarded(lambda: self._write_at(data, at))
        with self._lock:
            self._written += len(data)

    def finished(self, names: Sequence[str]) -> None:
        """Note source tensors as dealt with; now and then, and on new marks, sync data and journal in the back."""
        self._complete += names
        marks = self._marks()
        if marks == self._noted and (not names or self._written - self._synced < self._every):
            return
        if self._syncing is None or self._syncing.done():
            self._settle()
            self._synced, self._noted = self._written, marks
            self._syncing = self._background.submit(self._sync_and_note, list(self._complete), marks)

    def _sync_and_note(self, complete: list[str], marks: tuple[str, ...]) -> None:
        self._guarded(lambda: _sync(self._descriptor))
        self._write_journal(complete, marks)

    def _settle(self) -> None:
        """Wait for the sync that is under way; its failure is raised here."""
        if self._syncing is not None:
            running, self._syncing = self._syncing, None
            running.result()

    def read(self, buffer: memoryview, at: int) -> int:
        """Read from the growing file, with the magic still hidden."""
        os.lseek(self._descriptor, at, os.SEEK_SET)
        data = os.read(self._descriptor, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def commit(self, verify: Callable[[Path], None], *, overwrite: bool) -> str:
        """Show the magic, verify, sync, and give the file its name; its sha256, computed while the disk works.

        :raises UsageError: when a file of that name appeared meanwhile and must not be overwritten.
        """
        try:
            self._settle()
            self._guarded(lambda: self._write_at(memoryview(MAGIC), 0))
            syncing = self._background.submit(self._guarded, lambda: os.fsync(self._descriptor))
            verify(self.path)
            sha256 = _sha256(self.path)
            syncing.result()
            if overwrite:
                self.path.replace(self.target)
            else:
                _link_new(self.path, self.target)
        except BaseException:
            self.discard()
            raise
        _sync_folder(self.target.parent)
        self._journal_path.unlink(missing_ok=True)
        self._close()
        return sha256

    def keep(self) -> None:
        """Close, and leave file and journal for a run that continues."""
        if self._descriptor >= 0:
            self._settle()
            self._sync_and_note(self._complete, self._marks())
            self._close()

    def discard(self) -> None:
        """Close, and remove file and journal."""
        if self._descriptor >= 0:
            if self._syncing is not None:
                self._syncing.exception()
            self.path.unlink(missing_ok=True)
            self._journal_path.unlink(missing_ok=True)
            self._close()

    def _close(self) -> None:
        self._background.shutdown()
        os.close(self._descriptor)
        self._descriptor = -1

    def _guarded(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError as error:
            if error.errno in _FULL:
                free = shutil.disk_usage(self.target.parent).free
                raise RoomError(
                    f"no room for {self.target.name} ({format_bytes(self._frame.size)}): {error.strerror}; "
                    f"{format_bytes(free)} free in {self.target.parent}",
                    hint="make room, choose a smaller --type, or --out on another disk",
                ) from error
            raise ModelpickError(f"{self.path} cannot be written: {error.strerror}") from error

    def _write_at(self, data: memoryview, at: int) -> None:
        done = 0
        while done < len(data):
            if hasattr(os, "pwrite"):
                done += os.pwrite(self._descriptor, data[done:], at + done)
            else:  # Windows
                with self._lock:
                    os.lseek(self._descriptor, at + done, os.SEEK_SET)
                    done += os.write(self._descriptor, data[done:])

    def _hidden_header(self) -> bytes:
        return bytes(len(MAGIC)) + self._frame.header[len(MAGIC) :]

    def _header_stands(self) -> bool:
        buffer = bytearray(len(self._frame.header))
        return self.read(memoryview(buffer), 0) == len(buffer) and bytes(buffer) == self._hidden_header()

    def _read_journal(self) -> tuple[list[str], list[str]]:
        try:
            found = json.loads(self._journal_path.read_bytes())
            names = [str(name) for name in found["complete"]]
            marks = [str(mark) for mark in found["marks"]]
            return (names, marks) if found["plan"] == self._key else ([], [])
        except (OSError, ValueError, KeyError, TypeError):
            return [], []

    def _write_journal(self, complete: list[str], marks: tuple[str, ...]) -> None:
        fresh = self._fresh_journal_path
        fresh.write_text(json.dumps({"plan": self._key, "complete": complete, "marks": marks}))
        fresh.replace(self._journal_path)


def _open(path: Path, target: Path) -> int:
    if path.is_symlink():
        raise UsageError(f"{path} is a symbolic link", hint=f"rm {path}")
    if path.exists() and target.exists() and path.samefile(target):
        path.unlink()  # of a run that was killed after it gave the file its name: it is finished
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    except OSError as error:
        raise UsageError(
            f"nothing can be written in {target.parent}: {error.strerror}", hint="choose another folder with --out"
        ) from error
    try:
        import fcntl
    except ImportError:  # Windows: no lock
        return descriptor
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise UsageError(
            f"another run is writing {target.name}", hint="wait for it, or choose another --out"
        ) from error
    return descriptor


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(descriptor: int) -> None:
    getattr(os, "fdatasync", os.fsync)(descriptor)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link_new(path: Path, target: Path) -> None:
    """Give the file its name unless that name is taken."""
    try:
        os.link(path, target)
    except FileExistsError as error:
        raise UsageError(f"{target} exists", hint="--force overwrites it") from error
    except OSError:  # a file system without hard links
        if target.exists():
            raise UsageError(f"{target} exists", hint="--force overwrites it") from None
        path.replace(target)
        return
    path.unlink(missing_ok=True)
