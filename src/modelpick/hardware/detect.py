"""What is this machine? The host first, then one detector a vendor, each guarded: a failure becomes a note.

A machine without a GPU pays for /proc and /sys alone: the PCI vendor ids are looked at first, and a vendor's module,
let alone its library, is imported only where its id was seen.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from modelpick.hardware import pci
from modelpick.hardware.interface import AcceleratorSpec, Catalogue, Device, Finding, Hardware, MemoryPool, Reading
from modelpick.hardware.judge import judged, judged_pool, without_doubles
from modelpick.hardware.probe import Probe
from modelpick.units import GIB
from modelpick.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Detector:
    """A vendor's detector: ``module`` has ``find(surroundings) -> Finding``; ``vendors`` are what wakes it."""

    name: str
    module: str
    vendors: frozenset[str]


DETECTORS: tuple[Detector, ...] = (
    Detector("nvidia", "modelpick.hardware.nvidia", frozenset((pci.NVIDIA,))),
    Detector("amd", "modelpick.hardware.amd", frozenset((pci.AMD,))),
    Detector("intel", "modelpick.hardware.intel", frozenset((pci.INTEL,))),
    Detector("apple", "modelpick.hardware.apple", frozenset(("apple",))),
    Detector("windows", "modelpick.hardware.windows", frozenset(("windows",))),
)
"""In the order in which a device seen by two of them is kept."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a detector is given: the probe, the PCI devices, the host's memory, a way to look names up."""

    probe: Probe
    pci_devices: tuple[pci.PciDevice, ...]
    host: MemoryPool
    physical_cores: int | None
    lookup: Callable[[str, int | None, str | None], AcceleratorSpec | None]


def detect(
    probe: Probe | None = None,
    *,
    catalogue: Catalogue | None = None,
    gpus: bool = True,
    details: bool = False,
    detectors: tuple[Detector, ...] = DETECTORS,
) -> Hardware:
    """This machine (or the one under the probe's root).

    ``gpus`` False looks at the host alone; ``details`` adds the microarchitecture, which costs some 25 ms. Never
    raises for what a machine is like.
    """
    from modelpick.hardware.host import host

    probe = probe or Probe()
    machine = host(probe, details=details)
    machine = replace(machine, pools=tuple(judged_pool(pool, probe, "memory") for pool in machine.pools))
    if gpus:
        machine = _with_devices(machine, probe, catalogue, detectors)
    return replace(machine, notes=tuple(probe.notes))


def steadied(machine: Hardware) -> Hardware:
    """The machine with free memory in steps of 1/256 to 1/128 of the pool, and free disk in GiB, both rounded down.

    They move by a few pages from one second to the next, and the same question is to have the same answer.
    """
    pools = tuple(
        replace(pool, free_bytes=_down(pool.free_bytes, (pool.total_bytes or pool.free_bytes or 0) // 128))
        for pool in machine.pools
    )
    disk = _down(machine.system.disk_free_bytes, GIB)
    return replace(machine, pools=pools, system=replace(machine.system, disk_free_bytes=disk))


def _down(size: int | None, most: int) -> int | None:
    """Rounded down to a multiple of the largest power of two that is not more than ``most``."""
    return None if size is None else size - size % (1 << max(most.bit_length() - 1, 0))


def readings(probe: Probe) -> tuple[Reading, ...]:
    """All that a tracing probe has read, in order."""
    return tuple(probe.readings)


def _with_devices(
    machine: Hardware, probe: Probe, catalogue: Catalogue | None, detectors: tuple[Detector, ...]
) -> Hardware:
    found_on_bus = pci.accelerators(probe)
    present = vendors(probe, found_on_bus)
    around = Surroundings(probe, found_on_bus, machine.host, machine.cpu.physical_cores, _lookup(catalogue, probe))
    findings = []
    for detector in detectors:
        if detector.vendors & present:
            findings.append((detector.name, guarded(detector, around)))
    devices, pools = without_doubles(findings)
    drivers = tuple(dict.fromkeys(pair for _, finding in findings for pair in finding.drivers))
    for _, finding in findings:
        probe.notes += finding.notes
    return replace(
        machine,
        devices=tuple(devices),
        pools=(_shared(machine.host, devices, around), *pools),
        system=replace(machine.system, drivers=drivers),
    )


def vendors(probe: Probe, on_bus: tuple[pci.PciDevice, ...]) -> frozenset[str]:
    """The vendors to ask after: PCI ids on Linux, the system's own where there is but one answer."""
    if probe.platform == "darwin":
        return frozenset(("apple",))
    if probe.platform == "win32":
        return frozenset(("windows", pci.NVIDIA))
    found = {device.vendor for device in on_bus}
    if pci.on_tegra(probe) or (pci.on_wsl(probe) and probe.exists("/usr/lib/wsl/lib/libnvidia-ml.so.1")):
        found.add(pci.NVIDIA)
    if probe.exists("/dev/nvidiactl"):  # a sandbox such as gVisor passes the device on but not the bus
        found.add(pci.NVIDIA)
    return frozenset(found)


def guarded(detector: Detector, around: Surroundings) -> Finding:
    """What the detector found, bounded in time; nothing, and a note, when it fails."""
    import threading

    result: list[Finding] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            result.append(import_module(detector.module).find(around))
        except BaseException as error:  # whatever a vendor's library does, the answer does not break
            failure.append(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(around.probe.timeout_seconds)
    if failure:
        text = f"detection failed: {type(failure[0]).__name__}: {failure[0]}"
        around.probe.note(detector.name, text[:300], warning=True)
        return Finding()
    if not result:
        text = f"no answer within {around.probe.timeout_seconds:g} s; these GPUs are left out"
        around.probe.note(detector.name, text, warning=True)
        return Finding()
    finding = result[0]
    if not isinstance(finding, Finding):
        around.probe.note(detector.name, f"answered with {type(finding).__name__}", warning=True)
        return Finding()
    return judged(finding, around.probe, detector.name)


def _lookup(
    catalogue: Catalogue | None, probe: Probe
) -> Callable[[str, int | None, str | None], AcceleratorSpec | None]:
    """Reads the table on the first question, so that a machine without GPU never reads it."""
    table: list[tuple[AcceleratorSpec, ...]] = []

    def lookup(name: str, memory_bytes: int | None, gfx: str | None) -> AcceleratorSpec | None:
        from modelpick.hardware.cards import inside_of
        from modelpick.hardware.catalogue import find_reported

        if catalogue is None:
            return None
        if not table:
            try:
                table.append(catalogue.accelerators())
            except Exception as error:  # without the table a GPU still has its name and memory
                probe.note("registry", f"the table of accelerators cannot be read: {error}", warning=True)
                table.append(())
        spec = find_reported(name, memory_bytes, table[0], gfx)
        return None if spec is None else inside_of(spec, table[0])

    return lookup


def _shared(host: MemoryPool, devices: list[Device], around: Surroundings) -> MemoryPool:
    """The host's memory with the bandwidth the table gives a unified GPU, unless a better figure is there."""
    if host.bandwidth_origin in ("measured", "reported", "published"):
        return host
    for device in devices:
        if device.unified and device.pool == "host" and device.accelerator:
            spec = around.lookup(device.accelerator, None, device.gfx)
            if spec and spec.bandwidth_bytes_per_second:
                return replace(
                    host,
                    bandwidth_bytes_per_second=spec.bandwidth_bytes_per_second,
                    bandwidth_origin="published",
                    kind=host.kind or spec.memory_kind,
                )
    return host
