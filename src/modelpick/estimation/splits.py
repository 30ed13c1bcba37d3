"""What each pool has to hold under each way of placing a model. Nothing here decides; it only adds up. Bytes."""

from __future__ import annotations

from modelpick.estimation.buffers import (
    cpu_compute_bytes,
    cuda_copies_bytes,
    host_compute_bytes,
    masks_bytes,
)
from modelpick.estimation.cache import (
    cells_of,
    layer_cache_bytes,
    micro_batch,
    state_bytes_per_layer,
)
from modelpick.estimation.capacity import Room
from modelpick.estimation.footprint import Parts
from modelpick.estimation.interface import Architecture, PoolUse, Settings, Shape
from modelpick.estimation.offload import gpu_part
from modelpick.estimation.overheads import HOST_FLOOR, TORCH_HOST
from modelpick.estimation.process import LIBRARIES, base_bytes
from modelpick.estimation.torch_runtimes import vllm_cache_bytes, vllm_compute_bytes

Uses = tuple[PoolUse, ...]


def single_uses(architecture: Architecture, parts: Parts, settings: Settings, room: Room, host: int) -> Uses:
    """Everything on one GPU; the embedding and a small buffer stay on the host."""
    weights, shape = parts.weights, architecture.shape
    torch = settings.runtime in {"vllm", "transformers"}
    on_device = weights.total if torch or weights.tied else weights.total - weights.embedding
    device = _use(
        room,
        layers=shape.layers if shape else 0,
        weights=on_device,
        cache=parts.cache + parts.state,
        compute=parts.compute + parts.projector + _copies(architecture.shape, settings, room),
        overhead=room.context,
    )
    return (device, _host_beside(architecture, parts, settings, host, weights.total - on_device))


def unified_uses(architecture: Architecture, parts: Parts, settings: Settings, room: Room) -> Uses:
    """Everything in the one memory that GPU and processor share."""
    shape = architecture.shape
    base = base_bytes(shape) if shape else LIBRARIES
    return (
        _use(
            room,
            layers=shape.layers if shape else 0,
            weights=parts.weights.file,
            cache=parts.cache + parts.state,
            compute=parts.compute + parts.projector + _host_compute(architecture, settings),
            overhead=room.context + base,
        ),
    )


def cpu_uses(architecture: Architecture, parts: Parts, settings: Settings, host: int) -> Uses:
    """Everything on the processor. The mapped copy of repacked matrices is not counted: the system takes it back."""
    shape = architecture.shape
    if settings.runtime == "transformers":
        compute, overhead = parts.compute, TORCH_HOST
    elif shape is None or architecture.kind == "encoder":
        compute, overhead = parts.compute, base_bytes(shape) if shape else LIBRARIES
    else:
        compute, overhead = cpu_compute_bytes(shape, settings), base_bytes(shape) + 4 * shape.vocab
    cache = parts.cache + parts.state
    total = parts.weights.file + cache + compute + parts.projector + overhead
    return (
        PoolUse(
            "host",
            None,
            total,
            host,
            shape.layers if shape else 0,
            parts.weights.file,
            cache,
            compute + parts.projector,
            overhead,
        ),
    )


def partial_uses(shape: Shape, parts: Parts, settings: Settings, room: Room, host: int, gpu_layers: int) -> Uses:
    """The output and the last layers on the GPU, the first layers on the host."""
    part = gpu_part(shape, parts.weights, settings, gpu_layers)
    return _beside(shape, parts, settings, room, host, part.weights, part.cache + part.state, part.compute, part.layers)


def expert_uses(shape: Shape, parts: Parts, settings: Settings, room: Room, host: int, count: int) -> Uses:
    """Everything on the GPU except the experts of the first ``count`` layers."""
    part = gpu_part(shape, parts.weights, settings, shape.layers + 1, count)
    return _beside(shape, parts, settings, room, host, part.weights, part.cache + part.state, part.compute, part.layers)


