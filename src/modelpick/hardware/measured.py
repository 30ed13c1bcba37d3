"""Measurements of memory bandwidth that were kept, each under the fingerprint of its machine."""

from __future__ import annotations

import os
import sys

from modelpick.hardware.interface import Hardware


def cores_to_use(hardware: Hardware) -> int:
    """One thread for each core that this process may use."""
    return max(1, round(hardware.cpu.usable_cores))


def fingerprint(hardware: Hardware) -> str:
    """What a measurement belongs to: processor, cores in use and memory, as a short hash without names of people."""
    import hashlib

    cpu = hardware.cpu
    text = f"{cpu.name}|{cpu.architecture}|{cpu.physical_cores}|{cores_to_use(hardware)}|{hardware.host.total_bytes}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def cache_file() -> str:
    """Where a measurement is kept; nothing is created."""
    if sys.platform not in ("win32", "darwin"):
        # The same answer as platformdirs gives, without its import; a test holds the two together.
        home = os.environ.get("XDG_CACHE_HOME", "").strip() or os.path.expanduser("~/.cache")  # noqa: PTH111
        return os.path.join(home, "modelpick", "bandwidth.json")  # noqa: PTH118
    from platformdirs import user_cache_dir

    return os.path.join(user_cache_dir("modelpick", appauthor=False), "bandwidth.json")  # noqa: PTH118


def remembered(hardware: Hardware, path: str | None = None) -> int | None:
    """The bandwidth measured on such a machine before, or None; a damaged file counts as none."""
    try:
        with open(path or cache_file(), "rb") as file:  # noqa: PTH123
            text = file.read()
    except OSError:
        return None
    import json

    try:
        content = json.loads(text)
        rate = content[fingerprint(hardware)]["bandwidth_bytes_per_second"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return rate if type(rate) is int and 0 < rate < 10**15 else None


def remember(hardware: Hardware, rate: int, measured_at: str, path: str | None = None) -> str:
    """Keep a measurement beside those of other machines that share the folder; returns the file."""
    import json
    from pathlib import Path

    file = Path(path or cache_file())
    try:
        content = json.loads(file.read_text("utf-8"))
        if not isinstance(content, dict):
            content = {}
    except (OSError, ValueError, RecursionError):
        content = {}
    content[fingerprint(hardware)] = {"bandwidth_bytes_per_second": rate, "measured_at": measured_at}
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}.tmp")
    fresh.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", "utf-8")
    fresh.replace(file)
    return str(file)
