"""The judgement of one card: what it declares, what its parents bind it to, and the sentence that decides."""

from __future__ import annotations

import re

from modelpick.licensing.catalogue import COMMERCIAL_ORDER, Catalogue, spelling, strictest_use
from modelpick.licensing.combine import Outcome, combine
from modelpick.licensing.declared import UNKNOWN, Declared, declare
from modelpick.licensing.interface import (
    STRICTNESS,
    Card,
    CommercialUse,
    Confidence,
    Obligation,
    Status,
    Step,
    Verdict,
)
from modelpick.licensing.lineage import Link, Resolve, named_parents, outside, unnamed_parent
from modelpick.licensing.links import canonical_link, cycle_link, link_of, under
from modelpick.licensing.names import owner_of, plain_name, unpacked
from modelpick.licensing.rules import Checkpoint
from modelpick.values import replace

MAX_DEPTH = 32
"""Longer chains than this are not followed."""

_SURENESS: tuple[Confidence, ...] = ("low", "medium", "high")
_MULTIMODAL = re.compile(
    r"vision|multimodal|omni|llava|ultravox|[-_]vl?m?[-_]|[-_](?:11|90)b(?![a-z0-9])", re.IGNORECASE
)
_SAYS_NOTHING = frozenset({"unknown", "none", "null", ""})
_WITHOUT_WEIGHTS = frozenset({"service", "api", "closed"})


def judge(card: Card, resolve: Resolve, catalogue: Catalogue) -> Verdict:
    """May the model of ``card`` be used commercially, by which licences, and why.

    ``resolve`` looks up a parent by name and answers None for one it does not know. No file, clock or network is
    read. Unknown is never yes, and a name alone never makes a verdict looser.
    """
    return _judge(card, resolve, catalogue, ())


def _judge(card: Card, resolve: Resolve, catalogue: Catalogue, path: tuple[str, ...]) -> Verdict:
    name = plain_name(card.name)
    known = catalogue.checkpoint(name)
    declared = declare(card, name, known, catalogue)
    if card.access in _WITHOUT_WEIGHTS and not declared.keys:
        return _service(card, declared)
    own, fixed, notes, overruled = _own(declared, known, catalogue)
    here = (*path, name.lower())
    links = tuple(
        _link(parent, relation, resolve, catalogue, here) for parent, relation in named_parents(card, name, known)
    )
    if not links:
        guess = unnamed_parent(card, name, own, catalogue, resolve)
        if guess is not None:
            links = (_confirm(guess, resolve, catalogue, here),)
    named_open = declared.open
    if named_open and declared.candidates and not own:
        # A name that several texts go by: on something made from one of them, that one is meant.
        own = tuple(key for link in links for key in link.binding if key in declared.candidates)
        named_open = not own
    outcome = combine(
        name,
        own,
        links,
        named_open=named_open,
        fixed=fixed,
        keep_declared=bool(known and known.keep_declared),
        catalogue=catalogue,
    )
    outcome.notes[:0] = notes
    outcome.mismatch = outcome.mismatch or overruled
    return _verdict(card, name, known, declared, links, outcome, catalogue)


def _own(
    declared: Declared, known: Checkpoint | None, catalogue: Catalogue
) -> tuple[tuple[str, ...], frozenset[str], list[tuple[str, str]], bool]:
    """The model's own licences: what it declares, against what the rules know of this very checkpoint."""
    notes: list[tuple[str, str]] = []
    keys = declared.keys
    if known is None or (known.fallback and keys):
        return keys, frozenset(), notes, False
    stale = [key for key in keys if key in known.stale]
    if stale and known.licenses:
        keys = tuple(key for key in keys if key not in known.stale)
        notes.append(("R16", f"{', '.join(stale)} is not, or no longer, this checkpoint's licence ({known.source})"))
    if not known.licenses:
        return keys, frozenset(), notes, False
    fixed = frozenset(known.licenses)
    free = all(catalogue.rank(key) == 0 for key in fixed)
    if free and not declared.keys and any(spelling(text) not in _SAYS_NOTHING for text in declared.raw):
        # A pattern of names is no grant where the card itself points to some other licence.
        said = " and ".join(declared.raw)
        notes.append(("R05", f"its card points to {said}, which is not {' or '.join(known.licenses)}"))
        return (UNKNOWN,), fixed, notes, True
    if not keys or set(keys) <= fixed:
        return known.licenses, fixed, notes, bool(stale)
    top = max(map(catalogue.rank, known.licenses))
    if top == 0 and all(catalogue.rank(key) == 0 for key in keys):
        return keys, frozenset(keys), notes, bool(stale)
    extra = tuple(key for key in keys if key not in fixed and (catalogue.rank(key) > top or key == UNKNOWN))
    looser = [key for key in keys if key not in fixed and key not in extra]
    if looser:
        said = ", ".join(known.licenses)
        notes.append(("R05", f"{', '.join(looser)} is declared, but this checkpoint is under {said} ({known.source})"))
    if extra and top == 0:
        return extra, fixed, notes, bool(stale or looser)
    return (*known.licenses, *extra), fixed, notes, bool(stale or looser)


