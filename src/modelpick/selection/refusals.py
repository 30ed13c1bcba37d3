"""Why a form that was placed, or could not be, is turned down: what was needed and what there was."""

from __future__ import annotations

from modelpick.estimation.interface import Fit, Misfit
from modelpick.selection.interface import Entry, Needs, Option, Rejection
from modelpick.selection.scoring import Pace, pace_of


def clearly_slow(rejection: Rejection) -> bool:
    """Too slow by more than what kernels of different types differ in."""
    needed, had = rejection.needed, rejection.available
    return rejection.reason == "speed" and isinstance(needed, float) and isinstance(had, float) and 1.05 * had < needed


def misfit_of(entry: Entry, option: Option, misfit: Misfit) -> Rejection:
    """The rejection of what has no room in any placement."""
    return Rejection(
        entry.slug,
        "memory",
        misfit.reason,
        needed=misfit.needed_bytes,
        available=misfit.available_bytes,
        unit="bytes",
        option=option,
    )


def too_slow(entry: Entry, option: Option, fit: Fit, needs: Needs) -> Rejection | None:
    """Below the least speed that was asked for; for kinds that do not decode, below what is proposed unasked."""
    pace = pace_of(fit)
    least = _least_pace(pace, needs) if pace else None
    if pace is None or least is None or pace.value >= least:
        return None
    message = f"about {pace.value:.2g} {pace.words}, wanted {least:g}"
    unit = pace.words.replace(" ", "_")
    return Rejection(entry.slug, "speed", message, least, round(pace.value, 3), unit, option)


def _least_pace(pace: Pace, needs: Needs) -> float | None:
    if pace.least is None:
        return needs.min_speed
    if not needs.readable:
        return None
    return pace.floor if needs.min_speed is None else pace.least


def too_large(entry: Entry, option: Option, fit: Fit, needs: Needs) -> Rejection | None:
    """Above the most that may be downloaded."""
    if needs.max_download_bytes is None:
        return None
    size = option.source.bytes or fit.footprint.weights
    if option.made_here and entry.params_total:
        size = 2 * entry.params_total
    if size <= needs.max_download_bytes:
        return None
    message = f"{size / 1e9:.1f} GB to download, allowed {needs.max_download_bytes / 1e9:.1f} GB"
    return Rejection(entry.slug, "download", message, needs.max_download_bytes, size, "bytes", option)


def nearest_of(rejections: list[Rejection]) -> Rejection:
    """Of one model's rejections the one that missed by least."""

    def miss(rejection: Rejection) -> float:
        if isinstance(rejection.needed, int | float) and isinstance(rejection.available, int | float):
            high, low = sorted((float(rejection.needed), float(rejection.available)), reverse=True)
            return high / max(low, 1e-9)
        return float("inf")

    return min(rejections, key=miss)
