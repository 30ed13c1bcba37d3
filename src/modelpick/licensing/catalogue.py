"""The catalogue of terms as the rules ask for it: by key, by spelling, by strictness; with the rules beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from modelpick.errors import UsageError
from modelpick.licensing.interface import STRICTNESS, CommercialUse, Condition, Obligation, Terms
from modelpick.licensing.names import owner_of
from modelpick.licensing.rules import Checkpoint, Rules

COMMERCIAL_ORDER: Mapping[CommercialUse, int] = {"yes": 0, "conditional": 1, "unknown": 2, "no": 3}
"""Answers from the freest to the strictest: what is forbidden for certain outweighs what is not known."""

NOTHING_SAID = frozenset({"", "other", "unknown", "none", "null", "unlicensed", "proprietary"})
"""Values of a card's ``license`` that grant nothing by themselves."""


class Catalogue:
    """All terms, and what the rules know. Build it once from loaded rows; a verdict only looks things up."""

    def __init__(self, terms: Iterable[Terms], rules: Rules) -> None:
        self.rules = rules
        self._terms = {entry.key: entry for entry in terms}
        self._ranks = {key: STRICTNESS.index(entry.family) for key, entry in self._terms.items()}
        self._spellings: dict[str, str] = {}
        self._names: dict[str, list[Terms]] = {}
        self._by_owner: dict[tuple[str, str], str] = {}
        self._examples: dict[str, Checkpoint] = {}
        for entry in self._terms.values():
            self._index(entry)
        self._special_tags = {tag for _, tag in self._by_owner}
        self._obligations = {key: _obligations(entry) for key, entry in self._terms.items()}
        self.scoped = frozenset(
            key for key, owed in self._obligations.items() if any(each.condition.scope for each in owed)
        )
        """Licences with a clause that does not reach all models under them."""

    def _index(self, entry: Terms) -> None:
        spellings = [entry.key, entry.spdx, *entry.aliases]
        if entry.default_for_hf_tag:
            spellings.append(entry.hf_tag)
        for text in spellings:
            if text:
                self._spellings.setdefault(spelling(text), entry.key)
        for name in entry.hf_license_names:
            self._names.setdefault(spelling(name), []).append(entry)
        for owner in entry.org_hint:
            # An entry as free as the tag's own ("resolve to apache-2.0") is only another name: keep the tag's key.
            special = not entry.default_for_hf_tag and entry.commercial_use != "yes"
            if special and entry.hf_tag and entry.hf_tag != "other":
                self._by_owner[owner.lower(), entry.hf_tag] = entry.key
        if entry.commercial_use != "yes":
            for model in entry.example_models:
                self._examples.setdefault(
                    model.lower(), Checkpoint((entry.key,), source=entry.source_url, fallback=True)
                )

    def terms(self) -> Mapping[str, Terms]:
        """All terms by key."""
        return self._terms

    def get(self, key: str) -> Terms | None:
        """The terms of that key."""
        return self._terms.get(key)

    def rank(self, key: str) -> int:
        """How strict the licence's family is: 0 permissive ... 7 proprietary or not known."""
        return self._ranks.get(key, len(STRICTNESS) - 1)

    def commercial(self, key: str) -> CommercialUse:
        """Commercial use under the licence of that key; a key nobody knows is unknown."""
        entry = self._terms.get(key)
        return entry.commercial_use if entry else "unknown"

    def obligations(self, key: str) -> tuple[Obligation, ...]:
        """What somebody owes under the licence of that key."""
        return self._obligations.get(key, ())

    def known(self, text: str, model: str = "") -> str | None:
        """The key that a tag, an SPDX identifier or an alias stands for on the card of ``model``."""
        tag = spelling(text)
        if tag in NOTHING_SAID:
            return None
        if tag in self._special_tags:
            special = self._by_owner.get((owner_of(model), tag))
            if special:
                return special
        return self._spellings.get(tag)

    def candidates(self, name: str) -> tuple[str, ...]:
        """The keys of all licences that go by a free ``license_name``."""
        return tuple(entry.key for entry in self._names.get(spelling(name), ()) if entry.key not in NOTHING_SAID)

    def named(self, name: str, model: str, preferred: Iterable[str] = (), released: str | None = None) -> str | None:
        """The key that a card's free ``license_name`` stands for; None where several texts go by it."""
        text = spelling(name)
        candidates = self._names.get(text, [])
        if len(candidates) > 1:
            wanted = [entry for entry in candidates if entry.key in set(preferred)]
            owner = owner_of(model)
            hinted = [entry for entry in candidates if owner in {hint.lower() for hint in entry.org_hint}]
            candidates = wanted or hinted or candidates
        keys = [entry.key for entry in candidates if entry.key not in NOTHING_SAID]
        if len(keys) == 1:
            return keys[0]
        ruled = self.rules.license_name(text, model, released)
        if keys:
            return ruled if ruled in keys else None
        return self._spellings.get(text) or ruled

    def checkpoint(self, name: str) -> Checkpoint | None:
        """What the rules know of a repository; else that the catalogue names it under a restrictive licence."""
        return self.rules.checkpoint(name) or self._examples.get(name.lower())

    def find(self, text: str) -> Terms:
        """The terms that ``text`` names in any spelling; raises UsageError with suggestions for an unknown one."""
        key = self._spellings.get(spelling(text))
        if key is None:
            names = self._names.get(spelling(text), [])
            if len(names) == 1:
                key = names[0].key
            elif names:
                listed = ", ".join(entry.key for entry in names)
                raise UsageError(
                    f"“{text}” is the name of {len(names)} different licences: {listed}.",
                    hint=f"modelpick license show {names[0].key}",
                )
        if key is None:
            raise UsageError(
                f"There is no licence “{text}” among the {len(self._terms)} of the catalogue."
                f"{_did_you_mean(self.suggest(text))}",
                hint="modelpick license list",
            )
        return self._terms[key]

    def suggest(self, text: str, limit: int = 3) -> list[str]:
        """Keys that look like ``text``."""
        from difflib import get_close_matches

        wanted = spelling(text)
        close = get_close_matches(wanted, self._spellings, n=limit * 2, cutoff=0.6)
        keys = [self._spellings[word] for word in close]
        keys += [key for key in self._terms if wanted and wanted in key]
        return list(dict.fromkeys(keys))[:limit]


@lru_cache(maxsize=4096)
def spelling(text: str) -> str:
    """One form for the ways people write a licence: lower case, blanks and underscores as ``-``."""
    return re.sub(r"[\s_]+", "-", text.strip().lower())


def strictest_use(uses: Iterable[CommercialUse]) -> CommercialUse:
    """The strictest of several answers; unknown where there is none."""
    return max(uses, key=COMMERCIAL_ORDER.__getitem__, default="unknown")


def _obligations(entry: Terms) -> tuple[Obligation, ...]:
    conditions = list(entry.conditions)
    said = {condition.kind for condition in conditions}
    if entry.outputs_may_train_other_models == "no" and "no-output-training" not in said:
        conditions.append(Condition("no-output-training", "Outputs may not be used to train other models."))
    if entry.derivative_rule == "no-derivatives" and entry.commercial_use != "unknown":
        conditions.append(Condition("no-derivatives", "Changed copies may not be passed on."))
    return tuple(Obligation(entry.key, condition) for condition in conditions)


def _did_you_mean(keys: list[str]) -> str:
    return f" Did you mean {', '.join(keys)}?" if keys else ""
