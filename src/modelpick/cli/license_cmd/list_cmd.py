"""``modelpick license list``: the catalogue of terms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelpick.cli.emit import emit
from modelpick.cli.options import OutputOptions, output_options, registry_option
from modelpick.licensing.interface import STRICTNESS
from modelpick.output.interface import Column, Document, Facts, Grid

_COLUMNS = (
    Column("key", "Licence"),
    Column("name", "Name"),
    Column("family", "Family"),
    Column("commercial_use", "Commercial use", kind="verdict"),
    Column("osi_approved", "OSI", kind="yesno"),
    Column("model_count", "Models", right=True),
)


@click.command(
    "list",
    epilog="""\b
Examples:
  modelpick license list
  modelpick license list --family community --commercial conditional
  modelpick license list --fields key,spdx,source_url --format csv""",
)
@click.option("--family", "families", multiple=True, type=click.Choice(STRICTNESS), help="Only these families.")
@click.option(
    "--commercial",
    "uses",
    multiple=True,
    type=click.Choice(("yes", "conditional", "no", "unknown")),
    help="Only licences with this answer on commercial use.",
)
@registry_option
@output_options
def command(families: tuple[str, ...], uses: tuple[str, ...], registry: Path | None, output: OutputOptions) -> None:
    """List the licences of the catalogue.

    Models are those of the registry that a licence binds by their lineage. This is not legal advice.
    """
    from modelpick.cli.license_cmd.show import terms_data
    from modelpick.cli.license_cmd.subjects import NOT_ADVICE
    from modelpick.cli.license_cmd.under import models_under, uses_of_models
    from modelpick.licensing.rows import terms_of
    from modelpick.registry.reader import Registry

    with Registry.open(registry) as opened:
        terms = terms_of(opened.licenses(), opened.license_conditions())
        models = models_under(opened)
        summary = uses_of_models(opened)
        edition = opened.edition()
    rows = [
        {**terms_data(entry), "model_count": len(models.get(entry.key, ()))}
        for entry in sorted(terms, key=lambda entry: entry.key)
        if (not families or entry.family in families) and (not uses or entry.commercial_use in uses)
    ]
    emit(
        Document(
            "modelpick.license-list/1",
            {"registry": edition, "count": len(rows), "models": summary, "results": rows},
            blocks=(Grid(_COLUMNS, rows, main=True), _summary(summary)),
            notes=(NOT_ADVICE,),
            hints=(f"modelpick license show {rows[0]['key']}",) if rows else (),
        ),
        output,
    )


def _summary(summary: dict[str, Any]) -> Facts:
    """How many models of the registry may be used how; what is unknown is told by its reason."""
    uses, because = summary["commercial_use"], summary["unknown_because"]
    share = (summary["unknown_share"] or 0) * 100
    return Facts(
        (
            ("Models", f"{summary['count']:,}", "text"),
            ("Yes", uses["yes"], "count"),
            ("Conditional", uses["conditional"], "count"),
            ("No", uses["no"], "count"),
            ("Unknown", f"{uses['unknown']:,} ({share:.1f} %)", "text"),
            ("  services without weights", because["service_without_weights"], "count"),
            ("  cards that declare nothing", because["nothing_declared"], "count"),
            ("  texts that nobody has read", because["text_not_read"], "count"),
            ("  parents that are not known", because["lineage"], "count"),
        ),
        title="Commercial use of the registry's models",
    )
