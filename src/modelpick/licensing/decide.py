"""May this asker use the model, and does the policy allow it? The clause that decides is part of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelpick.licensing.clauses import Outcome, weigh
from modelpick.licensing.interface import Asker, CommercialUse, Decision, Verdict
from modelpick.licensing.policy import Policy, judge_policy

if TYPE_CHECKING:
    from datetime import date

NOBODY = Asker()
"""An asker who said nothing."""


def use_for(verdict: Verdict, asker: Asker) -> tuple[CommercialUse, str, tuple[str, ...]]:
    """Commercial use for this asker, the clause that decides it, and the duties that stay.

    A clause may turn ``yes`` or ``conditional`` into ``no``; only where every limit is met does ``conditional``
    become ``yes``.
    """
    outcomes = tuple(weigh(obligation, asker) for obligation in verdict.obligations)
    duties = tuple(dict.fromkeys(each.sentence for each in outcomes if each.finding == "duty"))
    duties += _naming(verdict, asker)
    forbidden = _first(outcomes, "forbids")
    if verdict.commercial_use in ("yes", "conditional") and forbidden:
        return "no", forbidden.sentence, duties
    if verdict.commercial_use != "conditional":
        return verdict.commercial_use, verdict.reason, duties
    still_open = _first(outcomes, "open")
    if still_open:
        return "conditional", still_open.sentence, duties
    met = _first(outcomes, "met")
    if met:
        return "yes", met.sentence, duties
    return _without_limits(verdict, asker, duties)


def _without_limits(
    verdict: Verdict, asker: Asker, duties: tuple[str, ...]
) -> tuple[CommercialUse, str, tuple[str, ...]]:
    """A conditional licence without a figure in it: its duties are the condition, whoever asks."""
    if asker == NOBODY:
        sentence = duties[0] if duties else verdict.reason
        return "conditional", sentence, duties
    said = " and ".join(verdict.binding_licenses)
    return "yes", f"{said} has no limit on users, revenue or region that reaches you; its duties stay.", duties


def _naming(verdict: Verdict, asker: Asker) -> tuple[str, ...]:
    """Names that a redistributed model must begin with, where this one does not (R25)."""
    if not asker.redistribute:
        return ()
    name = verdict.model.rpartition("/")[2].lower()
    missing = []
    for obligation in verdict.obligations:
        condition = obligation.condition
        starts = "start" in condition.text.lower() or "prefix" in condition.text.lower()
        if condition.kind == "naming" and starts and isinstance(condition.value, str):
            wanted = condition.value.lower()
            if not name.replace("-", " ").startswith(wanted.replace("-", " ")):
                missing.append(f"{obligation.license}: a name that is passed on must begin with “{condition.value}”.")
    return tuple(dict.fromkeys(missing))


def _first(outcomes: tuple[Outcome, ...], finding: str) -> Outcome | None:
    return next((each for each in outcomes if each.finding == finding), None)


def decide(verdict: Verdict, policy: Policy, asker: Asker = NOBODY, *, today: date | None = None) -> Decision:
    """Whether ``policy`` lets this asker use the model.

    ``today`` is needed for exceptions with an expiry; without it they are taken as expired.
    """
    use, clause, duties = use_for(verdict, asker)
    allowed, decided_by, warnings = judge_policy(verdict, use, clause, policy, today)
    return Decision(allowed, use, decided_by, policy.name, (*warnings, *duties))
