"""``modelpick hardware``: what is this machine, or the one described by options?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelpick.cli.commands import Stub
from modelpick.cli.emit import emit
from modelpick.cli.hardware_options import HardwareOptions, hardware_options, resolve_hardware
from modelpick.cli.lazy import LazyGroup
from modelpick.cli.options import OutputOptions, output_options, registry_option
from modelpick.errors import UsageError
from modelpick.output.interface import Column, Document, Facts, Grid, Kind

if TYPE_CHECKING:
    from modelpick.hardware.interface import Cpu, Hardware, MemoryPool

SUBCOMMANDS = (Stub("list", "modelpick.cli.hardware_list", "List the GPUs and machines that can be simulated."),)


@click.group(
    "hardware",
    cls=LazyGroup,
    stubs=SUBCOMMANDS,
    invoke_without_command=True,
    epilog="""\b
Examples:
  modelpick hardware
  modelpick hardware --measure
  modelpick hardware --json > node.json
  modelpick hardware --gpu "2x RTX 3090" --ram 64GB
  modelpick hardware list rtx""",
)
@click.option("--measure", is_flag=True, help="Measure the host's memory bandwidth, about a second, and keep it.")
@hardware_options
@registry_option
@output_options
@click.pass_context
def command(
    ctx: click.Context, measure: bool, machine: HardwareOptions, registry: Path | None, output: OutputOptions
) -> None:
    """Show this machine, or the one that the options describe.

    The JSON is an inventory: given back with --hardware FILE it stands for the machine, anywhere. It holds no name of
    the machine or of its user, and no serial number.
    """
    if ctx.invoked_subcommand is not None:
        return
    if measure and machine != HardwareOptions():
        raise UsageError(
            "--measure measures this machine, not a described one", hint="run it alone: modelpick hardware --measure"
        )
    hardware = resolve_hardware(machine, registry, details=True)
    if measure:
        hardware = _measured(hardware)
    emit(document_of(hardware), output)


def _measured(hardware: Hardware) -> Hardware:
    from datetime import UTC, datetime

    from modelpick.hardware.measure import measured_bandwidth
    from modelpick.hardware.measured import cores_to_use, remember
    from modelpick.values import replace

    rate = measured_bandwidth(cores_to_use(hardware), hardware.host.free_bytes)
    remember(hardware, rate, datetime.now(UTC).isoformat(timespec="seconds"))
    host = replace(hardware.host, bandwidth_bytes_per_second=rate, bandwidth_origin="measured")
    return replace(hardware, pools=(host, *hardware.pools[1:]))


def document_of(hardware: Hardware) -> Document:
    """The machine as an answer: facts, then one row an accelerator."""
    from modelpick.hardware.inventory import SCHEMA, to_json

    blocks: list[Any] = [Facts(_facts(hardware))]
    rows = _rows(hardware)
    if rows:
        blocks.append(Grid(_COLUMNS, rows, title="Accelerators"))
    hints = []
    if hardware.host.bandwidth_origin in (None, "estimated") and not hardware.simulated:
        hints.append("modelpick hardware --measure (measures the memory bandwidth, about a second)")
    return Document(
        schema=SCHEMA,
        body={"hardware": to_json(hardware)},
        blocks=blocks,
        notes=[f"{note.source}: {note.message}" for note in hardware.notes],
        hints=hints,
    )


_COLUMNS = (
    Column("name", "Name"),
    Column("backend", "Backend"),
    Column("memory_bytes", "Memory", right=True),
    Column("free_bytes", "Free", right=True),
    Column("bandwidth_gb_per_second", "GB/s", "raw", right=True),
    Column("bandwidth_origin", "Origin"),
    Column("target", "Target"),
    Column("state", "State"),
)


def _rows(hardware: Hardware) -> list[dict[str, Any]]:
    rows = []
    for device in hardware.devices:
        pool = hardware.pool(device.pool)
        words = ["hidden by the environment"] if not device.visible else []
        words += ["shares the host's memory"] if device.pool == "host" else []
        words += ["integrated"] if device.integrated and device.pool != "host" else []
        rows.append(
            {
                "name": device.name,
                "backend": device.backend,
                "memory_bytes": device.usable_bytes or pool.total_bytes,
                "free_bytes": _free(device.usable_bytes, pool),
                "bandwidth_gb_per_second": _giga(pool.bandwidth_bytes_per_second),
                "bandwidth_origin": pool.bandwidth_origin,
                "target": device.compute_capability or device.gfx,
                "state": ", ".join(words) or None,
            }
        )
    return rows


def _free(usable: int | None, pool: MemoryPool) -> int | None:
    return pool.free_bytes if usable is None or pool.free_bytes is None else min(usable, pool.free_bytes)


def _facts(hardware: Hardware) -> list[tuple[str, Any, Kind]]:
    cpu, system, host = hardware.cpu, hardware.system, hardware.host
    built_in = system.physical_memory_bytes
    return [
        ("Machine", hardware.label, "text"),
        ("Simulated", "yes" if hardware.simulated else None, "text"),
        ("Processor", cpu.name, "text"),
        ("Architecture", " ".join(filter(None, (cpu.architecture, cpu.microarchitecture))), "text"),
        ("Sockets", cpu.sockets, "raw"),
        ("Cores", cpu.physical_cores, "raw"),
        ("Threads", cpu.logical_cores, "raw"),
        ("Usable cores", cpu.usable_cores if _less(cpu) else None, "raw"),
        ("Instructions", " ".join(cpu.features) or None, "text"),
        ("Memory", host.total_bytes, "bytes"),
        ("Memory free", host.free_bytes, "bytes"),
        ("Memory built in", built_in if built_in != host.total_bytes else None, "bytes"),
        ("Memory bandwidth, GB/s", _giga(host.bandwidth_bytes_per_second) or "unknown", "raw"),
        ("Bandwidth is", host.bandwidth_origin, "text"),
        ("Memory kind", host.kind, "text"),
        ("Swap", system.swap_total_bytes, "bytes"),
        ("Disk free for models", system.disk_free_bytes, "bytes"),
        ("System", system.os_version or system.os, "text"),
        ("Container", system.container, "text"),
        ("Virtual machine", system.virtual_machine, "text"),
        ("Drivers", ", ".join(f"{name} {version}" for name, version in system.drivers) or None, "text"),
    ]


def _giga(bytes_per_second: int | None) -> float | None:
    return None if bytes_per_second is None else round(bytes_per_second / 1e9, 1)


def _less(cpu: Cpu) -> bool:
    """Whether a control group or an affinity leaves less than all cores."""
    return cpu.usable_cores != (cpu.physical_cores or cpu.logical_cores)
