"""The fastest that a machine can decode, before anything is placed: what a search may rely on to stop looking.

Whatever the placement, a token's time is the sum (or, split across devices, at best the share) of what the processors
need for their parts; so no placement is faster than the host alone or all cards at once.
"""

from __future__ import annotations

from modelpick.estimation.speed_constants import CURRENT
from modelpick.estimation.speed_laws import cpu_token_seconds, gpu_token_seconds
from modelpick.estimation.speed_machine import Card, Host, Machine, constants_of
from modelpick.estimation.speed_parts import decode_rate


def most_tokens_per_second(
    machine: Machine, params: float, weight_bytes: float, cache_bytes: float = 0.0, layers: float = 0.0
) -> float:
    """Tokens per second of reading ``weight_bytes`` and ``cache_bytes`` and multiplying ``params`` weights.

    What is not known may be left at 0: the bound is then wider.
    """
    cards = sum(_card(card, params, weight_bytes, cache_bytes) for card in machine.cards.values())
    return max(_host(machine.host, params, weight_bytes, cache_bytes, layers), cards)


def _host(host: Host, params: float, weight_bytes: float, cache_bytes: float, layers: float) -> float:
    cpu = CURRENT.cpu
    seconds = cpu_token_seconds(
        weight_bytes=weight_bytes,
        cache_bytes=cache_bytes,
        params=params,
        layers=layers,
        bandwidth=host.bandwidth,
        weights_per_second=decode_rate(host, cpu),
        bandwidth_share=1.0 if host.bandwidth_origin == "measured" else cpu.bandwidth_share,
        cache_cost=cpu.cache_cost,
        layer_seconds=cpu.layer_seconds,
    )
    return 1 / seconds


def _card(card: Card, params: float, weight_bytes: float, cache_bytes: float) -> float:
    family = constants_of(card, CURRENT)
    seconds = gpu_token_seconds(
        weight_bytes=weight_bytes,
        cache_bytes=cache_bytes,
        params=params,
        layers=0.0,
        bandwidth=card.bandwidth,
        shader=card.shader * CURRENT.shader_scale.get(card.family, 1.0),
        bandwidth_share=1.0,
        cache_share=1.0,
        work=min(family.work),
        layer_seconds=0.0,
    )
    return 1 / seconds
