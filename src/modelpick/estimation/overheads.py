"""What a runtime takes besides its buffers, and what is kept free beside it, by backend. Bytes.

Sources: 451 to 456 MiB unaccounted on an RTX 4090 (llama.cpp PR 15860); Ollama's reserves (457 MiB, Metal 512 MiB).
"""

from __future__ import annotations

from modelpick.estimation.interface import Runtime
from modelpick.units import GIB, MIB
from modelpick.values import dataclass


@dataclass(frozen=True, slots=True)
class Overhead:
    """``context``: taken by driver and runtime. The reserve kept free is ``reserve`` plus a part of the pool."""

    context: int
    reserve: int
    part: float

    def reserve_of(self, total: int) -> int:
        """What is kept free of a pool of that size."""
        return self.reserve + round(total * self.part)


_BY_BACKEND = {
    "cuda": Overhead(457 * MIB, 55 * MIB, 0.03),
    "rocm": Overhead(457 * MIB, 55 * MIB, 0.03),
    "sycl": Overhead(400 * MIB, 112 * MIB, 0.03),
    "vulkan": Overhead(200 * MIB, 107 * MIB, 0.03),
    "metal": Overhead(256 * MIB, 256 * MIB, 0.0),
}
CPU = Overhead(0, 102 * MIB, 0.0)

TORCH_CONTEXT = 512 * MIB
"""PyTorch's context on a GPU, instead of llama.cpp's."""

HOST_FLOOR = 64 * MIB
"""What the host process takes beside a GPU, on top of what scales with the vocabulary."""

TORCH_HOST = round(1.5 * GIB)
"""Host memory of a PyTorch process with its libraries loaded."""


def overhead_of(backend: str, runtime: Runtime = "llama.cpp") -> Overhead:
    """The overhead on a device of that backend; ``cpu`` for the host."""
    if backend == "cpu":
        return CPU
    found = _BY_BACKEND.get(backend, _BY_BACKEND["cuda"])
    if runtime in {"transformers", "vllm"}:
        return Overhead(TORCH_CONTEXT, found.reserve, found.part)
    return found
