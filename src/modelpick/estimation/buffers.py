"""The compute buffers of llama.cpp: what one micro-batch needs while it passes through the graph.

A closed form for the peak of ggml's allocator, derived from 12,096 simulated contexts of 44 models (median
error 0.01 %, see ``benchmarks/accuracy.py``). All sizes are bytes.
"""

from __future__ import annotations

from modelpick.estimation.cache import CELL_STEP, Cells, cache_type, cells_of, micro_batch
from modelpick.estimation.families import GENERIC, Family, family_of
from modelpick.estimation.interface import Settings, Shape
from modelpick.formats.ggml import padded


def masks_bytes(shape: Shape, settings: Settings, cells: Cells, batch: int) -> int:
    """The attention masks: one for full layers, one for sliding ones."""
    element = 2 if settings.flash_attention else 4
    wide = (cells.full if "full" in shape.attention else 0) + (cells.sliding if "sliding" in shape.attention else 0)
    return element * batch * wide


def stage_bytes(shape: Shape, settings: Settings, cells: Cells, batch: int) -> int:
    """The widest stage of a layer: feed-forward, experts or attention."""
    hidden = shape.hidden
    wide = _feed_forward_width(shape, settings)
    if shape.mla:
        mla = shape.mla
        lora, rope = mla.kv_lora_rank, mla.rope_dim
        attention = 2 * shape.heads * (lora + rope) + shape.heads * (mla.nope_dim + rope) + 3 * hidden
        if not settings.flash_attention and cells.full > lora + rope:
            attention += cells.full * shape.heads
        return 4 * batch * max(wide, attention)
    if settings.flash_attention or set(shape.attention) == {"none"}:
        return 4 * batch * wide + _rotation_bytes(shape, settings)
    keys = shape.kv_heads * shape.head_dim
    attention = 2 * hidden + 2 * keys
    if not family_or_generic(shape.name).fused_qkv:
        attention += 2 * shape.heads * shape.head_dim
    if "sliding" in shape.attention:
        attention += 2 * keys
    longest = cells.full if "full" in shape.attention else cells.sliding
    return 4 * batch * max(wide, attention + longest * shape.heads)


def _feed_forward_width(shape: Shape, settings: Settings) -> int:
    hidden = shape.hidden
    mixed = _mix_width(shape, settings)
    widest = max(shape.ffn_by_layer) if shape.ffn_by_layer else shape.ffn
    dense = 3 * widest + 2 * hidden + mixed
    experts = shape.experts
    if experts is None:
        return max(dense, _state_width(shape))
    used = experts.used * experts.ffn
    spread = experts.used * hidden
    routed = 3 * used + (spread if spread > 2 * used else 0) + 2 * hidden + mixed
    return max(routed, dense) if experts.leading_dense else routed


def _mix_width(shape: Shape, settings: Settings) -> int:
    """What attention leaves behind while the feed-forward runs.

    With a quantised cache the queries are rotated first: freed rows as wide as the model are then used again,
    narrower ones lie idle twice.
    """
    if shape.mla:
        return shape.heads * shape.mla.value_dim if settings.flash_attention else 0
    recurrence = shape.recurrence
    if recurrence is not None and recurrence.kind == "gated-delta-net":
        return min(shape.hidden, shape.heads * shape.head_dim)
    if family_or_generic(shape.name).fused_qkv or (recurrence and recurrence.kind == "short-conv"):
        return 0
    queries = shape.heads * shape.head_dim
    if recurrence is not None:
        return max(queries, recurrence.inner)
    if not _rotated(settings) or queries > shape.hidden:
        return queries
    return 0 if queries == shape.hidden else 2 * queries


def _state_width(shape: Shape) -> int:
    """The state-space stage where it runs beside attention (Falcon-H1): its projections and both inputs."""
    recurrence = shape.recurrence
    if recurrence is None or recurrence.kind != "mamba2" or "none" in shape.attention:
        return 0
    conv = recurrence.inner + 2 * recurrence.groups * recurrence.state
    projected = recurrence.inner + conv + recurrence.heads
    return 3 * shape.hidden + projected + 2 * conv + 2 * shape.heads * shape.head_dim


def _rotated(settings: Settings) -> bool:
    return cache_type(settings.cache_type_k).quantised or cache_type(settings.cache_type_v).quantised


def _rotation_bytes(shape: Shape, settings: Settings) -> int:
    """The matrices that rotate keys and values before they are quantised, one pair per kind of layer."""
    if not _rotated(settings) or shape.head_dim % 64:
        return 0
    power = shape.head_dim & -shape.head_dim
    kinds = len({kind for kind in shape.attention if kind != "none"})
    return 4 * kinds * (power * power + 64 * 64)


def family_or_generic(name: str) -> Family:
    """The family's traits, or Llama's."""
    return family_of(name) or GENERIC


