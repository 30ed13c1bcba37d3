"""The fastest that a machine can decode, before anything is placed: what a search may rely on to stop looking.

Whatever the placement, a token's time is the sum (or, split across devices, at best the share) of what the processors
need for their parts; so no placement is faster than the host alone or all cards at once.
"""

from __future__ import annotations

from modelpick.estimation.speed_constants import CURRENT
from modelpick.estimation.speed_laws import cores_rate, cpu_token_seconds, gpu_token_seconds
from modelpick.estimation.speed_machine import Card, Host, Machine, constants_of


def most_tokens_per_second(machine: Machine, params: float, weight_bytes: float) -> float:
    """Tokens per second of reading ``weight_bytes`` and multiplying ``params`` weights, without cache or launches."""
    cards = sum(_card(card, params, weight_bytes) for card in machine.cards.values())
    return max(_host(machine.host, params, weight_bytes), cards)


def _host(host: Host, params: float, weight_bytes: float) -> float:
    cpu = CURRENT.cpu
    seconds = cpu_token_seconds(
        weight_bytes=weight_bytes,
        cache_bytes=0.0,
        params=params,
        layers=0.0,
        bandwidth=host.bandwidth,
        weights_per_second=cores_rate(host.cores, cpu.core_exponent, cpu.weights_per_second[host.instructions]),
        bandwidth_share=1.0,
        cache_cost=0.0,
        layer_seconds=0.0,
    )
    return 1 / seconds


def _card(card: Card, params: float, weight_bytes: float) -> float:
    family = constants_of(card, CURRENT)
    seconds = gpu_token_seconds(
        weight_bytes=weight_bytes,
        cache_bytes=0.0,
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
