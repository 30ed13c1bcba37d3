"""What a machine has to give: the usable bytes of each device and of the host, after the reserve."""

from __future__ import annotations

from modelpick.estimation.interface import Runtime
from modelpick.estimation.overheads import CPU, overhead_of
from modelpick.estimation.torch_runtimes import VLLM_UTILISATION
from modelpick.hardware.interface import Device, Hardware, MemoryPool
from modelpick.values import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """One device and what can be used of its memory, with the backend's own overhead."""

    device: Device
    pool: str
    available: int
    context: int


@dataclass(frozen=True, slots=True)
class Capacity:
    """All rooms, the largest first within discrete and unified; ``host`` is what the host can give."""

    discrete: tuple[Room, ...]
    unified: tuple[Room, ...]
    host: int

    @property
    def most(self) -> int:
        """Everything together: what no placement can exceed."""
        return self.host + sum(room.available for room in self.discrete)


def capacity_of(hardware: Hardware, *, assume_idle: bool, runtime: Runtime = "llama.cpp") -> Capacity:
    """The usable memory of a machine: what is free now, or with ``assume_idle`` all of it."""
    host_pool = hardware.host
    host = max(_free(host_pool, assume_idle) - CPU.reserve_of(host_pool.total_bytes or 0), 0)
    discrete, unified = [], []
    for device in hardware.usable_devices:
        pool = hardware.pool(device.pool)
        overhead = overhead_of(device.backend, runtime)
        total = pool.total_bytes or pool.free_bytes or 0
        if device.unified:
            limit = device.usable_bytes if device.usable_bytes is not None else total
            available = min(max(_free(pool, assume_idle) - overhead.reserve, 0), limit)
            unified.append(Room(device, pool.name, available, overhead.context))
            continue
        available = max(_free(pool, assume_idle) - overhead.reserve_of(total), 0)
        if runtime == "vllm":
            available = min(available, round(total * VLLM_UTILISATION))
        discrete.append(Room(device, pool.name, available, overhead.context))
    return Capacity(_largest_first(discrete), _largest_first(unified), host)


def _largest_first(rooms: list[Room]) -> tuple[Room, ...]:
    return tuple(sorted(rooms, key=lambda room: (-room.available, room.device.index)))


def _free(pool: MemoryPool, assume_idle: bool) -> int:
    preferred, other = pool.free_bytes, pool.total_bytes
    if assume_idle:
        preferred, other = other, preferred
    return preferred if preferred is not None else other or 0