def _beside(
    shape: Shape,
    parts: Parts,
    settings: Settings,
    room: Room,
    host: int,
    weights: int,
    cache: int,
    compute: int,
    layers: int,
) -> Uses:
    """A device's part, and the host's: what is left, and for a tied model the embedding once more."""
    left = parts.weights.total - weights + (parts.weights.embedding if parts.weights.tied else 0)
    rest = parts.cache + parts.state - cache
    work = host_compute_bytes(shape, settings)
    overhead = base_bytes(shape) + HOST_FLOOR
    device = _use(
        room,
        layers=layers,
        weights=weights,
        cache=cache,
        compute=compute + parts.projector + _copies(shape, settings, room),
        overhead=room.context,
    )
    required = left + rest + work + overhead
    return device, PoolUse("host", None, required, host, shape.layers - layers, left, rest, work, overhead)


def layer_split_uses(
    architecture: Architecture, parts: Parts, settings: Settings, rooms: tuple[Room, ...], host: int
) -> Uses | None:
    """Layers dealt out to the GPUs in turn, each as many as it can hold; the output goes with the last."""
    shape, weights = architecture.shape, parts.weights
    if shape is None or not weights.layers:
        return None
    caches = layer_cache_bytes(shape, settings)
    state = state_bytes_per_layer(shape, settings)
    cells, batch = cells_of(shape, settings), micro_batch(settings)
    copies = 3 * (masks_bytes(shape, settings, cells, batch) + 4 * batch * shape.hidden)
    uses, start = [], 0
    for place, room in enumerate(rooms):
        last = place == len(rooms) - 1
        compute = parts.compute + _copies(shape, settings, room) + (copies + parts.projector if place == 0 else 0)
        tail = weights.output + weights.outer if last else 0
        left = room.available - room.context - compute - tail
        taken = held = cached = 0
        while start + taken < shape.layers:
            layer = start + taken
            kept = caches[layer] + (state if shape.recurrent and shape.recurrent[layer] else 0)
            if left < weights.layers[layer] + kept and not last:
                break
            left -= weights.layers[layer] + kept
            held, cached, taken = held + weights.layers[layer], cached + kept, taken + 1
        start += taken
        uses.append(_use(room, layers=taken, weights=held + tail, cache=cached, compute=compute, overhead=room.context))
    return (*uses, _host_beside(architecture, parts, settings, host, weights.embedding))


def tensor_parallel_uses(
    architecture: Architecture, parts: Parts, settings: Settings, rooms: tuple[Room, ...], host: int
) -> Uses | None:
    """Every layer cut across equal shares; vLLM wants heads that divide, transformers deals out layers."""
    shape, count = architecture.shape, len(rooms)
    if shape is None or (settings.runtime == "vllm" and shape.heads % count):
        return None
    cache, compute = (parts.cache + parts.state) // count, parts.compute
    if settings.runtime == "vllm":
        cache, compute = vllm_cache_bytes(shape, settings, count), vllm_compute_bytes(shape)
    uses = tuple(
        _use(
            room,
            layers=shape.layers,
            weights=-(-parts.weights.total // count),
            cache=cache,
            compute=compute + parts.projector // count,
            overhead=room.context,
        )
        for room in rooms
    )
    return (*uses, _host_beside(architecture, parts, settings, host, 0))


def _copies(shape: Shape | None, settings: Settings, room: Room) -> int:
    torch = settings.runtime in {"vllm", "transformers"}
    if shape is None or torch or room.device.backend not in {"cuda", "rocm"}:
        return 0
    return cuda_copies_bytes(shape, settings)


def _host_beside(architecture: Architecture, parts: Parts, settings: Settings, host: int, weights: int) -> PoolUse:
    if settings.runtime in {"vllm", "transformers"}:
        return PoolUse("host", None, TORCH_HOST, host, 0, 0, 0, 0, TORCH_HOST)
    shape = architecture.shape
    held = parts.weights.embedding if parts.weights.tied else weights
    compute = _host_compute(architecture, settings)
    overhead = (base_bytes(shape) if shape else LIBRARIES) + HOST_FLOOR
    return PoolUse("host", None, held + compute + overhead, host, 0, held, 0, compute, overhead)


def _host_compute(architecture: Architecture, settings: Settings) -> int:
    if architecture.shape is None or architecture.kind == "encoder":
        return 0
    return host_compute_bytes(architecture.shape, settings)


def _use(room: Room, *, layers: int, weights: int, cache: int, compute: int, overhead: int) -> PoolUse:
    required = weights + cache + compute + overhead
    return PoolUse(room.pool, room.device.index, required, room.available, layers, weights, cache, compute, overhead)
