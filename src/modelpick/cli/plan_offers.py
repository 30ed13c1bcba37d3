"""The machines that could be had: each accelerator of the table alone, twice and four times, unified ones by size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelpick.estimation.plan import Offer
from modelpick.hardware.cards import card_pool, device_of, free_of_host, inside_of
from modelpick.hardware.interface import AcceleratorSpec, Hardware, MemoryPool
from modelpick.hardware.machines import MACHINES
from modelpick.units import GIB
from modelpick.values import replace

_COUNTS = (1, 2, 4)
_LEAST_HOST = 32 * GIB


def offers_of(specs: Sequence[AcceleratorSpec], hardware: Hardware) -> tuple[Offer, ...]:
    """One idle machine per accelerator and count; discrete cards stand in ``hardware``'s computer."""
    return tuple(offer for spec in specs for offer in _offers(spec, specs, hardware))


def _offers(spec: AcceleratorSpec, specs: Sequence[AcceleratorSpec], hardware: Hardware) -> Iterator[Offer]:
    if spec.unified:
        whole = inside_of(spec, specs)
        for size in _sizes(spec):
            device = device_of(whole, 0, "host", total_bytes=size)
            bandwidth = spec.bandwidth_bytes_per_second
            host = MemoryPool("host", size, free_of_host(size), bandwidth, "published" if bandwidth else None)
            yield Offer(spec.name, spec.segment, 1, size, replace(hardware, devices=(device,), pools=(host,)))
        return
    if spec.memory_bytes is None:
        return
    size = max(hardware.host.total_bytes or 0, _LEAST_HOST)
    host = replace(hardware.host, total_bytes=size, free_bytes=free_of_host(size))
    for count in _COUNTS:
        devices = tuple(device_of(spec, index, f"gpu{index}") for index in range(count))
        pools = (host, *(card_pool(device.pool, spec) for device in devices))
        machine = replace(hardware, devices=devices, pools=pools)
        yield Offer(spec.name, spec.segment, count, count * spec.memory_bytes, machine)


def _sizes(spec: AcceleratorSpec) -> tuple[int, ...]:
    sold = sorted({size for model in MACHINES if model.accelerator == spec.name for size in model.memory_gib})
    if sold:
        return tuple(size * GIB for size in sold)
    return (spec.memory_bytes,) if spec.memory_bytes else ()
