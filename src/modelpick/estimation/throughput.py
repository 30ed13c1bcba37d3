"""How fast models work that do not write token by token: embeddings, rerankers, speech, images.

They wait for arithmetic: twice the parameters in operations for every token or patch that passes through. The rates
are those of prompt processing (``speed_constants``), which does the same kind of work; the counts of steps, patches
and frames are the usual ones and are said in the basis, so the range is wide. Nothing here is measured.
"""

from __future__ import annotations

from modelpick.estimation.interface import Architecture, Placement, Range, Throughput
from modelpick.estimation.speed_constants import CURRENT
from modelpick.estimation.speed_laws import cores_rate
from modelpick.estimation.speed_machine import Card, Host, constants_of, machine_of
from modelpick.hardware.interface import Hardware

_SPREAD = 2.5
_STEPS = 28
_PASSES = 2
"""With classifier-free guidance every step runs the denoiser twice."""
_PATCH = 16
"""Pixels of a patch's edge: a latent is an eighth of the image, a patch two latents."""
_FRAMES_PER_SECOND = 12.5
"""Frames of speech that an encoder hands on for each second of audio after its down-sampling."""
_EMBEDS = frozenset({"embedding", "reranker", "image-text-embedding"})


def throughput_of(
    architecture: Architecture, modality: str, placement: Placement, hardware: Hardware
) -> Throughput | None:
    """The rate of a placed model of that modality; None for those that are not covered."""
    params = float(architecture.params_active or architecture.params_total or 0)
    if not params:
        return None
    rate = _weights_per_second(placement, hardware)
    if modality in _EMBEDS:
        return _rated(rate / params, "tokens_per_second", "two operations per weight and token, long batches")
    if modality == "speech-to-text":
        basis = f"two operations per weight and frame, {_FRAMES_PER_SECOND:g} frames per second of speech"
        return _rated(rate / params / _FRAMES_PER_SECOND, "times_real_time", basis)
    if modality in ("text-to-image", "image-to-image"):
        return _images(architecture, params, rate, _moving_seconds(placement, hardware))
    return None


def _images(architecture: Architecture, params: float, rate: float, moving: float) -> Throughput:
    parts = architecture.diffusion
    denoiser = float(parts.denoiser_params) if parts else params
    edge = parts.resolution if parts and parts.resolution else 1024
    steps = (parts.steps if parts else None) or _STEPS
    passes = (parts.passes if parts else None) or _PASSES
    seconds = denoiser * (edge / _PATCH) ** 2 * steps * passes / rate + moving
    basis = f"{steps} steps {'with' if passes > 1 else 'without'} guidance at {edge} x {edge}"
    basis += f", {moving:.0f} s of each image for moving parts to the GPU and back" if moving else ""
    return _rated(60 / seconds, "images_per_minute", basis)


def _moving_seconds(placement: Placement, hardware: Hardware) -> float:
    """Parts that take turns on a card are copied to it and back for every image."""
    if placement.kind != "partial-offload":
        return 0.0
    cards = machine_of(hardware).cards
    links = [cards[use.device].link for use in placement.uses if use.device in cards]
    held = sum(use.weights_bytes for use in placement.uses if use.device is None)
    return 2 * held / min(links) if links else 0.0


def _rated(rate: float, unit: str, basis: str) -> Throughput:
    return Throughput(Range(rate / _SPREAD, rate, rate * _SPREAD), unit, basis)


def _weights_per_second(placement: Placement, hardware: Hardware) -> float:
    """Weights multiplied per second where the model stands. Parts that take turns on a card run at the card's rate."""
    machine = machine_of(hardware)
    cards = [machine.cards[use.device] for use in placement.uses if use.device in machine.cards]
    if placement.kind != "cpu" and cards:
        return min(_card_rate(card) for card in cards)
    return _host_rate(machine.host)


def _card_rate(card: Card) -> float:
    share = constants_of(card, CURRENT).matrix_share * CURRENT.matrix_scale.get(card.family, 1.0)
    return card.matrix * share / 2


def _host_rate(host: Host) -> float:
    cpu = CURRENT.cpu
    return cores_rate(host.cores, cpu.prompt_exponent, cpu.prompt_weights_per_second[host.instructions])
