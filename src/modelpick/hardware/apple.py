"""Apple: the chip from sysctl, its bandwidth from the table, the GPU's wired limit; Intel Macs' cards by name.

The configurations of one chip differ in processor cores, which sysctl tells; so system_profiler, a program that takes
a second, is asked on Intel Macs alone.
"""

from __future__ import annotations

import json
import re
from typing import Any

from modelpick.hardware.apple_chips import CHIPS, AppleChip, wired_limit
from modelpick.hardware.cards import with_figures
from modelpick.hardware.detect import Surroundings
from modelpick.hardware.interface import Device, Finding, MemoryPool, Vendor
from modelpick.hardware.sysctl import sysctl, sysctl_number
from modelpick.units import GIB, MIB

_PROFILER = ("/usr/sbin/system_profiler", "SPDisplaysDataType", "-json")
_VRAM = re.compile(r"(\d+(?:\.\d+)?)\s*([GM])B")


def find(around: Surroundings) -> Finding:
    """The GPU of an Apple chip, or the cards of an Intel Mac."""
    name = sysctl(around.probe, "machdep.cpu.brand_string") or ""
    if name.startswith("Apple"):
        return Finding((_silicon(name, around),))
    text = around.probe.run(_PROFILER)
    return displays(text, around) if text else Finding()


def _silicon(name: str, around: Surroundings) -> Device:
    chip = chip_named(name, around.physical_cores, around.host.total_bytes)
    spec = around.lookup(chip.accelerator if chip else name, None, None)
    if spec is None:
        around.probe.note("apple", f"{name}: not in the table, so its bandwidth is unknown", warning=True)
    total = around.host.total_bytes
    limit_mib = sysctl_number(around.probe, "iogpu.wired_limit_mb")
    usable = wired_limit(total) if total else None
    if limit_mib:  # 0: the system's default
        usable = limit_mib * MIB
        around.probe.note("apple", f"iogpu.wired_limit_mb lets the GPU hold {limit_mib} MiB")
    device = Device(
        index=0,
        name=chip.accelerator if chip else name,
        vendor="apple",
        backend="metal",
        pool="host",
        unified=True,
        integrated=True,
        usable_bytes=usable,
    )
    return with_figures(device, spec)


def chip_named(name: str, cores: int | None, memory_bytes: int | None) -> AppleChip | None:
    """The configuration of a chip, told by its processor cores, then by its memory; None where neither settles it."""
    same = [chip for chip in CHIPS if chip.accelerator.split(" (")[0] == name]
    for told in (
        [chip for chip in same if chip.cpu_cores == cores],
        [chip for chip in same if memory_bytes and memory_bytes // GIB in chip.memory_gib],
        same,
    ):
        if len(told) == 1:
            return told[0]
    return None


def displays(text: str, around: Surroundings) -> Finding:
    """The GPUs in the JSON of ``system_profiler SPDisplaysDataType``."""
    try:
        listed = json.loads(text).get("SPDisplaysDataType", [])
    except (ValueError, AttributeError):
        around.probe.note("apple", "system_profiler's answer is not understood", warning=True)
        return Finding()
    devices: list[Device] = []
    pools: list[MemoryPool] = []
    for entry in listed:
        device, pool = _display(entry, len(devices), around)
        devices.append(device)
        pools += [pool] if pool else []
    return Finding(tuple(devices), tuple(pools))


def _display(entry: dict[str, Any], index: int, around: Surroundings) -> tuple[Device, MemoryPool | None]:
    name = str(entry.get("sppci_model") or entry.get("_name") or f"GPU {index}")
    said = str(entry.get("spdisplays_vendor", "")).lower()
    makers: tuple[Vendor, ...] = ("amd", "nvidia", "intel", "apple")
    vendor: Vendor = next((maker for maker in makers if maker in said), "other")
    size = _VRAM.search(str(entry.get("spdisplays_vram") or ""))
    total = round(float(size[1]) * (GIB if size[2] == "G" else MIB)) if size else None
    shared = total is None or entry.get("sppci_bus") == "spdisplays_builtin"
    spec = around.lookup(name, total, None)
    pool = None
    if not shared:
        rate = spec.bandwidth_bytes_per_second if spec else None
        pool = MemoryPool(f"mac{index}", total, None, rate, "published" if rate else None)
    device = Device(
        index=index,
        name=name,
        vendor=vendor,
        backend="metal",
        pool=pool.name if pool else "host",
        unified=shared,
        integrated=shared,
    )
    return with_figures(device, spec), pool
