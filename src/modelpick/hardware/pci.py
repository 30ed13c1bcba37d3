"""Which graphics vendors a machine has, by PCI vendor id, before any of their libraries is loaded."""

from __future__ import annotations

from modelpick.hardware.probe import Probe
from modelpick.values import dataclass

NVIDIA, AMD, INTEL = "10de", "1002", "8086"
_FOLDER = "/sys/bus/pci/devices"


@dataclass(frozen=True, slots=True)
class PciDevice:
    """A display controller (class 03) or processing accelerator (12). Ids are lower-case hexadecimal."""

    address: str
    vendor: str
    device: str
    driver: str | None


def accelerators(probe: Probe) -> tuple[PciDevice, ...]:
    """The display controllers and processing accelerators, in the order of their addresses."""
    found = []
    for address in probe.entries(_FOLDER):
        # One read a device: modalias holds vendor, device and class together.
        # pci:v000010DEd00002684sv00001043sd000088E2bc03sc00i00
        alias = probe.read(f"{_FOLDER}/{address}/modalias", "pci") or ""
        vendor, device, kind = alias[9:13], alias[18:22], alias.partition("bc")[2][:2]
        if kind in ("03", "12"):
            driver = probe.link(f"{_FOLDER}/{address}/driver")
            found.append(PciDevice(address, vendor.lower(), device.lower(), driver))
    return tuple(found)


def revision(probe: Probe, address: str) -> str | None:
    """The two hexadecimal digits that tell a 7900 XTX from a 7900 XT."""
    text = probe.read(f"{_FOLDER}/{address}/revision", "pci")
    return text[2:].lower() if text and text.startswith("0x") else None


def link_of(probe: Probe, address: str) -> tuple[int | None, int | None]:
    """PCIe generation and width that the device can do (not what it sleeps at)."""
    speed = probe.read(f"{_FOLDER}/{address}/max_link_speed", "pci") or ""
    width = probe.number(f"{_FOLDER}/{address}/max_link_width", "pci")
    generations = {"2.5": 1, "5.0": 2, "5": 2, "8.0": 3, "8": 3, "16.0": 4, "16": 4, "32.0": 5, "32": 5, "64.0": 6}
    # 255 lanes is what the kernel says of a bus without a link.
    return generations.get(speed.split(" ")[0]), width if width in (1, 2, 4, 8, 12, 16, 32) else None


def name_in_pci_ids(probe: Probe, vendor: str, device: str) -> str | None:
    """The device's name in the system's copy of pci.ids, where there is one."""
    import re

    for path in ("/usr/share/hwdata/pci.ids", "/usr/share/misc/pci.ids"):
        data = probe.read_bytes(path, 4 << 20)
        if not data:
            continue
        data = b"\n" + data
        start = data.find(f"\n{vendor}  ".encode())
        end = re.compile(rb"\n[0-9a-f]{4}  ").search(data, start + 1) if start >= 0 else None
        block = data[start : end.start() if end else None] if start >= 0 else b""
        line = re.search(rf"\n\t{device}  (.+)".encode(), block)
        if line:
            text = line[1].decode("utf-8", "replace").strip()
            inside = re.search(r"\[(.+)\]", text)
            return inside[1] if inside else text
    return None


def on_wsl(probe: Probe) -> bool:
    """Whether this is the Windows Subsystem for Linux, where GPUs are behind /dev/dxg and not on the PCI bus."""
    return "microsoft" in (probe.read("/proc/sys/kernel/osrelease", "os") or "").lower()


def on_tegra(probe: Probe) -> bool:
    """Whether this is a Jetson, whose GPU is no PCI device."""
    return "nvidia,tegra" in (probe.read("/proc/device-tree/compatible", "os") or "")
