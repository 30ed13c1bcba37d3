"""``modelpick show``: everything known about one model, and who says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelpick.cli.emit import emit
from modelpick.cli.options import OutputOptions, model_argument, output_options, registry_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    "show",
    epilog="""\b
Examples:
  modelpick show mistral-7b-v0.1
  modelpick show Qwen/Qwen2.5-7B-Instruct --json
  modelpick show "GPT-J 6B"
  modelpick show llama-2-7b --fields license_key,commercial_use""",
)
@model_argument()
@registry_option
@output_options
def command(model: str, registry: Path | None, output: OutputOptions) -> None:
    """Show everything known about a model, and who says so.

    MODEL is a slug, a Hub repository, another name the model goes by, or a part of a name that no other model has.
    A name that several models have is answered with those, and exit status 3.
    """
    from modelpick.cli.show_document import document_of
    from modelpick.registry.reader import open_registries
    from modelpick.registry.resolve import resolve

    with open_registries(registry) as opened:
        facts = opened.facts(resolve(opened, model))
        assert facts is not None
        edition = opened.edition()
        ancestors = opened.ancestors(facts.model.slug)
    emit(document_of(facts, ancestors, edition, fields=bool(output.fields)), output)
