"""What looking at one model tells of all that are alike: kin differ in nothing but name, family and ability.

Fine-tunes and re-uploads of one model by the thousand fit alike and run alike, so one of them is placed, and the
others only cost a comparison.
"""

from __future__ import annotations

from modelpick.selection.interface import Place, Recommendation, Rejection
from modelpick.selection.scoring import least_quality
from modelpick.values import dataclass

Order = tuple[float, float, int, str, str]
"""What answers are sorted by, best first: score, quality, bytes needed, slug, form."""

_ROUNDING = 0.02
"""Points are rounded to hundredths before they are added."""


@dataclass(frozen=True, slots=True)
class Kin:
    """What is known of a kin from the first of it that was looked at.

    ``rejection``: every form was turned down, for reasons that ability has no part in. Otherwise no form of a model
    scores more than ``most`` points above what its ability counts for; ``best`` is the form that reaches it, where
    one is known to.
    """

    low: float | None
    most: float = 0.0
    best: Recommendation | None = None
    rejection: Rejection | None = None

    def may_enter(self, place: Place, worst: Order | None, own: Order | None) -> bool:
        """Whether the model at a place can come before the ``worst`` on a full list and its ``own`` family's pick."""
        if self.best is not None and place.low == self.low:
            *order, _, form = order_of(self.best)
            twin = (*order, place.slug, form)
            return (worst is None or twin < worst) and (own is None or twin < own)
        ceiling = least_quality(place.low) + self.most + _ROUNDING
        return (worst is None or ceiling >= -worst[0]) and (own is None or ceiling >= -own[0])


def kin_of(low: float | None, best: Recommendation | None, nearest: Rejection | None, unseen: float | None) -> Kin:
    """What the look at one model tells of its kin.

    :param low: of its ability.
    :param best: the best of its forms that were placed.
    :param nearest: of its forms that were turned down.
    :param unseen: the most that a form could score which was not looked at, because it could not enter the list.
    """
    if best is not None and (unseen is None or unseen < best.score):
        return Kin(low, best.score - least_quality(low), best)
    if unseen is None:
        return Kin(low, rejection=nearest)
    highest = unseen if best is None else max(unseen, best.score)
    return Kin(low, highest - least_quality(low))


def order_of(pick: Recommendation) -> Order:
    """What a pick is sorted by."""
    low = pick.quality.index.low if pick.quality else 0.0
    needed = sum(use.required_bytes for use in pick.fit.placement.uses)
    option = pick.candidate.option
    return (-pick.score, -low, needed, pick.candidate.entry.slug, f"{option.runtime} {option.quantisation}")
