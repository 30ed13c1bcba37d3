"""Apple's chips: what the registry's table does not say of them, cores and memory sizes on sale.

Apple publishes no FLOPS. A GPU core has 128 lanes with one fused multiply-add a clock, and half precision is no
faster than single (https://github.com/philipturner/metal-benchmarks); the clocks are approximate. So the compute
figures are estimates and are marked so.
"""

from __future__ import annotations

from modelpick.units import GIB
from modelpick.values import dataclass


@dataclass(frozen=True, slots=True)
class AppleChip:
    """One configuration of a chip. ``accelerator`` is its name in the registry; ``memory_gib`` the sizes on sale,
    empty where unknown."""

    accelerator: str
    cpu_cores: int | None
    gpu_cores: int | None
    gpu_hertz: float | None
    memory_gib: tuple[int, ...]

    @property
    def fp16_flops(self) -> float | None:
        """Estimated half-precision FLOPS of the GPU."""
        if self.gpu_cores is None or self.gpu_hertz is None:
            return None
        return self.gpu_cores * 128 * 2 * self.gpu_hertz


_M1, _M2, _M3, _M4 = 1.278e9, 1.398e9, 1.38e9, 1.578e9

CHIPS = (
    AppleChip("Apple M1", 8, 8, _M1, (8, 16)),
    AppleChip("Apple M1 Pro", 10, 16, _M1, (16, 32)),
    AppleChip("Apple M1 Max", 10, 32, _M1, (32, 64)),
    AppleChip("Apple M1 Ultra", 20, 64, _M1, (64, 128)),
    AppleChip("Apple M2", 8, 10, _M2, (8, 16, 24)),
    AppleChip("Apple M2 Pro", 12, 19, _M2, (16, 32)),
    AppleChip("Apple M2 Max", 12, 38, _M2, (32, 64, 96)),
    AppleChip("Apple M2 Ultra", 24, 76, _M2, (64, 128, 192)),
    AppleChip("Apple M3", 8, 10, _M3, (8, 16, 24)),
    AppleChip("Apple M3 Pro", 12, 18, _M3, (18, 36)),
    AppleChip("Apple M3 Max (14-core CPU, 30-core GPU)", 14, 30, _M3, (36, 96)),
    AppleChip("Apple M3 Max (16-core CPU, 40-core GPU)", 16, 40, _M3, (48, 64, 128)),
    AppleChip("Apple M3 Ultra", 32, 80, _M3, (96, 256, 512)),
    AppleChip("Apple M4", 10, 10, _M4, (16, 24, 32)),
    AppleChip("Apple M4 Pro", 14, 20, _M4, (24, 48, 64)),
    AppleChip("Apple M4 Max (32-core GPU)", 14, 32, _M4, (36,)),
    AppleChip("Apple M4 Max (40-core GPU)", 16, 40, _M4, (48, 64, 128)),
    AppleChip("Apple M5", 10, 10, _M4, (16, 24, 32)),
    AppleChip("Apple M5 Pro", None, None, None, ()),
    AppleChip("Apple M5 Max", None, None, None, ()),
)


def chip_of(accelerator: str) -> AppleChip | None:
    """The chip with that name in the registry."""
    return next((chip for chip in CHIPS if chip.accelerator == accelerator), None)


def wired_limit(memory_bytes: int) -> int:
    """The most that macOS lets the GPU hold by default: two thirds up to 36 GiB, three quarters above.

    Source: ``recommendedMaxWorkingSetSize`` as Metal reports it on such machines
    (https://developer.apple.com/documentation/metal/mtldevice/recommendedmaxworkingsetsize).
    """
    return memory_bytes * 2 // 3 if memory_bytes <= 36 * GIB else memory_bytes * 3 // 4
