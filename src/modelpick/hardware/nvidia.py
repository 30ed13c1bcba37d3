"""NVIDIA: what NVML or nvidia-smi reads, made into devices; ``CUDA_VISIBLE_DEVICES`` and MIG honoured."""

from __future__ import annotations

import re

from modelpick.hardware.cards import with_figures
from modelpick.hardware.detect import Surroundings
from modelpick.hardware.host_linux import board
from modelpick.hardware.interface import AcceleratorSpec, Device, Finding, MemoryPool, Origin
from modelpick.hardware.nvidia_cards import Card, Instance, tell_order, visible
from modelpick.hardware.pci import NVIDIA, name_in_pci_ids, on_tegra
from modelpick.hardware.probe import Probe
from modelpick.values import replace

_JETSONS = ("Jetson AGX Orin", "Jetson AGX Thor", "Jetson Orin Nano")


def find(around: Surroundings) -> Finding:
    """The NVIDIA GPUs, through NVML; through nvidia-smi where its library is missing."""
    from modelpick.hardware import nvidia_smi, nvml

    probe = around.probe
    report = nvml.report(probe) if probe.libraries else None
    if report is None:
        report = nvidia_smi.report(probe)
    if report is None:
        return _without_driver(around)
    devices: list[Device] = []
    pools: list[MemoryPool] = []
    seen = visible(report.cards, probe)
    for card in report.cards:
        for device, pool in _made(card, around, seen):
            devices.append(device)
            pools += [pool] if pool else []
    tell_order(report.cards, probe)
    return Finding(tuple(devices), tuple(pools), report.drivers)


def _made(
    card: Card, around: Surroundings, seen: frozenset[tuple[int, int | None]]
) -> list[tuple[Device, MemoryPool | None]]:
    """The card as one device, or as one for each of its MIG instances."""
    spec = around.lookup(card.name, card.total, None)
    if not card.instances:
        if card.mig_on:
            text = f"{card.name}: MIG is on without an instance; CUDA sees nothing of it"
            around.probe.note("nvidia", text, warning=True)
        return [_whole(card, spec, around.probe, (card.number, None) in seen)]
    made: list[tuple[Device, MemoryPool | None]] = []
    if len(card.instances) > 1:
        around.probe.note("nvidia", f"{card.name} is cut into {len(card.instances)} MIG instances; a program uses one")
    for number, part in enumerate(card.instances):
        made.append(_part(card, part, number, spec, (card.number, number) in seen))
    return made


def _whole(
    card: Card, spec: AcceleratorSpec | None, probe: Probe, is_visible: bool
) -> tuple[Device, MemoryPool | None]:
    unified = card.unified or (spec is not None and spec.unified)
    device = Device(
        index=card.number,
        name=card.name,
        vendor="nvidia",
        backend="cuda",
        pool="host" if unified else f"nvidia{card.number}",
        unified=unified,
        integrated=unified,
        compute_capability=card.capability or (spec.compute_capability if spec else None),
        pcie_generation=card.pcie_generation,
        pcie_width=card.pcie_width,
        nvlink_bytes_per_second=card.nvlink,
        pci_address=card.address,
        visible=is_visible,
    )
    device = with_figures(device, spec)
    if unified:
        probe.note("nvidia", f"{card.name} has no memory of its own: it uses the host's")
        return device, None
    rate, rate_origin = _rate(card, spec, probe)
    kind = spec.memory_kind if spec else None
    return device, MemoryPool(device.pool, card.total, card.free, rate, rate_origin, kind)


def _part(
    card: Card, part: Instance, number: int, spec: AcceleratorSpec | None, is_visible: bool
) -> tuple[Device, MemoryPool]:
    """A MIG instance has its share of the multiprocessors and of the memory's slices, hence of its bandwidth."""
    pool = f"nvidia{card.number}mig{number}"
    profile = re.search(r"\d+g\.\d+gb\S*", part.name)
    device = Device(
        index=card.number,
        name=part.name,
        vendor="nvidia",
        backend="cuda",
        pool=pool,
        compute_capability=card.capability,
        pcie_generation=card.pcie_generation,
        pcie_width=card.pcie_width,
        mig_profile=profile[0] if profile else part.name,
        pci_address=card.address,
        visible=is_visible,
    )
    device = with_figures(device, spec)
    if part.compute_share is None:
        device = replace(device, fp16_flops=None, fp16_origin=None, fp32_flops=None)
    else:
        half, single = device.fp16_flops, device.fp32_flops
        device = replace(
            device,
            fp16_flops=half and half * part.compute_share,
            fp32_flops=single and single * part.compute_share,
        )
    whole = card.bandwidth or (spec.bandwidth_bytes_per_second if spec else None)
    rate = round(whole * part.memory_share) if whole and part.memory_share else None
    return device, MemoryPool(pool, part.total, part.free, rate, "estimated" if rate else None)


def _rate(card: Card, spec: AcceleratorSpec | None, probe: Probe) -> tuple[int | None, Origin | None]:
    """The driver's bus width and clock; the table's figure where they are silent or a third off."""
    table = spec.bandwidth_bytes_per_second if spec else None
    if card.bandwidth is None:
        return table, "published" if table else None
    if table and not 2 / 3 < card.bandwidth / table < 3 / 2:
        text = f"{card.name}: the driver's clock and bus make {card.bandwidth / 1e9:.0f} GB/s"
        probe.note("nvidia", f"{text}; the published {table / 1e9:.0f} GB/s is used")
        return table, "published"
    return card.bandwidth, "reported"


def _without_driver(around: Surroundings) -> Finding:
    """GPUs that are there but that no driver of NVIDIA's answers for; a Jetson is told by its board."""
    probe = around.probe
    if on_tegra(probe):
        model = board(probe) or ""
        name = next((jetson for jetson in _JETSONS if jetson in model), None)
        spec = around.lookup(name, None, None) if name else None
        if spec:
            card = Card(0, spec.name, "", None, None, None, True, spec.compute_capability)
            return Finding((_whole(card, spec, probe, True)[0],))
    for device in around.pci_devices:
        if device.vendor == NVIDIA:
            name = name_in_pci_ids(probe, NVIDIA, device.device) or f"device {device.device}"
            text = f"{name} at {device.address} is left out: neither NVML nor nvidia-smi answers"
            probe.note("nvidia", f"{text} (kernel driver: {device.driver or 'none'})", warning=True)
    return Finding()
