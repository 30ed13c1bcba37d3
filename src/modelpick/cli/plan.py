"""``modelpick plan``: one model over quantisations and contexts on this machine, and what machine it would need."""

from __future__ import annotations

from pathlib import Path

import click

from modelpick.cli.emit import emit
from modelpick.cli.hardware_options import HardwareOptions, hardware_options
from modelpick.cli.options import OutputOptions, model_argument, output_options, registry_option
from modelpick.errors import UsageError

NOTHING_FITS = 3
_LARGEST_CONTEXT = 2**31 - 1


@click.command(
    "plan",
    epilog="""\b
Examples:
  modelpick plan llama-3.1-8b-instruct
  modelpick plan qwen3-30b-a3b --context 32k --quant Q4_K_M --explain
  modelpick plan llama-3.3-70b-instruct --gpu "2x RTX 3090" --target-speed 10
  modelpick plan qwen2.5-32b-instruct --users 4 --json
  modelpick plan ./my-model.gguf --context 16k""",
)
@model_argument()
@click.option(
    "--context",
    "contexts",
    multiple=True,
    metavar="N",
    help="Tokens of context of each user, such as 8192 or 32k; may be repeated or a list [default: a few].",
)
@click.option(
    "--quant",
    "quantisations",
    multiple=True,
    metavar="Q",
    help="Quantisations such as Q4_K_M; may be repeated or a list [default: those in use].",
)
@click.option("--users", type=click.IntRange(1, 1024), default=1, metavar="K", help="Users at once [default: 1].")
@click.option(
    "--target-speed",
    type=click.FloatRange(min=0, min_open=True),
    metavar="T",
    help="Tokens per second that each user should get.",
)
@click.option("--explain", is_flag=True, help="Show the arithmetic of memory and speed.")
@hardware_options
@registry_option
@output_options
def command(
    model: str,
    contexts: tuple[str, ...],
    quantisations: tuple[str, ...],
    users: int,
    target_speed: float | None,
    explain: bool,
    machine: HardwareOptions,
    registry: Path | None,
    output: OutputOptions,
) -> int:
    """Plan a model over quantisations and contexts: memory, placement and speed on this machine.

    MODEL is a name as for show, or a GGUF file, a safetensors file or a model's directory on this disk.
    Then the smallest GPUs and machines that would hold it without the help of the host's memory, one of each kind.
    Speeds are estimates with a range.
    """
    from modelpick.cli.hardware_options import RegistryCatalogue, resolve_hardware
    from modelpick.cli.plan_document import Question, plan_document
    from modelpick.cli.plan_model import is_path, subject_at, subject_of
    from modelpick.cli.plan_offers import offers_of
    from modelpick.registry.reader import Registry
    from modelpick.registry.resolve import resolve

    wanted = _contexts(contexts)
    hardware = resolve_hardware(machine, registry)
    with Registry.open(registry) as opened:
        if is_path(model):
            subject = subject_at(Path(model), listed(quantisations))
        else:
            subject = subject_of(opened, resolve(opened, model), listed(quantisations))
        edition = opened.edition()
    question = Question(subject, wanted, bool(quantisations), users, target_speed)
    offers = offers_of(RegistryCatalogue(registry).accelerators(), hardware)
    document, fits = plan_document(question, hardware, offers, edition, explained=explain)
    emit(document, output)
    return 0 if fits else NOTHING_FITS


def listed(values: tuple[str, ...]) -> tuple[str, ...]:
    """Repeated options and comma lists alike, each name once."""
    names = (name.strip() for value in values for name in value.split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def _contexts(values: tuple[str, ...]) -> tuple[int, ...]:
    """``32k`` of context means 32,768 tokens, as models are sold."""
    from modelpick.units import parse_count

    found = []
    for text in listed(values):
        number = text.lower().removesuffix("k")
        thousands = text.lower().endswith("k") and number.isdigit()
        tokens = parse_count(str(int(number) * 1024) if thousands else text, what="--context")
        if tokens > _LARGEST_CONTEXT:
            raise UsageError(f"--context: {tokens:,} tokens is beyond any model", hint="accepted: 8192, 32k, 1M")
        found.append(tokens)
    return tuple(dict.fromkeys(found))
