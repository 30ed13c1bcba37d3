"""The search for the best answers: best first, and no further than a better one is possible.

Every size class of the shelf is read from its best model down. A model's score has a ceiling that needs no memory
arithmetic (its ability, plus the most that speed and size could add); once the ceiling of everything unread lies
below the worst pick on the list, nothing unread can enter it. So the cost follows the candidates, not the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice

from modelpick.estimation.interface import Misfit
from modelpick.hardware.interface import Hardware
from modelpick.licensing.interface import Decision
from modelpick.selection.bounds import FEWEST_BITS, Bound, Fastest, Loss, bound_of, hopeless, place_ceiling, room_of
from modelpick.selection.filters import context_for, first_rejection
from modelpick.selection.interface import (
    Answer,
    Assess,
    Candidate,
    Decide,
    Entry,
    Needs,
    Option,
    Place,
    Recommendation,
    Rejection,
    Shelf,
)
from modelpick.selection.kin import Kin, Order, kin_of, order_of
from modelpick.selection.lanes import Lane, best_first
from modelpick.selection.options import options_for
from modelpick.selection.refusals import clearly_slow, misfit_of, nearest_of, too_large, too_slow
from modelpick.selection.scoring import quality_of, score
from modelpick.values import dataclass, field, replace

_NEAREST = 8


@dataclass(slots=True)
class _Search:
    """The state of one search: what was picked, what was turned down, and why."""

    needs: Needs
    hardware: Hardware
    decide: Decide
    assess: Assess
    loss: Loss
    gguf_types: frozenset[str]
    picks: dict[str, Recommendation] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)
    kin: dict[tuple[int, bool], Kin] = field(default_factory=dict)
    passed: set[tuple[int, bool]] = field(default_factory=set)
    """The kin of which no further model can enter the list."""
    considered: int = 0
    room: float = 0.0
    fastest: Fastest | None = None
    worst: Order | None = None
    """What a newcomer has to come before; None while the list is not full."""

    def places(self, shelf: Shelf, size_class: int) -> Iterable[Place]:
        """What is to be visited of a size class."""
        needs = self.needs
        each = needs.all_variants or needs.by_name
        return shelf.places(needs.task, needs.policy, size_class, each=each, only=needs.models, passed=self.passed)

    def out_of_reach(self, ceiling: float) -> bool:
        """Whether what scores no more than this cannot enter the list."""
        return self.worst is not None and ceiling < -self.worst[0]

    def visit(self, place: Place, shelf: Shelf) -> None:
        """Judge the model at a place, unless a bound or its kin tells that it cannot enter the list."""
        key = (place.kin, place.low is None)
        kin = None if self.needs.by_name else self.kin.get(key)
        if kin is None:
            if not self.out_of_reach(place_ceiling(place, self.needs, self.fastest)):
                self.kin[key] = self.consider(shelf.entry(self.needs.task, place.slug))
        elif kin.rejection:
            self.considered += 1
            self.rejections.append(replace(kin.rejection, model=place.slug))
            self.passed.add(key)
        elif not kin.may_enter(place, self.worst, None):
            self.passed.add(key)  # those that follow are no better, and the list only gets harder to enter
        elif kin.may_enter(place, None, self.orders.get(place.family)):
            self.consider(shelf.entry(self.needs.task, place.slug))

    def consider(self, entry: Entry) -> Kin:
        """Judge one entry: reject it, or keep its best option if it is better than its family's pick so far."""
        self.considered += 1
        low = entry.ability.low if entry.ability else None
        rejection, decision = first_rejection(entry, self.needs, self.decide)
        found: list[Recommendation] = []
        unseen = None
        if rejection is None:
            found, rejection, unseen = self._options(entry, decision)
        if rejection:
            self.rejections.append(rejection)
        for pick in found:
            self._keep(pick)
        return kin_of(low, min(found, key=order_of, default=None), rejection, unseen)

    def _keep(self, pick: Recommendation) -> None:
        line, order = _line(pick, all_variants=self.needs.all_variants), order_of(pick)
        if line not in self.orders or order < self.orders[line]:
            self.picks[line], self.orders[line] = pick, order
            if len(self.orders) >= self.needs.limit:
                self.worst = sorted(self.orders.values())[self.needs.limit - 1]

    def _least(self, entry: Entry) -> float | None:
        """The score that an option of this entry has to reach to matter: the list's, and its own family's pick."""
        own = None if self.needs.all_variants else self.orders.get(entry.family)
        return max((-order[0] for order in (self.worst, own) if order is not None), default=None)

    def _options(self, entry: Entry, decision: Decision) -> tuple[list[Recommendation], Rejection | None, float | None]:
        """The picks among an entry's options; without one, why; and the most that an option left out could score."""
        options = options_for(entry, self.hardware, self.needs, self.gguf_types)
        if not options:
            return [], Rejection(entry.slug, "runtime", "no published form of it runs on this backend"), None
        picks: list[Recommendation] = []
        turned_down: list[Rejection] = []
        no_better: list[tuple[Bound, Option]] = []
        unseen: float | None = None
        worst = self._least(entry)
        bounds = [(bound_of(entry, option, self.fastest, self.needs, self.loss), option) for option in options]
        for bound, option in sorted(bounds, key=lambda pair: -pair[0].ceiling):
            if picks and not self.needs.all_variants and bound.ceiling < max(pick.score for pick in picks):
                break
            beyond = hopeless(entry, option, bound, self.needs, self.room)
            if beyond is None and worst is not None and bound.ceiling < worst:
                unseen = max(bound.ceiling, unseen or bound.ceiling)
                continue
            if any(_no_smaller(bound, other, option, turned) for other, turned in no_better):
                continue
            found = beyond or self._option(entry, option, decision)
            if isinstance(found, Rejection):
                turned_down.append(found)
                if found.reason == "memory" or clearly_slow(found):
                    no_better.append((bound, option))
            else:
                picks.append(found)
        if picks and not self.needs.all_variants:
            picks = [min(picks, key=order_of)]
        nearest = nearest_of(turned_down) if turned_down and not picks else None
        return picks, nearest, unseen

    def _option(self, entry: Entry, option: Option, decision: Decision) -> Recommendation | Rejection:
        candidate = Candidate(entry, option, context_for(entry, self.needs), self.needs.users)
        fit = self.assess(candidate)
        if isinstance(fit, Misfit):
            return misfit_of(entry, option, fit)
        refused = too_slow(entry, option, fit, self.needs) or too_large(entry, option, fit, self.needs)
        if refused:
            return refused
        loss = self.loss(option.quantisation, entry.params_total)
        quality = quality_of(candidate, loss)
        total, parts = score(candidate, fit, quality, self.needs, loss)
        return Recommendation(0, candidate, fit, decision, quality, total, parts)


