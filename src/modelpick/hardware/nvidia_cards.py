"""What NVML and nvidia-smi have in common: cards, and which of them a CUDA program started here would see."""

from __future__ import annotations

import re
from collections.abc import Sequence

from modelpick.hardware.probe import Probe
from modelpick.values import dataclass

_UUID = re.compile(r"\b(GPU|MIG)-[0-9a-fA-F-]+")


@dataclass(frozen=True, slots=True)
class Instance:
    """One MIG instance: its sizes in bytes, and its share of the card's multiprocessors and memory slices."""

    name: str
    uuid: str
    total: int | None
    free: int | None
    compute_share: float | None
    memory_share: float | None


@dataclass(frozen=True, slots=True)
class Card:
    """One NVIDIA GPU as a source reports it. ``total`` is None for unified memory and where it was refused."""

    number: int
    name: str
    uuid: str
    address: str | None
    total: int | None
    free: int | None
    unified: bool
    capability: str | None
    bandwidth: int | None = None
    pcie_generation: int | None = None
    pcie_width: int | None = None
    nvlink: int | None = None
    mig_on: bool = False
    instances: tuple[Instance, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All cards of one source, with the versions of driver and CUDA."""

    cards: tuple[Card, ...]
    drivers: tuple[tuple[str, str], ...]


def visible(cards: Sequence[Card], probe: Probe) -> frozenset[tuple[int, int | None]]:
    """Which cards (index, None) and MIG instances (index, number) a CUDA program started here would see.

    As CUDA does: a list of numbers or UUID prefixes, read up to the first that names nothing. Without a list, all
    cards, or the first MIG instance alone, because a program can use but one.
    https://docs.nvidia.com/cuda/cuda-c-programming-guide/#env-vars
    """
    everything = _all_visible(cards)
    value = probe.environ.get("CUDA_VISIBLE_DEVICES")
    if value is None:
        return everything
    chosen: list[tuple[int, int | None]] = []
    for word in (part.strip() for part in value.split(",")):
        found = _named(word, cards)
        if found is None or found in chosen:
            break
        chosen.append(found)
    hidden = len({key[0] for key in everything} - {key[0] for key in chosen})
    shown = _UUID.sub(r"\1-...", value)
    probe.note("nvidia", f"CUDA_VISIBLE_DEVICES={shown} hides {hidden} of {len(cards)} NVIDIA GPUs")
    return frozenset(chosen)


def _all_visible(cards: Sequence[Card]) -> frozenset[tuple[int, int | None]]:
    parts = [(card.number, number) for card in cards for number in range(len(card.instances))]
    if parts:  # with MIG on anywhere, CUDA shows one instance and nothing else
        return frozenset(parts[:1])
    return frozenset((card.number, None) for card in cards if not card.mig_on)


def _named(word: str, cards: Sequence[Card]) -> tuple[int, int | None] | None:
    if word.isdigit():
        return next(((c.number, 0 if c.instances else None) for c in cards if c.number == int(word)), None)
    for card in cards:
        if word.startswith("GPU-") and card.uuid.startswith(word):
            return card.number, None
        for number, instance in enumerate(card.instances):
            if word.startswith("MIG-") and instance.uuid.startswith(word):
                return card.number, number
    return None


def tell_order(cards: Sequence[Card], probe: Probe) -> None:
    """Say so where CUDA may number the cards otherwise."""
    if len({card.name for card in cards}) > 1 and probe.environ.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
        text = "unlike GPUs are numbered here in the order of their slots; CUDA puts the fastest first"
        probe.note("nvidia", f"{text} unless CUDA_DEVICE_ORDER=PCI_BUS_ID")
