"""The search for the best answers: best first, and no further than a better one is possible.

Every size class of the shelf is read from its best model down. A model's score has a ceiling that needs no memory
arithmetic (its ability, plus the most that speed and size could add); once the ceiling of everything unread lies
below the worst pick on the list, nothing unread can enter it. So the cost follows the candidates, not the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from modelpick.estimation.interface import Fit, Misfit
from modelpick.hardware.interface import Hardware
from modelpick.licensing.interface import Decision
from modelpick.selection.bounds import FEWEST_BITS, Bound, Fastest, Loss, bound_of, entry_ceiling, hopeless, room_of
from modelpick.selection.filters import context_for, first_rejection
from modelpick.selection.interface import (
    Answer,
    Assess,
    Candidate,
    Decide,
    Entry,
    Needs,
    Option,
    Recommendation,
    Rejection,
    Shelf,
)
from modelpick.selection.options import options_for
from modelpick.selection.scoring import (
    least_quality,
    most_points_for_size,
    most_points_for_speed,
    pace_of,
    quality_of,
    score,
)
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
    rejections: list[Rejection] = field(default_factory=list)
    considered: int = 0
    room: float = 0.0
    fastest: Fastest | None = None

    def worst(self) -> float | None:
        """The score that a newcomer has to reach; None while the list is not full."""
        if len(self.picks) < self.needs.limit:
            return None
        return sorted((pick.score for pick in self.picks.values()), reverse=True)[self.needs.limit - 1]

    def _least(self, entry: Entry) -> float | None:
        """The score that an option of this entry has to reach to matter: the list's, and its own family's pick."""
        worst, kin = self.worst(), self.picks.get(entry.family)
        if kin is None or self.needs.all_variants:
            return worst
        return kin.score if worst is None else max(worst, kin.score)

    def consider(self, entry: Entry) -> None:
        """Judge one entry: reject it, or keep its best option if it is better than its family's pick so far."""
        self.considered += 1
        rejection, decision = first_rejection(entry, self.needs, self.decide)
        if rejection:
            self.rejections.append(rejection)
            return
        found = self._options(entry, decision)
        if isinstance(found, Rejection):
            self.rejections.append(found)
            return
        for pick in found:
            line = _line(pick, all_variants=self.needs.all_variants)
            if line not in self.picks or _order(pick) < _order(self.picks[line]):
                self.picks[line] = pick

    def _options(self, entry: Entry, decision: Decision) -> list[Recommendation] | Rejection:
        options = options_for(entry, self.hardware, self.needs, self.gguf_types)
        if not options:
            return Rejection(entry.slug, "runtime", "no published form of it runs on this backend")
        picks: list[Recommendation] = []
        turned_down: list[Rejection] = []
        no_better: list[tuple[Bound, Option]] = []
        worst = self._least(entry)
        bounds = [(bound_of(entry, option, self.fastest, self.needs, self.loss), option) for option in options]
        for bound, option in sorted(bounds, key=lambda pair: -pair[0].ceiling):
            if picks and not self.needs.all_variants and bound.ceiling < max(pick.score for pick in picks):
                break
            beyond = hopeless(entry, option, bound, self.needs, self.room)
            if beyond is None and worst is not None and bound.ceiling < worst:
                continue
            if any(_no_smaller(bound, other, option, turned) for other, turned in no_better):
                continue
            found = beyond or self._option(entry, option, decision)
            if isinstance(found, Rejection):
                turned_down.append(found)
                if found.reason == "memory" or _clearly_slow(found):
                    no_better.append((bound, option))
            else:
                picks.append(found)
        if picks or not turned_down:
            return picks if self.needs.all_variants else [min(picks, key=_order)] if picks else []
        return _nearest(turned_down)

    def _option(self, entry: Entry, option: Option, decision: Decision) -> Recommendation | Rejection:
        candidate = Candidate(entry, option, context_for(entry, self.needs), self.needs.users)
        fit = self.assess(candidate)
        if isinstance(fit, Misfit):
            return _misfit(entry, option, fit)
        too_slow = _too_slow(entry, option, fit, self.needs) or _too_large(entry, option, fit, self.needs)
        if too_slow:
            return too_slow
        quality = quality_of(candidate, self.loss(option.quantisation, entry.params_total))
        total, parts = score(candidate, fit, quality, self.needs)
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
    lanes: list[_Lane] = []
    beyond: list[int] = []
    for size_class, count in sizes:
        if size_class >= 0 and 2**size_class * FEWEST_BITS / 8 > search.room:
            counts["memory"] += count
            total -= count
            beyond.append(size_class)
            continue
        lane = _Lane(size_class, iter(shelf.entries(needs.task, needs.policy, size_class)), needs, hardware)
        if lane.advance():
            lanes.append(lane)
    while lanes:
        lane = max(lanes, key=lambda one: (one.ceiling, -one.size_class))
        worst = search.worst()
        if worst is not None and lane.ceiling < worst:
            break
        assert lane.head is not None
        if worst is None or entry_ceiling(lane.head, needs, fastest) >= worst:
            search.consider(lane.head)
        if not lane.advance():
            lanes.remove(lane)
    if not search.picks and beyond:
        # Somebody will ask what came nearest: look at the best of the smallest that are too large.
        nearest = list(islice(shelf.entries(needs.task, needs.policy, min(beyond)), _NEAREST))
        for entry in nearest:
            search.consider(entry)
        counts["memory"] -= len(nearest)
        total += len(nearest)
    ordered = sorted(search.picks.values(), key=_order)[: needs.limit]
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
    picks = sorted((pick for pick in found if isinstance(pick, Recommendation)), key=_order)
    return [*picks, *(turned for turned in found if isinstance(turned, Rejection))]


