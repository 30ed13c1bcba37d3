"""Which licences bind in the end: the model's own and its parents', by the rules R01 to R16 of lineage."""

from __future__ import annotations

from modelpick.licensing.catalogue import Catalogue
from modelpick.licensing.conflicts import conflict_of
from modelpick.licensing.declared import UNKNOWN
from modelpick.licensing.lineage import COPIES, OWN_PARTS, Link
from modelpick.values import dataclass, field


@dataclass(slots=True)
class Outcome:
    """The binding licences and what was found on the way; ``notes`` are (rule, sentence) pairs."""

    binding: tuple[str, ...]
    unresolved: bool = False
    mismatch: bool = False
    conflict: str | None = None
    notes: list[tuple[str, str]] = field(default_factory=list)
    notices: tuple[str, ...] = ()
    """Permissive licences of parents whose notices still travel."""


def combine(
    name: str,
    own: tuple[str, ...],
    links: tuple[Link, ...],
    *,
    named_open: bool,
    fixed: frozenset[str],
    keep_declared: bool,
    catalogue: Catalogue,
) -> Outcome:
    """The binding licences of the model ``name`` whose own licences are ``own``.

    ``named_open`` says that the card named a licence nobody knows; ``fixed`` are own licences that the rules
    vouch for, which no sibling replaces.
    """
    if not links:
        return Outcome(own or (UNKNOWN,))
    teachers = tuple(link for link in links if link.relation == "teacher")
    parents = tuple(link for link in links if link.relation != "teacher")
    outcome = Outcome(())
    theirs = _union(name, own, parents, catalogue)
    outcome.unresolved = any(
        not link.binding or UNKNOWN in link.binding or link.commercial_use == "unknown" for link in parents
    )
    theirs = tuple(key for key in theirs if key != UNKNOWN)
    own, theirs = _superseded(own, theirs, parents, outcome, catalogue)
    if not parents:
        outcome.binding = own or (UNKNOWN,)
    elif all(link.relation in COPIES for link in parents):
        _copy(own, theirs, parents, outcome, catalogue)
    else:
        beside = keep_declared or all(link.relation in OWN_PARTS for link in parents)
        _derived(own, theirs, outcome, named_open=named_open, fixed=fixed, beside=beside, catalogue=catalogue)
    _teachers(teachers, outcome, catalogue)
    if outcome.conflict is None:
        outcome.conflict = conflict_of(parents, catalogue)
    return outcome


def _union(name: str, own: tuple[str, ...], links: tuple[Link, ...], catalogue: Catalogue) -> tuple[str, ...]:
    """All that the parents bring, without what the publisher of both has replaced by the newer licence (R16)."""
    keys: dict[str, None] = {}
    granted = bool(own) and UNKNOWN not in own
    for link in links:
        lifted = frozenset[str]()
        if granted and link.sure and link.relation not in COPIES:
            lifted = catalogue.rules.liftable(name, link.name) - link.inherited
        keys.update(dict.fromkeys(key for key in link.binding if key not in lifted or key in own))
    return tuple(keys)


