"""``modelpick doctor``: versions, paths, settings and every reading of the hardware, ready for a bug report."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

import click

from modelpick import __version__
from modelpick.cli.emit import emit
from modelpick.cli.hardware_options import HardwareOptions, resolve_hardware
from modelpick.cli.options import OutputOptions, output_options, registry_option
from modelpick.output.interface import Column, Document, Facts, Grid, Kind

_PACKAGES = (
    "archspec", "click", "huggingface_hub", "nvidia-ml-py", "platformdirs", "psutil", "rich", "sqlmodel", "numpy",
    "gguf", "xllamacpp", "pywhispercpp",
)  # fmt: skip
_SETTINGS = (
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HF_HOME",
    "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_ENDPOINT", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "NO_COLOR",
    "FORCE_COLOR",
)  # fmt: skip
_SECRET = ("TOKEN", "KEY", "SECRET", "PASSWORD")


@click.command(
    "doctor",
    epilog="""\b
Examples:
  modelpick doctor
  modelpick doctor --format markdown > report.md
  modelpick doctor --json""",
)
@registry_option
@output_options
def command(registry: Path | None, output: OutputOptions) -> None:
    """Say what this program sees and how it judges it, for a bug report.

    The names of the user and of the machine are taken out; tokens are never shown.
    """
    emit(document_of(registry), output)


def document_of(registry: Path | None) -> Document:
    """The whole report; whatever cannot be found out is a line of it, not a failure."""
    from modelpick.errors import ModelpickError
    from modelpick.hardware.inventory import to_json
    from modelpick.hardware.probe import Probe

    probe = Probe(trace=True)
    hardware: dict[str, Any] | None = None
    notes: list[str] = []
    try:
        machine = resolve_hardware(HardwareOptions(), registry, details=True, probe=probe)
        hardware = to_json(machine)
        notes = [_clean(f"{note.source}: {note.message}") for note in machine.notes]
    except ModelpickError as error:
        notes = [_clean(f"hardware: {error.message}")]
    readings = [
        {
            "source": reading.source,
            "what": _clean(reading.what),
            "raw": None if reading.raw is None else _clean(reading.raw),
            "judged": _clean(reading.judged),
        }
        for reading in probe.readings
    ]
    body = {
        "versions": versions(),
        "paths": paths(registry),
        "settings": settings(),
        "registry": _registry(registry),
        "hardware": hardware,
        "results": readings,
    }
    return Document("modelpick.doctor/1", body, _blocks(body), notes)


def _blocks(body: dict[str, Any]) -> list[Facts | Grid]:
    columns = (
        Column("source", "Probe"),
        Column("what", "Looked at", wrap=True),
        Column("raw", "Raw", wrap=True),
        Column("judged", "Judged", wrap=True),
    )
    facts = [
        Facts([(name, value or "-", "text") for name, value in body[key].items()], title=title)
        for key, title in (("versions", "Versions"), ("paths", "Paths"), ("settings", "Settings"))
        if body[key]
    ]
    known = body["registry"]
    pairs: list[tuple[str, Any, Kind]] = [("layer", layer, "text") for layer in known["layers"]]
    pairs += [("accelerators", known["accelerators"], "raw"), ("error", known["error"], "text")]
    registry = Facts(pairs, title="Registry")
    return [*facts, registry, Grid(columns, body["results"], title="Readings", main=True)]


def versions() -> dict[str, str | None]:
    """modelpick, Python, the system, and each package it works with (None: not installed)."""
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, str | None] = {
        "modelpick": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def paths(registry: Path | None) -> dict[str, str]:
    """Where things lie or would lie, home written as ``~``, with whether they are there."""
    from modelpick.cli.config import config_path
    from modelpick.hardware.host import models_folder
    from modelpick.hardware.measured import cache_file
    from modelpick.registry.locations import bundled_path, user_path

    found = {
        "program": str(Path(__file__).parents[1]),
        "python": sys.executable,
        "config": str(config_path()),
        "bundled registry": bundled_path(),
        "own registry": user_path(registry),
        "models": models_folder(os.environ),
        "measurements": cache_file(),
    }
    return {name: _clean(path) + ("" if Path(path).exists() else " (not there)") for name, path in found.items()}


def settings() -> dict[str, str]:
    """The variables that change an answer, where set; of secrets only that they are set."""
    names = [name for name in os.environ if name.startswith("MODELPICK_")]
    names += [name for name in (*_SETTINGS, "HF_TOKEN") if name in os.environ]
    return {
        name: "(set)" if any(mark in name for mark in _SECRET) else _clean(os.environ[name]) for name in sorted(names)
    }


def _registry(registry: Path | None) -> dict[str, Any]:
    """What the registries say of themselves; why they cannot be read, where they cannot."""
    from modelpick.errors import ModelpickError
    from modelpick.registry.reader import open_registries

    try:
        opened = open_registries(registry)
        counted = len(opened.accelerators())
        layers = [f"{info.origin}, as of {info.as_of}, schema {info.schema_version}" for info in opened.info()]
        return {"layers": layers, "accelerators": counted, "error": None}
    except ModelpickError as error:
        return {"layers": [], "accelerators": None, "error": _clean(error.message)}


def _clean(text: str) -> str:
    import getpass

    from modelpick.hardware.redact import redacted

    try:
        user: str | None = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = None
    return redacted(text, str(Path.home()), user, platform.node())
