"""AMD's names of its GPUs by device id and revision: the driver tells neither a 7900 XTX nor a 7900 XT by name.

The ids are those of libdrm's amdgpu.ids (https://gitlab.freedesktop.org/mesa/drm/-/blob/main/data/amdgpu.ids), for the
accelerators of the registry; the system's own copy of that file is read first.
"""

from __future__ import annotations

from modelpick.hardware.pci import AMD, PciDevice, name_in_pci_ids, revision
from modelpick.hardware.probe import Probe

_FILES = ("/usr/share/libdrm/amdgpu.ids", "/opt/amdgpu/share/libdrm/amdgpu.ids")

_NAMES = {
    "66a1 02": "Radeon Instinct MI50", "66af c1": "Radeon VII", "731f c1": "Radeon RX 5700 XT",
    "738c 01": "Instinct MI100", "73a1 00": "Radeon PRO V620", "73a3 00": "Radeon PRO W6800",
    "73a5 c0": "Radeon RX 6950 XT", "73af c0": "Radeon RX 6900 XT", "73bf c0": "Radeon RX 6900 XT",
    "73bf c1": "Radeon RX 6800 XT", "73bf c3": "Radeon RX 6800", "73df c0": "Radeon RX 6750 XT",
    "73df c1": "Radeon RX 6700 XT", "73df c2": "Radeon RX 6800M", "73df c5": "Radeon RX 6700 XT",
    "73df cf": "Radeon RX 6700M", "73df df": "Radeon RX 6700", "73e3 00": "Radeon PRO W6600",
    "73ef c1": "Radeon RX 6650 XT", "73ff c1": "Radeon RX 6600 XT", "73ff c7": "Radeon RX 6600",
    "7408 00": "Instinct MI250X", "740c 01": "Instinct MI250X", "740f 02": "Instinct MI210",
    "743f c1": "Radeon RX 6500 XT", "743f c7": "Radeon RX 6400", "7448 00": "Radeon PRO W7900",
    "7449 00": "Radeon PRO W7800 48GB", "744a 00": "Radeon PRO W7900", "744c c8": "Radeon RX 7900 XTX",
    "744c cc": "Radeon RX 7900 XT", "744c ce": "Radeon RX 7900 GRE", "744c cf": "Radeon RX 7900M",
    "745e cc": "Radeon PRO W7800", "7470 00": "Radeon PRO W7700", "747e c8": "Radeon RX 7800 XT",
    "747e ff": "Radeon RX 7700 XT", "7480 00": "Radeon PRO W7600", "7480 c0": "Radeon RX 7600 XT",
    "7480 c7": "Radeon RX 7600M XT", "7480 cf": "Radeon RX 7600", "7489 00": "Radeon PRO W7500",
    "74a0 00": "Instinct MI300A", "74a1 00": "Instinct MI300X", "74a2 00": "Instinct MI308X",
    "74a5 00": "Instinct MI325X", "74b5 00": "Instinct MI300X", "74b6 00": "Instinct MI308X",
    "7550 c0": "Radeon RX 9070 XT", "7550 c2": "Radeon RX 9070 GRE", "7550 c3": "Radeon RX 9070",
    "7551 c0": "Radeon AI PRO R9700", "7590 c0": "Radeon RX 9060 XT", "7590 c7": "Radeon RX 9060",
    "75a0 00": "Instinct MI350X", "75a3 00": "Instinct MI355X",
    "1586 c1": "Radeon 8060S", "1586 c2": "Radeon 8050S", "150e c1": "Radeon 890M", "15bf c1": "Radeon 780M",
    "1900 c1": "Radeon 780M",
}  # fmt: skip


def device_name(probe: Probe, device: PciDevice) -> str:
    """libdrm's name for id and revision, the board's own product name, or what pci.ids says."""
    number = revision(probe, device.address) or "00"
    listed = _in_libdrm(probe, device.device, number) or _NAMES.get(f"{device.device} {number}")
    product = probe.read(f"/sys/bus/pci/devices/{device.address}/product_name", "amd")
    return listed or product or name_in_pci_ids(probe, AMD, device.device) or f"AMD GPU {device.device}"


def _in_libdrm(probe: Probe, device: str, number: str) -> str | None:
    for path in _FILES:
        for line in (probe.read_bytes(path, 1 << 20) or b"").decode("utf-8", "replace").splitlines():
            fields = [field.strip() for field in line.split(",", 2)]
            if len(fields) == 3 and fields[0].lower() == device and fields[1].lower() == number:
                return fields[2]
    return None
