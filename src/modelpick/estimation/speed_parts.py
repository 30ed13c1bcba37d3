"""What each processor of a placement does, and how long it takes per token and per prompt."""

from __future__ import annotations

from modelpick.estimation.interface import Placement, Settings
from modelpick.estimation.speed_constants import (
    ENGINE_LAYERS,
    MEETING_NVLINK,
    MEETING_PCIE,
    MEETINGS_PER_LAYER,
    Constants,
    CpuConstants,
)
from modelpick.estimation.speed_laws import cores_rate, cpu_token_seconds, gpu_token_seconds, prompt_seconds
from modelpick.estimation.speed_machine import Card, Host, Machine, constants_of
from modelpick.estimation.speed_work import HALF, Work
from modelpick.values import dataclass

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Part:
    """What one processor does: ``share`` of the layers, and whether the output matrix is there."""

    card: Card | None
    share: float
    output: bool
    expert_share: float
    """Share of the expert weights; differs from ``share`` when experts stay on the host."""


def decode_seconds(
    parts: tuple[Part, ...],
    work: Work,
    machine: Machine,
    settings: Settings,
    tokens: float,
    constants: Constants,
    tensor_parallel: int | None = None,
) -> float:
    """Seconds until every user has one more token, with ``tokens`` in each one's cache."""
    if not cut_across(settings, tensor_parallel):
        return sum(_decode_part(part, work, machine, settings, tokens, constants) for part in parts)
    # Every layer is cut across the cards: each of them runs all layers, and twice in each it waits for the others.
    launched = [work.layers * (1 - part.share) * layer_seconds(part, work, settings, constants) for part in parts]
    times = [_decode_part(part, work, machine, settings, tokens, constants) for part in parts]
    own = max(time + more for time, more in zip(times, launched, strict=True))
    return own + MEETINGS_PER_LAYER * work.layers * meeting_seconds(parts)


def cut_across(settings: Settings, tensor_parallel: int | None) -> bool:
    """Whether the cards work on one layer together. transformers deals out whole layers, which run in turn."""
    return bool(tensor_parallel and tensor_parallel > 1) and settings.runtime == "vllm"


def meeting_seconds(parts: tuple[Part, ...]) -> float:
    """Of one exchange between cards, for the few bytes of a token."""
    linked = all(part.card is not None and part.card.nvlink for part in parts)
    return MEETING_NVLINK if linked else MEETING_PCIE


def layer_seconds(part: Part, work: Work, settings: Settings, constants: Constants) -> float:
    """Of a layer on a card, whatever its size: launches, and more of them for experts and recurrences."""
    assert part.card is not None
    slower = 1 + constants.expert_layers * work.routed + constants.recurrent_layers * work.recurrent
    return ENGINE_LAYERS.get(settings.runtime, constants_of(part.card, constants).layer_seconds) * slower


def _decode_part(
    part: Part, work: Work, machine: Machine, settings: Settings, tokens: float, constants: Constants
) -> float:
    users = max(settings.users, 1)
    read_share = part.expert_share if work.routed else part.share
    active = work.weight_bytes
    if users > 1 and work.routed:
        active = min(work.all_weight_bytes, work.weight_bytes * users)
    weights = active * read_share + (work.output_bytes if part.output else 0.0)
    params = (work.params * read_share + (work.output_params if part.output else 0.0)) * users
    cache = work.cache_bytes(tokens) * part.share * users
    layers = work.layers * part.share
    if part.card is None:
        host, cpu = machine.host, constants.cpu
        return cpu_token_seconds(
            weight_bytes=weights,
            cache_bytes=cache,
            params=params,
            layers=layers,
            bandwidth=host.bandwidth,
            weights_per_second=decode_rate(host, cpu),
            bandwidth_share=1.0 if host.bandwidth_origin == "measured" else cpu.bandwidth_share,
            cache_cost=cpu.cache_cost,
            layer_seconds=cpu.layer_seconds,
        )
    family = constants_of(part.card, constants)
    return gpu_token_seconds(
        weight_bytes=weights,
        cache_bytes=cache,
        params=params,
        layers=layers,
        bandwidth=part.card.bandwidth,
        shader=part.card.shader * constants.shader_scale.get(part.card.family, 1.0),
        bandwidth_share=family.bandwidth_share,
        cache_share=constants.cache_share if settings.flash_attention else constants.cache_share_plain,
        work=family.work[work.kernel],
        layer_seconds=layer_seconds(part, work, settings, constants),
    )


def card_prompt(part: Part, card: Card, work: Work, prompt: float, settings: Settings, constants: Constants) -> float:
    """Seconds of a part of a prompt on a GPU."""
    family = constants_of(card, constants)
    share = family.matrix_share * constants.matrix_scale.get(card.family, 1.0)
    if work.kernel == HALF:
        share *= constants.half_prompt
    return prompt_seconds(
        tokens=prompt,
        batches=-(-prompt // settings.micro_batch),
        params=work.params * (1 + constants.expert_prompt * work.routed) * part.share,
        attention_operations=work.attention_operations(prompt / 2) * part.share,
        weight_bytes=work.all_weight_bytes * part.share,
        layers=work.layers * part.share,
        matrix=card.matrix,
        matrix_share=share,
        attention_share=constants.attention_share,
        bandwidth=card.bandwidth,
        layer_seconds=family.prompt_layer_seconds,
    )


def host_prompt(
    part: Part,
    work: Work,
    host: Host,
    prompt: float,
    settings: Settings,
    constants: Constants,
    card: Card | None,
) -> float:
    """On the processor, or by copying the host's weights to the GPU for each micro-batch, whichever is faster."""
    share = max(part.share, part.expert_share if work.routed else 0.0)
    rate = _prompt_rate(host, constants.cpu)
    attention = work.attention_operations(prompt / 2) * part.share / 2
    computed = prompt * (work.params * share + attention) / rate
    if card is None:
        return computed
    batches = -(-prompt // settings.micro_batch)
    copied = batches * work.all_weight_bytes * share / card.link
    moved = Part(card, share, part.output, part.expert_share)
    return min(computed, copied + card_prompt(moved, card, work, prompt, settings, constants))


def decode_rate(host: Host, cpu: CpuConstants) -> float:
    """Weights per second that all cores together multiply while decoding."""
    rate = cores_rate(host.cores, cpu.core_exponent, cpu.weights_per_second[host.instructions])
    return rate * cpu.low_power if host.low_power else rate


def _prompt_rate(host: Host, cpu: CpuConstants) -> float:
    rate = cores_rate(host.cores, cpu.prompt_exponent, cpu.prompt_weights_per_second[host.instructions])
    return rate * cpu.prompt_low_power if host.low_power else rate


def parts_of(placement: Placement, machine: Machine, work: Work) -> tuple[Part, ...]:
    """The placement as shares of the layers; the output matrix goes with the last GPU, else with the host."""
    used = [use for use in placement.uses if use.device is not None]
    layers = placement.layers or 0
    kept = min(placement.experts_on_host, layers) / layers if work.routed and layers else 0.0
    equal = placement.tensor_parallel is not None or not layers
    parts = []
    for use in used:
        card = machine.cards.get(use.device if use.device is not None else -1)
        if card is None:
            return ()
        share = 1 / len(used) if equal else min(use.layers / layers, 1.0)
        parts.append(Part(card, share, use is used[-1], share * (1 - kept)))
    left = 1 - sum(part.share for part in parts)
    if left > _ROUNDING or kept:
        parts.append(Part(None, max(left, 0.0), not parts, max(left, kept, 0.0)))
    return tuple(parts)
