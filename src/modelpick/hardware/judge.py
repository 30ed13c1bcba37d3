"""Whether a reading can be true: sizes that no machine has become unknown and a note, whoever reported them."""

from __future__ import annotations

from collections.abc import Iterable

from modelpick.hardware.interface import Device, Finding, MemoryPool
from modelpick.hardware.probe import Probe
from modelpick.values import replace

MOST_BYTES = 2**47
"""128 TiB: more than any memory of one machine, and far below the 2^63 that drivers write for "unknown"."""
_FASTEST = 10**15
_LEAST = 2**24


def judged(finding: Finding, probe: Probe, source: str) -> Finding:
    """``finding`` with what cannot be true taken out, and told in the probe's notes."""
    pools = tuple(judged_pool(pool, probe, source) for pool in finding.pools)
    devices = tuple(_device(device, probe, source) for device in finding.devices)
    names = {pool.name for pool in pools} | {"host"}
    lost = [device.name for device in devices if device.pool not in names]
    if lost:
        probe.note(source, f"{lost[0]}: its memory was not reported; the device is left out", warning=True)
    return replace(finding, pools=pools, devices=tuple(d for d in devices if d.pool in names))


def judged_pool(pool: MemoryPool, probe: Probe, source: str) -> MemoryPool:
    """A pool whose sizes and rate are possible, or None where they were not."""
    total, free, rate = pool.total_bytes, pool.free_bytes, pool.bandwidth_bytes_per_second
    if total is not None and not _LEAST <= total < MOST_BYTES:
        probe.note(source, f"{pool.name}: a memory of {total} bytes is not possible; taken as unknown", warning=True)
        total = free = None
    if free is not None and (free < 0 or (total is not None and free > total) or free >= MOST_BYTES):
        probe.note(source, f"{pool.name}: {free} bytes free are not possible; taken as unknown", warning=True)
        free = None
    if rate is not None and not 0 < rate < _FASTEST:
        probe.note(source, f"{pool.name}: a bandwidth of {rate} bytes a second is not possible", warning=True)
        rate = None
    origin = pool.bandwidth_origin if rate is not None else None
    return replace(pool, total_bytes=total, free_bytes=free, bandwidth_bytes_per_second=rate, bandwidth_origin=origin)


def _device(device: Device, probe: Probe, source: str) -> Device:
    usable = device.usable_bytes
    if usable is not None and not 0 < usable < MOST_BYTES:
        probe.note(source, f"{device.name}: {usable} bytes usable are not possible; taken as unknown", warning=True)
        device = replace(device, usable_bytes=None)
    if device.pcie_generation is not None and not 1 <= device.pcie_generation <= 9:
        device = replace(device, pcie_generation=None)
    if device.pcie_width is not None and not 1 <= device.pcie_width <= 32:
        device = replace(device, pcie_width=None)
    return device


def without_doubles(findings: Iterable[tuple[str, Finding]]) -> tuple[list[Device], list[MemoryPool]]:
    """All devices and their pools, each device once: the first detector that saw it keeps it.

    The same device has the same PCI address. Windows' registry tells none, so there a vendor whose own library has
    answered is not listed a second time.
    """
    devices: list[Device] = []
    pools: list[MemoryPool] = []
    for _, finding in findings:
        addresses = {_address(device.pci_address) for device in devices if device.pci_address}
        makers = {device.vendor for device in devices}
        fresh = [
            device
            for device in finding.devices
            if (_address(device.pci_address) not in addresses if device.pci_address else device.vendor not in makers)
        ]
        devices += fresh
        kept = {device.pool for device in fresh}
        pools += [pool for pool in finding.pools if pool.name in kept]
    devices.sort(key=lambda device: device.integrated)  # stable: a discrete GPU comes before an integrated one
    return devices, pools


def _address(text: str | None) -> str:
    """NVML writes eight digits of domain where the kernel writes four."""
    domain, _, rest = (text or "").lower().partition(":")
    return f"{domain[-4:]}:{rest}"