def output_rows(settings: Settings, batch: int) -> int:
    """Rows of logits that are reserved: one a slot on the server, the whole micro-batch where a library asks."""
    wanted = settings.slots if settings.output_rows is None else settings.output_rows
    return min(batch, wanted or batch)


def device_compute_bytes(shape: Shape, settings: Settings) -> int:
    """The compute buffer of the device that holds all layers."""
    cells, batch = cells_of(shape, settings), micro_batch(settings)
    stage = stage_bytes(shape, settings, cells, batch) + masks_bytes(shape, settings, cells, batch)
    return max(_logits_bytes(shape, settings, batch, stage, on_cpu=False), stage)


def layer_stage_bytes(shape: Shape, settings: Settings, prompt: int | None = None) -> int:
    """What layers touch of the compute buffer, without logits, for a prompt of so many tokens (None: a full context).

    Models with windows fill their masks over the whole cache, the others over what is in use.
    """
    cells, batch = cells_of(shape, settings), micro_batch(settings)
    masks = masks_bytes(shape, settings, cells, batch)
    if prompt is not None:
        filled = padded(prompt, CELL_STEP)
        cells = Cells(min(cells.full, filled), min(cells.sliding, filled), cells.streams)
        masks = masks if "sliding" in shape.attention else masks_bytes(shape, settings, cells, batch)
    return masks + stage_bytes(shape, settings, cells, batch)


def cpu_compute_bytes(shape: Shape, settings: Settings) -> int:
    """The compute buffer when everything runs on the processor: the embedded tokens stay in it too."""
    cells, batch = cells_of(shape, settings), micro_batch(settings)
    row = 4 * batch * shape.hidden
    stage = stage_bytes(shape, settings, cells, batch)
    masks = masks_bytes(shape, settings, cells, batch)
    logits = _logits_bytes(shape, settings, batch, stage, on_cpu=True) + row
    wide = 4 * batch * _feed_forward_width(shape, settings)
    if "sliding" in shape.attention and wide < masks < 1.5 * wide and output_rows(settings, batch) == batch:
        # The last feed-forward may or may not lie in the way of the logits: half of it is counted.
        logits += 2 * batch * (3 * shape.ffn + shape.hidden)
    tokens = row
    if shape.mla and settings.flash_attention:
        tokens += 4 * batch * shape.heads * shape.mla.rope_dim
    elif not settings.flash_attention:
        tokens += 5 * row if stage > wide and _state_width(shape) else 0
    elif shape.experts is None and shape.recurrence is None and shape.heads * shape.head_dim >= 2 * shape.hidden:
        tokens = 0
    return max(logits, masks + stage + tokens)


def _logits_bytes(shape: Shape, settings: Settings, batch: int, stage: int, *, on_cpu: bool) -> int:
    """The logits and what cannot be freed while they are made.

    A reserved micro-batch of logits lands behind leftovers of the last layer in some families.
    """
    rows = output_rows(settings, batch)
    logits = 4 * rows * (shape.vocab + shape.hidden)
    if rows < batch:
        return logits
    family, recurrence = family_or_generic(shape.name), shape.recurrence
    if shape.mla:
        mla = shape.mla
        if logits < stage:
            return logits
        latent = mla.kv_lora_rank + mla.nope_dim + 2 * mla.rope_dim + mla.value_dim
        return logits + 4 * batch * (shape.heads * latent + shape.hidden)
    if recurrence is not None and recurrence.kind == "mamba2" and "none" in shape.attention:
        left = recurrence.inner
        if shape.experts and settings.flash_attention and not on_cpu:
            left = max(left, _feed_forward_width(shape, settings) - recurrence.inner)
        return logits + 4 * batch * left
    if family.fused_qkv or recurrence is not None or shape.name == "gpt-oss":
        row = 4 * batch * shape.hidden
        masks = masks_bytes(shape, settings, cells_of(shape, settings), batch)
        if settings.flash_attention and masks <= row:
            return logits + masks + (2 * row if family.fused_qkv else row)
        return logits + (0 if on_cpu else row)
    return logits


def host_compute_bytes(shape: Shape, settings: Settings) -> int:
    """The host's buffer beside a device that holds all layers."""
    cells, batch = cells_of(shape, settings), micro_batch(settings)
    return 8 * batch * shape.hidden + masks_bytes(shape, settings, cells, batch)


def cuda_copies_bytes(shape: Shape, settings: Settings) -> int:
    """What CUDA adds with a quantised cache and flash attention: one layer's keys and values in 16 bits.

    Read in llama.cpp's source (b10605), not measured; the recorded buffers come from other backends.
    """
    if not settings.flash_attention or not _rotated(settings) or shape.mla:
        return 0
    cells = cells_of(shape, settings)
    longest = cells.full if "full" in shape.attention else cells.sliding
    return 2 * longest * shape.kv_heads * (shape.head_dim + shape.value_dim)
