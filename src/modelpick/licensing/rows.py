"""From the registry's rows to what the rules work on, and verdicts for all of them at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from modelpick.licensing.catalogue import Catalogue
from modelpick.licensing.decide import decide
from modelpick.licensing.interface import Card, Condition, ParentInfo, Terms, Verdict
from modelpick.licensing.judge import judge
from modelpick.licensing.policy import PERMISSIVE
from modelpick.licensing.rules import SECTIONS, Rules
from modelpick.licensing.serialise import to_json
from modelpick.registry.interface import Catalogue as Registry
from modelpick.registry.interface import Judgement, License, LicenseCondition, ModelFacts

_SCOPES = {"multimodal checkpoints": "multimodal"}


def catalogue_of(registry: Registry) -> Catalogue:
    """The catalogue of terms and rules that a registry holds."""
    sections = {name: [json.loads(rule.body) for rule in registry.rules(name)] for name in SECTIONS}
    return Catalogue(terms_of(registry.licenses(), registry.license_conditions()), Rules(sections))


def terms_of(licenses: Iterable[License], conditions: Iterable[LicenseCondition]) -> list[Terms]:
    """The terms of the rows, each with its conditions in order."""
    by_license: dict[str, list[LicenseCondition]] = {}
    for row in conditions:
        by_license.setdefault(row.license, []).append(row)
    return [_terms(row, by_license.get(row.key, [])) for row in licenses]


def _terms(row: License, conditions: Sequence[LicenseCondition]) -> Terms:
    return Terms(
        key=row.key,
        name=row.name,
        family=row.family,
        commercial_use=row.commercial_use,  # type: ignore[arg-type]
        derivative_rule=row.derivative_rule,
        outputs_may_train_other_models=row.outputs_may_train_other_models,
        conditions=tuple(map(_condition, sorted(conditions, key=lambda each: each.position))),
        confidence=row.confidence,  # type: ignore[arg-type]
        spdx=row.spdx,
        source_url=row.source_url,
        notes=row.notes,
        hf_tag=row.hf_tag,
        hf_license_names=row.hf_license_name,
        aliases=row.aliases,
        org_hint=row.org_hint,
        example_models=row.example_models,
        osi_approved=row.osi_approved,
        default_for_hf_tag=row.default_for_hf_tag,
    )


def _condition(row: LicenseCondition) -> Condition:
    value = json.loads(row.value) if row.value else None
    text, _, scope = row.text.partition(" Scope: ")
    return Condition(
        kind=row.kind,
        text=text,
        value=tuple(value) if isinstance(value, list) else value,
        unit=row.unit,
        scope=_SCOPES.get(scope.rstrip(".")),
    )


def card_of(facts: ModelFacts) -> Card:
    """The card of a row: what its publisher declared, and the parents that the registry names."""
    model = facts.model
    parents = tuple((row.parent_slug or row.parent, row.relation) for row in facts.lineage)
    return Card(
        name=model.hf_repo or model.slug,
        license=model.license,
        license_name=model.license_name,
        base_models=parents,
        relation=model.relation,
        datasets=tuple(row.name for row in facts.datasets),
        released=model.released,
        resolved=model.license_key,
        access=model.access,
        multimodal=model.modality != "text",
        curated=True,
    )


class Verdicts:
    """Verdicts of a registry's models by slug, each reached once."""

    def __init__(self, registry: Registry, catalogue: Catalogue, models: Iterable[ModelFacts] = ()) -> None:
        self._registry = registry
        self._catalogue = catalogue
        self._facts = {facts.model.slug: facts for facts in models}
        self._done: dict[str, Verdict] = {}
        self._open: set[str] = set()

    def of(self, slug: str) -> Verdict | None:
        """The verdict of the model of that slug; None for one the registry does not have."""
        if slug in self._done:
            return self._done[slug]
        facts = self._facts.get(slug) or self._registry.facts(slug)
        if facts is None:
            return None
        self._open.add(slug)
        verdict = judge(card_of(facts), self.resolve, self._catalogue)
        self._open.discard(slug)
        if not self._open:
            # What is judged inside a circle is not final: only a finished chain is kept.
            self._done[slug] = verdict
        return verdict

    def resolve(self, name: str) -> ParentInfo | None:
        """A parent among the registry's rows."""
        slug = name if name in self._facts else self._registry.slug_of(name)
        if slug is None:
            return None
        if slug in self._done:
            return ParentInfo(name, verdict=self._done[slug])
        facts = self._facts.get(slug) or self._registry.facts(slug)
        return ParentInfo(facts.model.hf_repo or slug, card=card_of(facts)) if facts else None


def judge_models(models: Sequence[ModelFacts], registry: Registry) -> Mapping[str, Judgement]:
    """A judgement for each model, in the form that the registry keeps."""
    verdicts = Verdicts(registry, catalogue_of(registry), models)
    judged: dict[str, Judgement] = {}
    for facts in models:
        verdict = verdicts.of(facts.model.slug)
        if verdict is not None:
            permissive = decide(verdict, PERMISSIVE).allowed
            judged[facts.model.slug] = Judgement(verdict.commercial_use, verdict.status, to_json(verdict), permissive)
    return judged
