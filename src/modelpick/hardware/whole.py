"""Simulated machines as a whole: those sold under a name, and those that a GPU with shared memory brings along."""

from __future__ import annotations

from collections.abc import Sequence

from modelpick.errors import UsageError
from modelpick.hardware.cards import device_of, free_of_host, inside_of
from modelpick.hardware.catalogue import find_typed
from modelpick.hardware.interface import AcceleratorSpec, Catalogue, Cpu, Hardware, MemoryPool, Note, System
from modelpick.hardware.machines import MACHINES, MachineModel, find_machine
from modelpick.units import GIB, format_bytes
from modelpick.values import replace


def machine(text: str, catalogue: Catalogue) -> Hardware:
    """The machine that ``--machine`` names."""
    model, memory = find_machine(text)
    spec = None
    if model.accelerator:
        spec = find_typed(model.accelerator, catalogue.accelerators())
        spec = inside_of(spec, catalogue.accelerators())
    return assembled(model, spec, memory)


def unified(
    hardware: Hardware, spec: AcceleratorSpec, specs: Sequence[AcceleratorSpec], memory: int | None, ram: int | None
) -> Hardware:
    """A GPU that shares the host's memory brings its machine along, when a size is known."""
    model = next((m for m in MACHINES if m.accelerator == spec.name), None)
    size = memory or ram or (hardware.host.total_bytes if hardware.simulated else spec.memory_bytes)
    notes: tuple[Note, ...] = ()
    if size is not None and size == spec.memory_bytes and not (memory or ram or hardware.simulated):
        text = f"{spec.name} is taken with {format_bytes(size)}, the most it is sold with; --ram says otherwise"
        notes = (Note("simulation", text),)
    if not size and not model:
        size = hardware.host.total_bytes  # integrated graphics, put into the machine underneath
        notes = borrowed(hardware, ram)
    if not size:
        raise UsageError(
            f"{spec.name} shares its machine's memory: how much has it?",
            hint=f'say the size: --gpu "{spec.name}" --ram 64GB',
        )
    whole = inside_of(spec, specs)
    if model:
        made = assembled(model, whole, size)
        return replace(made, notes=(*made.notes, *notes))
    free = hardware.host.free_bytes if size == hardware.host.total_bytes else free_of_host(size)
    host = replace(hardware.host, total_bytes=size, free_bytes=free)
    if spec.bandwidth_bytes_per_second is not None:
        rate = spec.bandwidth_bytes_per_second
        host = replace(host, bandwidth_bytes_per_second=rate, bandwidth_origin="published", kind=spec.memory_kind)
    return replace(
        hardware,
        devices=(device_of(whole, 0, "host", total_bytes=size),),
        pools=(host,),
        simulated=True,
        label=label_with(hardware, spec.name),
        notes=(*kept(hardware), *notes),
    )


def assembled(model: MachineModel, spec: AcceleratorSpec | None, memory: int) -> Hardware:
    """A machine on sale with ``memory`` bytes, idle; ``spec`` is its GPU's row of the table."""
    bandwidth = model.bandwidth_bytes_per_second
    if spec is not None and spec.bandwidth_bytes_per_second is not None:
        bandwidth = spec.bandwidth_bytes_per_second
    host = MemoryPool(
        "host", memory, free_of_host(memory), bandwidth, "published" if bandwidth else None, model.memory_kind
    )
    cpu = Cpu(
        name=model.cpu,
        architecture=model.architecture,
        sockets=1,
        physical_cores=model.cores,
        logical_cores=None if model.cores is None else model.cores * (2 if model.architecture == "x86_64" else 1),
        # Nobody has fewer than the smallest of its family; only M5 Pro and Max are unknown.
        usable_cores=float(model.cores or 10),
        features=tuple(sorted(model.features)),
        numa_nodes=1,
    )
    device = None if spec is None else device_of(spec, 0, "host", total_bytes=memory)
    notes: tuple[Note, ...] = ()
    if device is not None and device.vendor == "amd":
        text = f"the GPU is taken to get {format_bytes(device.usable_bytes)} of the shared memory"
        notes = (Note("simulation", f"{text}; firmware or amdgpu.gttsize decide on the real machine"),)
    return Hardware(
        cpu=cpu,
        system=System(os=model.os, physical_memory_bytes=memory),
        pools=(host,),
        devices=() if device is None else (device,),
        simulated=True,
        label=f"{model.name} {memory / GIB:g}GB",
        notes=notes,
    )


def kept(hardware: Hardware) -> tuple[Note, ...]:
    """What was noted of the machine underneath, less what concerned the GPUs that were taken out."""
    return tuple(note for note in hardware.notes if note.source not in ("nvidia", "amd", "intel", "apple"))


def borrowed(hardware: Hardware, ram: int | None) -> tuple[Note, ...]:
    """That the rest of a simulated machine is this one's, where it is."""
    if hardware.simulated or ram:
        return ()
    size = format_bytes(hardware.host.total_bytes)
    return (
        Note("simulation", f"processor and {size} of memory are this machine's; --ram and --cpu-cores change them"),
    )


def label_with(hardware: Hardware, gpus: str) -> str:
    """What the machine is called with these GPUs in it."""
    return f"{hardware.label} with {gpus}" if hardware.label else gpus