def _link(parent: str, relation: str, resolve: Resolve, catalogue: Catalogue, path: tuple[str, ...]) -> Link:
    """One parent, judged in its turn."""
    name = plain_name(parent)
    if name.lower() in path:
        return cycle_link(name, relation, path)
    if len(path) > MAX_DEPTH:
        reason = f"the lineage is longer than {MAX_DEPTH} links"
        return Link(name, relation, (), "unknown", "low", False, "R01", reason)
    info = resolve(name)
    if info is not None and info.name.lower() in path:
        return cycle_link(info.name, relation, path)
    if info is not None and info.verdict is not None:
        return link_of(info.verdict, name, relation, catalogue)
    if info is not None and info.card is not None:
        return link_of(_judge(info.card, resolve, catalogue, path), name, relation, catalogue)
    known = catalogue.checkpoint(name)
    if known is not None and (known.licenses or known.parents):
        return link_of(_judge(Card(name, None), resolve, catalogue, path), name, relation, catalogue)
    if "/" not in name:
        known = catalogue.rules.canonical(name)
        return canonical_link(name, relation, known, catalogue) if known else outside(parent, relation, catalogue)
    return _mirrored(name, relation, resolve, catalogue, path) or outside(parent, relation, catalogue)


def _mirrored(name: str, relation: str, resolve: Resolve, catalogue: Catalogue, path: tuple[str, ...]) -> Link | None:
    """A re-packager's copy of a model that the registry or the rules know, by the name that it keeps."""
    if owner_of(name) not in catalogue.rules.mirrors:
        return None
    for guess in unpacked(name):
        if owner_of(guess) == owner_of(name) or guess.lower() in path:
            continue
        known = catalogue.checkpoint(guess) if "/" in guess else catalogue.rules.canonical(guess)
        if resolve(guess) is not None or (known is not None and known.licenses):
            link = _link(guess, relation, resolve, catalogue, path)
            confidence = min(link.confidence, "medium", key=_SURENESS.index)
            return replace(link, confidence=confidence, name=name)
    return None


def _confirm(guess: Link, resolve: Resolve, catalogue: Catalogue, path: tuple[str, ...]) -> Link:
    """A parent read from a name: its terms bind, but nothing becomes free by it."""
    if guess.rule != "R07":
        return guess
    found = _link(guess.name, guess.relation, resolve, catalogue, path)
    return replace(found, sure=False, confidence="low", rule="R07")


def _verdict(
    card: Card,
    name: str,
    known: Checkpoint | None,
    declared: Declared,
    links: tuple[Link, ...],
    outcome: Outcome,
    catalogue: Catalogue,
) -> Verdict:
    binding = outcome.binding
    use = catalogue.commercial(binding[0])
    if len(binding) > 1:
        use = strictest_use(map(catalogue.commercial, binding))
    if outcome.unresolved and COMMERCIAL_ORDER[use] < COMMERCIAL_ORDER["unknown"]:
        use = "unknown"
    if use == "yes" and not declared.keys and any(not link.sure for link in links):
        use = "unknown"
        outcome.notes.append(("R07", "its parent is only read from its name, which frees nothing"))
    if any(link.cycle for link in links):
        use = "unknown" if use != "no" else use
        outcome.conflict = next(link.reason for link in links if link.cycle)
    elif outcome.conflict:
        use = "no"
    status = _status(declared, outcome)
    rule, reason = _reason(name, declared, links, outcome, use, catalogue)
    source = known.source if known else None
    own = Step(name, None, declared.raw, outcome.binding, use, rule, reason, source, 0)
    chain = [own]
    for link in links:
        chain += link.steps or (
            Step(
                link.name, link.relation, (), link.binding, link.commercial_use, link.rule, link.reason, link.source, 1
            ),
        )
    flags = dict.fromkeys(known.flags) if known else {}
    if card.datasets:
        flags.update(dict.fromkeys(catalogue.rules.data_flags(card.datasets)))
    for link in links:
        flags.update(dict.fromkeys(link.flags))
    return Verdict(
        model=name,
        commercial_use=use,
        status=status,
        declared_licenses=declared.keys or declared.raw,
        binding_licenses=outcome.binding,
        obligations=_obligations(card, name, chain, outcome, catalogue),
        chain=tuple(chain),
        confidence=_confidence(known, declared, links, use, outcome),
        reason=reason,
        family=STRICTNESS[max(map(catalogue.rank, outcome.binding), default=len(STRICTNESS) - 1)],
        data_flags=tuple(flags),
    )


