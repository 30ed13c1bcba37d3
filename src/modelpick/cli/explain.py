"""``modelpick explain``: why a model is ranked where it is on this machine, or why it was turned down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelpick.cli.asker_options import PolicyChoice, asker_options, policy_options
from modelpick.cli.emit import emit
from modelpick.cli.hardware_options import HardwareOptions, hardware_options
from modelpick.cli.needs_options import NeedsOptions, needs_options
from modelpick.cli.options import OutputOptions, model_argument, output_options, registry_option

if TYPE_CHECKING:
    from pathlib import Path

    from modelpick.licensing.interface import Asker

TURNED_DOWN = 3


@click.command(
    "explain",
    epilog="""\b
Examples:
  modelpick explain qwen3-4b-instruct-2507
  modelpick explain llama-3.1-8b-instruct --license commercial --region EU
  modelpick explain gemma-3-27b-it --gpu "RTX 4090" --context 32k --json""",
)
@model_argument()
@needs_options
@policy_options()
@asker_options
@hardware_options
@registry_option
@output_options
def command(
    model: str,
    needs: NeedsOptions,
    policy: PolicyChoice,
    asker: Asker,
    machine: HardwareOptions,
    registry: Path | None,
    output: OutputOptions,
) -> int:
    """Explain why a model is ranked where it is on this machine, or why it was turned down.

    Every filter, the memory of each form, the licence chain and each part of the score. Exit status 3 when it was
    turned down. Without --task a model that is not for chat is explained for its own task. Licence verdicts are not
    legal advice.
    """
    from modelpick.cli.deciding import Decider
    from modelpick.cli.explain_document import explanation
    from modelpick.cli.hardware_options import resolve_hardware
    from modelpick.registry.layers import Layers
    from modelpick.registry.resolve import resolve
    from modelpick.registry.shelf import entry_of, serves

    hardware = resolve_hardware(machine, registry)
    with Layers.open(registry) as opened:
        slug = resolve(opened, model)
        decider = Decider(opened, policy, asker)
        tasks = entry_of(opened, slug, "general").tasks
        needs, note = needs.for_model(slug, tasks, lambda task: serves(opened, slug, task))
        question = decider.question(needs, limit=1000)
        document, stands = explanation(opened, slug, question, hardware, decider, (note,) if note else ())
    emit(document, output)
    return 0 if stands else TURNED_DOWN
