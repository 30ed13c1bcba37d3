"""NVIDIA's management library, through its own bindings (nvidia-ml-py). Every call has a default.

One missing symbol or one lost card never costs the report. "Not supported", or a total of 0, means that the GPU has
no memory of its own: GB10, Jetson, Thor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelpick.hardware.nvidia_cards import Card, Instance, Report
from modelpick.hardware.probe import Probe
from modelpick.units import MIB

# Bytes per second each way of one link, by NVLink's version: https://www.nvidia.com/en-us/data-center/nvlink/
_NVLINK = {1: 20e9, 2: 25e9, 3: 25e9, 4: 25e9, 5: 50e9}
_GPU_SLICES, _MEMORY_SLICES = 7, 8


def report(probe: Probe) -> Report | None:
    """All GPUs that NVML knows, or None where the library is missing or does not start."""
    try:
        import pynvml
    except ImportError as error:
        probe.reading("nvml", "import pynvml", error, "not installed")
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        probe.reading("nvml", "nvmlInit", error, "the library is missing or does not start")
        if error.value != pynvml.NVML_ERROR_LIBRARY_NOT_FOUND:
            probe.note("nvidia", f"NVML does not start: {error}", warning=True)
        return None
    try:
        return _Reader(probe, pynvml).report()
    finally:
        try:
            pynvml.nvmlShutdown()
        except pynvml.NVMLError as error:
            probe.reading("nvml", "nvmlShutdown", error, "ignored")


class _Reader:
    def __init__(self, probe: Probe, nvml: Any) -> None:
        self.probe = probe
        self.nvml = nvml

    def ask(self, function: str, *arguments: Any) -> Any:
        """What a function of the bindings answers, or None; an error is kept for ``doctor``."""
        shown = f"{function}{arguments[-1:] if arguments and isinstance(arguments[-1], int) else ''}"
        try:
            call: Callable[..., Any] = getattr(self.nvml, function)
            answer = call(*arguments)
        except Exception as error:  # NVMLError, a symbol the bindings lack, or a name that is not UTF-8
            self.probe.reading("nvml", shown, f"{type(error).__name__}: {error}", "unknown")
            return None
        if self.probe.trace and "Handle" not in function and "UUID" not in function:
            self.probe.reading("nvml", shown, str(answer).replace("\n", " "), "read")
        return answer

    def report(self) -> Report:
        drivers = []
        driver = self.ask("nvmlSystemGetDriverVersion")
        if driver:
            drivers.append(("nvidia", str(driver)))
        cuda = self.ask("nvmlSystemGetCudaDriverVersion_v2") or self.ask("nvmlSystemGetCudaDriverVersion")
        if cuda:
            drivers.append(("cuda", f"{cuda // 1000}.{cuda % 1000 // 10}"))
        cards = []
        for index in range(self.ask("nvmlDeviceGetCount") or 0):
            handle = self.ask("nvmlDeviceGetHandleByIndex", index)
            if handle is None:
                self.probe.note("nvidia", f"GPU {index} does not answer and is left out", warning=True)
                continue
            cards.append(self.card(index, handle))
        return Report(tuple(cards), tuple(drivers))

    def card(self, index: int, handle: Any) -> Card:
        total, free, unified = self.memory(handle)
        capability = self.ask("nvmlDeviceGetCudaComputeCapability", handle)
        place = self.ask("nvmlDeviceGetPciInfo", handle)
        mode = self.ask("nvmlDeviceGetMigMode", handle)
        mig_on = bool(mode and mode[0] == self.nvml.NVML_DEVICE_MIG_ENABLE)
        if total is None and not unified:
            self.probe.note("nvidia", f"GPU {index} does not tell its memory", warning=True)
        return Card(
            number=index,
            name=str(self.ask("nvmlDeviceGetName", handle) or f"NVIDIA GPU {index}"),
            uuid=str(self.ask("nvmlDeviceGetUUID", handle) or ""),
            address=_address(place),
            total=total,
            free=free,
            unified=unified,
            capability=f"{capability[0]}.{capability[1]}" if capability else None,
            bandwidth=None if unified else self.bandwidth(handle),
            pcie_generation=self.ask("nvmlDeviceGetMaxPcieLinkGeneration", handle),
            pcie_width=self.ask("nvmlDeviceGetMaxPcieLinkWidth", handle),
            nvlink=self.nvlink(handle),
            mig_on=mig_on,
            instances=self.instances(handle) if mig_on else (),
        )

    def memory(self, handle: Any) -> tuple[int | None, int | None, bool]:
        """Total and free bytes, and whether the GPU shares the host's memory."""
        try:
            sizes = self.nvml.nvmlDeviceGetMemoryInfo(handle)
        except self.nvml.NVMLError as error:
            unified = error.value == self.nvml.NVML_ERROR_NOT_SUPPORTED
            self.probe.reading("nvml", "nvmlDeviceGetMemoryInfo", error, "unified memory" if unified else "unknown")
            return None, None, unified
        text = f"total {sizes.total} free {sizes.free} used {sizes.used}"
        self.probe.reading("nvml", "nvmlDeviceGetMemoryInfo", text, "read" if sizes.total else "unified memory")
        return (sizes.total, sizes.free, False) if sizes.total else (None, None, True)

    def bandwidth(self, handle: Any) -> int | None:
        """Two transfers a clock over the width of the bus, for GDDR and HBM alike: the driver's clock says so."""
        bits = self.ask("nvmlDeviceGetMemoryBusWidth", handle)
        megahertz = self.ask("nvmlDeviceGetMaxClockInfo", handle, self.nvml.NVML_CLOCK_MEM)
        return int(megahertz) * 1_000_000 * 2 * int(bits) // 8 if bits and megahertz else None

    def nvlink(self, handle: Any) -> int | None:
        """Bytes per second each way over all active links; None without any."""
        total = 0.0
        for link in range(self.nvml.NVML_NVLINK_MAX_LINKS):
            state = self.ask("nvmlDeviceGetNvLinkState", handle, link)
            if state is None:
                break
            if state:
                version = self.ask("nvmlDeviceGetNvLinkVersion", handle, link) or 0
                total += _NVLINK.get(int(version), 25e9)
        return round(total) or None

    def instances(self, handle: Any) -> tuple[Instance, ...]:
        found = []
        for number in range(self.ask("nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
            part = self.ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, number)
            if part is None:
                continue
            total, free, _ = self.memory(part)
            shape = self.ask("nvmlDeviceGetAttributes_v2", part)
            found.append(
                Instance(
                    name=str(self.ask("nvmlDeviceGetName", part) or f"MIG instance {number}"),
                    uuid=str(self.ask("nvmlDeviceGetUUID", part) or ""),
                    total=total or (shape.memorySizeMB * MIB if shape else None),
                    free=free,
                    compute_share=shape.gpuInstanceSliceCount / _GPU_SLICES if shape else None,
                    memory_share=self._slices(total, handle),
                )
            )
        return tuple(found)

    def _slices(self, total: int | None, handle: Any) -> float | None:
        """Eighths of the card's memory, which carry as many eighths of its bandwidth."""
        whole, _, _ = self.memory(handle)
        return round(total / whole * _MEMORY_SLICES) / _MEMORY_SLICES if total and whole else None


def _address(place: Any) -> str | None:
    """``0000:01:00.0``, as the kernel writes it."""
    if place is None:
        return None
    return f"{place.domain:04x}:{place.bus:02x}:{place.device:02x}.0"
