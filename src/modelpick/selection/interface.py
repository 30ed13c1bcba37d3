"""Which model, and why not the others, as values."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelpick.estimation.interface import Fit, Range, Settings
from modelpick.licensing.interface import Decision, Verdict
from modelpick.registry.interface import Model, Variant


@dataclass(frozen=True, slots=True)
class Needs:
    """What the user asked for, with every default filled in."""

    task: str = "chat"
    context: int | None = None
    """None: 8192 tokens, or the model's own limit if smaller."""
    license: tuple[str, ...] = ("permissive",)
    min_speed: float | None = None
    prefer: str = "balanced"
    runtimes: tuple[str, ...] = ()
    quantisations: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    released_after: str | None = None
    max_download_bytes: int | None = None
    users: int = 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model in one variant under one runtime: what could be run, before anyone asked whether it fits."""

    model: Model
    variant: Variant
    settings: Settings


@dataclass(frozen=True, slots=True)
class Rejection:
    """What was turned down: the reason as a stable word, what was needed and what there was."""

    model: str
    reason: str
    message: str
    needed: float | str | None = None
    available: float | str | None = None
    unit: str | None = None
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class ScorePart:
    """One part of a score, with its weight and its reason in a sentence."""

    name: str
    value: float
    weight: float
    reason: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A ranked answer: the candidate, its fit, its verdict, and each part of its score."""

    rank: int
    candidate: Candidate
    fit: Fit
    verdict: Verdict
    decision: Decision
    quality: Range | None
    quality_basis: str
    score: float
    parts: tuple[ScorePart, ...] = field(default=())