def _status(declared: Declared, outcome: Outcome) -> Status:
    if outcome.conflict:
        return "conflict"
    if declared.contradiction:
        return "contradictory"
    if outcome.mismatch:
        return "mismatch"
    if not declared.keys or declared.from_text:
        return "missing"
    return "consistent"


def _reason(
    name: str,
    declared: Declared,
    links: tuple[Link, ...],
    outcome: Outcome,
    use: CommercialUse,
    catalogue: Catalogue,
) -> tuple[str, str]:
    """The rule and the sentence of the link that decides."""
    if outcome.conflict:
        return "R10", f"The lineage does not hold together: {outcome.conflict}."
    unknown = next((link for link in links if not link.binding or UNKNOWN in link.binding), None)
    if use == "unknown" and unknown is not None and outcome.binding != (UNKNOWN,):
        return unknown.rule, f"{unknown.reason[:1].upper()}{unknown.reason[1:].rstrip('.')}."
    if declared.contradiction:
        return "R19", f"{under(name, outcome.binding)}: {declared.contradiction}."
    if outcome.notes:
        rule, note = outcome.notes[-1]
        return rule, f"{under(name, outcome.binding)}: {note}."
    deciding = max(outcome.binding, key=lambda key: COMMERCIAL_ORDER[catalogue.commercial(key)])
    source = next((link for link in links if deciding in link.binding), None)
    if source is not None and deciding not in declared.keys:
        return source.rule, f"{under(name, outcome.binding)}: {deciding} comes from {source.name}."
    return "R01", f"{under(name, outcome.binding)}."


def _obligations(
    card: Card, name: str, chain: list[Step], outcome: Outcome, catalogue: Catalogue
) -> tuple[Obligation, ...]:
    if len(outcome.binding) == 1 and not outcome.notices and outcome.binding[0] not in catalogue.scoped:
        return catalogue.obligations(outcome.binding[0])
    owed: list[Obligation] = []
    for key in outcome.binding:
        for obligation in catalogue.obligations(key):
            if obligation.condition.scope != "multimodal" or _reads_pictures(key, card, name, chain, catalogue):
                owed.append(obligation)
    for key in outcome.notices:
        owed += [each for each in catalogue.obligations(key) if each.condition.kind == "attribution"]
    return tuple(owed)


def _reads_pictures(key: str, card: Card, name: str, chain: list[Step], catalogue: Catalogue) -> bool:
    """Whether the model that the licence comes from reads pictures: a text model's speech or vision child does not
    make it one."""
    if key in catalogue.rules.multimodal:
        return True
    carriers = [step for step in chain if step.depth and key in step.binding]
    if not carriers:
        return bool(card.multimodal) or _MULTIMODAL.search(f"-{name}-") is not None
    deepest = max(step.depth for step in carriers)
    return any(_MULTIMODAL.search(f"-{step.model}-") for step in carriers if step.depth == deepest)


def _confidence(
    known: Checkpoint | None,
    declared: Declared,
    links: tuple[Link, ...],
    use: CommercialUse,
    outcome: Outcome,
) -> Confidence:
    levels: list[Confidence] = [link.confidence for link in links]
    if known is not None and known.licenses and not declared.keys:
        levels.append(known.confidence)
    if declared.contradiction or declared.from_text or outcome.conflict:
        levels.append("medium")
    if use == "unknown" or (declared.open and known is None):
        levels.append("low")
    return min(levels, key=_SURENESS.index, default="high")


def _service(card: Card, declared: Declared) -> Verdict:
    name = plain_name(card.name)
    reason = f"No weights of {name} are published: a service's contract decides, not a licence."
    step = Step(name, None, declared.raw, (UNKNOWN,), "unknown", "R24", reason, None, 0)
    return Verdict(name, "unknown", "missing", declared.raw, (UNKNOWN,), (), (step,), "high", reason, "proprietary", ())