def rank(
    shelf: Shelf,
    needs: Needs,
    hardware: Hardware,
    *,
    decide: Decide,
    assess: Assess,
    loss: Loss,
    gguf_types: frozenset[str] = frozenset(),
    fastest: Fastest | None = None,
) -> Answer:
    """The best answers to ``needs`` on ``hardware``, with all that was turned down on the way.

    ``fastest`` bounds the speed of a model before it is placed; without it only memory and quality bound the search.

    Deterministic: equal scores are ordered by quality, then by fewer bytes, then by slug.
    """
    search = _Search(needs, hardware, decide, assess, loss, gguf_types, room=room_of(hardware), fastest=fastest)
    counts: Counter[str] = Counter(shelf.turned_down(needs.task, needs.policy))
    sizes = shelf.size_classes(needs.task, needs.policy)
    total = sum(count for _, count in sizes)
    lanes: list[Lane] = []
    beyond: list[int] = []
    for size_class, count in sizes:
        places = search.places(shelf, size_class)
        if needs.models:
            places = list(places)
            counts["not-installed"] += count - len(places)
            total -= count - len(places)
            count = len(places)
        if size_class >= 0 and 2**size_class * FEWEST_BITS / 8 > search.room:
            counts["memory"] += count
            total -= count
            beyond.append(size_class)
            continue
        lane = Lane(size_class, places, needs)
        if lane.advance():
            lanes.append(lane)
    for lane in best_first(lanes):
        if search.out_of_reach(lane.ceiling):
            break
        search.visit(lane.head, shelf)
    if not search.picks and beyond:
        # Somebody will ask what came nearest: look at the best of the smallest that are too large.
        nearest = list(islice(search.places(shelf, min(beyond)), _NEAREST))
        for place in nearest:
            search.consider(shelf.entry(needs.task, place.slug))
        counts["memory"] -= len(nearest)
        total += len(nearest)
    ordered = sorted(search.picks.values(), key=order_of)[: needs.limit]
    counts.update(rejection.reason for rejection in search.rejections)
    return Answer(
        picks=tuple(replace(pick, rank=place) for place, pick in enumerate(ordered, 1)),
        rejections=tuple(search.rejections),
        counts={reason: count for reason, count in sorted(counts.items()) if count},
        outranked=max(total - search.considered, 0),
        considered=search.considered,
    )


def every_option(
    entry: Entry,
    needs: Needs,
    hardware: Hardware,
    decision: Decision,
    *,
    assess: Assess,
    loss: Loss,
    gguf_types: frozenset[str] = frozenset(),
) -> list[Recommendation | Rejection]:
    """What becomes of each form of one model, best score first, then what was turned down."""
    search = _Search(needs, hardware, lambda _: decision, assess, loss, gguf_types)
    found = [search._option(entry, option, decision) for option in options_for(entry, hardware, needs, gguf_types)]
    picks = sorted((pick for pick in found if isinstance(pick, Recommendation)), key=order_of)
    return [*picks, *(turned for turned in found if isinstance(turned, Rejection))]


def _no_smaller(bound: Bound, other: Bound, option: Option, turned: Option) -> bool:
    """What needs at least as much as a form of its kind that did not fit, or was clearly too slow, is no better."""
    same = (option.format, option.runtime) == (turned.format, turned.runtime)
    return same and bound.least_bytes >= other.least_bytes


def _line(pick: Recommendation, *, all_variants: bool) -> str:
    entry, option = pick.candidate.entry, pick.candidate.option
    if all_variants:
        return f"{entry.slug} {option.runtime} {option.format} {option.quantisation}"
    return entry.family
