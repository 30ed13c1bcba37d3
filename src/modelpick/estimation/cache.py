"""What llama.cpp keeps per token and per sequence: key-value cells and recurrent state, exactly.

Source: llama.cpp b10605 ``llama-kv-cache.cpp``, ``llama-memory-recurrent.cpp``, ``llama-hparams.cpp``; checked
on 12,096 simulated contexts. All sizes are bytes.
"""

from __future__ import annotations

from modelpick.errors import UsageError
from modelpick.estimation.interface import Recurrence, Settings, Shape
from modelpick.estimation.memo import remembered
from modelpick.estimation.tensors import head_dim_of, kv_heads_of, value_dim_of
from modelpick.formats.ggml import TYPES, GgmlType, padded
from modelpick.values import dataclass

CELL_STEP = 256


@dataclass(frozen=True, slots=True)
class Cells:
    """How many cells a layer has: ``full`` and ``sliding`` count per stream."""

    full: int
    sliding: int
    streams: int


CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
"""What llama.cpp takes for ``--cache-type-k`` and ``--cache-type-v``."""


def cache_type(name: str) -> GgmlType:
    """The type of a cache's elements.

    :raises UsageError: when llama.cpp has no cache of that type.
    """
    if name.lower() not in CACHE_TYPES:
        raise UsageError(f"no cache of type {name!r}", hint=f"one of {', '.join(CACHE_TYPES)}")
    return TYPES[name.upper()]


def context_cells(settings: Settings) -> int:
    """The context as llama.cpp allocates it, over all slots."""
    return padded(max(settings.context, 1), CELL_STEP)


def micro_batch(settings: Settings) -> int:
    """Tokens that are computed at once."""
    return min(settings.micro_batch, context_cells(settings))


def cells_of(shape: Shape, settings: Settings) -> Cells:
    """The cells of full and of sliding layers."""
    context = context_cells(settings)
    unified = settings.unified_cache or settings.slots == 1
    full = context if unified else padded(context // settings.slots, CELL_STEP)
    if not shape.window or settings.full_window_cache:
        return Cells(full, full, 1 if unified else settings.slots)
    windows = shape.window * (settings.slots if unified else 1)
    sliding = padded(min(full, windows + micro_batch(settings)), CELL_STEP)
    return Cells(full, sliding, 1 if unified else settings.slots)


def layer_row_bytes(shape: Shape, settings: Settings, layer: int) -> int:
    """Bytes of one cell of one layer's keys and values."""
    if shape.attention[layer] == "none":
        return 0
    keys = cache_type(settings.cache_type_k)
    if shape.mla:
        return (shape.mla.kv_lora_rank + shape.mla.rope_dim) * keys.bytes // keys.block
    values = cache_type(settings.cache_type_v)
    heads = kv_heads_of(shape, layer)
    return (
        heads * head_dim_of(shape, layer) * keys.bytes // keys.block
        + heads * value_dim_of(shape, layer) * values.bytes // values.block
    )


def layer_cache_bytes(shape: Shape, settings: Settings) -> list[int]:
    """The key-value cache of each layer."""
    cells = cells_of(shape, settings)
    sizes = {"full": cells.full * cells.streams, "sliding": cells.sliding * cells.streams, "none": 0}
    rows = _rows(shape, settings).each
    return [row * sizes[kind] for row, kind in zip(rows, shape.attention, strict=True)]


def cache_bytes(shape: Shape, settings: Settings) -> int:
    """The key-value cache of all layers."""
    cells, rows = cells_of(shape, settings), _rows(shape, settings)
    return (rows.full * cells.full + rows.sliding * cells.sliding) * cells.streams


@dataclass(frozen=True, slots=True)
class _Rows:
    each: tuple[int, ...]
    full: int
    sliding: int


def _rows(shape: Shape, settings: Settings) -> _Rows:
    key = (settings.cache_type_k, settings.cache_type_v)
    return remembered("rows", shape, key, lambda: _sum_rows(shape, settings))


def _sum_rows(shape: Shape, settings: Settings) -> _Rows:
    if shape.kv_heads_by_layer or shape.head_dim_by_layer:
        each = tuple([layer_row_bytes(shape, settings, layer) for layer in range(shape.layers)])
    else:
        attends = next((layer for layer, kind in enumerate(shape.attention) if kind != "none"), None)
        row = 0 if attends is None else layer_row_bytes(shape, settings, attends)
        each = tuple([0 if kind == "none" else row for kind in shape.attention])
    pairs = list(zip(each, shape.attention, strict=True))
    return _Rows(
        each,
        sum(row for row, kind in pairs if kind == "full"),
        sum(row for row, kind in pairs if kind == "sliding"),
    )


def state_bytes(shape: Shape, settings: Settings) -> int:
    """The recurrent state of all layers."""
    return sum(shape.recurrent) * state_bytes_per_layer(shape, settings) if shape.recurrent else 0


def state_elements(recurrence: Recurrence, hidden: int) -> int:
    """Elements of one recurrent layer's state for one sequence."""
    conv = max(recurrence.conv_kernel - 1, 0)
    match recurrence.kind:
        case "short-conv":
            return hidden * conv
        case "kda":
            return 3 * conv * recurrence.inner + recurrence.state * recurrence.inner
        case "rwkv" | "linear":
            return recurrence.state * recurrence.inner
        case _:
            wide = recurrence.inner + 2 * recurrence.groups * recurrence.state
            return conv * wide + recurrence.state * recurrence.inner


def state_bytes_per_layer(shape: Shape, settings: Settings) -> int:
    """The recurrent state of one recurrent layer, all slots: F32, whatever the context."""
    if shape.recurrence is None:
        return 0
    return 4 * state_elements(shape.recurrence, shape.hidden) * settings.slots
