"""``modelpick recommend``: the best models for this machine and this use, with the reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelpick.cli.asker_options import PolicyChoice, asker_options, policy_options
from modelpick.cli.emit import emit
from modelpick.cli.hardware_options import HardwareOptions, hardware_options
from modelpick.cli.needs_options import NeedsOptions, needs_options
from modelpick.cli.options import OutputOptions, output_options, registry_option

if TYPE_CHECKING:
    from pathlib import Path

    from modelpick.licensing.interface import Asker

NOTHING_FITS = 3


@click.command(
    "recommend",
    epilog="""\b
Examples:
  modelpick recommend
  modelpick recommend --task code --context 32k --prefer quality
  modelpick recommend --gpu "RTX 4090" --license commercial --region EU
  modelpick recommend --machine "MacBook Pro M4 Max 64GB" --explain
  modelpick recommend --json --fields model,quantisation,required_bytes,run""",
)
@needs_options
@click.option(
    "--limit", type=click.IntRange(min=1, max=1000), default=5, metavar="N", help="Picks to show [default: 5]."
)
@click.option("--all-variants", is_flag=True, help="Every form that fits, not one pick per family.")
@click.option("--installed", is_flag=True, help="Only models that are on this disk, in any store.")
@click.option("--explain", is_flag=True, help="Show the memory arithmetic, each score part and what was turned down.")
@policy_options()
@asker_options
@hardware_options
@registry_option
@output_options
def command(
    needs: NeedsOptions,
    limit: int,
    all_variants: bool,
    installed: bool,
    explain: bool,
    policy: PolicyChoice,
    asker: Asker,
    machine: HardwareOptions,
    registry: Path | None,
    output: OutputOptions,
) -> int:
    """Recommend the best models that fit this machine and may be used.

    Without options: a chat model with 8192 tokens of context, permissively licensed, at a readable speed (5 tokens per
    second). One pick per family. Licence verdicts are not legal advice.
    """
    from modelpick.cli.deciding import Decider
    from modelpick.cli.hardware_options import resolve_hardware
    from modelpick.cli.recommend_document import answer_document
    from modelpick.pick import recommend
    from modelpick.registry.layers import Layers

    hardware = resolve_hardware(machine, registry)
    with Layers.open(registry) as opened:
        decider = Decider(opened, policy, asker)
        here = _installed(registry) if installed else ()
        question = decider.question(needs, here, limit=limit, all_variants=all_variants)
        answer = decider.with_clauses(recommend(opened, hardware, question, decider))
        document = answer_document(answer, question, hardware, decider, opened.edition(), explained=explain)
    emit(document, output)
    return 0 if answer.picks else NOTHING_FITS


def _installed(registry: Path | None) -> tuple[str, ...]:
    """The models on this disk.

    :raises NotFoundError: when the registry knows none of them.
    """
    from modelpick.cli.installed_document import installed_models
    from modelpick.errors import NotFoundError
    from modelpick.registry.reader import Registry

    with Registry.open(registry) as opened:
        found = installed_models(opened)
    if not found:
        raise NotFoundError(
            "no model of the registry was found on this disk", hint="`modelpick installed` shows what there is"
        )
    return found
