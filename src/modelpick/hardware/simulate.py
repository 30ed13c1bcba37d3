"""Machines that are not here: GPUs by name, sizes by hand, whole machines, all as :class:`Hardware`.

Free memory of a simulated machine is what an idle one has. An idle graphics card keeps about 1.5 % and at most
512 MiB for driver and desktop; an operating system a sixteenth and at most 2 GiB.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from modelpick.errors import UsageError
from modelpick.hardware.apple_chips import wired_limit
from modelpick.hardware.cards import backend_of, card_pool, device_of, free_of_card, free_of_host
from modelpick.hardware.catalogue import find_typed, memory_in
from modelpick.hardware.interface import AcceleratorSpec, Catalogue, Device, Hardware, MemoryPool, Note
from modelpick.hardware.whole import borrowed, kept, label_with, machine, unified
from modelpick.units import GIB
from modelpick.values import dataclass, replace

_COUNTED = re.compile(r"\s*(\d+)\s*[x×*]\s+(\S.*)|\s*(\d+)[x×*](\S.*)", re.IGNORECASE)
_MOST_GPUS = 64


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user wants a machine to be. None and empty: as the machine underneath."""

    gpus: tuple[str, ...] = ()
    vram_bytes: int | None = None
    ram_bytes: int | None = None
    cpu_cores: int | None = None
    memory_bandwidth_bytes_per_second: int | None = None
    machine: str | None = None
    assume_idle: bool = False

    def __bool__(self) -> bool:
        return self != Wish()


def simulate(base: Hardware | None, wish: Wish, catalogue: Catalogue) -> Hardware:
    """``base`` with what ``wish`` changes; without a base, ``wish.machine`` is one.

    :raises UsageError: for names and numbers that mean nothing, or more than one thing.
    """
    hardware = machine(wish.machine, catalogue) if wish.machine else base
    if hardware is None:
        raise UsageError("nothing to simulate", hint="name a machine: --machine 'Strix Halo 128GB'")
    if wish.gpus:
        hardware = _with_gpus(hardware, wish, catalogue)
    if wish.ram_bytes:
        hardware = _with_host(hardware, wish.ram_bytes)
    if wish.vram_bytes:
        hardware = _with_vram(hardware, wish.vram_bytes)
    if wish.cpu_cores:
        cpu = replace(hardware.cpu, usable_cores=float(wish.cpu_cores), physical_cores=wish.cpu_cores)
        cpu = replace(cpu, logical_cores=max(wish.cpu_cores, hardware.cpu.logical_cores or 0))
        hardware = replace(hardware, cpu=cpu, simulated=True)
    if wish.memory_bandwidth_bytes_per_second:
        host = replace(
            hardware.host,
            bandwidth_bytes_per_second=wish.memory_bandwidth_bytes_per_second,
            bandwidth_origin="user",
        )
        hardware = replace(hardware, pools=_replaced(hardware.pools, host), simulated=True)
    return idle(hardware) if wish.assume_idle else hardware


def idle(hardware: Hardware) -> Hardware:
    """The same machine with nothing else running: what other programs hold now counts as free."""
    device_pools = {device.pool for device in hardware.devices}
    pools = tuple(
        pool
        if pool.total_bytes is None
        else replace(
            pool,
            free_bytes=max(
                pool.free_bytes or 0,
                free_of_card(pool.total_bytes)
                if pool.name != "host" and pool.name in device_pools
                else free_of_host(pool.total_bytes),
            ),
        )
        for pool in hardware.pools
    )
    note = Note("assume-idle", "memory held by other programs is counted as free")
    return replace(hardware, pools=pools, notes=(*hardware.notes, note))


def parse_gpu(text: str) -> tuple[int, str]:
    """``2x RTX 3090`` is (2, "RTX 3090"); a bare name counts once.

    :raises UsageError: for no name, or a count that is not 1 to 64.
    """
    found = _COUNTED.fullmatch(text)
    count, name = (int(found[1] or found[3]), (found[2] or found[4]).strip()) if found else (1, text.strip())
    if not name or not 1 <= count <= _MOST_GPUS:
        raise UsageError(
            f"--gpu {text!r} names no GPU" if not name else f"--gpu {text!r}: {count} GPUs are not simulated",
            hint=f"write a name, perhaps with a count from 1 to {_MOST_GPUS}: 'RTX 4090', '2x RTX 3090', 'none'",
        )
    return count, name


