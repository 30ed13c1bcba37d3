"""The two questions the other way round: how long a context fits, and how many bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from modelpick.estimation.cache import CELL_STEP
from modelpick.estimation.interface import (
    Architecture,
    Fit,
    Misfit,
    PlacementKind,
    Settings,
    VariantSpec,
)
from modelpick.estimation.placement import place
from modelpick.hardware.interface import Hardware
from modelpick.values import replace

_LONGEST = 1_048_576

QUALITY = (
    "BF16", "F16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M", "Q4_K_S", "IQ4_XS", "Q3_K_L", "Q3_K_M", "IQ3_M",
    "Q3_K_S", "IQ3_XXS", "Q2_K", "IQ2_M", "IQ2_XS", "IQ2_XXS", "IQ1_M", "IQ1_S",
)  # fmt: skip
"""GGUF mixes from the best to the smallest."""


def max_context(
    architecture: Architecture,
    variant: VariantSpec,
    settings: Settings,
    hardware: Hardware,
    *,
    assume_idle: bool = False,
    kinds: frozenset[PlacementKind] | None = None,
) -> int | None:
    """The longest context, in steps of 256 tokens, that fits with the same kind of placement; None if none does.

    ``kinds`` says which placements count; without it, the one that the settings' own context gets, so that a
    longer context does not quietly push a model off the GPU. At most what the model was trained for.
    """
    limit = architecture.context_length or _LONGEST
    allowed = kinds
    first: Fit | Misfit | None = None
    if allowed is None:
        first = place(architecture, variant, settings, hardware, assume_idle=assume_idle)
        if isinstance(first, Misfit):
            first = place(
                architecture, variant, replace(settings, context=CELL_STEP), hardware, assume_idle=assume_idle
            )
        if isinstance(first, Misfit):
            return None
        allowed = frozenset({first.placement.kind})

    def at(steps: int) -> Fit | Misfit:
        asked = replace(settings, context=min(steps * CELL_STEP, limit))
        return place(architecture, variant, asked, hardware, assume_idle=assume_idle, kinds=allowed)

    high = -(-limit // CELL_STEP)
    beyond = at(high)
    if isinstance(beyond, Fit):
        return limit
    steps = _last(at, high, beyond, first if isinstance(first, Fit) else None)
    return steps * CELL_STEP if steps else None


def _last(at: Callable[[int], Fit | Misfit], high: int, beyond: Misfit, known: Fit | None) -> int:
    """The last number of steps that fits, below ``high``, which does not; 0 if none does.

    Memory grows with the context nearly in a straight line, so the search looks where the line through what fitted and
    what did not meets what there is; every third look halves what is left, whatever the line says.
    """
    low = min(known.settings.context // CELL_STEP, high - 1) if known else 0
    fitted = known
    look = 0
    while low + 1 < high:
        look += 1
        guess = (low + high) // 2 if fitted is None or look % 3 == 0 else _crossing(low, fitted, high, beyond)
        guess = min(max(guess, low + 1), high - 1)
        found = at(guess)
        if isinstance(found, Fit):
            low, fitted = guess, found
        else:
            high, beyond = guess, found
    return low


def _crossing(low: int, fitted: Fit, high: int, beyond: Misfit) -> int:
    """Where the memory of the pool that ran out would be used up."""
    used = sum(use.required_bytes for use in fitted.placement.uses if use.pool == beyond.pool)
    missing = beyond.needed_bytes - used
    if missing <= 0:
        return (low + high) // 2
    return low + (high - low) * (beyond.available_bytes - used) // missing


def best_quantisation(
    architecture: Architecture,
    settings: Settings,
    hardware: Hardware,
    *,
    variants: Sequence[VariantSpec] | None = None,
    assume_idle: bool = False,
    kinds: frozenset[PlacementKind] | None = None,
) -> tuple[VariantSpec, Fit] | None:
    """The variant with the most bits that fits the wanted context, from the best to the smallest.

    ``variants`` are tried in the order given; without them the GGUF mixes of :data:`QUALITY`.
    """
    for variant in variants or [VariantSpec("gguf", mix) for mix in QUALITY]:
        found = place(architecture, variant, settings, hardware, assume_idle=assume_idle, kinds=kinds)
        if isinstance(found, Fit):
            return variant, found
    return None
