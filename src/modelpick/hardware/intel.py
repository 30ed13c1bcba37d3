"""Intel, from sysfs, and from Level Zero where it is installed: Arc and Xe cards, and integrated graphics.

The kernel tells a card's memory to nobody but Level Zero, so without it the size comes from the table by device id.
"""

from __future__ import annotations

from modelpick.hardware.cards import with_figures
from modelpick.hardware.detect import Surroundings
from modelpick.hardware.interface import Backend, Device, Finding, MemoryPool
from modelpick.hardware.pci import INTEL, PciDevice, link_of, name_in_pci_ids
from modelpick.units import format_bytes

# https://dgpu-docs.intel.com/devices/hardware-table.html
_NAMES = {
    "56a0": "Arc A770", "56a1": "Arc A750", "56a2": "Arc A580", "56a5": "Arc A380", "56a6": "Arc A310",
    "5690": "Arc A770M", "e20b": "Arc B580", "e20c": "Arc B570", "e211": "Arc Pro B60", "e212": "Arc Pro B50",
    "56b3": "Arc Pro A60", "e223": "Arc Pro B70", "56c0": "Data Center GPU Flex 170",
    "0bda": "Data Center GPU Max 1100", "0bd5": "Data Center GPU Max 1550",
}  # fmt: skip
_INTEGRATED = {
    "64a0": "Arc 140V Mobile", "7d55": "Intel Arc Graphics (Meteor Lake)", "7d51": "Intel Arc Graphics (Arrow Lake-H)",
    "b080": "Intel Arc Graphics (Panther Lake)", "a780": "Intel UHD Graphics 770", "4680": "Intel UHD Graphics 770",
    "46a6": "Intel Iris Xe Graphics", "a7a0": "Intel Iris Xe Graphics", "9a49": "Intel Iris Xe Graphics",
    "a7a1": "Intel Iris Xe Graphics", "a788": "Intel UHD Graphics", "4692": "Intel UHD Graphics 730",
}  # fmt: skip
_DRIVERS = ("i915", "xe")
_PLACE_OF_INTEGRATED = "0000:00:02.0"


def find(around: Surroundings) -> Finding:
    """The Intel GPUs that a kernel driver runs."""
    ours = [device for device in around.pci_devices if device.vendor == INTEL]
    running = [device for device in ours if device.driver in _DRIVERS]
    running.sort(key=lambda device: device.address == _PLACE_OF_INTEGRATED)  # Level Zero numbers cards first, too
    for idle in ours:
        if idle not in running:
            text = f"the Intel GPU at {idle.address} is left out: kernel driver {idle.driver or 'missing'}"
            around.probe.note("intel", text, warning=True)
    discrete = any(device.address != _PLACE_OF_INTEGRATED for device in running)
    sizes = _sizes(around) if discrete else {}
    devices: list[Device] = []
    pools: list[MemoryPool] = []
    for pci in running:
        device, pool = _device(pci, len(devices), sizes.get(pci.address), around)
        devices.append(device)
        pools += [pool] if pool else []
    drivers = tuple(dict.fromkeys((pci.driver, "kernel") for pci in running if pci.driver))
    return Finding(tuple(devices), tuple(pools), drivers)


def _sizes(around: Surroundings) -> dict[str, tuple[int, int]]:
    """Total and free bytes by PCI address, as Level Zero tells them."""
    if not around.probe.libraries:
        return {}
    from modelpick.hardware.level_zero import memories

    return memories(around.probe)


def _device(
    pci: PciDevice, index: int, sizes: tuple[int, int] | None, around: Surroundings
) -> tuple[Device, MemoryPool | None]:
    integrated = pci.device in _INTEGRATED or (pci.address == _PLACE_OF_INTEGRATED and pci.device not in _NAMES)
    known = _INTEGRATED.get(pci.device) or _NAMES.get(pci.device)
    name = known or name_in_pci_ids(around.probe, INTEL, pci.device) or f"Intel GPU {pci.device}"
    spec = around.lookup(name, sizes[0] if sizes else None, None)
    generation, width = link_of(around.probe, pci.address)
    # SYCL needs an Xe core; what came before runs over Vulkan.
    backend: Backend = "sycl" if not integrated or "Arc" in name or "Xe" in name else "vulkan"
    device = Device(
        index=index,
        name=name,
        vendor="intel",
        backend=backend,
        pool="host" if integrated else f"intel{index}",
        unified=integrated,
        integrated=integrated,
        pcie_generation=None if integrated else generation,
        pcie_width=None if integrated else width,
        pci_address=pci.address,
    )
    device = with_figures(device, spec)
    if integrated:
        return device, None
    rate = spec.bandwidth_bytes_per_second if spec else None
    total, free = sizes or (spec.memory_bytes if spec else None, None)
    if not sizes:
        text = f"{name}: the size {format_bytes(total)} is the published one, and nothing tells how much is free"
        text = text if total else f"{name}: nothing tells how much memory it has"
        around.probe.note("intel", f"{text}; Level Zero (libze1) would")
    kind = spec.memory_kind if spec else None
    return device, MemoryPool(device.pool, total, free, rate, "published" if rate else None, kind)
