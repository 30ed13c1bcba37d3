"""``modelpick license show``: one licence in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelpick.cli.emit import emit
from modelpick.cli.options import OutputOptions, output_options, registry_option
from modelpick.licensing.interface import Terms
from modelpick.output.interface import Column, Document, Facts, Grid, Lines

_USE = {
    "yes": "Anyone may use it commercially; at most notices or share-alike are owed.",
    "conditional": "Commercial use depends on who you are or on what you do with it.",
    "no": "No commercial use without a separate licence.",
    "unknown": "No usable grant is known: treat it as all rights reserved.",
}
_DERIVATIVES = {
    "any-license": "What you make from it may be under any licence, if the notices are kept.",
    "same-license": "What you pass on must be under the same licence.",
    "must-pass-on-restrictions": "Whatever licence you add, these terms travel with what you make from it.",
    "no-derivatives": "Changed copies may not be passed on.",
}
_OUTPUTS = {
    "yes": "Outputs may train other models.",
    "no": "Outputs may not train other models.",
    "conditional": "Outputs may train other models on conditions: see below.",
}
_CONDITIONS = (
    Column("kind", "Kind"),
    Column("value", "Figure"),
    Column("unit", "Unit"),
    Column("text", "In plain words", wrap=True),
)
_MOST_SHOWN = 40


@click.command(
    "show",
    epilog="""\b
Examples:
  modelpick license show llama3.1
  modelpick license show Apache-2.0
  modelpick license show qwen-research --json""",
)
@click.argument("key", metavar="KEY")
@registry_option
@output_options
def command(key: str, registry: Path | None, output: OutputOptions) -> None:
    """Say in plain words what a licence allows and asks for.

    KEY is a key of the catalogue, an SPDX identifier, a Hub tag or another spelling. This is not legal advice.
    """
    from modelpick.cli.license_cmd.subjects import NOT_ADVICE
    from modelpick.cli.license_cmd.under import models_under
    from modelpick.licensing.rows import catalogue_of
    from modelpick.registry.reader import Registry

    with Registry.open(registry) as opened:
        terms = catalogue_of(opened).find(key)
        models = models_under(opened).get(terms.key, [])
        edition = opened.edition()
    words = _words(terms)
    conditions = [_condition(each) for each in terms.conditions]
    body = {"registry": edition, **terms_data(terms), "plain_words": words, "conditions": conditions, "models": models}
    shown = models[:_MOST_SHOWN]
    rest = len(models) - len(shown)
    emit(
        Document(
            "modelpick.license-show/1",
            body,
            blocks=(
                Facts(
                    (
                        ("Licence", f"{terms.name} ({terms.key})", "text"),
                        ("SPDX", terms.spdx, "text"),
                        ("Family", terms.family, "text"),
                        ("Commercial use", terms.commercial_use, "verdict"),
                        ("Source", terms.source_url, "text"),
                        ("Confidence", terms.confidence, "text"),
                        ("Note", terms.notes, "text"),
                    )
                ),
                Lines(words, title="In plain words", bullet=True),
                Grid(_CONDITIONS, conditions, title="Conditions"),
                Lines(
                    [", ".join(shown) + (f" and {rest:,} more" if rest else "")] if models else ["none"],
                    title=f"Models under it ({len(models):,})",
                ),
            ),
            notes=(NOT_ADVICE,),
        ),
        output,
    )


def terms_data(terms: Terms) -> dict[str, Any]:
    """The licence's own fields as plain values."""
    return {
        "key": terms.key,
        "name": terms.name,
        "spdx": terms.spdx,
        "hub_tag": terms.hf_tag,
        "hub_license_names": list(terms.hf_license_names),
        "family": terms.family,
        "commercial_use": terms.commercial_use,
        "osi_approved": terms.osi_approved,
        "derivative_rule": terms.derivative_rule,
        "outputs_may_train_other_models": terms.outputs_may_train_other_models,
        "confidence": terms.confidence,
        "source_url": terms.source_url,
        "remark": terms.notes,
    }


def _words(terms: Terms) -> list[str]:
    words = [_USE[terms.commercial_use], _DERIVATIVES[terms.derivative_rule]]
    if terms.outputs_may_train_other_models:
        words.append(_OUTPUTS[terms.outputs_may_train_other_models])
    return words


def _condition(condition: Any) -> dict[str, Any]:
    value = condition.value
    return {
        "kind": condition.kind,
        "value": list(value) if isinstance(value, tuple) else value,
        "unit": condition.unit,
        "scope": condition.scope,
        "text": condition.text,
    }
