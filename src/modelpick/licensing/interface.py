"""What may be done with a model, as values: terms, the card that was judged, the verdict and its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from modelpick.values import dataclass, field

CommercialUse = Literal["yes", "conditional", "no", "unknown"]
Status = Literal["consistent", "mismatch", "missing", "contradictory", "conflict"]
Confidence = Literal["high", "medium", "low"]


STRICTNESS = (
    "permissive",
    "weak-copyleft",
    "copyleft",
    "open-rail",
    "community",
    "non-commercial",
    "research-only",
    "proprietary",
)
"""Families of licences from the loosest to the strictest."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One clause: ``kind`` is mau-limit, revenue-limit, region-exclusion, acceptable-use-policy, attribution,
    naming, share-alike, no-output-training, registration, notify, patent-termination or other."""

    kind: str
    text: str
    value: float | str | tuple[str, ...] | None = None
    unit: str | None = None
    scope: str | None = None
    """``multimodal`` where the clause only reaches models that read pictures."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A licence of the catalogue as the rules need it."""

    key: str
    name: str
    family: str
    commercial_use: CommercialUse
    derivative_rule: str
    outputs_may_train_other_models: str | None
    conditions: tuple[Condition, ...]
    confidence: Confidence
    spdx: str | None = None
    source_url: str | None = None
    notes: str | None = None
    hf_tag: str | None = None
    hf_license_names: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    org_hint: tuple[str, ...] = ()
    example_models: tuple[str, ...] = ()
    osi_approved: bool = False
    default_for_hf_tag: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """What a model's card and files say, wherever they were read; the one input of a judgement besides lineage.

    ``base_models`` pairs each parent's name with the relation; ``license_text`` is the LICENSE file's text.
    """

    name: str
    license: str | tuple[str, ...] | None
    license_name: str | None = None
    license_link: str | None = None
    base_models: tuple[tuple[str, str | None], ...] = ()
    relation: str | None = None
    tags: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    license_text: str | None = None
    model_type: str | None = None
    released: str | None = None
    resolved: str | None = None
    """The catalogue's key that a curator found for a declaration the card leaves open."""
    access: str | None = None
    """``open-weights`` and its like; ``service``, ``api`` and ``closed`` have no weights to license."""
    multimodal: bool | None = None
    curated: bool = False
    """The card is a row that somebody checked: its name is no hint of an unnamed parent."""


@dataclass(frozen=True, slots=True)
class ParentInfo:
    """What is known of a parent: its own card, to be judged in turn, or the verdict that was reached before."""

    name: str
    card: Card | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the chain: which model, which licences it adds, by which rule, in one sentence."""

    model: str
    relation: str | None
    declared: tuple[str, ...]
    binding: tuple[str, ...]
    commercial_use: CommercialUse
    rule: str
    reason: str
    source: str | None = None
    depth: int = 0
    """0 for the model asked about, 1 for its parents ..."""


@dataclass(frozen=True, slots=True)
class Obligation:
    """Something the user owes or must stay within, and the licence it comes from."""

    license: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class Verdict:
    """May the model be used commercially, by which licences, and why. Unknown is never yes."""

    model: str
    commercial_use: CommercialUse
    status: Status
    declared_licenses: tuple[str, ...]
    binding_licenses: tuple[str, ...]
    obligations: tuple[Obligation, ...]
    chain: tuple[Step, ...]
    confidence: Confidence
    reason: str
    """One sentence: the link that decides."""
    family: str | None = None
    """The strictest family among the binding licences."""
    data_flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is asking. What is None was not said, and leaves a conditional verdict conditional."""

    region: str | None = None
    monthly_users: int | None = None
    annual_revenue_usd: float | None = None
    outputs_train_models: bool = False
    redistribute: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy says of a verdict for an asker: allowed or not, and the clause that decides."""

    allowed: bool
    commercial_use: CommercialUse
    clause: str
    policy: str
    warnings: tuple[str, ...] = field(default=())


class TermsCatalogue(Protocol):
    """Where terms are looked up by key."""

    def terms(self) -> Mapping[str, Terms]:
        """All terms by key."""
        ...
