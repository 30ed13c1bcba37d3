"""``modelpick license explain``: the chain of a verdict as a tree."""

from __future__ import annotations

from pathlib import Path

import click

from modelpick.cli.asker_options import asker_options
from modelpick.cli.emit import emit
from modelpick.cli.options import OutputOptions, model_argument, output_options, registry_option
from modelpick.licensing.interface import Asker, Step
from modelpick.output.interface import Column, Document, Facts, Grid, Tree


@click.command(
    "explain",
    epilog="""\b
Examples:
  modelpick license explain deepseek-r1-distill-llama-8b
  modelpick license explain wizardlm-13b-v1.2 --monthly-users 2M
  modelpick license explain ./my-model --as acme/my-model --json""",
)
@model_argument()
@click.option("--as", "came_from", metavar="REPO", help="The repository that a directory came from.")
@asker_options
@registry_option
@output_options
def command(model: str, came_from: str | None, asker: Asker, registry: Path | None, output: OutputOptions) -> None:
    """Draw where a model's licences come from, link by link.

    Each link shows what was declared, what binds, and the rule and source that say so. This is not legal advice.
    """
    from modelpick.cli.license_cmd.subjects import NOT_ADVICE, Judges, Subject
    from modelpick.licensing.decide import use_for
    from modelpick.licensing.serialise import to_data
    from modelpick.registry.reader import Registry

    with Registry.open(registry) as opened:
        answer = Judges(opened).answer(Subject(model), came_from)
        edition = opened.edition()
    verdict = answer.verdict
    use, clause, duties = use_for(verdict, asker)
    data = to_data(verdict)
    body = {
        "registry": edition,
        **data,
        "model": answer.slug or verdict.model,
        "repository": verdict.model,
        "commercial_use": use,
        "commercial_use_of_anyone": verdict.commercial_use,
        "clause": clause,
        "duties": list(duties),
    }
    emit(
        Document(
            "modelpick.license-explain/1",
            body,
            blocks=(
                Facts(
                    (
                        ("Commercial use", use, "verdict"),
                        ("Clause", clause, "text"),
                        ("Binding licences", list(verdict.binding_licenses), "auto"),
                        ("Declared", list(verdict.declared_licenses) or None, "auto"),
                        ("Status", verdict.status, "text"),
                        ("Confidence", verdict.confidence, "text"),
                        ("Training data", list(verdict.data_flags) or None, "auto"),
                    )
                ),
                _tree(verdict.chain),
                Grid(_OWED, data["obligations"], title="What you owe"),
            ),
            notes=(NOT_ADVICE,),
            hints=tuple(f"modelpick license show {key}" for key in verdict.binding_licenses[:1] if key != "unknown"),
        ),
        output,
    )


_OWED = (
    Column("license", "Licence"),
    Column("kind", "Kind"),
    Column("text", "In plain words", wrap=True),
)


def _tree(chain: tuple[Step, ...]) -> Tree:
    """The chain, which stands in order with the depth of each link, as branches."""
    below: list[list[Tree]] = [[]]
    for step in reversed(chain):
        while len(below) <= step.depth + 1:
            below.append([])
        branches = tuple(reversed(below[step.depth + 1]))
        below[step.depth + 1] = []
        below[step.depth].append(Tree(_label(step), branches))
    root = below[0][0]
    return Tree(root.label, root.branches, title="Lineage")


def _label(step: Step) -> str:
    relation = f" ({step.relation})" if step.relation else ""
    declared = f"; declared {', '.join(step.declared)}" if step.declared else ""
    source = f" [{step.source}]" if step.source else ""
    said = f"{step.model}{relation}: {step.commercial_use}, {', '.join(step.binding) or 'nothing known'}{declared}"
    return f"{said}. {step.rule}: {step.reason}{source}"
