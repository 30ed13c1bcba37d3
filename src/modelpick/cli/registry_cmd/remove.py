"""``modelpick registry remove``."""

from __future__ import annotations

from pathlib import Path

import click

from modelpick.cli.emit import emit
from modelpick.cli.options import OutputOptions, model_argument, output_options, registry_option
from modelpick.cli.registry_cmd.change import change_document


@click.command(
    "remove",
    epilog="""\b
Examples:
  modelpick registry remove my-model
  modelpick registry remove model-a model-b --registry ./team.sqlite""",
)
@model_argument("models", many=True)
@registry_option
@output_options
def command(models: tuple[str, ...], registry: Path | None, output: OutputOptions) -> None:
    """Remove models from your own registry.

    MODEL is a slug. All of them are removed, or none; a bundled model that yours stood over is seen again.
    """
    from modelpick.registry.locations import user_path
    from modelpick.registry.user import remove

    path = user_path(registry)
    slugs = list(dict.fromkeys(models))
    remove(Path(path), slugs)
    emit(change_document("remove", "removed", path, slugs), output)
