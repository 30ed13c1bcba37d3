"""``modelpick compare``: models side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelpick.cli.emit import emit
from modelpick.cli.hardware_options import HardwareOptions, hardware_options
from modelpick.cli.needs_options import context_tokens
from modelpick.cli.options import OutputOptions, model_argument, output_options, registry_option
from modelpick.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

FEWEST, MOST = 2, 12


@click.command(
    "compare",
    epilog="""\b
Examples:
  modelpick compare qwen3-8b llama-3.1-8b-instruct gemma-3-12b-it
  modelpick compare mistral-7b-v0.1 falcon-7b --gpu "RTX 3060 12GB" --format markdown
  modelpick compare qwen3-8b qwen3-14b --fields params_total,license
  modelpick compare --collection book-table-5""",
)
@model_argument("models", many=True, required=False)
@click.option("--collection", metavar="NAME", help="A named set of models, such as book-table-5.")
@click.option(
    "--context",
    default="8192",
    metavar="TOKENS",
    callback=context_tokens,
    help="Tokens of context, such as 8192 or 32k [default: 8192].",
)
@hardware_options
@registry_option
@output_options
def command(
    models: tuple[str, ...],
    collection: str | None,
    context: int,
    machine: HardwareOptions,
    registry: Path | None,
    output: OutputOptions,
) -> None:
    """Compare 2 to 12 models: size, training, licence, quality, and memory and speed on this machine.

    What differs is marked; --fields chooses the lines. A collection is shown with what its source printed beside what
    is known today.
    """
    from modelpick.cli.compare_document import collection_document, comparison
    from modelpick.cli.hardware_options import resolve_hardware
    from modelpick.registry.reader import open_registries
    from modelpick.registry.resolve import resolve

    if collection and models:
        raise UsageError("give models or --collection, not both", hint="modelpick compare --collection book-table-5")
    if not collection and not FEWEST <= len(models) <= MOST:
        raise UsageError(
            f"compare takes {FEWEST} to {MOST} models, {len(models)} given", hint="see modelpick compare --help"
        )
    hardware = resolve_hardware(machine, registry)
    with open_registries(registry) as opened:
        if collection:
            document = collection_document(opened, collection, hardware, context, output.fields)
        else:
            slugs = list(dict.fromkeys(resolve(opened, name) for name in models))
            if len(slugs) < FEWEST:
                raise UsageError(f"all of these names are {slugs[0]}", hint="name two different models")
            document = comparison(opened, slugs, hardware, context, output.fields)
    emit(document, output)