def _superseded(
    own: tuple[str, ...],
    theirs: tuple[str, ...],
    parents: tuple[Link, ...],
    outcome: Outcome,
    catalogue: Catalogue,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Drop a licence that upstream replaced, where the new one stands in the lineage (R16)."""
    for rule in catalogue.rules.superseded:
        old, new = rule.old, rule.new
        if new not in theirs or (old not in own and old not in theirs):
            continue
        if not rule.covers(link.name for link in parents):
            continue
        outcome.notes.append(("R16", f"{old} was replaced upstream by {new} ({rule.source})"))
        own = tuple(dict.fromkeys(new if key == old else key for key in own))
        theirs = tuple(key for key in theirs if key != old)
    return own, theirs


def _copy(
    own: tuple[str, ...], theirs: tuple[str, ...], parents: tuple[Link, ...], outcome: Outcome, catalogue: Catalogue
) -> None:
    """A copy changes no rights: its source's licences apply; an own one only where it is stricter (R06)."""
    if not theirs:
        outcome.binding = own or (UNKNOWN,)
        return
    stale = frozenset().union(*(link.stale for link in parents))
    top = max(map(catalogue.rank, theirs))
    series = {catalogue.rules.series.get(key) for key in theirs} - {None}
    kept = tuple(
        key
        for key in own
        if key not in theirs
        and key not in stale
        and catalogue.rank(key) > top
        and not (catalogue.rules.series.get(key) in series and catalogue.rank(key) <= top)
    )
    dropped = [key for key in own if key not in kept and key not in theirs]
    if dropped:
        outcome.mismatch = True
        outcome.notes.append(("R06", f"a copy cannot be under {', '.join(dropped)}: its source's licence applies"))
    if not own:
        outcome.notes.append(("R07", "without a tag of its own, a copy is under its source's licence"))
    outcome.binding, outcome.notices = _without_idle(kept, theirs, beside=False, catalogue=catalogue)


def _derived(
    own: tuple[str, ...],
    theirs: tuple[str, ...],
    outcome: Outcome,
    *,
    named_open: bool,
    fixed: frozenset[str],
    beside: bool,
    catalogue: Catalogue,
) -> None:
    kept = _kept(own, theirs, outcome, fixed=fixed, beside=beside, catalogue=catalogue)
    if not own:
        explained = any(not _passes_freely(key, catalogue) for key in theirs)
        if named_open or not explained:
            outcome.notes.append(("R07", "nobody granted a licence for what was added to the base"))
            kept = (UNKNOWN,)
        else:
            outcome.notes.append(("R03", "without a tag of its own, it is under what its base passes on"))
    if UNKNOWN in kept and any(catalogue.commercial(key) == "no" for key in theirs):
        outcome.notes.append(("R01", "whatever its own licence says, the base's forbids commercial use"))
    outcome.binding, outcome.notices = _without_idle(kept, theirs, beside=beside, catalogue=catalogue)
    if not outcome.binding:
        outcome.binding = (UNKNOWN,)


def _kept(
    own: tuple[str, ...],
    theirs: tuple[str, ...],
    outcome: Outcome,
    *,
    fixed: frozenset[str],
    beside: bool,
    catalogue: Catalogue,
) -> tuple[str, ...]:
    """The own licences that hold beside the parents'."""
    top = max(map(catalogue.rank, theirs), default=0)
    siblings = {catalogue.rules.series.get(key) for key in theirs} - {None}
    kept = []
    for key in own:
        rank = catalogue.rank(key)
        if key == UNKNOWN or (key in theirs and (rank or not top)):
            kept.append(key)
        elif catalogue.rules.series.get(key) in siblings and key not in fixed and rank <= top:
            outcome.mismatch = True
            outcome.notes.append(("R04", f"{key} is another generation's contract than {', '.join(theirs)}"))
        elif rank >= top or catalogue.commercial(key) == "no":
            kept.append(key)
        elif beside:
            outcome.mismatch = True
            outcome.notes.append(("R08", f"{key} covers only what was added; the base stays under {', '.join(theirs)}"))
            kept.append(key)
        else:
            outcome.mismatch = True
            outcome.notes.append(("R03", f"{key} cannot take away the terms of {', '.join(theirs)}"))
    return tuple(kept)


def _without_idle(
    own: tuple[str, ...], theirs: tuple[str, ...], *, beside: bool, catalogue: Catalogue
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Leave out parents' permissive licences that a stricter or an own one stands before; their notices travel."""
    free = [key for key in theirs if catalogue.rank(key) == 0 and key not in own]
    rest = [key for key in theirs if key not in free]
    all_free = all(catalogue.rank(key) == 0 for key in own) and not [k for k in rest if catalogue.rank(k) > 0]
    if not free or (all_free and (beside or not own)):
        return tuple(dict.fromkeys((*own, *theirs))), ()
    return tuple(dict.fromkeys((*own, *rest))), tuple(free)


def _passes_freely(key: str, catalogue: Catalogue) -> bool:
    terms = catalogue.get(key)
    return terms is not None and terms.derivative_rule == "any-license"


def _teachers(teachers: tuple[Link, ...], outcome: Outcome, catalogue: Catalogue) -> None:
    """What a teacher's licence says of models trained on its outputs (R11)."""
    series = {catalogue.rules.series.get(key) for key in outcome.binding} - {None}
    for teacher in teachers:
        if not teacher.binding:
            outcome.unresolved = True
        for key in teacher.binding:
            terms = catalogue.get(key)
            outputs = terms.outputs_may_train_other_models if terms else None
            if outputs == "yes" or key in outcome.binding:
                continue
            outcome.binding = (*outcome.binding, key)
            if outputs == "no" and catalogue.rules.series.get(key) not in series:
                outcome.conflict = f"{key} of the teacher {teacher.name} forbids training other models on its outputs"
            else:
                outcome.notes.append(("R11", f"trained on outputs of {teacher.name}: {key} comes along"))
