"""Machines we do not own: small TOML files that become a tree of /proc and /sys under a temporary root.

``[files]`` holds paths and contents. ``[pci]`` maps an address to ``vendor:device class driver revision`` and ``[amd]``
to what amdgpu and the KFD say. ``empty`` lists files that only have to be there. ``smi`` is what nvidia-smi
prints, and ``processor`` the first block of /proc/cpuinfo.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelpick.hardware.probe import Probe

FOLDER = Path(__file__).parent / "machines"
NAMES = sorted(path.stem for path in FOLDER.glob("*.toml"))


def description(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))


def build(name: str, root: Path) -> dict[str, Any]:
    """Write the machine's tree under ``root``."""
    machine = description(name)
    for path, content in machine.get("files", {}).items():
        write(root, path, content)
    write(root, "/proc/cpuinfo", machine["processor"])
    for path in machine.get("empty", []):
        write(root, path, "")
    for address, text in machine.get("pci", {}).items():
        _pci(root, address, *text.split())
    for number, (address, values) in enumerate(machine.get("amd", {}).items(), 1):
        _amd(root, number, address, values)
    return machine


def probe_of(name: str, root: Path, *, trace: bool = False, **variables: str) -> Probe:
    """A probe of the machine; nvidia-smi answers what was captured, and no library of this machine is loaded."""
    machine = build(name, root)

    def run(command: Sequence[str]) -> str | None:
        return machine.get("smi") if command[0] == machine.get("smi_program", "nvidia-smi") else None

    return Probe(str(root), environ=variables, platform="linux", libraries=False, run=run, trace=trace)


def write(root: Path, path: str, content: str) -> None:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if content.endswith("\n") or not content else content + "\n", "utf-8")


def _pci(root: Path, address: str, ids: str, kind: str, driver: str, revision: str = "00") -> None:
    vendor, device = ids.upper().split(":")
    folder = f"/sys/bus/pci/devices/{address}"
    alias = f"pci:v0000{vendor}d0000{device}sv00001043sd00008888bc{kind[:2]}sc{kind[2:4]}i00"
    write(root, f"{folder}/modalias", alias)
    write(root, f"{folder}/revision", f"0x{revision}")
    if driver != "-":
        write(root, f"/sys/bus/pci/drivers/{driver}/module", "")
        (root / folder.lstrip("/") / "driver").symlink_to(f"../../../../bus/pci/drivers/{driver}")


def _amd(root: Path, number: int, address: str, values: dict[str, int]) -> None:
    folder = f"/sys/bus/pci/devices/{address}"
    for name in ("vram_total", "vram_used", "gtt_total", "gtt_used"):
        write(root, f"{folder}/mem_info_{name}", str(values[name]))
    write(root, f"{folder}/max_link_speed", "16.0 GT/s PCIe")
    write(root, f"{folder}/max_link_width", str(values.get("width", 16)))
    domain, bus, rest = address.split(":")
    location = int(bus, 16) << 8 | int(rest.split(".")[0], 16) << 3 | int(rest.split(".")[1])
    write(root, "/sys/class/kfd/kfd/topology/nodes/0/properties", "cpu_cores_count 16\nsimd_count 0\nlocation_id 0")
    write(
        root,
        f"/sys/class/kfd/kfd/topology/nodes/{number}/properties",
        f"cpu_cores_count 0\nsimd_count {values.get('simds', 192)}\nlds_size_in_kb 64\n"
        f"gfx_target_version {values['target']}\nvendor_id 4098\nlocation_id {location}\ndomain {int(domain, 16)}",
    )
