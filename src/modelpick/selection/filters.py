"""What turns a model down before its memory is worked out. A new filter is a function and a line in the tuple."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from modelpick.licensing.interface import Decision
from modelpick.selection.interface import Decide, Entry, Needs, Rejection

DEFAULT_CONTEXT = 8192
_ANY_LANGUAGE = {"multilingual", "mul", "multi"}

Filter = Callable[[Entry, Needs], Rejection | None]


def context_for(entry: Entry, needs: Needs) -> int:
    """Tokens of context to plan for: what was asked, else 8192 or the model's own limit if smaller."""
    if needs.context is not None:
        return needs.context
    return min(DEFAULT_CONTEXT, entry.context_length or DEFAULT_CONTEXT)


def first_rejection(entry: Entry, needs: Needs, decide: Decide) -> tuple[Rejection | None, Decision]:
    """The first reason that turns the entry down, and the licence decision, which is the first question asked."""
    decision = decide(entry)
    if not decision.allowed:
        why = Rejection(
            entry.slug, "licence", decision.clause, needed=decision.policy, available=decision.commercial_use
        )
        return why, decision
    for check in FILTERS:
        rejection = check(entry, needs)
        if rejection:
            return rejection, decision
    return None, decision


def all_rejections(entry: Entry, needs: Needs, decide: Decide) -> list[Rejection]:
    """Every reason, for ``explain``."""
    first, _ = first_rejection(entry, needs, decide)
    found = [first] if first and first.reason == "licence" else []
    return found + [rejection for check in FILTERS if (rejection := check(entry, needs))]


def _named(entry: Entry, needs: Needs) -> Rejection | None:
    if needs.models and entry.slug not in needs.models:
        return Rejection(entry.slug, "not-installed", "not among the models that were asked for")
    return None


def _context(entry: Entry, needs: Needs) -> Rejection | None:
    limit = entry.context_length
    if needs.context is None or limit is None or limit >= needs.context:
        return None
    message = f"its context ends at {limit:,} tokens, {needs.context:,} were asked for"
    return Rejection(entry.slug, "context", message, needs.context, limit, "tokens")


def _languages(entry: Entry, needs: Needs) -> Rejection | None:
    known = {name.lower().split("-")[0] for name in entry.languages}
    missing = [name for name in needs.languages if name.lower().split("-")[0] not in known]
    if not missing or known & _ANY_LANGUAGE:
        return None
    if "multilingual" in entry.capabilities and not _all_named(entry.languages):
        return None
    told = ", ".join(entry.languages) or "no list"
    message = f"not said to speak {', '.join(missing)} (its card names {told})"
    return Rejection(entry.slug, "language", message, ",".join(missing), ",".join(entry.languages))


def _all_named(languages: Sequence[str]) -> bool:
    """Whether a card's list of languages is whole; "119 languages" behind thirty codes says that it is not."""
    codes = [name for name in languages if len(name.split("-")[0]) <= 3]
    for remark in (name for name in languages if name not in codes):
        counted = sum(int(number) for number in re.findall(r"\d+", remark))
        if not counted or counted > len(codes):
            return False
    return bool(codes)


def _capabilities(entry: Entry, needs: Needs) -> Rejection | None:
    have = {*entry.capabilities, *entry.tasks}
    missing = [name for name in needs.capabilities if name not in have]
    if not missing:
        return None
    return Rejection(entry.slug, "capability", f"not known for: {', '.join(missing)}", ",".join(missing))


def _general(entry: Entry, needs: Needs) -> Rejection | None:
    """What only reads documents answers no questions about pictures; who wants one asks for ``ocr``."""
    if needs.task != "vision" or "ocr" in needs.capabilities or "chat" in entry.tasks:
        return None
    if "ocr" not in entry.capabilities:
        return None
    return Rejection(
        entry.slug, "capability", "it only reads documents: --needs ocr asks for such a model", "chat", "ocr"
    )


def _released(entry: Entry, needs: Needs) -> Rejection | None:
    if needs.released_after is None:
        return None
    if entry.released is None:
        return Rejection(entry.slug, "release-date", "its release date is not known", needs.released_after)
    # Dates are day, month or year as known; a shorter one is compared at its own precision.
    if entry.released >= needs.released_after[: len(entry.released)]:
        return None
    message = f"released {entry.released}, wanted after {needs.released_after}"
    return Rejection(entry.slug, "release-date", message, needs.released_after, entry.released)


FILTERS: tuple[Filter, ...] = (_named, _context, _languages, _capabilities, _general, _released)
