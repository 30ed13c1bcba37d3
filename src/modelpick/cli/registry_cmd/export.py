"""``modelpick registry export``."""

from __future__ import annotations

from pathlib import Path

import click

from modelpick.cli.emit import emit, write
from modelpick.cli.options import OutputOptions, model_argument, output_options, registry_option
from modelpick.output.interface import Document


@click.command(
    "export",
    epilog="""\b
Examples:
  modelpick registry export > my-models.toml
  modelpick registry export mistral-7b-v0.1 > template.toml
  modelpick registry export --json > my-models.json""",
)
@model_argument("models", many=True, required=False)
@registry_option
@output_options
def command(models: tuple[str, ...], registry: Path | None, output: OutputOptions) -> None:
    """Write models as the text that `registry add` reads.

    Without MODEL these are all of your own; with it, those models, bundled ones too. The text is TOML, or JSON
    with --json.
    """
    from modelpick.registry.export import entry_of, toml_of
    from modelpick.registry.reader import open_registries
    from modelpick.registry.resolve import resolve

    with open_registries(registry) as opened:
        slugs = [resolve(opened, name) for name in models] if models else opened.own_slugs()
        entries = [entry_of(facts) for slug in slugs if (facts := opened.facts(slug))]
    if output.format == "table":
        write(toml_of(entries))
    else:
        emit(Document("modelpick.registry.export/1", {"model": entries, "results": entries}), output)
