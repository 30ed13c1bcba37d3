"""Windows: display adapters from the registry, whose memory size has 64 bits.

WMI's AdapterRAM has 32 and so never tells of more than 4 GiB. NVIDIA's own library is asked first; what it has found is
not taken from here again.
"""

from __future__ import annotations

import re

from modelpick.hardware.cards import backend_of, with_figures
from modelpick.hardware.detect import Surroundings
from modelpick.hardware.interface import Backend, Device, Finding, MemoryPool, Vendor
from modelpick.hardware.registry_windows import Values, subkeys

DISPLAY_CLASS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
_VENDORS: dict[str, Vendor] = {"10DE": "nvidia", "1002": "amd", "8086": "intel"}
_BACKENDS: dict[Vendor, Backend] = {"nvidia": "cuda", "amd": "vulkan", "intel": "sycl"}
_HARDWARE_ID = re.compile(r"pci\\ven_([0-9a-f]{4})&dev_([0-9a-f]{4})", re.IGNORECASE)
_INTEGRATED = re.compile(
    r"Radeon(?:\(TM\))?(?: Vega \d+)? Graphics$|Radeon(?:\(TM\))? \d{3}M\b|Radeon(?:\(TM\))? 80[456]0S|"
    r"\b(?:UHD|HD|Iris|Arc\(TM\) Graphics|Arc\(TM\) 1\d\dV)\b|Adreno",
    re.IGNORECASE,
)


def find(around: Surroundings) -> Finding:
    """The adapters of known vendors; software adapters and remote ones have no PCI id and are passed over."""
    devices: list[Device] = []
    pools: list[MemoryPool] = []
    drivers: list[tuple[str, str]] = []
    for key, values in sorted(subkeys(around.probe, DISPLAY_CLASS).items()):
        found = _HARDWARE_ID.search(str(values.get("MatchingDeviceId", "")))
        vendor = _VENDORS.get(found[1].upper()) if found else None
        around.probe.reading("windows", key, values.get("DriverDesc"), vendor or "no GPU of a known vendor")
        if vendor is None:
            continue
        device, pool = _device(values, vendor, len(devices), around)
        devices.append(device)
        pools += [pool] if pool else []
        if isinstance(values.get("DriverVersion"), str):
            drivers.append((vendor, str(values["DriverVersion"])))
    return Finding(tuple(devices), tuple(pools), tuple(dict.fromkeys(drivers)))


def memory_size(values: Values) -> int | None:
    """Bytes of the adapter's memory: the 64-bit value, else the old one of four bytes."""
    size = values.get("HardwareInformation.qwMemorySize")
    if size is None:
        size = values.get("HardwareInformation.MemorySize")
    if isinstance(size, bytes):
        size = int.from_bytes(size, "little")
    return size if isinstance(size, int) else None


def _device(values: Values, vendor: Vendor, index: int, around: Surroundings) -> tuple[Device, MemoryPool | None]:
    name = str(values.get("DriverDesc") or f"{vendor} GPU {index}")
    total = memory_size(values)
    around.probe.reading("windows", f"{name}: HardwareInformation.qwMemorySize", total, "bytes")
    integrated = bool(_INTEGRATED.search(name))
    spec = around.lookup(name, None if integrated else total, None)
    device = Device(
        index=index,
        name=name,
        vendor=vendor,
        backend=backend_of(spec) if spec else _BACKENDS.get(vendor, "vulkan"),
        pool="host" if integrated else f"{vendor}{index}",
        unified=integrated,
        integrated=integrated,
        compute_capability=spec.compute_capability if spec else None,
        gfx=spec.gfx if spec else None,
    )
    device = with_figures(device, spec)
    if integrated:
        return device, None
    rate = spec.bandwidth_bytes_per_second if spec else None
    kind = spec.memory_kind if spec else None
    return device, MemoryPool(device.pool, total, None, rate, "published" if rate else None, kind)
