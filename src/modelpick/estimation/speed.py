"""Tokens per second of a placed model, with a range and a basis, and the time to its first token.

Decoding waits for memory: every token reads the active weights and the cache. A prompt waits for arithmetic. Both
pay per layer for launching kernels, which is what decides for small models. The laws stand in ``speed_laws``,
their constants with their error in ``speed_constants``. Source: fitted on published runs, see the benchmark.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelpick.estimation.interface import (
    Architecture,
    Placement,
    Range,
    Settings,
    Speed,
    VariantSpec,
)
from modelpick.estimation.speed_constants import CURRENT, Constants, CpuConstants, Spread
from modelpick.estimation.speed_laws import cores_rate, cpu_token_seconds, gpu_token_seconds, prompt_seconds
from modelpick.estimation.speed_machine import Card, Host, Machine, constants_of, machine_of
from modelpick.estimation.speed_work import HALF, Work, work_of
from modelpick.hardware.interface import Hardware

PROMPT_TOKENS = 1024
"""The prompt that prompt speed and time to first token are stated for, unless the context is smaller."""
_START_SECONDS = 0.01
"""From request to the first kernel: tokenising and scheduling (assumed)."""
_WIDER = 2.0
"""Exponent on a range whose inputs are not all known."""
_ROUNDING = 1e-9
_ENGINE_LAYERS = {"transformers": 900e-6, "vllm": 60e-6}
"""Seconds per layer of engines that drive a GPU from Python (assumed; vLLM replays graphs)."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one processor does: ``share`` of the layers, and whether the output matrix is there."""

    card: Card | None
    share: float
    output: bool
    expert_share: float
    """Share of the expert weights; differs from ``share`` when experts stay on the host."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds per decoded token and per prompt, and the range of each by its most uncertain part.

    ``launch_seconds`` is what of a token's time is launching kernels: another engine may take twice as long.
    """

    token_seconds: float
    launch_seconds: float
    prompt_seconds: float
    token_spread: Spread
    prompt_spread: Spread
    known: bool


def estimate_speed(
    arch: Architecture,
    variant: VariantSpec,
    settings: Settings,
    weights_bytes: int,
    placement: Placement,
    hardware: Hardware,
    *,
    filled: int | None = None,
    prompt_tokens: int | None = None,
    constants: Constants = CURRENT,
) -> Speed | None:
    """Decode and prompt speed of a placed language model; None for models that do not write token by token.

    ``weights_bytes`` is the size of the weights (``Footprint.weights``). ``filled`` is how many tokens stand in
    the cache, by default half of the context; the range then runs from a full to an empty cache.
    With ``settings.users`` the decode speed is that of each user while all of them decode.
    """
    work = work_of(arch, variant, settings, weights_bytes)
    if work is None:
        return None
    return speed_of(
        work, placement, hardware, settings, filled=filled, prompt_tokens=prompt_tokens, constants=constants
    )


def speed_of(
    work: Work,
    placement: Placement,
    hardware: Hardware,
    settings: Settings,
    *,
    filled: int | None = None,
    prompt_tokens: int | None = None,
    constants: Constants = CURRENT,
) -> Speed | None:
    """As :func:`estimate_speed`, for work that is known already."""
    machine = machine_of(hardware)
    parts = _parts(placement, machine, work)
    if not parts:
        return None
    tokens = settings.context / 2 if filled is None else filled
    prompt = min(prompt_tokens or PROMPT_TOKENS, settings.context)
    timing = time_parts(parts, work, machine, settings, tokens, prompt, constants, placement.tensor_parallel)
    slow = fast = timing.token_seconds
    if filled is None:
        slow = decode_seconds(parts, work, machine, settings, settings.context, constants, placement.tensor_parallel)
        fast = decode_seconds(parts, work, machine, settings, 0, constants, placement.tensor_parallel)
    return _speed(work, machine, parts, timing, (slow, fast), tokens, prompt)