def _with_gpus(hardware: Hardware, wish: Wish, catalogue: Catalogue) -> Hardware:
    if any(text.strip().casefold() == "none" for text in wish.gpus):
        if len(wish.gpus) > 1:
            raise UsageError("--gpu none together with other GPUs", hint="leave out either")
        host_only = tuple(pool for pool in hardware.pools if pool.name == "host")
        return replace(hardware, devices=(), pools=host_only, simulated=True, label=label_with(hardware, "no GPU"))
    specs = catalogue.accelerators()
    devices: list[Device] = []
    pools = [hardware.host]
    named: list[str] = []
    for text in wish.gpus:
        count, name = parse_gpu(text)
        spec = find_typed(name, specs)
        if spec.unified:
            if count > 1 or len(wish.gpus) > 1:
                raise UsageError(
                    f"{spec.name} shares its machine's memory, so there is one of it and no other GPU beside it",
                    hint=f'simulate it alone: --gpu "{spec.name}"',
                )
            return unified(hardware, spec, specs, memory_in(name), wish.ram_bytes)
        named.append(f"{count}x {spec.name}" if count > 1 else spec.name)
        for _ in range(count):
            pool = card_pool(f"gpu{len(devices)}", spec)
            pools.append(pool)
            devices.append(device_of(spec, _index(devices, spec), pool.name))
    return replace(
        hardware,
        devices=tuple(devices),
        pools=tuple(pools),
        simulated=True,
        label=label_with(hardware, " + ".join(named)),
        notes=(*kept(hardware), *borrowed(hardware, wish.ram_bytes)),
    )


def _index(devices: Sequence[Device], spec: AcceleratorSpec) -> int:
    """The number within the backend: a second vendor counts from 0 again."""
    return sum(device.backend == backend_of(spec) for device in devices)


def _with_host(hardware: Hardware, total: int) -> Hardware:
    host = replace(hardware.host, total_bytes=total, free_bytes=free_of_host(total))
    devices = tuple(
        replace(device, usable_bytes=wired_limit(total) if device.vendor == "apple" else total * 3 // 4)
        if device.unified and device.pool == "host" and device.usable_bytes is not None
        else device
        for device in hardware.devices
    )
    system = replace(hardware.system, physical_memory_bytes=total)
    return replace(hardware, pools=_replaced(hardware.pools, host), devices=devices, system=system, simulated=True)


def _with_vram(hardware: Hardware, total: int) -> Hardware:
    """Every discrete card gets this size; without a card, one of no particular make is put in."""
    cards = {device.pool for device in hardware.devices if device.pool != "host"}
    if cards:
        pools = tuple(
            replace(pool, total_bytes=total, free_bytes=free_of_card(total)) if pool.name in cards else pool
            for pool in hardware.pools
        )
        return replace(hardware, pools=pools, simulated=True)
    if any(device.unified for device in hardware.devices) and hardware.simulated:
        devices = tuple(replace(device, usable_bytes=total) for device in hardware.devices)
        return replace(hardware, devices=devices)
    name = f"GPU with {total / GIB:g} GiB"
    pool = MemoryPool("gpu0", total, free_of_card(total))
    device = Device(index=0, name=name, vendor="other", backend="vulkan", pool="gpu0")
    note = Note("simulation", "bandwidth and compute of a GPU without a name are unknown: add --gpu NAME for speed")
    return replace(
        hardware,
        devices=(device, *hardware.devices),
        pools=(*hardware.pools, pool),
        simulated=True,
        label=label_with(hardware, name),
        notes=(*hardware.notes, note),
    )


def _replaced(pools: Sequence[MemoryPool], new: MemoryPool) -> tuple[MemoryPool, ...]:
    return tuple(new if pool.name == new.name else pool for pool in pools)
