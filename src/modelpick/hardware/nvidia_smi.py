"""nvidia-smi, where NVML's library cannot be loaded: fewer figures, the same cards."""

from __future__ import annotations

import csv

from modelpick.hardware.nvidia_cards import Card, Report
from modelpick.hardware.probe import Probe
from modelpick.units import MIB

_FIELDS = (
    "index", "name", "uuid", "pci.bus_id", "memory.total", "memory.free", "driver_version", "pcie.link.gen.max",
    "pcie.link.width.max", "mig.mode.current", "compute_cap",
)  # fmt: skip
_PLACES = ("nvidia-smi", "/usr/lib/wsl/lib/nvidia-smi")


def report(probe: Probe) -> Report | None:
    """The cards that nvidia-smi lists, or None if it is missing, fails or takes too long."""
    for program in _PLACES:
        # Drivers before R510 do not know the last field and refuse the whole question.
        for fields in (_FIELDS, _FIELDS[:-1]):
            command = (program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits")
            text = probe.run(command)
            if text is not None:
                return parsed(text, fields)
    return None


def parsed(text: str, fields: tuple[str, ...] = _FIELDS) -> Report:
    """The cards in the CSV of ``--query-gpu``. ``[N/A]`` and its like are unknown; sizes are MiB."""
    cards = []
    drivers: tuple[tuple[str, str], ...] = ()
    for row in csv.reader(text.splitlines(), skipinitialspace=True):
        if len(row) != len(fields):
            continue  # a warning between the rows
        values = {name: _value(cell) for name, cell in zip(fields, row, strict=True)}
        version = values["driver_version"]
        drivers = (("nvidia", version),) if version else drivers
        total = _number(values["memory.total"])
        free = _number(values["memory.free"])
        cards.append(
            Card(
                number=_number(values["index"]) or 0,
                name=values["name"] or "NVIDIA GPU",
                uuid=values["uuid"] or "",
                address=_address(values["pci.bus_id"]),
                total=total * MIB if total else None,
                free=free * MIB if free is not None and total else None,
                unified=not total,
                capability=values.get("compute_cap"),
                pcie_generation=_number(values["pcie.link.gen.max"]),
                pcie_width=_number(values["pcie.link.width.max"]),
                mig_on=values["mig.mode.current"] == "Enabled",
            )
        )
    return Report(tuple(cards), drivers)


def _value(cell: str) -> str | None:
    cell = cell.strip()
    return None if not cell or cell.startswith("[") else cell


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _address(text: str | None) -> str | None:
    """``00000000:01:00.0`` with the kernel's four digits of domain."""
    return text[-12:].lower() if text and len(text) >= 12 else None
