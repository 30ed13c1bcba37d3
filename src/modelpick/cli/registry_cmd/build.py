"""``modelpick registry build``."""

from __future__ import annotations

from pathlib import Path

import click

from modelpick.cli.emit import emit
from modelpick.cli.options import OutputOptions, output_options
from modelpick.output.interface import Column, Document, Grid


@click.command(
    "build",
    epilog="""\b
Examples:
  modelpick registry build
  modelpick registry build --data ./data --output /tmp/registry.sqlite""",
)
@click.option("--data", type=click.Path(path_type=Path), help="The text sources [default: data/ of the checkout].")
@click.option(
    "--output", "target", type=click.Path(path_type=Path), help="The file to write [default: registry.sqlite there]."
)
@output_options
def command(data: Path | None, target: Path | None, output: OutputOptions) -> None:
    """Build the bundled registry from the text under data/.

    The same text gives the same bytes. The old file stays until the new one is whole.
    """
    from modelpick.cli.registry_cmd.wiring import data_directory, fit, judge, measure
    from modelpick.registry.build import build

    source = data_directory(data, needed=True)
    assert source is not None
    path = target or source / "registry.sqlite"
    tables = build(source, path, judge=judge, fit=fit, measure=measure)
    results = [{"table": name, "rows": rows} for name, rows in tables.items()]
    emit(
        Document(
            "modelpick.registry.build/1",
            {"path": str(path), "bytes": path.stat().st_size, "results": results},
            blocks=(Grid((Column("table", "Table"), Column("rows", "Rows", right=True)), results, main=True),),
        ),
        output,
    )
