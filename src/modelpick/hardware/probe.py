"""How detectors look at a machine: files under a root, environment, and a list of what was read for ``doctor``.

Everything below ``root`` can be a tree of fixtures. Nothing here raises for what is missing, and no other process is
looked at. Plain ``os`` calls, because a detection reads some forty small files and pathlib costs more than they do.
"""

# ruff: noqa: PTH119, PTH208, PTH115, PTH110

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence

from modelpick.hardware.interface import Note, Reading

_MOST_READ = 1 << 16
TIMEOUT_SECONDS = 2.0


class Probe:
    """One look at one machine. ``root`` is ``/`` for this one; ``libraries`` False keeps vendor libraries out.

    ``sysctl`` and ``registry`` stand in for macOS's and Windows's own stores; None takes the real ones.
    """

    def __init__(
        self,
        root: str = "/",
        *,
        environ: Mapping[str, str] | None = None,
        platform: str = sys.platform,
        libraries: bool = True,
        sysctl: Callable[[str], str | None] | None = None,
        registry: Callable[[str], Mapping[str, Mapping[str, object]]] | None = None,
        run: Callable[[Sequence[str]], str | None] | None = None,
        trace: bool = False,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.root = root.rstrip("/")
        self.environ: Mapping[str, str] = os.environ if environ is None else environ
        self.platform = platform
        self.libraries = libraries
        self.sysctl = sysctl
        self.registry = registry
        self.runner = run
        self.trace = trace
        self.timeout_seconds = timeout_seconds
        self.notes: list[Note] = []
        self.readings: list[Reading] = []
        self.process_seconds = 0.0

    @property
    def live(self) -> bool:
        """Whether this machine is looked at, not a tree of fixtures."""
        return not self.root

    def read(self, path: str, source: str = "file") -> str | None:
        """The stripped text of a file (64 KiB at most), or None if there is none to read."""
        data = self.read_bytes(path)
        text = None if data is None else data.decode("utf-8", "replace").strip()
        if self.trace:
            self.reading(source, path, text, "absent" if text is None else "read")
        return text

    def read_bytes(self, path: str, most: int = _MOST_READ) -> bytes | None:
        """The first ``most`` bytes of a file, or None."""
        try:
            handle = os.open(self.root + path, os.O_RDONLY)
        except (OSError, ValueError):
            return None
        parts = []
        try:
            while most > 0 and (part := os.read(handle, most)):
                parts.append(part)
                most -= len(part)
        except OSError:  # sysfs files of a sleeping or dying device fail at the read, not at the opening
            return None
        finally:
            os.close(handle)
        return b"".join(parts)

    def number(self, path: str, source: str = "file") -> int | None:
        """The whole number in a file, decimal or with 0x; None for anything else."""
        text = self.read(path, source)
        try:
            return int(text, 0) if text else None
        except ValueError:
            return None

    def entries(self, path: str) -> list[str]:
        """The sorted names in a folder; none if it is missing."""
        try:
            return sorted(os.listdir(self.root + path))
        except OSError:
            return []

    def link(self, path: str) -> str | None:
        """The last part of where a symbolic link points."""
        try:
            return os.path.basename(os.readlink(self.root + path))
        except OSError:
            return None

    def resolved(self, path: str) -> str | None:
        """The last part of a path once all links are followed (a PCI address, under /sys/class)."""
        full = self.root + path
        return os.path.basename(os.path.realpath(full)) if os.path.exists(full) else None

    def exists(self, path: str) -> bool:
        """Whether there is something at that path."""
        return os.path.exists(self.root + path)

    def note(self, source: str, message: str, *, warning: bool = False) -> None:
        """Tell the reader something about a reading."""
        self.notes.append(Note(source, message, "warning" if warning else "info"))

    def reading(self, source: str, what: str, raw: object, judged: str) -> None:
        """Keep what was read and how it was judged, when ``doctor`` asked for it."""
        if self.trace:
            text = None if raw is None else str(raw)
            self.readings.append(Reading(source, what, text, judged))

    def run(self, command: Sequence[str]) -> str | None:
        """The output of a short command, or None if it is missing, fails or takes too long.

        All commands together have three quarters of the timeout, so that none is still running when the detector that
        started it is given up.
        """
        if self.runner is not None:
            return self.runner(command)
        import subprocess
        from time import monotonic

        left = 0.75 * self.timeout_seconds - self.process_seconds
        if left <= 0:
            return None
        start = monotonic()
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=left,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            self.reading("process", command[0], None, f"{type(error).__name__}")
            return None
        finally:
            self.process_seconds += monotonic() - start
        self.reading("process", " ".join(command), done.stdout or done.stderr, f"exit status {done.returncode}")
        return done.stdout if done.returncode == 0 else None


def listed(text: str | None) -> int | None:
    """How many numbers a kernel list has: ``0-3,8`` is 5; None for no list."""
    if not text:
        return None
    count = 0
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            count += int(last or first) - int(first) + 1
    except ValueError:
        return None
    return count
