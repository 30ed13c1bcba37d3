"""``modelpick run-command``: the exact command that runs a model as it is best placed here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelpick.cli.emit import emit
from modelpick.cli.hardware_options import HardwareOptions, hardware_options
from modelpick.cli.needs_options import NeedsOptions, needs_options
from modelpick.cli.options import OutputOptions, model_argument, output_options, registry_option
from modelpick.errors import NotFoundError, UsageError
from modelpick.selection.options import GGUF_RUNTIMES

if TYPE_CHECKING:
    from modelpick.estimation.interface import Runtime
    from modelpick.selection.interface import Recommendation, Rejection


@click.command(
    "run-command",
    epilog="""\b
Examples:
  modelpick run-command qwen3-4b-instruct-2507
  modelpick run-command qwen3-4b-instruct-2507 --runtime ollama
  modelpick run-command llama-3.3-70b-instruct --gpu "2x RTX 3090" --quant Q4_K_M
  eval "$(modelpick run-command qwen3-4b-instruct-2507 -q --fields run --format csv | tail -1)\"""",
)
@model_argument()
@click.option("--file", type=click.Path(path_type=Path), help="The downloaded file or directory to run.")
@needs_options
@hardware_options
@registry_option
@output_options
def command(
    model: str,
    file: Path | None,
    needs: NeedsOptions,
    machine: HardwareOptions,
    registry: Path | None,
    output: OutputOptions,
) -> None:
    """Print the command that runs a model as it is best placed on this machine.

    For llama.cpp unless --runtime says otherwise. The licence is not asked here: see modelpick license check.
    """
    from modelpick.cli.hardware_options import resolve_hardware
    from modelpick.licensing.interface import Decision
    from modelpick.output.interface import Document, Lines
    from modelpick.pick import GGUF_TYPES, Machine
    from modelpick.quality.loss import quality_loss
    from modelpick.registry.layers import Layers
    from modelpick.registry.resolve import resolve
    from modelpick.registry.shelf import entry_of, serves
    from modelpick.registry.shelving import ability_of
    from modelpick.selection.interface import TASKS, Recommendation
    from modelpick.selection.ranking import every_option
    from modelpick.selection.running import run_command

    if file is not None:
        _check_there(file)
    hardware = resolve_hardware(machine, registry)
    with Layers.open(registry) as opened:
        slug = resolve(opened, model)
        entry = entry_of(opened, slug, "general")
        needs, _ = needs.for_model(slug, entry.tasks, lambda task: serves(opened, slug, task))
        # Its own kind's index, so that what a quantisation loses counts: an embedding model has no score for chat.
        own = next((task for task in (needs.values["task"], *TASKS) if task in entry.tasks), "chat")
        entry = entry_of(opened, slug, ability_of(own))
    question = needs.needs("any", min_speed=0.0)
    nobody = Decision(True, "unknown", "", "any")
    forms = every_option(
        entry, question, hardware, nobody, assess=Machine(hardware).assess, loss=quality_loss, gguf_types=GGUF_TYPES
    )
    best = next((form for form in forms if isinstance(form, Recommendation)), None)
    if best is None:
        raise _nothing(entry.slug, forms)
    if file is not None:
        _check_readable(file, best.candidate.option.runtime)
    made = run_command(best.candidate, best.fit, file=str(file) if file else None, task=question.task)
    body = {
        "model": entry.slug,
        "runtime": made.runtime,
        "quantisation": best.candidate.option.quantisation,
        "format": best.candidate.option.format,
        "repo": best.candidate.option.source.repo,
        "context_tokens": best.fit.settings.context,
        "placement": best.fit.placement.kind,
        "run": list(made.lines),
    }
    emit(Document("modelpick.run-command/1", body, (Lines(made.lines),), notes=made.notes), output)


def _check_there(file: Path) -> None:
    """:raises UsageError: when there is nothing at that path: the command would be of no use."""
    if not file.exists():
        raise UsageError(
            f"--file: there is no such file or directory: {file}",
            hint="`modelpick installed` shows the models on this disk and where they lie",
        )


def _check_readable(file: Path, runtime: Runtime) -> None:
    """:raises UsageError: for a directory where the runtime reads one GGUF file, or a file where it reads a folder."""
    if runtime in GGUF_RUNTIMES and file.is_dir():
        inside = next(iter(sorted(file.glob("*.gguf"))), None)
        made = f"`modelpick quantise {file}` makes a GGUF file of it; --runtime transformers runs it as it is"
        hint = f"--file {inside}" if inside else made
        raise UsageError(f"--file: {runtime} runs a GGUF file, and {file} is a directory", hint=hint)
    if runtime not in GGUF_RUNTIMES and not file.is_dir():
        gguf = file.suffix.lower() == ".gguf"
        hint = "--runtime llama.cpp runs a GGUF file" if gguf else f"--file {file.parent}"
        raise UsageError(f"--file: {runtime} runs a directory of weights, and {file} is a file", hint=hint)


def _nothing(slug: str, forms: list[Recommendation | Rejection]) -> NotFoundError:
    from modelpick.selection.interface import Rejection

    turned = next((form for form in forms if isinstance(form, Rejection)), None)
    why = turned.message if turned else "no published form of it runs on this backend"
    return NotFoundError(f"{slug} does not run on this machine: {why}", hint=f"modelpick plan {slug}")
