"""From scores and profiles to abilities: the general one first, then each family with the general one as a guide."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from modelpick.quality.factor import Factor, fit
from modelpick.quality.interface import Ability, Basis, Family, Profile, Score
from modelpick.quality.metrics import Observation, families_of, observation

_ORDER: tuple[Family, ...] = ("general", "code", "reasoning", "vision", "embedding", "speech", "image")
_FEWEST = 8  # scored models below which no scale can be fitted
_ENOUGH = 30  # scored models from which all features are used
_TEXT = {"text", "code", "vision-language", "any-to-any"}
_MEMBERS: dict[Family, Callable[[Profile], bool]] = {
    "general": lambda p: p.modality in _TEXT,
    "code": lambda p: p.modality in _TEXT,
    "reasoning": lambda p: p.modality in _TEXT,
    "vision": lambda p: p.modality in {"vision-language", "any-to-any"},
    "embedding": lambda p: p.modality in {"embedding", "reranker", "image-text-embedding"},
    "speech": lambda p: p.modality == "speech-to-text",
    "image": lambda p: p.modality == "text-to-image",
}
Z80 = 1.2816
# The fit's own spread leaves out what it cannot see (the choice of benchmarks, extrapolation in time): with each
# source held out in turn, 80 % intervals held 74 %; stretched by this factor they hold 80 to 85 %.
STRETCH = 1.7


def abilities(profiles: Sequence[Profile], scores: Iterable[Score]) -> list[Ability]:
    """An ability for each family a model belongs to, in the order of ``profiles``; see interface for the index."""
    seen = [one for one in (observation(score) for score in scores) if one]
    general: Factor | None = None
    found: list[Ability] = []
    for family in _ORDER:
        members = [profile for profile in profiles if _MEMBERS[family](profile)]
        factor = fit_family(family, members, seen, general)
        if factor is None:
            continue
        if family == "general":
            general = factor
        own = [one for one in seen if family in families_of(one.metric)]
        found += _described(family, members, own, factor)
    return found


def fit_family(
    family: Family, members: Sequence[Profile], seen: Sequence[Observation], general: Factor | None
) -> Factor | None:
    """The factor of one family over its members; None where too few of them have scores."""
    names = {profile.model for profile in members}
    own = [one for one in seen if one.model in names and family in families_of(one.metric)]
    if len({one.model for one in own}) < _FEWEST:
        return None
    scored = len({one.model for one in own})
    guided = general is not None and family in ("code", "reasoning", "vision")
    if general is not None and guided:
        features = {p.model: _guided(p, general) for p in members}
    else:
        # Few scores cannot tell fourteen influences apart: then size and age have to do.
        width = len(features_of(members[0])) if scored >= _ENOUGH else 3
        features = {p.model: features_of(p)[:width] for p in members}
    factor = fit(own, features, {p.model: (p.family, p.developer) for p in members})
    return _with_doubt_of(general, factor) if general is not None and guided else factor


def _with_doubt_of(general: Factor, factor: Factor) -> Factor:
    """The general ability guides the others, and is itself not certain: its variance counts as far as it guides."""
    from dataclasses import replace

    variance = {}
    for model, own in factor.variance.items():
        guided = factor.weights[1] * own / factor.own
        variance[model] = own + guided * guided * general.variance.get(model, 0.0)
    return replace(factor, variance=variance)


def family_members(family: Family) -> Callable[[Profile], bool]:
    """Which models belong to a family."""
    return _MEMBERS[family]


def years(released: str | None) -> float | None:
    """Years since the beginning of 2024; a missing month is the middle of the year."""
    if not released:
        return None
    parts = released.split("-")
    month = int(parts[1]) if len(parts) > 1 else 7
    return int(parts[0]) + (month - 0.5) / 12 - 2024


def features_of(profile: Profile) -> list[float]:
    """The numbers that predict ability: size, sparsity, age, training, kind. The first is 1."""
    size = math.log10(profile.params_total) - 10 if profile.params_total else None
    age = years(profile.released) or 0.0
    sparse = 0.0
    if profile.params_active and profile.params_total and profile.params_active < profile.params_total:
        sparse = math.log10(profile.params_active / profile.params_total)
    tokens = math.log10(profile.training_tokens) - 12.5 - 0.45 * age if profile.training_tokens else 0.0
    base = float(profile.relation == "base")
    known = size if size is not None else 0.0
    return [
        1.0,
        known if size is not None else 0.3,
        0.6 * age,
        sparse,
        age * age,
        known * age,
        known * known,
        tokens,
        base,
        base * age,
        float("reasoning" in profile.capabilities),
        float(profile.modality == "code"),
        float(profile.relation == "finetune"),
        float(size is None),
    ]


def _guided(profile: Profile, general: Factor) -> list[float]:
    return [
        1.0,
        general.mean[profile.model],
        0.0,
        float(profile.modality == "code"),
        float("reasoning" in profile.capabilities),
        float(profile.relation == "base"),
        (years(profile.released) or 0.0) / 3,
    ]


def _described(family: Family, members: Sequence[Profile], own: Sequence[Observation], factor: Factor) -> list[Ability]:
    by_model: dict[str, list[Observation]] = {}
    for one in own:
        by_model.setdefault(one.model, []).append(one)
    found = []
    for profile in members:
        mine = by_model.get(profile.model, [])
        half = Z80 * math.sqrt(factor.variance[profile.model]) * STRETCH
        mean = factor.mean[profile.model]
        low, value, high = (round(50 + 10 * place, 1) for place in (mean - half, mean, mean + half))
        found.append(Ability(profile.model, family, value, low, high, _basis(mine), len(mine)))
    return found


def _basis(mine: Sequence[Observation]) -> Basis:
    if not mine:
        return "predicted"
    if any(one.human for one in mine):
        return "human votes"
    return "third-party runs" if any(one.trust == 1.0 for one in mine) else "self-reported"


def with_inherited_tokens(profiles: Sequence[Profile], bases: Mapping[str, str]) -> list[Profile]:
    """Profiles in which a model without training tokens takes those of its base (``bases``: child to parent)."""
    from dataclasses import replace

    by_model = {profile.model: profile for profile in profiles}

    def tokens(model: str, depth: int = 0) -> int | None:
        profile = by_model.get(model)
        if profile is None or depth > 8:
            return None
        if profile.training_tokens:
            return profile.training_tokens
        return tokens(bases[model], depth + 1) if model in bases else None

    return [replace(profile, training_tokens=tokens(profile.model)) for profile in profiles]
