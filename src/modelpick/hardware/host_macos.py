"""The host on macOS: sysctl for what is built in, psutil for what is free."""

from __future__ import annotations

from modelpick.hardware.interface import Cpu, MemoryPool, System
from modelpick.hardware.probe import Probe
from modelpick.hardware.sysctl import sysctl, sysctl_number

_FEATURES = {
    "hw.optional.arm.FEAT_DotProd": "dotprod", "hw.optional.arm.FEAT_I8MM": "i8mm", "hw.optional.arm.FEAT_BF16": "bf16",
    "hw.optional.arm.FEAT_FP16": "fp16", "hw.optional.AdvSIMD": "neon", "hw.optional.arm.FEAT_SME": "sme",
    "hw.optional.avx1_0": "avx", "hw.optional.avx2_0": "avx2", "hw.optional.avx512f": "avx512f",
    "hw.optional.fma": "fma", "hw.optional.f16c": "f16c",
}  # fmt: skip


def read(probe: Probe) -> tuple[Cpu, MemoryPool, System]:
    """Processor, memory and system of a Mac."""
    physical = sysctl_number(probe, "hw.physicalcpu")
    logical = sysctl_number(probe, "hw.logicalcpu")
    arm = sysctl_number(probe, "hw.optional.arm64") == 1
    cpu = Cpu(
        name=sysctl(probe, "machdep.cpu.brand_string"),
        architecture="aarch64" if arm else "x86_64",
        sockets=sysctl_number(probe, "hw.packages") or 1,
        physical_cores=physical,
        logical_cores=logical,
        usable_cores=float(physical or logical or 1),
        features=tuple(sorted(f for name, f in _FEATURES.items() if sysctl_number(probe, name) == 1)),
        numa_nodes=1,
    )
    total = sysctl_number(probe, "hw.memsize")
    version = sysctl(probe, "kern.osproductversion")
    system = System(
        os="macos",
        os_version=f"macOS {version}" if version else None,
        virtual_machine="unnamed" if sysctl_number(probe, "kern.hv_vmm_present") == 1 else None,
        swap_total_bytes=_swap(sysctl(probe, "vm.swapusage")),
        physical_memory_bytes=total,
    )
    return cpu, MemoryPool("host", total, _free(probe)), system


def _free(probe: Probe) -> int | None:
    if not probe.live:
        # Pages that a new program gets at once or after little cleaning.
        size = sysctl_number(probe, "hw.pagesize") or 0
        names = ("vm.page_free_count", "vm.page_speculative_count", "vm.page_purgeable_count")
        return size * sum(sysctl_number(probe, name) or 0 for name in names) or None
    import psutil

    return int(psutil.virtual_memory().available)


def _swap(text: str | None) -> int | None:
    """``total = 2048.00M  used = 1024.00M ...`` in bytes; text that came as raw bytes is unknown."""
    words = (text or "").split()
    if len(words) < 3 or words[0] != "total" or not words[2].endswith("M"):
        return None
    try:
        return round(float(words[2][:-1]) * 1024 * 1024)
    except ValueError:
        return None
