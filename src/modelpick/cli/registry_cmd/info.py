"""``modelpick registry info``."""

from __future__ import annotations

from pathlib import Path

import click

from modelpick.cli.emit import emit
from modelpick.cli.options import OutputOptions, output_options, registry_option
from modelpick.output.interface import Column, Document, Grid

_COLUMNS = (
    Column("origin", "Registry"),
    Column("models", "Models", right=True),
    Column("as_of", "Newest source"),
    Column("schema_version", "Schema", right=True),
    Column("bytes", "Size", right=True),
    Column("path", "Path"),
)


@click.command(
    "info",
    epilog="""\b
Examples:
  modelpick registry info
  modelpick registry info --json""",
)
@registry_option
@output_options
def command(registry: Path | None, output: OutputOptions) -> None:
    """Tell what the registries are: paths, versions, dates, sizes."""
    from modelpick.registry.locations import user_path
    from modelpick.registry.reader import open_registries

    with open_registries(registry) as opened:
        files = [{name: getattr(info, name) for name in info.__slots__} for info in opened.info()]
        licenses, accelerators = len(opened.licenses()), len(opened.accelerators())
    own = user_path(registry)
    missing = len(files) == 1
    emit(
        Document(
            "modelpick.registry.info/1",
            {"licenses": licenses, "accelerators": accelerators, "user_path": own, "results": files},
            blocks=(Grid(_COLUMNS, files, main=True),),
            notes=(f"you have no registry of your own yet; the first `registry add` makes {own}",) if missing else (),
        ),
        output,
    )
