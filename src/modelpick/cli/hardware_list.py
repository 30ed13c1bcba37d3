"""``modelpick hardware list``: the GPUs for ``--gpu`` and the machines for ``--machine``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelpick.cli.emit import emit
from modelpick.cli.hardware_names import RegistryCatalogue, complete_gpu
from modelpick.cli.options import OutputOptions, output_options, registry_option
from modelpick.errors import NotFoundError
from modelpick.output.interface import Column, Document, Grid

_COLUMNS = (
    Column("gpu", "--gpu"),
    Column("vendor", "Vendor"),
    Column("memory_bytes", "Memory", right=True),
    Column("bandwidth_gb_per_second", "GB/s", "raw", right=True),
    Column("fp16_tflops", "FP16 TFLOPS", "raw", right=True),
    Column("target", "Target"),
    Column("release_year", "Year", "raw", right=True),
)


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    registry = ctx.params.get("registry")
    try:
        return complete_gpu(incomplete, str(registry) if registry else None)
    except Exception:  # TAB stays silent whatever is wrong
        return []


@click.command(
    "list",
    epilog="""\b
Examples:
  modelpick hardware list
  modelpick hardware list "rtx 40"
  modelpick hardware list --vendor apple --json""",
)
@click.argument("words", nargs=-1, metavar="[TEXT]...", shell_complete=_complete)
@click.option(
    "--vendor", type=click.Choice(["nvidia", "amd", "intel", "apple"]), help="Only accelerators of this vendor."
)
@registry_option
@output_options
def command(words: tuple[str, ...], vendor: str | None, registry: Path | None, output: OutputOptions) -> None:
    """List the GPUs and machines that can be simulated.

    With TEXT, those whose name holds it.
    """
    from modelpick.hardware.machines import MACHINES

    text = " ".join(words).casefold()
    rows = [row for row in _rows(registry) if text in str(row["gpu"]).casefold() and vendor in (None, row["vendor"])]
    machines = [
        {"machine": model.name, "memory_gib": list(model.memory_gib)}
        for model in MACHINES
        if text in model.name.casefold() and (vendor is None or (vendor == "apple") == (model.os == "macos"))
    ]
    if not rows and not machines:
        raise NotFoundError(f"no accelerator or machine has {text!r} in its name", hint="modelpick hardware list")
    shown = [{**row, "sizes": " ".join(f"{size}GB" for size in row["memory_gib"])} for row in machines]
    grid = Grid((Column("machine", "--machine"), Column("sizes", "Memory")), shown, title="Machines")
    blocks = [Grid(_COLUMNS, rows, title="Accelerators", main=True)] if rows else []
    blocks += [grid] if shown else []
    body = {"count": len(rows), "results": rows, "machines": machines}
    emit(Document("modelpick.hardware-list/1", body, blocks), output)


def _rows(registry: Path | None) -> list[dict[str, Any]]:
    from modelpick.hardware.catalogue import label

    return [
        {
            "gpu": label(spec),
            "name": spec.name,
            "vendor": spec.vendor,
            "segment": spec.segment,
            "memory_bytes": spec.memory_bytes,
            "memory_kind": spec.memory_kind,
            "unified": spec.unified,
            "bandwidth_bytes_per_second": spec.bandwidth_bytes_per_second,
            "bandwidth_gb_per_second": _in_units_of(1e9, spec.bandwidth_bytes_per_second),
            "fp16_flops": spec.fp16_flops,
            "fp16_tflops": _in_units_of(1e12, spec.fp16_flops),
            "target": spec.compute_capability or spec.gfx,
            "architecture": spec.architecture,
            "release_year": spec.release_year,
            "source": spec.source,
            "confidence": spec.confidence,
        }
        for spec in RegistryCatalogue(registry).accelerators()
    ]


def _in_units_of(unit: float, value: float | None) -> float | None:
    return None if value is None else round(value / unit, 1)
