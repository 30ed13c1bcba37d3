"""Where a model goes on a machine: one GPU, several, GPU and host together, the processor, or nowhere.

The ways are tried from the fastest to the slowest and the first that fits is taken; a larger machine, a shorter
context or fewer bits can therefore only move a model up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from modelpick.estimation.capacity import Capacity, capacity_of
from modelpick.estimation.footprint import Parts, footprint, parts_of
from modelpick.estimation.in_turn import turn_uses
from modelpick.estimation.interface import (
    Architecture,
    Fit,
    Misfit,
    Placement,
    PlacementKind,
    PoolUse,
    Settings,
    VariantSpec,
)
from modelpick.estimation.splits import (
    cpu_uses,
    expert_uses,
    layer_split_uses,
    partial_uses,
    single_uses,
    tensor_parallel_uses,
    unified_uses,
)
from modelpick.hardware.interface import Hardware
from modelpick.values import dataclass

GPU_RUNTIMES = frozenset({"vllm"})
TORCH_RUNTIMES = frozenset({"vllm", "transformers"})


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to the machine, with everything that was computed for it."""

    architecture: Architecture
    variant: VariantSpec
    settings: Settings
    parts: Parts
    capacity: Capacity


def place(
    architecture: Architecture,
    variant: VariantSpec,
    settings: Settings,
    hardware: Hardware,
    *,
    assume_idle: bool = False,
    kinds: frozenset[PlacementKind] | None = None,
) -> Fit | Misfit:
    """The best placement of a variant on a machine, or why there is none.

    ``kinds`` narrows the ways that count (for example to those without the host's help). Memory that is free
    now counts, or all of it with ``assume_idle``.
    """
    parts = parts_of(architecture, variant, settings)
    if parts is None:
        return Misfit("its size is unknown: no file size, no dimensions, no parameter count", 0, 0, "host")
    capacity = capacity_of(hardware, assume_idle=assume_idle, runtime=settings.runtime)
    ask = Ask(architecture, variant, settings, parts, capacity)
    for kind, way in _ways(ask):
        if kinds is not None and kind not in kinds:
            continue
        found = way(ask)
        if found is not None:
            return _fit(ask, found)
    return _misfit(ask)


Way = Callable[[Ask], Placement | None]


def _ways(ask: Ask) -> Iterator[tuple[PlacementKind, Way]]:
    if ask.capacity.discrete:
        yield "gpu", _on_one
        if len(ask.capacity.discrete) > 1:
            yield "multi-gpu", _on_several
    if ask.capacity.unified:
        yield "unified", _unified
    if ask.settings.runtime in TORCH_RUNTIMES or ask.settings.runtime == "mlx":
        if ask.settings.runtime == "transformers":
            if ask.capacity.discrete:
                yield "partial-offload", _in_turn
            yield "cpu", _on_cpu
        return
    if ask.capacity.discrete:
        yield "experts-on-host", _experts_on_host
        yield "partial-offload", _partial
    yield "cpu", _on_cpu


def _on_one(ask: Ask) -> Placement | None:
    for room in ask.capacity.discrete:
        uses = single_uses(ask.architecture, ask.parts, ask.settings, room, ask.capacity.host)
        if _fits(uses):
            return _placement("gpu", ask, uses, _all_layers(ask))
    return None


def _on_several(ask: Ask) -> Placement | None:
    rooms = ask.capacity.discrete
    if ask.settings.runtime in TORCH_RUNTIMES:
        counts = (2, 4, 8, 16) if ask.settings.runtime == "vllm" else range(2, len(rooms) + 1)
        for count in counts:
            if count > len(rooms):
                break
            uses = tensor_parallel_uses(ask.architecture, ask.parts, ask.settings, rooms[:count], ask.capacity.host)
            if uses and _fits(uses):
                return _placement("multi-gpu", ask, uses, None, tensor_parallel=count)
        return None
    for count in range(2, len(rooms) + 1):
        uses = layer_split_uses(ask.architecture, ask.parts, ask.settings, rooms[:count], ask.capacity.host)
        if uses and _fits(uses):
            return _placement("multi-gpu", ask, uses, _all_layers(ask))
    return None


def _unified(ask: Ask) -> Placement | None:
    for room in ask.capacity.unified:
        uses = unified_uses(ask.architecture, ask.parts, ask.settings, room)
        if _fits(uses):
            return _placement("unified", ask, uses, _all_layers(ask))
    return None


