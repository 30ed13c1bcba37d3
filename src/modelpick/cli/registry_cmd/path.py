"""``modelpick registry path``."""

from __future__ import annotations

from pathlib import Path

import click

from modelpick.cli.emit import emit
from modelpick.cli.options import OutputOptions, output_options, registry_option
from modelpick.output.interface import Document, Lines


@click.command(
    "path",
    epilog="""\b
Examples:
  modelpick registry path
  modelpick registry path --bundled""",
)
@click.option("--bundled", is_flag=True, help="Where the registry that came with modelpick lies instead.")
@registry_option
@output_options
def command(bundled: bool, registry: Path | None, output: OutputOptions) -> None:
    """Print where your own registry lies.

    The file need not be there: the first `registry add` makes it.
    """
    from modelpick.registry.locations import bundled_path, user_path

    path = Path(bundled_path() if bundled else user_path(registry))
    origin = "bundled" if bundled else "user"
    result = {"path": str(path), "origin": origin, "exists": path.exists()}
    emit(Document("modelpick.registry.path/1", {"results": [result]}, blocks=(Lines([str(path)]),)), output)
