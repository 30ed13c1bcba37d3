"""``modelpick registry add``."""

from __future__ import annotations

from pathlib import Path

import click

from modelpick.cli.emit import emit
from modelpick.cli.options import OutputOptions, output_options, registry_option
from modelpick.cli.registry_cmd.change import change_document


@click.command(
    "add",
    epilog="""\b
Examples:
  modelpick registry add my-models.toml
  modelpick registry add model.json --registry ./team.sqlite
  modelpick registry export mistral-7b-v0.1 > mine.toml && modelpick registry add mine.toml --replace""",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Put models in the place of those that have their slugs.")
@registry_option
@output_options
def command(file: Path, replace: bool, registry: Path | None, output: OutputOptions) -> None:
    """Add the models of a TOML or JSON file to your own registry.

    All models of FILE are added, or none. Your registry is made by the first addition and stands over the bundled
    one, which never changes. Models with published weights are judged, measured and placed among all the others, from
    their scores or from what they are; that takes some seconds.
    """
    from modelpick.cli.registry_cmd.wiring import fit, judge, measure
    from modelpick.registry.locations import user_path
    from modelpick.registry.user import add

    path = user_path(registry)
    slugs = add(Path(path), file, replace=replace, judge=judge, fit=fit, measure=measure)
    emit(change_document("add", "added", path, slugs, hints=(f"modelpick show {slugs[0]}",)), output)
