"""The host on Windows: the registry for the processor's name, psutil for cores and memory."""

from __future__ import annotations

import sys
from typing import Any

from modelpick.hardware.interface import Cpu, MemoryPool, System
from modelpick.hardware.probe import Probe
from modelpick.hardware.registry_windows import subkeys

PROCESSORS = r"HARDWARE\DESCRIPTION\System\CentralProcessor"
_VERSION = r"SOFTWARE\Microsoft\Windows NT"
# https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-isprocessorfeaturepresent
_FEATURES = {39: "avx", 40: "avx2", 41: "avx512f", 19: "neon", 43: "dotprod"}


def read(probe: Probe) -> tuple[Cpu, MemoryPool, System]:
    """Processor, memory and system of a Windows machine."""
    import psutil

    processors = subkeys(probe, PROCESSORS)
    first = processors.get("0", {})
    name = first.get("ProcessorNameString")
    arm = "ARM" in str(first.get("Identifier", ""))
    physical = psutil.cpu_count(logical=False)
    logical = len(processors) or psutil.cpu_count()
    allowed = len(psutil.Process().cpu_affinity()) if sys.platform == "win32" else logical
    share = min(1.0, allowed / logical) if allowed and logical else 1.0
    cpu = Cpu(
        name=" ".join(str(name).replace("(R)", "").replace("(TM)", "").split()) if name else None,
        architecture="aarch64" if arm else "x86_64",
        sockets=None,
        physical_cores=physical,
        logical_cores=logical,
        usable_cores=float(physical or logical or 1) * share,
        features=_features(),
    )
    memory = psutil.virtual_memory()
    version = subkeys(probe, _VERSION).get("CurrentVersion", {})
    product = version.get("ProductName")
    build = version.get("CurrentBuildNumber")
    system = System(
        os="windows",
        os_version=f"{product} (build {build})" if product else None,
        swap_total_bytes=int(psutil.swap_memory().total),
        physical_memory_bytes=int(memory.total),
    )
    return cpu, MemoryPool("host", int(memory.total), int(memory.available)), system


def _features() -> tuple[str, ...]:
    if sys.platform != "win32":
        return ()
    import ctypes

    kernel: Any = getattr(ctypes, "windll").kernel32  # noqa: B009
    return tuple(sorted(name for code, name in _FEATURES.items() if kernel.IsProcessorFeaturePresent(code)))
