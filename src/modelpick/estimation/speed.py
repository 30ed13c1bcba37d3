"""Tokens per second of a placed model, with a range and a basis, and the time to its first token.

Decoding waits for memory: every token reads the active weights and the cache. A prompt waits for arithmetic. Both
pay per layer for launching kernels, which is what decides for small models. The laws stand in ``speed_laws``,
their constants with their error in ``speed_constants``. Source: fitted on published runs, see the benchmark.
"""

from __future__ import annotations

from modelpick.estimation.interface import (
    Architecture,
    Placement,
    Range,
    Settings,
    Speed,
    VariantSpec,
)
from modelpick.estimation.speed_constants import CURRENT, ENGINE_LAYERS, UNFITTED_ENGINES, Constants, Spread
from modelpick.estimation.speed_machine import Machine, constants_of, machine_of
from modelpick.estimation.speed_parts import Part, card_prompt, cut_across, decode_seconds, host_prompt, parts_of
from modelpick.estimation.speed_work import Work, work_of
from modelpick.hardware.interface import Hardware
from modelpick.values import dataclass, replace

PROMPT_TOKENS = 1024
"""The prompt that prompt speed and time to first token are stated for, unless the context is smaller."""
_START_SECONDS = 0.01
"""From request to the first kernel: tokenising and scheduling (assumed)."""
_PIPELINE = 0.65
_OWN_CONTEXTS = frozenset({"vllm", "transformers"})
"""Runtimes that count the context of each user by themselves."""
_WIDER = 2.0
"""Exponent on a range whose inputs are not all known."""


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
    parts = parts_of(placement, machine, work)
    if not parts:
        return None
    each = context_of_each(settings)
    tokens = each / 2 if filled is None else filled
    prompt = min(prompt_tokens or PROMPT_TOKENS, each)
    timing = time_parts(parts, work, machine, settings, tokens, prompt, constants, placement.tensor_parallel)
    slow = fast = timing.token_seconds
    if filled is None:
        slow = decode_seconds(parts, work, machine, settings, each, constants, placement.tensor_parallel)
        fast = decode_seconds(parts, work, machine, settings, 0, constants, placement.tensor_parallel)
    return _speed(work, machine, parts, timing, (slow, fast), tokens, prompt)


def context_of_each(settings: Settings) -> float:
    """Tokens of context that one user has: llama.cpp shares ``settings.context`` among its slots, others do not."""
    shared = settings.runtime not in _OWN_CONTEXTS
    return settings.context / max(settings.users, 1) if shared else float(settings.context)


def for_all_users(settings: Settings) -> Settings:
    """Settings whose context is each user's, as the runtime wants them: with one slot a user in one shared cache."""
    if settings.users == 1 or settings.runtime in _OWN_CONTEXTS:
        return settings
    return replace(settings, context=settings.context * settings.users, slots=settings.users)


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
    known = work.exact and settings.runtime not in UNFITTED_ENGINES
    on_gpu = next((part.card for part in parts if part.card is not None), None)
    for part in parts:
        if part.card is None:
            total += host_prompt(part, work, machine.host, prompt, settings, constants, on_gpu)
            spread, spread_prompt = constants.cpu.decode_spread, constants.cpu.prompt_spread
            known = known and machine.host.known
        else:
            family = constants_of(part.card, constants)
            launches += work.layers * part.share * ENGINE_LAYERS.get(settings.runtime, family.layer_seconds)
            total += card_prompt(part, part.card, work, prompt, settings, constants)
            spread, spread_prompt = family.decode_spread, family.prompt_spread
            known = known and part.card.known and (part.card.fitted or not family.fitted)
        token_spread = (min(token_spread[0], spread[0]), max(token_spread[1], spread[1]))
        prompt_spread = (min(prompt_spread[0], spread_prompt[0]), max(prompt_spread[1], spread_prompt[1]))
    total *= _side_by_side(parts, prompt, settings, tensor_parallel)
    return Timing(token, launches, total, token_spread, prompt_spread, known)


def _side_by_side(parts: tuple[Part, ...], prompt: float, settings: Settings, tensor_parallel: int | None) -> float:
    """How much several GPUs shorten a prompt: tensor parallel halves it, a layer split hands micro-batches on.

    transformers hands the whole prompt from one to the next, and gains nothing.

    Of the ideal pipeline two thirds (on a logarithmic scale) were measured with two to six GPUs.
    """
    if cut_across(settings, tensor_parallel):
        return 1 / len(parts)
    count = len(parts)
    if tensor_parallel or count < 2 or any(part.card is None for part in parts):
        return 1.0
    batches = max(float(-(-prompt // settings.micro_batch)), 1.0)
    ideal = (batches + count - 1) / (count * batches)
    factor: float = ideal**_PIPELINE
    return factor


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
