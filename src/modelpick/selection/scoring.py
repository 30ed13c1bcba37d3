"""What makes one answer better than another, in points of the quality index, each part with its reason.

Quality counts as its index says, at the low end of the interval: a model that nobody has measured does not win on
hope. Speed counts by doublings, up to where reading no longer gains. A new scorer is a function and a line.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from modelpick.estimation.interface import Fit, Range
from modelpick.selection.interface import Candidate, Needs, Quality, ScorePart
from modelpick.values import dataclass

READABLE = 5.0
"""Tokens per second below which reading along is a wait: about 4 English words a second."""

_UNMEASURED = 30.0
_DOUBT = 3.0  # points off the low end where nobody published what a quantisation costs
# Points per doubling of decode speed, and the speed up to which it counts; points per doubling of memory.
_WEIGHTS = {
    "balanced": (1.5, 50.0, 0.1),
    "quality": (0.5, 20.0, 0.0),
    "speed": (6.0, 200.0, 0.25),
    "small": (1.0, 20.0, 8.0),
}
_LARGEST_BYTES = 2**41
# In words, what is usual (worth no points), what is waited for (turned down while anything is faster), and what is of
# no use: an image an hour is not an answer, even where there is no better one.
_PACES = {
    "tokens_per_second": ("tokens per second", 1000.0, 100.0, 0.0),
    "times_real_time": ("times real time", 2.0, 1.0, 0.0),
    "images_per_minute": ("images per minute", 1.0, 0.2, 0.02),
}


@dataclass(frozen=True, slots=True)
class Pace:
    """A speed with its words, the usual one of its kind, and the least that is proposed unasked (None: as asked).

    ``floor``: what is not proposed even where nothing is faster, unless a speed was asked for.
    """

    value: float
    words: str
    usual: float
    least: float | None
    floor: float = 0.0


Scorer = Callable[[Candidate, Fit, Quality | None, Needs, "float | None"], ScorePart]


def quality_of(candidate: Candidate, loss: float | None) -> Quality | None:
    """Quality of the quantised form: the ability less the loss; an unknown loss lowers the low end by some doubt."""
    ability = candidate.entry.ability
    if ability is None:
        return None
    taken = loss or 0.0
    index = Range(ability.low - _taken_from_low_end(loss), ability.likely - taken, ability.high - taken)
    return Quality(index, loss, candidate.entry.ability_basis or "predicted")


def _taken_from_low_end(loss: float | None) -> float:
    return _DOUBT if loss is None else loss


def score(
    candidate: Candidate, fit: Fit, quality: Quality | None, needs: Needs, loss: float | None
) -> tuple[float, tuple[ScorePart, ...]]:
    """The sum of all parts, and the parts. ``loss``: what the quantisation costs a model that nobody measured."""
    parts = tuple(scorer(candidate, fit, quality, needs, loss) for scorer in SCORERS)
    return round(sum(part.points for part in parts), 4), parts


def most_points_for_speed(prefer: str, tokens_per_second: float | None) -> float:
    """The most that speed can add at that speed; None: at any speed. Used to stop looking."""
    weight, ceiling, _ = _WEIGHTS[prefer]
    speed = ceiling if tokens_per_second is None else min(tokens_per_second, ceiling)
    return weight * math.log2(max(speed, 0.05) / READABLE)


def most_points_for_size(prefer: str, smallest_bytes: float) -> float:
    """The most that a footprint of at least that many bytes can add."""
    return _WEIGHTS[prefer][2] * math.log2(_LARGEST_BYTES / max(smallest_bytes, 2**20))


def least_quality(low: float | None) -> float:
    """The points an ability counts for before any loss."""
    return _UNMEASURED if low is None else low


def _quality(candidate: Candidate, fit: Fit, quality: Quality | None, needs: Needs, loss: float | None) -> ScorePart:
    if quality is None:
        return _unmeasured(candidate, loss)
    index = quality.index
    lost = f", {quality.loss:.1f} of it lost to {candidate.option.quantisation}" if quality.loss else ""
    reason = f"{index.likely:.1f} ({index.low:.1f} to {index.high:.1f}) from {quality.basis}{lost}; the low end counts"
    return ScorePart("quality", round(index.low, 2), reason)


def _unmeasured(candidate: Candidate, loss: float | None) -> ScorePart:
    """A flat ability, less the loss: few bits cost a model that nobody measured as much as any other."""
    taken = _taken_from_low_end(loss)
    form = candidate.option.quantisation or candidate.option.format
    why = f"in doubt, since nobody published what {form} costs" if loss is None else f"lost to {form}"
    reason = "no comparable score is published for this kind of model"
    reason += f": {_UNMEASURED:g} points, {taken:.1f} of them {why}" if taken else ""
    return ScorePart("quality", round(_UNMEASURED - taken, 2), reason)


def pace_of(fit: Fit) -> Pace | None:
    """How fast a placed model is for its kind; None where that cannot be estimated."""
    if fit.speed:
        return Pace(fit.speed.decode_tokens_per_second.likely, "tokens per second", READABLE, None)
    if fit.throughput:
        words, usual, least, floor = _PACES[fit.throughput.unit]
        return Pace(fit.throughput.rate.likely, words, usual, least, floor)
    return None


def _speed(candidate: Candidate, fit: Fit, quality: Quality | None, needs: Needs, loss: float | None) -> ScorePart:
    pace = pace_of(fit)
    if pace is None:
        return ScorePart("speed", 0.0, "speed cannot be estimated for this kind of model")
    weight, ceiling, _ = _WEIGHTS[needs.prefer]
    # Other kinds are compared by doublings from what is usual for them, as decoding is from readable speed.
    points = round(most_points_for_speed(needs.prefer, READABLE * pace.value / pace.usual), 2)
    most = ceiling * pace.usual / READABLE
    capped = f", counted up to {most:.3g}" if pace.value > most else ""
    return ScorePart("speed", points, f"about {pace.value:.3g} {pace.words}{capped}; {weight:g} points a doubling")


def _size(candidate: Candidate, fit: Fit, quality: Quality | None, needs: Needs, loss: float | None) -> ScorePart:
    needed = sum(use.required_bytes for use in fit.placement.uses)
    points = round(most_points_for_size(needs.prefer, needed), 2)
    return ScorePart(
        "size", points, f"needs {needed / 2**30:.1f} GiB in all; {_WEIGHTS[needs.prefer][2]:g} points a halving"
    )


SCORERS: tuple[Scorer, ...] = (_quality, _speed, _size)
