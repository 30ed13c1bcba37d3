"""Machines for tests, as values."""

from __future__ import annotations

from collections.abc import Sequence

from modelpick.hardware.interface import Cpu, Device, Hardware, MemoryPool, System
from modelpick.units import GIB

CPU = Cpu(None, "x86_64", 1, 8, 16, 16.0, ("avx2",))


def machine(
    gpus: Sequence[float] = (), ram: float = 64, *, free: float | None = None, backend: str = "cuda"
) -> Hardware:
    """A host with GPUs of so many GiB; ``free`` is what of the host's memory is free, GiB."""
    host = MemoryPool("host", round(ram * GIB), round((ram if free is None else free) * GIB))
    pools, devices = [host], []
    for index, size in enumerate(gpus):
        pools.append(MemoryPool(f"gpu{index}", round(size * GIB), round(size * GIB)))
        devices.append(Device(index, f"GPU {index}", "nvidia", backend, f"gpu{index}"))
    return Hardware(CPU, System("linux"), tuple(pools), tuple(devices))


def unified(ram: float, usable: float) -> Hardware:
    """A machine whose GPU shares the host's memory and may take a part of it, GiB."""
    host = MemoryPool("host", round(ram * GIB), round(ram * GIB))
    device = Device(0, "Apple GPU", "apple", "metal", "host", unified=True, usable_bytes=round(usable * GIB))
    return Hardware(CPU, System("macos"), (host,), (device,))