class _Lane:
    """One size class of the shelf, read from its best model down. ``ceiling`` bounds all that is still unread."""

    __slots__ = ("_needs", "_rows", "ceiling", "head", "size_class")

    def __init__(self, size_class: int, rows: Iterator[Entry], needs: Needs, hardware: Hardware) -> None:
        self.size_class = size_class
        self._rows = rows
        self._needs = needs
        self.head: Entry | None = None
        self.ceiling = 0.0

    def advance(self) -> bool:
        """Go to the next model of the class; False at its end."""
        self.head = next(self._rows, None)
        if self.head is None:
            return False
        low = self.head.ability.low if self.head.ability else None
        smallest = 2 ** max(self.size_class, 20) * FEWEST_BITS / 8
        prefer = self._needs.prefer
        self.ceiling = least_quality(low) + most_points_for_speed(prefer, None) + most_points_for_size(prefer, smallest)
        return True


def _clearly_slow(rejection: Rejection) -> bool:
    """Too slow by more than what kernels of different types differ in."""
    needed, had = rejection.needed, rejection.available
    return rejection.reason == "speed" and isinstance(needed, float) and isinstance(had, float) and 1.05 * had < needed


def _no_smaller(bound: Bound, other: Bound, option: Option, turned: Option) -> bool:
    """What needs at least as much as a form of its kind that did not fit, or was clearly too slow, is no better."""
    same = (option.format, option.runtime) == (turned.format, turned.runtime)
    return same and bound.least_bytes >= other.least_bytes


def _order(pick: Recommendation) -> tuple[float, float, int, str, str]:
    quality = pick.quality.index.low if pick.quality else 0.0
    needed = sum(use.required_bytes for use in pick.fit.placement.uses)
    option = pick.candidate.option
    return (-pick.score, -quality, needed, pick.candidate.entry.slug, f"{option.runtime} {option.quantisation}")


def _line(pick: Recommendation, *, all_variants: bool) -> str:
    entry, option = pick.candidate.entry, pick.candidate.option
    if all_variants:
        return f"{entry.slug} {option.runtime} {option.format} {option.quantisation}"
    return entry.family


def _misfit(entry: Entry, option: Option, misfit: Misfit) -> Rejection:
    return Rejection(
        entry.slug,
        "memory",
        misfit.reason,
        needed=misfit.needed_bytes,
        available=misfit.available_bytes,
        unit="bytes",
        option=option,
    )


def _too_slow(entry: Entry, option: Option, fit: Fit, needs: Needs) -> Rejection | None:
    """Below the least speed that was asked for; for kinds that do not decode, below what is proposed unasked."""
    pace = pace_of(fit)
    if pace is None or needs.min_speed is None:
        return None
    least = needs.min_speed if pace.least is None else pace.least if needs.readable else 0.0
    if pace.value >= least:
        return None
    message = f"about {pace.value:.2g} {pace.words}, wanted {least:g}"
    unit = pace.words.replace(" ", "_")
    return Rejection(entry.slug, "speed", message, least, round(pace.value, 3), unit, option)


def _too_large(entry: Entry, option: Option, fit: Fit, needs: Needs) -> Rejection | None:
    if needs.max_download_bytes is None:
        return None
    size = option.source.bytes or fit.footprint.weights
    if option.made_here and entry.params_total:
        size = 2 * entry.params_total
    if size <= needs.max_download_bytes:
        return None
    message = f"{size / 1e9:.1f} GB to download, allowed {needs.max_download_bytes / 1e9:.1f} GB"
    return Rejection(entry.slug, "download", message, needs.max_download_bytes, size, "bytes", option)


def _nearest(rejections: list[Rejection]) -> Rejection:
    """Of one model's rejections the one that missed by least."""

    def miss(rejection: Rejection) -> float:
        if isinstance(rejection.needed, int | float) and isinstance(rejection.available, int | float):
            high, low = sorted((float(rejection.needed), float(rejection.available)), reverse=True)
            return high / max(low, 1e-9)
        return float("inf")

    return min(rejections, key=miss)
