"""What the registry's build is given: the fit of abilities, in the registry's own terms."""

from __future__ import annotations

from collections.abc import Sequence

from modelpick.quality.abilities import abilities, with_inherited_tokens
from modelpick.quality.interface import Profile, Score
from modelpick.registry.interface import Ability, ModelFacts


def fit_abilities(models: Sequence[ModelFacts]) -> list[Ability]:
    """The abilities that the published scores of ``models`` support; the task of each is the fit's family."""
    profiles = [_profile(facts) for facts in models]
    bases = {
        link.model: link.parent_slug
        for facts in reversed(models)
        for link in reversed(facts.lineage)
        if link.parent_slug and link.relation not in ("teacher", "merge")
    }
    scores = [
        Score(score.model, score.metric, score.value, score.kind, score.source)
        for facts in models
        for score in facts.benchmarks
        if score.value is not None
    ]
    found = abilities(with_inherited_tokens(profiles, bases), scores)
    return [Ability(one.model, one.family, one.value, one.low, one.high, one.basis) for one in found]


def _profile(facts: ModelFacts) -> Profile:
    model = facts.model
    return Profile(
        model=model.slug,
        family=model.family,
        developer=model.developer,
        params_total=model.params_total,
        params_active=model.params_active,
        released=model.released,
        training_tokens=model.training_tokens,
        relation=model.relation,
        modality=model.modality,
        capabilities=model.capabilities,
        tasks=model.tasks,
    )
