"""AMD, from sysfs and the KFD topology alone: VRAM, GTT, gfx target, and APUs that share the host's memory.

No library of ROCm's is loaded: amdsmi and its like fail without ROCm, and all that matters is in files.
https://docs.kernel.org/gpu/amdgpu/driver-misc.html
"""

from __future__ import annotations

import re

from modelpick.hardware.amd_names import device_name
from modelpick.hardware.cards import ROCM_GFX, with_figures
from modelpick.hardware.detect import Surroundings
from modelpick.hardware.interface import AcceleratorSpec, Device, Finding, MemoryPool
from modelpick.hardware.pci import AMD, PciDevice, link_of
from modelpick.hardware.probe import Probe
from modelpick.units import GIB, format_bytes
from modelpick.values import replace

_APUS = frozenset(
    f"gfx{target}"
    for target in ("902", "909", "90c", "1013", "1033", "1035", "1036", "1037", "1103", "1150", "1151", "1152", "1153")
)
_MI300A = "74a0"
_KFD = "/sys/class/kfd/kfd/topology/nodes"
_SMALL_CARVE_OUT = 4 * GIB


def find(around: Surroundings) -> Finding:
    """The AMD GPUs that the amdgpu driver runs."""
    probe = around.probe
    topology = _topology(probe)
    devices: list[Device] = []
    pools: list[MemoryPool] = []
    for pci in around.pci_devices:
        if pci.vendor != AMD:
            continue
        if pci.driver != "amdgpu":
            text = f"the AMD GPU at {pci.address} is left out: its kernel driver is {pci.driver or 'missing'}"
            probe.note("amd", f"{text}, not amdgpu", warning=True)
            continue
        device, pool = _device(pci, len(devices), topology.get(pci.address), around)
        devices.append(device)
        pools += [pool] if pool else []
    shown = _visible(devices, probe)
    version = probe.read("/sys/module/amdgpu/version", "amd")
    rocm = probe.read("/opt/rocm/.info/version", "amd")
    drivers = [("amdgpu", version)] if version else []
    drivers += [("rocm", rocm)] if rocm else []
    return Finding(tuple(shown), tuple(pools), tuple(drivers))


def gfx_of(target_version: int) -> str | None:
    """``110501`` is gfx1151, ``90010`` gfx90a: major, minor and stepping, the last two hexadecimal."""
    if target_version <= 0:
        return None
    return f"gfx{target_version // 10000}{target_version // 100 % 100:x}{target_version % 100:x}"


def _topology(probe: Probe) -> dict[str, dict[str, int]]:
    """The KFD's properties of each GPU by PCI address."""
    found = {}
    for node in probe.entries(_KFD):
        text = probe.read(f"{_KFD}/{node}/properties", "amd") or ""
        values = {}
        for line in text.splitlines():
            name, _, value = line.partition(" ")
            if value.lstrip("-").isdigit():
                values[name] = int(value)
        place = values.get("location_id", 0)
        if values.get("simd_count") and values.get("gfx_target_version"):
            address = f"{values.get('domain', 0):04x}:{place >> 8 & 0xFF:02x}:{place >> 3 & 0x1F:02x}.{place & 7}"
            found[address] = values
    return found


def _device(
    pci: PciDevice, index: int, node: dict[str, int] | None, around: Surroundings
) -> tuple[Device, MemoryPool | None]:
    probe = around.probe
    gfx = gfx_of(node["gfx_target_version"]) if node else None
    folder = f"/sys/bus/pci/devices/{pci.address}"
    total = probe.number(f"{folder}/mem_info_vram_total", "amd")
    used = probe.number(f"{folder}/mem_info_vram_used", "amd")
    name = device_name(probe, pci)
    spec = around.lookup(name, total, gfx)
    gfx = gfx or (spec.gfx if spec else None)
    shares = gfx in _APUS or pci.device == _MI300A or (spec is not None and spec.unified)
    # A large carve-out of an APU is memory the host does not see, so it is a pool of its own.
    own = total is not None and (not shares or (total > _SMALL_CARVE_OUT and pci.device != _MI300A))
    generation, width = link_of(probe, pci.address)
    device = Device(
        index=index,
        name=name,
        vendor="amd",
        backend="rocm" if gfx in ROCM_GFX and probe.exists("/dev/kfd") else "vulkan",
        pool=f"amd{index}" if own or not shares else "host",
        unified=shares,
        integrated=shares,
        usable_bytes=None if own else _usable(folder, total, shares, around),
        gfx=gfx,
        pcie_generation=None if shares else generation,
        pcie_width=None if shares else width,
        pci_address=pci.address,
    )
    device = with_figures(device, spec)
    if device.pool == "host":
        return device, None
    free = total - used if total is not None and used is not None else None
    return device, _pool(device.pool, total, free, spec)


def _usable(folder: str, carve_out: int | None, shares: bool, around: Surroundings) -> int | None:
    """What an APU's GPU may hold: its carve-out and the GTT, which the kernel bounds; not more than the host has."""
    gtt = around.probe.number(f"{folder}/mem_info_gtt_total", "amd")
    if not shares or gtt is None:
        return None
    usable = gtt + (carve_out or 0)
    if around.host.total_bytes and usable < around.host.total_bytes // 2:
        text = f"the GPU may hold {format_bytes(usable)} of {format_bytes(around.host.total_bytes)}"
        around.probe.note("amd", f"{text}; the kernel options ttm.pages_limit and amdgpu.gttsize raise that")
    return usable


def _pool(name: str, total: int | None, free: int | None, spec: AcceleratorSpec | None) -> MemoryPool:
    rate = spec.bandwidth_bytes_per_second if spec else None
    kind = spec.memory_kind if spec else None
    return MemoryPool(name, total, free, rate, "published" if rate else None, kind)


def _numbered(word: str, left: list[int], devices: list[Device], probe: Probe) -> int | None:
    """The device that a word of such a list names: a number among those left, or GPU- and the board's unique id."""
    if word.isdigit():
        return left[int(word)] if int(word) < len(left) else None
    for number in left if word.startswith("GPU-") else ():
        identity = probe.read_bytes(f"/sys/bus/pci/devices/{devices[number].pci_address}/unique_id")
        if identity and identity.decode("ascii", "replace").strip() == word[4:]:
            return number
    return None


def _visible(devices: list[Device], probe: Probe) -> list[Device]:
    """ROCR_VISIBLE_DEVICES chooses among all, HIP_VISIBLE_DEVICES (or CUDA_VISIBLE_DEVICES) among what is left.

    https://rocm.docs.amd.com/en/latest/conceptual/gpu-isolation.html
    """
    left = list(range(len(devices)))
    hip = "HIP_VISIBLE_DEVICES" if "HIP_VISIBLE_DEVICES" in probe.environ else "CUDA_VISIBLE_DEVICES"
    for variable in ("ROCR_VISIBLE_DEVICES", hip):
        value = probe.environ.get(variable)
        if value is None:
            continue
        chosen: list[int] = []
        for word in (part.strip() for part in value.split(",")):
            number = _numbered(word, left, devices, probe)
            if number is None:
                break
            chosen.append(number)
        shown = re.sub(r"GPU-\w+", "GPU-...", value)
        probe.note("amd", f"{variable}={shown} hides {len(left) - len(chosen)} of {len(left)} AMD GPUs")
        left = chosen
    return [device if number in left else replace(device, visible=False) for number, device in enumerate(devices)]
