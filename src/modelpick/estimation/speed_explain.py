"""The arithmetic behind a decode speed, line by line: bytes over bandwidth, operations over rate, launches."""

from __future__ import annotations

from modelpick.estimation.interface import Architecture, Placement, Settings, VariantSpec
from modelpick.estimation.speed import context_of_each
from modelpick.estimation.speed_constants import CURRENT, MEETINGS_PER_LAYER
from modelpick.estimation.speed_machine import Card, Machine, constants_of, machine_of
from modelpick.estimation.speed_parts import Part, cut_across, decode_seconds, layer_seconds, meeting_seconds, parts_of
from modelpick.estimation.speed_work import Work, work_of
from modelpick.hardware.interface import Hardware

_NAMES = ("unquantised", "byte", "packed")


def explain_decode(
    arch: Architecture,
    variant: VariantSpec,
    settings: Settings,
    weights_bytes: int,
    placement: Placement,
    hardware: Hardware,
    *,
    filled: int | None = None,
) -> tuple[str, ...]:
    """One line per term of each processor's time for one token, then the sum; empty where there is no estimate."""
    work = work_of(arch, variant, settings, weights_bytes)
    if work is None:
        return ()
    machine = machine_of(hardware)
    parts = parts_of(placement, machine, work)
    if not parts:
        return ()
    tokens = context_of_each(settings) / 2 if filled is None else filled
    lines = [
        f"read per token: {_gb(work.weight_bytes)} of {_gb(work.all_weight_bytes)} in the layers, "
        f"{_gb(work.output_bytes)} for the output, {_gb(work.cache_bytes(tokens))} of cache at {tokens:,.0f} tokens"
    ]
    together = cut_across(settings, placement.tensor_parallel)
    for part in parts:
        if part.card is None:
            lines += _on_host(part, work, machine, tokens)
        else:
            lines += _on_card(part, part.card, work, settings, tokens, all_layers=together)
    if together:
        each = meeting_seconds(parts)
        waiting = MEETINGS_PER_LAYER * work.layers * each
        lines.append(
            f"the cards work at the same time, and meet {MEETINGS_PER_LAYER} times in each of {work.layers:.0f} layers"
            f" for {each * 1e6:.0f} us = {_ms(waiting)}"
        )
    seconds = decode_seconds(parts, work, machine, settings, tokens, CURRENT, placement.tensor_parallel)
    lines.append(f"together {seconds * 1e3:.2f} ms a token: {1 / seconds:.1f} tokens/s")
    return tuple(lines)


def _on_card(part: Part, card: Card, work: Work, settings: Settings, tokens: float, *, all_layers: bool) -> list[str]:
    family = constants_of(card, CURRENT)
    weights, params, cache, layers = _amounts(part, work, tokens)
    layers = work.layers if all_layers else layers
    scale = CURRENT.shader_scale.get(card.family, 1.0)
    share = CURRENT.cache_share if settings.flash_attention else CURRENT.cache_share_plain
    effort = family.work[work.kernel]
    reading = weights / (card.bandwidth * family.bandwidth_share)
    looking = cache / (card.bandwidth * share)
    computing = params * effort / (card.shader * scale)
    each = layer_seconds(part, work, settings, CURRENT)
    launching = layers * each
    launch = each * 1e6
    return [
        f"{card.name}: weights {_gb(weights)}"
        f" / ({_rate(card.bandwidth)} x {family.bandwidth_share:g}) = {_ms(reading)}",
        f"{card.name}: cache {_gb(cache)} / ({_rate(card.bandwidth)} x {share:g}) = {_ms(looking)}",
        f"{card.name}: {params / 1e9:.2f} B weights x {effort:g} operations ({_NAMES[work.kernel]} kernels)"
        f" / ({card.shader / 1e12:.1f} TFLOPS x {scale:g}) = {_ms(computing)}",
        f"{card.name}: {layers:.0f} layers x {launch:.0f} us of launches = {_ms(launching)}",
    ]


def _on_host(part: Part, work: Work, machine: Machine, tokens: float) -> list[str]:
    host, cpu = machine.host, CURRENT.cpu
    weights, params, cache, layers = _amounts(part, work, tokens)
    share = 1.0 if host.bandwidth_origin == "measured" else cpu.bandwidth_share
    rate = cpu.weights_per_second[host.instructions] * host.cores**cpu.core_exponent
    rate *= cpu.low_power if host.low_power else 1.0
    reading = (weights + cache * cpu.cache_cost) / (host.bandwidth * share)
    return [
        f"{host.name}: weights {_gb(weights)} and cache {_gb(cache)} x {cpu.cache_cost:g}"
        f" / ({_rate(host.bandwidth)} x {share:g}) = {_ms(reading)}",
        f"{host.name}: {params / 1e9:.2f} B weights / ({rate / 1e9:.0f} B a second on {host.cores:g} cores with"
        f" {host.instructions}) = {_ms(params / rate)}, overlapping with the reading",
        f"{host.name}: {layers:.0f} layers x {cpu.layer_seconds * 1e6:.0f} us = {_ms(layers * cpu.layer_seconds)}",
    ]


def _amounts(part: Part, work: Work, tokens: float) -> tuple[float, float, float, float]:
    share = part.expert_share if work.routed else part.share
    return (
        work.weight_bytes * share + (work.output_bytes if part.output else 0.0),
        work.params * share + (work.output_params if part.output else 0.0),
        work.cache_bytes(tokens) * part.share,
        work.layers * part.share,
    )


def _gb(size: float) -> str:
    return f"{size / 1e9:.2f} GB"


def _rate(bandwidth: float) -> str:
    return f"{bandwidth / 1e9:.0f} GB/s"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms"
