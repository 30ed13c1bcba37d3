"""What is known about how good models are, as values.

An ability lies on an index: 50 is the mean of the models that have scores, 10 is one standard deviation among
them. Indices of different families do not compare with one another.
"""

from __future__ import annotations

from typing import Literal

from modelpick.values import dataclass

Family = Literal["general", "code", "reasoning", "vision", "embedding", "speech", "image"]
Basis = Literal["human votes", "third-party runs", "self-reported", "predicted"]


@dataclass(frozen=True, slots=True)
class Score:
    """One published score: ``kind`` is third-party, self-reported or None; ``source`` where it was read."""

    model: str
    metric: str
    value: float
    kind: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What predicts a model's ability when it has no scores: size, age, training, kind, kin."""

    model: str
    family: str
    developer: str
    params_total: int | None
    params_active: int | None
    released: str | None
    training_tokens: int | None
    relation: str
    modality: str
    capabilities: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ability:
    """A model's place on one index with its 80 % interval, and what the figure rests on.

    ``scores`` counts the published scores behind it; 0 means predicted from ``Profile`` and kin alone.
    """

    model: str
    family: Family
    value: float
    low: float
    high: float
    basis: Basis
    scores: int
