"""What a llama.cpp process takes of the host's memory when it runs on the processor alone.

Calibrated on 121 real loads (AVX2 build, see ``benchmarks/accuracy.py``). All sizes are bytes.
"""

from __future__ import annotations

from modelpick.estimation.buffers import cpu_compute_bytes, layer_stage_bytes
from modelpick.estimation.cache import (
    CELL_STEP,
    cells_of,
    layer_cache_bytes,
    micro_batch,
    state_bytes_per_layer,
)
from modelpick.estimation.interface import Settings, Shape
from modelpick.estimation.weights import Weights
from modelpick.formats.ggml import padded
from modelpick.units import MIB
from modelpick.values import dataclass

LIBRARIES = 15 * MIB
PER_TOKEN_BPE = 247
"""A vocabulary entry of a BPE tokenizer with about as many merges, loaded."""
PER_TOKEN_SPM = 116


@dataclass(frozen=True, slots=True)
class CpuBuffers:
    """The parts of a run on the processor. ``resident`` is what the process shows when it has run a while."""

    model: int
    cache: int
    state: int
    compute: int
    output: int
    base: int
    resident: int

    @property
    def buffers(self) -> int:
        """What llama.cpp itself reports: model, cache, state, compute and output buffers."""
        return self.model + self.cache + self.state + self.compute + self.output


def base_bytes(shape: Shape) -> int:
    """Libraries, tokenizer and graphs of the process."""
    return LIBRARIES + (PER_TOKEN_BPE if shape.byte_pair else PER_TOKEN_SPM) * shape.vocab


def cpu_buffers(
    shape: Shape,
    weights: Weights,
    settings: Settings,
    *,
    mapped: bool = True,
    repack: bool = True,
    prompt: int | None = None,
) -> CpuBuffers:
    """The buffers and the resident size of a run on the processor.

    ``mapped``: the file is mapped, so that repacked matrices lie in memory twice until the system wants the
    pages back; otherwise it is read and they lie there once. ``prompt`` is how many tokens were
    read at once; None for a full context.
    """
    again = weights.repacked if repack and mapped else 0
    cache = sum(layer_cache_bytes(shape, settings))
    state = sum(shape.recurrent) * state_bytes_per_layer(shape, settings)
    model = weights.total + again
    output = 4 * shape.vocab
    base = base_bytes(shape)
    touched = layer_stage_bytes(shape, settings, prompt) + 4 * micro_batch(settings) * shape.hidden
    if not settings.flash_attention:
        cells = cells_of(shape, settings).full
        touched += 2 * min(cells, padded(prompt or cells, CELL_STEP)) * micro_batch(settings) * shape.heads
    held = weights.file + again if mapped else model
    resident = held + cache + state + output + base + touched
    return CpuBuffers(model, cache, state, cpu_compute_bytes(shape, settings), output, base, resident)