def _experts_on_host(ask: Ask) -> Placement | None:
    shape = ask.architecture.shape
    if shape is None or not any(ask.parts.weights.experts):
        return None
    room = ask.capacity.discrete[0]

    def uses(count: int) -> tuple[PoolUse, ...]:
        return expert_uses(shape, ask.parts, ask.settings, room, ask.capacity.host, count)

    count = _least(1, shape.layers, lambda count: _device_fits(uses(count)))
    if count is None or not _fits(uses(count)):
        return None
    return _placement("experts-on-host", ask, uses(count), _all_layers(ask), experts=count)


def _partial(ask: Ask) -> Placement | None:
    shape = ask.architecture.shape
    if shape is None or not ask.parts.weights.layers:
        return None
    room = ask.capacity.discrete[0]

    def uses(kept: int) -> tuple[PoolUse, ...]:
        return partial_uses(shape, ask.parts, ask.settings, room, ask.capacity.host, shape.layers + 1 - kept)

    kept = _least(1, shape.layers - 1, lambda kept: _device_fits(uses(kept)))
    if kept is None or not _fits(uses(kept)):
        return None
    return _placement("partial-offload", ask, uses(kept), shape.layers + 1 - kept)


def _in_turn(ask: Ask) -> Placement | None:
    for room in ask.capacity.discrete:
        uses = turn_uses(ask.architecture, ask.parts, room, ask.capacity.host)
        if uses and _fits(uses):
            return _placement("partial-offload", ask, uses, None)
    return None


def _on_cpu(ask: Ask) -> Placement | None:
    uses = cpu_uses(ask.architecture, ask.parts, ask.settings, ask.capacity.host)
    return _placement("cpu", ask, uses, 0) if _fits(uses) else None


def _least(low: int, high: int, holds: Callable[[int], bool]) -> int | None:
    """The smallest number from ``low`` to ``high`` for which a monotone condition holds."""
    if low > high or not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _fits(uses: tuple[PoolUse, ...]) -> bool:
    return all(use.required_bytes <= use.available_bytes for use in uses)


def _device_fits(uses: tuple[PoolUse, ...]) -> bool:
    return all(use.required_bytes <= use.available_bytes for use in uses if use.device is not None)


def _all_layers(ask: Ask) -> int | None:
    shape = ask.architecture.shape
    return shape.layers + 1 if shape else None


def _placement(
    kind: PlacementKind,
    ask: Ask,
    uses: tuple[PoolUse, ...],
    gpu_layers: int | None,
    *,
    tensor_parallel: int | None = None,
    experts: int = 0,
) -> Placement:
    shape = ask.architecture.shape
    return Placement(kind, uses, gpu_layers, shape.layers if shape else None, tensor_parallel, experts)


def _fit(ask: Ask, placement: Placement) -> Fit:
    backend = "cpu"
    if placement.kind != "cpu":
        rooms = ask.capacity.discrete or ask.capacity.unified
        backend = rooms[0].device.backend
    made = footprint(ask.architecture, ask.variant, ask.settings, backend=backend)
    assert made is not None  # parts_of answered before
    return Fit(made, placement, None, ask.settings, notes=made.notes)


def _misfit(ask: Ask) -> Misfit:
    """The numbers of the way that comes nearest: the pool that lacks least for holding everything."""
    options = list(_whole(ask))
    uses = min(options, key=lambda uses: sum(max(use.required_bytes - use.available_bytes, 0) for use in uses))
    tight = max(uses, key=lambda use: use.required_bytes - use.available_bytes)
    where = "host" if tight.device is None else tight.pool
    return Misfit("not enough memory", tight.required_bytes, tight.available_bytes, where)


def _whole(ask: Ask) -> Iterator[tuple[PoolUse, ...]]:
    for room in ask.capacity.discrete[:1]:
        yield single_uses(ask.architecture, ask.parts, ask.settings, room, ask.capacity.host)
    for room in ask.capacity.unified[:1]:
        yield unified_uses(ask.architecture, ask.parts, ask.settings, room)
    if ask.settings.runtime not in GPU_RUNTIMES:
        yield cpu_uses(ask.architecture, ask.parts, ask.settings, ask.capacity.host)
    elif not ask.capacity.discrete:
        needed = ask.parts.weights.file + ask.parts.cache + ask.parts.compute
        yield (PoolUse("host", None, needed, 0, 0),)
