"""The host: which system's reader is asked, and what is the same on all of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

from modelpick.hardware.interface import Cpu, Hardware, MemoryPool, System
from modelpick.hardware.probe import Probe
from modelpick.values import replace


def host(probe: Probe, *, details: bool = False) -> Hardware:
    """Processor, memory and system, without accelerators. ``details`` asks archspec for the microarchitecture."""
    try:
        cpu, memory, system, board = _read(probe)
    except Exception as error:  # a figure nobody foresaw costs the host's figures, not the answer
        probe.note("host", f"detection failed: {type(error).__name__}: {error}", warning=True)
        cpu, memory, system, board = _unknown(probe)
    if details and probe.live:
        from modelpick.hardware.cpu_names import told_by_archspec

        name, more = told_by_archspec()
        # On Linux archspec reads the same words that were read already; elsewhere it knows more.
        cpu = replace(cpu, microarchitecture=name, features=tuple(sorted({*cpu.features, *more})))
    system = replace(system, disk_free_bytes=disk_free(probe))
    machine = Hardware(cpu=cpu, system=system, pools=(memory,), label=board)
    return _with_bandwidth(machine, probe)


def _read(probe: Probe) -> tuple[Cpu, MemoryPool, System, str | None]:
    if probe.platform == "win32":
        from modelpick.hardware.host_windows import read as read_windows

        return (*read_windows(probe), None)
    if probe.platform == "darwin":
        from modelpick.hardware.host_macos import read as read_macos

        return (*read_macos(probe), None)
    from modelpick.hardware import host_linux
    from modelpick.hardware.cgroup import limits

    found = limits(probe)
    cpu = host_linux.cpu(probe, found)
    memory, total, swap = host_linux.memory(probe, found)
    return cpu, memory, host_linux.system(probe, swap, total), host_linux.board(probe)


def _unknown(probe: Probe) -> tuple[Cpu, MemoryPool, System, str | None]:
    """A host of which nothing is known but what Python was built for."""
    names: dict[str, Literal["macos", "windows"]] = {"darwin": "macos", "win32": "windows"}
    cores = os.cpu_count()
    cpu = Cpu(None, "unknown", None, None, cores, float(cores or 1))
    return cpu, MemoryPool("host", None, None), System(names.get(probe.platform, "linux")), None


def _with_bandwidth(machine: Hardware, probe: Probe) -> Hardware:
    """A measurement kept from before wins; then what firmware and tables say."""
    from modelpick.hardware.bandwidth import host_bandwidth

    rate, origin, kind = host_bandwidth(probe, machine.cpu, machine.system, machine.label)
    if probe.live:
        from modelpick.hardware.measured import remembered

        measured = remembered(machine)
        if measured:
            rate, origin = measured, "measured"
    memory = replace(machine.host, bandwidth_bytes_per_second=rate, bandwidth_origin=origin, kind=kind)
    return replace(machine, pools=(memory,))


def models_folder(environ: Mapping[str, str]) -> str:
    """Where the Hub's library keeps models: HF_HUB_CACHE, HF_HOME, or the default under the cache folder."""
    get = environ.get
    if get("HF_HUB_CACHE"):
        return str(get("HF_HUB_CACHE"))
    home = get("HF_HOME") or os.path.join(  # noqa: PTH118
        get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),  # noqa: PTH111
        "huggingface",
    )
    return os.path.join(home, "hub")  # noqa: PTH118


def disk_free(probe: Probe) -> int | None:
    """Free bytes on the disk that holds (or would hold) the models; None for a tree of fixtures."""
    if not probe.live:
        return None
    folder = os.path.abspath(os.path.expanduser(models_folder(probe.environ)))  # noqa: PTH100, PTH111
    while not os.path.isdir(folder) and os.path.dirname(folder) != folder:  # noqa: PTH112, PTH120
        folder = os.path.dirname(folder)  # noqa: PTH120
    try:
        if hasattr(os, "statvfs"):
            status = os.statvfs(folder)
            return status.f_bavail * status.f_frsize
        import shutil

        return shutil.disk_usage(folder).free
    except OSError:
        return None
