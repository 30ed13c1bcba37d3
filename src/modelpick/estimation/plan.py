"""A model planned over quantisations and contexts on one machine, and the smallest machines that would do.

Pure: the machines to choose from are given by the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from modelpick.estimation.interface import Architecture, Fit, Misfit, PlacementKind, Runtime, Settings, VariantSpec
from modelpick.estimation.placement import place
from modelpick.estimation.speed import estimate_speed, for_all_users
from modelpick.hardware.interface import Hardware
from modelpick.values import dataclass, replace

ON_GPUS: frozenset[PlacementKind] = frozenset({"gpu", "multi-gpu", "unified"})


@dataclass(frozen=True, slots=True)
class Cell:
    """One quantisation at one context on the machine: where it goes, or why it does not fit."""

    variant: VariantSpec
    settings: Settings
    outcome: Fit | Misfit

    @property
    def fit(self) -> Fit | None:
        """The fit, where there is one."""
        return self.outcome if isinstance(self.outcome, Fit) else None

    def meets(self, target: float | None) -> bool:
        """Whether it fits and, where a target is set, is likely to decode that many tokens per second."""
        fit = self.fit
        if fit is None:
            return False
        return target is None or (fit.speed is not None and fit.speed.decode_tokens_per_second.likely >= target)


@dataclass(frozen=True, slots=True)
class Offer:
    """A machine that could be had: ``count`` accelerators of one kind. ``memory_bytes`` is theirs together."""

    accelerator: str
    segment: str
    count: int
    memory_bytes: int
    hardware: Hardware


def plan_grid(
    architecture: Architecture,
    variants: Sequence[VariantSpec],
    contexts: Sequence[int],
    settings: Settings,
    hardware: Hardware,
) -> tuple[Cell, ...]:
    """Every variant at every context of each user, in the order given, with speed where it fits."""
    return tuple(
        Cell(variant, asked, fit_with_speed(architecture, variant, asked, hardware))
        for variant in variants
        for asked in (settings_for(variant, context, settings) for context in contexts)
    )


def settings_for(variant: VariantSpec, context: int, settings: Settings) -> Settings:
    """The runtime that reads the variant, and the context of all users."""
    runtime: Runtime = "llama.cpp" if variant.format == "gguf" else "transformers"
    return for_all_users(replace(settings, runtime=runtime, context=context))


def fit_with_speed(
    architecture: Architecture,
    variant: VariantSpec,
    settings: Settings,
    hardware: Hardware,
    *,
    kinds: frozenset[PlacementKind] | None = None,
) -> Fit | Misfit:
    """The placement of a variant and how fast it is there, or why there is none."""
    found = place(architecture, variant, settings, hardware, kinds=kinds)
    if isinstance(found, Misfit):
        return found
    speed = estimate_speed(architecture, variant, settings, found.footprint.weights, found.placement, hardware)
    return replace(found, speed=speed)


def smallest_offers(
    architecture: Architecture,
    variant: VariantSpec,
    settings: Settings,
    offers: Iterable[Offer],
    *,
    target: float | None = None,
) -> Iterator[tuple[Offer, Fit]]:
    """Of each segment the offer with the least memory that holds the model without the host's help, fast enough.

    Fewer accelerators come before more, and of equal memory the first in the order given.
    """
    met: set[str] = set()
    for offer in sorted(offers, key=lambda offer: (offer.memory_bytes, offer.count)):
        if offer.segment in met:
            continue
        cell = Cell(variant, settings, fit_with_speed(architecture, variant, settings, offer.hardware, kinds=ON_GPUS))
        if cell.fit is not None and cell.meets(target):
            met.add(offer.segment)
            yield offer, cell.fit