def time_parts(
    parts: tuple[Part, ...],
    work: Work,
    machine: Machine,
    settings: Settings,
    tokens: float,
    prompt: float,
    constants: Constants,
    tensor_parallel: int | None = None,
) -> Timing:
    """Seconds per token and per prompt over all parts, one after the other (in parallel with tensor parallel)."""
    token = decode_seconds(parts, work, machine, settings, tokens, constants, tensor_parallel)
    total = launches = 0.0
    token_spread: Spread = (1.0, 1.0)
    prompt_spread: Spread = (1.0, 1.0)
    known = work.exact
    on_gpu = next((part.card for part in parts if part.card is not None), None)
    for part in parts:
        if part.card is None:
            total += _host_prompt(part, work, machine.host, prompt, settings, constants, on_gpu)
            spread, spread_prompt = constants.cpu.decode_spread, constants.cpu.prompt_spread
            known = known and machine.host.known
        else:
            family = constants_of(part.card, constants)
            launches += work.layers * part.share * family.layer_seconds
            total += _card_prompt(part, part.card, work, prompt, settings, constants)
            spread, spread_prompt = family.decode_spread, family.prompt_spread
            known = known and part.card.known and part.card.fitted and family.fitted
        token_spread = (min(token_spread[0], spread[0]), max(token_spread[1], spread[1]))
        prompt_spread = (min(prompt_spread[0], spread_prompt[0]), max(prompt_spread[1], spread_prompt[1]))
    return Timing(token, launches, total / (tensor_parallel or 1), token_spread, prompt_spread, known)


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
    times = [_decode_part(part, work, machine, settings, tokens, constants) for part in parts]
    if tensor_parallel and tensor_parallel > 1:
        return max(times)
    return sum(times)


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
            weights_per_second=_decode_rate(host, cpu),
            bandwidth_share=1.0 if host.bandwidth_origin == "measured" else cpu.bandwidth_share,
            cache_cost=cpu.cache_cost,
            layer_seconds=cpu.layer_seconds,
        )
    family = constants_of(part.card, constants)
    slower = 1 + constants.expert_layers * work.routed + constants.recurrent_layers * work.recurrent
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
        layer_seconds=(family.layer_seconds + _ENGINE_LAYERS.get(settings.runtime, 0.0)) * slower,
    )


def _card_prompt(part: Part, card: Card, work: Work, prompt: float, settings: Settings, constants: Constants) -> float:
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
        layer_seconds=family.prompt_layer_seconds + _ENGINE_LAYERS.get(settings.runtime, 0.0),
    )


def _host_prompt(
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
    return min(computed, copied + _card_prompt(moved, card, work, prompt, settings, constants))


def _decode_rate(host: Host, cpu: CpuConstants) -> float:
    rate = cores_rate(host.cores, cpu.core_exponent, cpu.weights_per_second[host.instructions])
    return rate * cpu.low_power if host.low_power else rate


def _prompt_rate(host: Host, cpu: CpuConstants) -> float:
    rate = cores_rate(host.cores, cpu.prompt_exponent, cpu.prompt_weights_per_second[host.instructions])
    return rate * cpu.prompt_low_power if host.low_power else rate


def _parts(placement: Placement, machine: Machine, work: Work) -> tuple[Part, ...]:
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


def _speed(
    work: Work,
    machine: Machine,
    parts: tuple[Part, ...],
    timing: Timing,
    extremes: tuple[float, float],
    tokens: float,
    prompt: float,
) -> Speed:
    exponent = 1.0 if timing.known else _WIDER
    low, high = timing.token_spread[0] ** exponent, timing.token_spread[1] ** exponent
    decode = Range(low / (extremes[0] + timing.launch_seconds), 1 / timing.token_seconds, high / extremes[1])
    rate = prompt / timing.prompt_seconds
    prompt_low, prompt_high = timing.prompt_spread[0] ** exponent, timing.prompt_spread[1] ** exponent
    first = timing.prompt_seconds + timing.token_seconds + _START_SECONDS
    return Speed(
        decode_tokens_per_second=decode,
        prompt_tokens_per_second=Range(rate * prompt_low, rate, rate * prompt_high),
        time_to_first_token_seconds=Range(first / prompt_high, first, first / prompt_low),
        basis=_basis(work, machine, parts, tokens, prompt),
        notes=() if timing.known else ("the range is wide: not all figures behind it are known",),
    )


def _basis(work: Work, machine: Machine, parts: tuple[Part, ...], tokens: float, prompt: float) -> str:
    """What the estimate rests on, in a sentence."""
    places = []
    for part in parts:
        if part.card is None:
            host = machine.host
            places.append(f"{host.name} at {host.bandwidth / 1e9:.0f} GB/s ({host.bandwidth_origin})")
        else:
            places.append(f"{part.card.name} at {part.card.bandwidth / 1e9:.0f} GB/s ({part.card.bandwidth_origin})")
    read = work.weight_bytes + work.output_bytes
    return (
        f"{read / 1e9:.2f} GB of weights and {work.cache_bytes(tokens) / 1e9:.2f} GB of cache per token"
        f" with {tokens:.0f} tokens in it, {prompt:.0f}-token prompt; " + ", ".join(places)
    )
