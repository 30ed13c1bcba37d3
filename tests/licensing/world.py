"""What the tests of licensing stand on: the project's own catalogue and rules, read from their text."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from modelpick.licensing.catalogue import Catalogue
from modelpick.licensing.interface import Card, ParentInfo, Verdict
from modelpick.licensing.judge import judge
from modelpick.licensing.rows import terms_of
from modelpick.licensing.rules import Rules
from modelpick.registry.interface import License, LicenseCondition

DATA = Path(__file__).parents[2] / "data"
STRICTER = ("yes", "conditional", "unknown", "no")
"""Answers on commercial use from the freest to the strictest."""


@cache
def catalogue() -> Catalogue:
    import json

    text = tomllib.loads((DATA / "licenses.toml").read_text(encoding="utf-8"))
    licenses, conditions = [], []
    for row in text["license"]:
        licenses.append(_license(row))
        for position, condition in enumerate(row.get("conditions", ())):
            value = condition.get("value")
            conditions.append(
                LicenseCondition(
                    license=row["key"],
                    position=position,
                    kind=condition["kind"],
                    value=None if value is None else json.dumps(value),
                    unit=condition.get("unit"),
                    text=condition["text"],
                )
            )
    rules = tomllib.loads((DATA / "lineage_rules.toml").read_text(encoding="utf-8"))
    return Catalogue(terms_of(licenses, conditions), Rules(rules))


def _license(row: dict[str, Any]) -> License:
    lists = ("hf_license_name", "org_hint", "aliases", "example_models")
    texts = ("spdx", "hf_tag", "outputs_may_train_other_models", "source_url", "source_note", "scancode_ref", "notes")
    plain = ("key", "name", "osi_approved", "family", "commercial_use", "derivative_rule", "confidence")
    flags = ("gated_typically", "default_for_hf_tag")
    return License(
        **{name: tuple(row.get(name, ())) for name in lists},
        **{name: row.get(name) for name in texts},
        **{name: row[name] for name in plain},
        **{name: row.get(name, False) for name in flags},
    )


def nobody(name: str) -> ParentInfo | None:
    return None


def card(
    name: str,
    license: str | tuple[str, ...] | None = None,
    parents: tuple[str, ...] = (),
    relation: str | None = None,
    **fields: Any,
) -> Card:
    return Card(name, license, base_models=tuple((each, None) for each in parents), relation=relation, **fields)


def verdict(name: str, *args: Any, **fields: Any) -> Verdict:
    return judge(card(name, *args, **fields), nobody, catalogue())


def family(*cards: Card) -> Any:
    """Resolves parents among ``cards``."""
    known = {each.name: each for each in cards}
    return lambda name: ParentInfo(name, card=known[name]) if name in known else None
