"""A registry before it is written: what the judge and the fit see of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelpick.errors import UsageError
from modelpick.registry import interface
from modelpick.registry.interface import AbilityFit, Catalogue, Judge, Measure, ModelFacts
from modelpick.registry.names import normal_form
from modelpick.registry.rows import (
    ModelRows,
    as_json,
    facts_of_rows,
    row_of_license,
    rows_of_conditions,
    rows_of_model,
    values_of_rows,
)
from modelpick.registry.shelving import shelf_rows
from modelpick.registry.sources import Entry, Sources


class Draft:
    """The models of some text with what they may refer to: ``beneath`` knows those that are not among them."""

    def __init__(self, entries: Sequence[Entry], beneath: Catalogue) -> None:
        self.beneath = beneath
        self._slugs = _names(entries)
        self.rows: dict[str, ModelRows] = {
            entry.text.slug: rows_of_model(entry.text, self.slug_of) for entry in entries
        }
        self._facts = {slug: facts_of_rows(rows) for slug, rows in self.rows.items()}
        self._permissive: set[str] = set()

    def facts(self, slug: str) -> ModelFacts | None:
        """See :class:`Catalogue`."""
        return self._facts.get(slug) or self.beneath.facts(slug)

    def slug_of(self, name: str) -> str | None:
        """See :class:`Catalogue`."""
        return self._slugs.get(normal_form(name)) or self.beneath.slug_of(name)

    def licenses(self) -> Sequence[interface.License]:
        """See :class:`Catalogue`."""
        return self.beneath.licenses()

    def license_conditions(self) -> Sequence[interface.LicenseCondition]:
        """See :class:`Catalogue`."""
        return self.beneath.license_conditions()

    def rules(self, section: str) -> Sequence[interface.Rule]:
        """See :class:`Catalogue`."""
        return self.beneath.rules(section)

    def decide(self, judge: Judge) -> None:
        """Write the judge's verdicts into the rows; a model it says nothing of stays unknown."""
        found = judge(list(self._facts.values()), self)
        for slug, judgement in found.items():
            self.rows[slug].model.update(
                commercial_use=judgement.commercial_use, verdict_status=judgement.status, verdict=judgement.verdict
            )
            if judgement.permissive:
                self._permissive.add(slug)

    def measure(self, measure: Measure) -> None:
        """Write the sizes that were worked out into the architectures."""
        for slug, sizes in measure(list(self._facts.values())).items():
            architecture = self.rows[slug].architecture
            if architecture is not None:
                architecture["sizes"] = sizes

    def fit(self, fit: AbilityFit) -> list[interface.Ability]:
        """The fit's abilities, which also decide on the shelf; the general one goes into the model's row too."""
        abilities = sorted(fit(list(self._facts.values())), key=lambda ability: (ability.model, ability.task))
        for ability in abilities:
            if ability.task == "general":
                self.rows[ability.model].model["ability"] = ability.value
        self._shelve(abilities)
        return abilities

    def _shelve(self, abilities: Sequence[interface.Ability]) -> None:
        known = {(ability.model, ability.task): ability for ability in abilities}
        for slug, rows in self.rows.items():
            permissive = slug in self._permissive
            rows.shelf[:] = shelf_rows(rows.model, rows.architecture, rows.variants, known, permissive=permissive)


class TextCatalogue:
    """The licences and rules of the text sources, with no models."""

    def __init__(self, sources: Sources) -> None:
        licenses = sorted(sources.licenses, key=lambda license: license.key)
        self.license_rows = [row_of_license(license) for license in licenses]
        self.condition_rows = [row for license in licenses for row in rows_of_conditions(license)]
        self.rule_rows = [
            {"section": section, "position": position, "body": as_json(row)}
            for section, rows in sorted(sources.rules.items())
            for position, row in enumerate(rows)
        ]

    def facts(self, slug: str) -> ModelFacts | None:
        """See :class:`Catalogue`."""
        return None

    def slug_of(self, name: str) -> str | None:
        """See :class:`Catalogue`."""
        return None

    def licenses(self) -> Sequence[interface.License]:
        """See :class:`Catalogue`."""
        return values_of_rows(interface.License, self.license_rows)

    def license_conditions(self) -> Sequence[interface.LicenseCondition]:
        """See :class:`Catalogue`."""
        return values_of_rows(interface.LicenseCondition, self.condition_rows)

    def rules(self, section: str) -> Sequence[interface.Rule]:
        """See :class:`Catalogue`."""
        return values_of_rows(interface.Rule, [row for row in self.rule_rows if row["section"] == section])


def _names(entries: Sequence[Entry]) -> Mapping[str, str]:
    """Slugs and Hub repositories in normal form, with the slug that each stands for.

    :raises UsageError: when two models have the same slug, with both places.
    """
    seen: dict[str, Entry] = {}
    for entry in entries:
        if earlier := seen.get(entry.text.slug):
            raise UsageError(
                f"{entry.place}: slug {entry.text.slug!r} stands at {earlier.place} already",
                hint="give each model a slug of its own",
            )
        seen[entry.text.slug] = entry
    repos = {normal_form(entry.text.hf_repo): slug for slug, entry in seen.items() if entry.text.hf_repo}
    return repos | {normal_form(slug): slug for slug in seen}


def check_licenses(entries: Sequence[Entry], known: Sequence[interface.License]) -> None:
    """:raises UsageError: for a ``license_key`` that the catalogue does not have, with the closest ones."""
    keys = {license.key for license in known}
    for entry in entries:
        key = entry.text.license_key
        if key and key not in keys:
            from difflib import get_close_matches

            close = get_close_matches(key, sorted(keys), n=3)
            raise UsageError(
                f"{entry.place}: field 'license_key': {key!r} is not in the catalogue of licences",
                hint=f"did you mean {', '.join(close)}?" if close else "leave it out to say that it is unknown",
            )


def no_judge(models: Sequence[ModelFacts], catalogue: Catalogue) -> dict[str, interface.Judgement]:
    """Judges nothing: every model stays unknown."""
    return {}


def no_measure(models: Sequence[ModelFacts]) -> dict[str, str]:
    """Works out nothing: sizes are estimated when they are asked for."""
    return {}


def no_fit(models: Sequence[ModelFacts]) -> list[interface.Ability]:
    """Fits nothing: no model has an ability."""
    return []
