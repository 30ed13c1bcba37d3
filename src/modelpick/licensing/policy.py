"""Which licences a company accepts: three policies that are built in, and its own as a TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modelpick.errors import UsageError
from modelpick.licensing.interface import STRICTNESS, CommercialUse, Confidence, Verdict
from modelpick.values import dataclass

if TYPE_CHECKING:
    from datetime import date

    from modelpick.licensing.catalogue import Catalogue

CONFIDENCES: tuple[Confidence, ...] = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Licences, families and kinds of condition that are named together."""

    licenses: frozenset[str] = frozenset()
    families: frozenset[str] = frozenset()
    conditions: frozenset[str] = frozenset()
    data_flags: tuple[str, ...] = ()
    """Beginnings of terms of the training data, such as ``api-tos``."""


@dataclass(frozen=True, slots=True)
class PolicyException:
    """A model that is allowed whatever the rules say, why, and until when."""

    model: str
    reason: str
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What is accepted. ``commercial`` are the answers that pass; an empty allow list allows what is not denied."""

    name: str
    commercial: frozenset[CommercialUse]
    allow: Ruleset = Ruleset()
    deny: Ruleset = Ruleset()
    minimum_confidence: Confidence = "low"
    exceptions: tuple[PolicyException, ...] = ()
    clean: bool = False
    """Only verdicts without a contradiction or a conflict pass."""


PERMISSIVE = Policy("permissive", frozenset({"yes"}), allow=Ruleset(families=frozenset({"permissive"})), clean=True)
"""Free for everybody: the default for recommendations."""

COMMERCIAL = Policy("commercial", frozenset({"yes", "conditional"}))
"""Commercial use is allowed, at least on conditions, and none of them is known to be broken."""

ANY = Policy("any", frozenset({"yes", "conditional", "unknown", "no"}))
"""Everything; what a licence forbids is still said."""

BUILT_IN: Mapping[str, Policy] = {policy.name: policy for policy in (PERMISSIVE, COMMERCIAL, ANY)}


def judge_policy(
    verdict: Verdict, use: CommercialUse, clause: str, policy: Policy, today: date | None
) -> tuple[bool, str, tuple[str, ...]]:
    """Allowed or not, the sentence that decides, and warnings. ``use`` and ``clause`` are the asker's answer."""
    warnings: list[str] = []
    for exception in policy.exceptions:
        if exception.model.lower() != verdict.model.lower():
            continue
        if exception.expires is None or (today is not None and today <= exception.expires):
            until = f" until {exception.expires.isoformat()}" if exception.expires else ""
            return True, f"Exception of the policy{until}: {exception.reason}", (clause,)
        warnings.append(f"The exception for {exception.model} expired on {exception.expires.isoformat()}.")
    refused = _refusal(verdict, use, clause, policy)
    return refused is None, refused or clause, tuple(warnings)


def _refusal(verdict: Verdict, use: CommercialUse, clause: str, policy: Policy) -> str | None:
    if use not in policy.commercial:
        return clause
    for key in verdict.binding_licenses:
        if key in policy.deny.licenses:
            return f"The policy denies {key}."
    if verdict.family in policy.deny.families:
        return f"The policy denies {verdict.family} licences: {' and '.join(verdict.binding_licenses)}."
    for obligation in verdict.obligations:
        if obligation.condition.kind in policy.deny.conditions:
            return f"The policy denies {obligation.condition.kind}: {obligation.license}: {obligation.condition.text}"
    for flag in verdict.data_flags:
        if policy.deny.data_flags and flag.startswith(policy.deny.data_flags):
            return f"The policy denies training data under {flag}."
    if policy.allow.licenses or policy.allow.families:
        outside = [key for key in verdict.binding_licenses if key not in policy.allow.licenses]
        if outside and verdict.family not in policy.allow.families:
            return f"The policy does not list {' and '.join(outside)} ({verdict.family}). {verdict.reason}"
    if CONFIDENCES.index(verdict.confidence) < CONFIDENCES.index(policy.minimum_confidence):
        return f"The verdict is of {verdict.confidence} confidence; the policy wants {policy.minimum_confidence}."
    if policy.clean and verdict.status in ("contradictory", "conflict"):
        return f"What is declared is {verdict.status}: {verdict.reason}"
    return None


def named_policy(text: str) -> Policy:
    """One of :data:`BUILT_IN` by name.

    :raises UsageError: for a name that is none of them.
    """
    try:
        return BUILT_IN[text.strip().lower()]
    except KeyError:
        raise UsageError(
            f"There is no policy “{text}”.", hint=f"policies: {', '.join(BUILT_IN)}; or --policy FILE for your own"
        ) from None


def license_policy(words: tuple[str, ...], catalogue: Catalogue | None = None) -> Policy:
    """The policy of ``--license``: a built-in name, or the licences and families that are accepted.

    :raises UsageError: for a licence that is not in the catalogue, with suggestions.
    """
    if len(words) == 1 and words[0].strip().lower() in BUILT_IN:
        return named_policy(words[0])
    families = frozenset(word for word in words if word in STRICTNESS)
    rest = [word for word in words if word not in STRICTNESS]
    if rest and catalogue is None:
        return named_policy(rest[0])
    keys = frozenset(catalogue.find(word).key for word in rest) if catalogue else frozenset()
    every: frozenset[CommercialUse] = frozenset({"yes", "conditional", "unknown", "no"})
    return Policy("license: " + ", ".join(words), every, allow=Ruleset(keys, families))
