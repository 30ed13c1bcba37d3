"""``modelpick registry verify``."""

from __future__ import annotations

from pathlib import Path

import click

from modelpick.cli.emit import emit
from modelpick.cli.options import OutputOptions, output_options
from modelpick.output.interface import Column, Document, Grid

DAMAGED = 7


@click.command(
    "verify",
    epilog="""\b
Examples:
  modelpick registry verify
  modelpick registry verify ./team.sqlite""",
)
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--data", type=click.Path(path_type=Path), help="The text sources [default: data/ of the checkout].")
@output_options
def command(path: Path | None, data: Path | None, output: OutputOptions) -> int:
    """Check that a registry is whole, and is what its text says.

    Without PATH it is the bundled one; where the text sources are at hand, it is built anew and compared byte for
    byte. Exit status 7 when a check fails.
    """
    from modelpick.cli.registry_cmd.wiring import data_directory, fit, judge, measure
    from modelpick.registry.locations import bundled_path
    from modelpick.registry.verify import verify

    source = data_directory(data, needed=False) if path is None or data else None
    beside = source / "registry.sqlite" if source else None
    target = path or (beside if beside and beside.exists() else Path(bundled_path()))
    origin = "user" if path and not data else "bundled"
    checks = verify(target, source, origin=origin, judge=judge, fit=fit, measure=measure)
    results = [{"check": check.name, "ok": check.ok, "found": None if check.ok else check.found} for check in checks]
    failed = sum(not check.ok for check in checks)
    emit(
        Document(
            "modelpick.registry.verify/1",
            {"path": str(target), "ok": not failed, "rebuilt": source is not None, "results": results},
            blocks=(
                Grid(
                    (Column("check", "Check"), Column("ok", "Holds"), Column("found", "Found", wrap=True)),
                    results,
                    main=True,
                ),
            ),
            notes=_notes(failed, len(checks), rebuilt=source is not None, bundled=origin == "bundled"),
        ),
        output,
    )
    return DAMAGED if failed else 0


def _notes(failed: int, count: int, *, rebuilt: bool, bundled: bool) -> tuple[str, ...]:
    notes = [f"{failed} of {count} checks fail"] if failed else []
    if bundled and not rebuilt:
        notes.append("not built anew: the text sources are not here (--data)")
    return tuple(notes)
