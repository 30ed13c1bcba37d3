"""What one clause means for who is asking: it forbids, it is met, it stays open, or it is a duty."""

from __future__ import annotations

from typing import Literal

from modelpick.licensing.asker import regions_of
from modelpick.licensing.interface import Asker, Obligation
from modelpick.values import dataclass

Finding = Literal["forbids", "met", "open", "duty", "none"]

_APPROVAL = ("review", "getting", "application", "applied")
"""Words of registrations that somebody else has to grant; the others are done by oneself."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a clause comes to, and the sentence that says so."""

    finding: Finding
    sentence: str


def weigh(obligation: Obligation, asker: Asker) -> Outcome:
    """What the clause means for this asker."""
    condition = obligation.condition
    match condition.kind:
        case "region-exclusion":
            return _region(obligation, asker)
        case "mau-limit":
            return _users(obligation, asker)
        case "revenue-limit":
            return _revenue(obligation, asker)
        case "registration":
            waits = any(word in condition.text.lower() for word in _APPROVAL)
            return Outcome("open" if waits else "duty", _said(obligation))
        case "no-output-training":
            return Outcome("forbids" if asker.outputs_train_models else "none", _said(obligation))
        case "attribution" | "share-alike" | "no-derivatives":
            return Outcome("duty" if asker.redistribute else "none", _said(obligation))
        # A name to show binds services too, not only who passes the weights on.
        case "naming" | "acceptable-use-policy" | "notify":
            return Outcome("duty", _said(obligation))
        case _:
            return Outcome("none", _said(obligation))


def _said(obligation: Obligation) -> str:
    return f"{obligation.license}: {obligation.condition.text}"


def _region(obligation: Obligation, asker: Asker) -> Outcome:
    value = obligation.condition.value
    excluded = value if isinstance(value, tuple) else (str(value),)
    listed = ", ".join(excluded)
    if asker.region is None:
        return Outcome("open", f"{obligation.license} gives no rights in {listed}: say --region.")
    if regions_of(asker.region) & set(excluded):
        return Outcome("forbids", f"{obligation.license} gives no rights in {listed}; you are in {asker.region}.")
    return Outcome("met", f"{asker.region} is none of {listed}, where {obligation.license} gives no rights.")


def _users(obligation: Obligation, asker: Asker) -> Outcome:
    limit, unit = _figure(obligation)
    if limit is None:
        return Outcome("open", _said(obligation))
    if asker.monthly_users is None:
        return Outcome("open", f"{obligation.license} ends above {limit:,.0f} {unit}: say --monthly-users.")
    users = asker.monthly_users
    if users > limit:
        # More users a month than the limit on daily users is no proof of more users a day.
        if "daily" in unit:
            return Outcome(
                "open", f"{users:,} users a month may be more than {limit:,.0f} {unit} ({obligation.license})."
            )
        return Outcome("forbids", f"{users:,} users a month are more than {limit:,.0f} {unit} of {obligation.license}.")
    if "visits" in unit:
        return Outcome("open", f"{obligation.license} counts visits: at most {limit:,.0f} {unit}.")
    return Outcome("met", f"{users:,} users a month are within {limit:,.0f} {unit} of {obligation.license}.")


def _revenue(obligation: Obligation, asker: Asker) -> Outcome:
    limit, unit = _figure(obligation)
    if limit is None:
        return Outcome("open", _said(obligation))
    said = f"{limit:,.0f} {unit}"
    revenue = asker.annual_revenue_usd
    if revenue is None:
        return Outcome("open", f"{obligation.license} has a limit of {said}: say --annual-revenue.")
    if not unit.startswith("USD"):
        return Outcome("open", f"{obligation.license} counts another currency: {said}.")
    reached = "at or above" in obligation.condition.text.lower()
    whole_year = "per month" not in unit
    if revenue < limit or (revenue == limit and not reached):
        return Outcome("met", f"{revenue:,.0f} USD a year is within {said} of {obligation.license}.")
    if whole_year and unit.startswith("USD per year, group"):
        return Outcome("forbids", f"{revenue:,.0f} USD a year is past {said} of {obligation.license}.")
    if not whole_year and revenue / 12 > limit:
        return Outcome("forbids", f"{revenue:,.0f} USD a year is past {said} of {obligation.license}.")
    return Outcome("open", f"{revenue:,.0f} USD a year may be past {said} of {obligation.license}.")


def _figure(obligation: Obligation) -> tuple[float | None, str]:
    value = obligation.condition.value
    number = float(value) if isinstance(value, int | float) else None
    return number, obligation.condition.unit or ""
