"""``modelpick installed``: the models that are on this disk already, whoever fetched them."""

from __future__ import annotations

import os
from pathlib import Path

import click

from modelpick.cli.emit import emit
from modelpick.cli.hardware_options import HardwareOptions, hardware_options, resolve_hardware
from modelpick.cli.options import OutputOptions, output_options, registry_option

STORES = ("hub-cache", "ollama", "lmstudio", "llama.cpp")


@click.command(
    "installed",
    epilog="""\b
Examples:
  modelpick installed
  modelpick installed --store ollama --json
  modelpick installed --fields name,bytes,commercial_use,fits""",
)
@click.option("--store", "stores", multiple=True, type=click.Choice(STORES), help="Only this store; may be repeated.")
@hardware_options
@registry_option
@output_options
def command(stores: tuple[str, ...], machine: HardwareOptions, registry: Path | None, output: OutputOptions) -> None:
    """List the models on this disk: Hub cache, Ollama, LM Studio, llama.cpp.

    Each with its size, quantisation, licence verdict, and whether it fits this machine. OLLAMA_MODELS,
    LMSTUDIO_MODELS, LLAMA_CACHE, HF_HUB_CACHE and HF_HOME say where to look when it is not the usual place.
    """
    from modelpick.acquisition.stores import installed
    from modelpick.cli.installed_document import document_of
    from modelpick.registry.reader import Registry

    found = tuple(model for model in installed(os.environ) if not stores or model.store in stores)
    with Registry.open(registry) as opened:
        emit(document_of(found, opened, resolve_hardware(machine, registry)), output)
