"""One accelerator of the table as a :class:`Device` with its memory: backend, compute, what an idle one has free."""

from __future__ import annotations

import re
from collections.abc import Sequence

from modelpick.hardware.apple_chips import chip_of, wired_limit
from modelpick.hardware.interface import AcceleratorSpec, Backend, Device, MemoryPool, Origin
from modelpick.units import GIB, MIB
from modelpick.values import replace

ROCM_GFX = frozenset(
    f"gfx{target}"
    for target in ("906", "908", "90a", "942", "950", "1030", "1100", "1101", "1102", "1150", "1151", "1200", "1201")
)
"""Targets that ROCm's libraries are built for; others run over Vulkan.

Source: https://rocm.docs.amd.com/projects/install-on-linux/en/latest/reference/system-requirements.html
"""

_INSIDE = re.compile(r"\((.+)\)")

# Where the table has no dense FP16 figure but the maker publishes sparse FP4 or INT8: halved for density, then
# halved (INT8) or quartered (FP4).
_FROM_SPARSE = {
    "GB10": 125e12,
    "Jetson AGX Orin 64GB": 42.5e12,
    "Jetson Orin Nano 8GB": 10e12,
    "Jetson AGX Thor T5000": 259e12,
}


def device_of(spec: AcceleratorSpec, index: int, pool: str, *, total_bytes: int | None = None) -> Device:
    """A device as the table describes it; ``total_bytes`` is the host's memory where it is shared."""
    flops, origin = compute_of(spec)
    usable: int | None = None
    if spec.unified and total_bytes is not None and spec.vendor in ("apple", "amd"):
        # AMD: 96 of 128 GiB is the most that Windows assigns; Linux can be told to give more.
        usable = wired_limit(total_bytes) if spec.vendor == "apple" else total_bytes * 3 // 4
    return Device(
        index=index,
        name=spec.name,
        vendor=spec.vendor,
        backend=backend_of(spec),
        pool=pool,
        unified=spec.unified,
        integrated=spec.unified,
        usable_bytes=usable,
        compute_capability=spec.compute_capability,
        gfx=spec.gfx,
        fp16_flops=flops,
        fp16_origin=origin,
        accelerator=spec.name,
        fp32_flops=single_precision(spec),
    )


def backend_of(spec: AcceleratorSpec) -> Backend:
    """What runs models on it: CUDA, ROCm where its libraries know the chip, SYCL, Metal; else Vulkan."""
    match spec.vendor:
        case "nvidia":
            return "cuda"
        case "amd":
            return "rocm" if spec.gfx in ROCM_GFX else "vulkan"
        case "intel":
            return "sycl"
        case "apple":
            return "metal"
    return "vulkan"


def with_figures(device: Device, spec: AcceleratorSpec | None) -> Device:
    """``device`` with what the table knows of it; unchanged where the table knows nothing."""
    if spec is None:
        return device
    flops, origin = compute_of(spec)
    return replace(
        device, accelerator=spec.name, fp16_flops=flops, fp16_origin=origin, fp32_flops=single_precision(spec)
    )


def single_precision(spec: AcceleratorSpec) -> float | None:
    """FP32 FLOPS of the table; Apple's chips do as many in single as in half precision."""
    chip = chip_of(spec.name)
    return spec.fp32_flops if spec.fp32_flops is not None or chip is None else chip.fp16_flops


def compute_of(spec: AcceleratorSpec) -> tuple[float | None, Origin | None]:
    """Dense FP16 FLOPS: published; else estimated from the chip, the sparse figure, or the FP32 rate."""
    if spec.fp16_flops is not None:
        return spec.fp16_flops, "published"
    chip = chip_of(spec.name)
    estimate = chip.fp16_flops if chip else _FROM_SPARSE.get(spec.name, spec.fp32_flops)
    return (estimate, "estimated") if estimate is not None else (None, None)


def inside_of(spec: AcceleratorSpec, specs: Sequence[AcceleratorSpec]) -> AcceleratorSpec:
    """``Ryzen AI Max+ 395 (Radeon 8060S)`` with the compute of the Radeon 8060S, which has a row of its own."""
    found = _INSIDE.search(spec.name)
    other = next((s for s in specs if found and s.name == found[1]), None)
    if other is None or spec.fp16_flops is not None:
        return spec
    return replace(spec, fp16_flops=other.fp16_flops, fp32_flops=spec.fp32_flops or other.fp32_flops)


def card_pool(name: str, spec: AcceleratorSpec) -> MemoryPool:
    """A card's own memory, named ``name``, as the table describes it and idle."""
    total = spec.memory_bytes
    bandwidth = spec.bandwidth_bytes_per_second
    return MemoryPool(
        name=name,
        total_bytes=total,
        free_bytes=None if total is None else free_of_card(total),
        bandwidth_bytes_per_second=bandwidth,
        bandwidth_origin=None if bandwidth is None else "published",
        kind=spec.memory_kind,
    )


def free_of_card(total_bytes: int) -> int:
    """Free bytes of an idle graphics card."""
    return total_bytes - min(total_bytes * 15 // 1000, 512 * MIB)


def free_of_host(total_bytes: int) -> int:
    """Free bytes of a computer on which its operating system and a few windows run."""
    return total_bytes - min(total_bytes // 8, 4 * GIB)
