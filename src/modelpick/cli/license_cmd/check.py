"""``modelpick license check``: models against a policy, for people and for builds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from modelpick.cli.asker_options import PolicyChoice, asker_options, policy_options
from modelpick.cli.emit import emit
from modelpick.cli.options import OutputOptions, complete_model, output_options_with, registry_option
from modelpick.licensing.interface import Asker, Decision
from modelpick.output.formats import FORMATS
from modelpick.output.interface import Column, Document, Grid, Lines

REFUSED = 6
_COLUMNS = (
    Column("model", "Model"),
    Column("allowed", "Allowed", kind="yesno"),
    Column("commercial_use", "Commercial use", kind="verdict"),
    Column("binding_licenses", "Binding licences"),
    Column("status", "Declared"),
    Column("clause", "Why", wrap=True),
)


@click.command(
    "check",
    epilog="""\b
Examples:
  modelpick license check qwen2.5-7b-instruct mistral-7b-v0.1
  modelpick license check llama-3.1-8b-instruct --license commercial --region EU --monthly-users 2M
  modelpick license check ./my-model --as acme/my-model --policy policy.toml
  modelpick license check --from-file models.txt --format sarif > licences.sarif

\b
A policy file:
  name = "acme"
  commercial = ["yes", "conditional"]
  minimum_confidence = "medium"
  [allow]
  families = ["permissive", "weak-copyleft"]
  licenses = ["llama3.1"]
  [deny]
  conditions = ["region-exclusion"]
  data_flags = ["api-tos"]
  [[exception]]
  model = "acme/pilot"
  reason = "signed contract"
  expires = 2027-06-30""",
)
@click.argument("models", nargs=-1, metavar="[MODEL]...", shell_complete=complete_model)
@click.option("--from-file", metavar="FILE", help="Names or directories, one a line (-: stdin).")
@click.option("--as", "came_from", metavar="REPO", help="The repository that a directory came from.")
@policy_options()
@asker_options
@registry_option
@output_options_with((*FORMATS, "sarif"))
def command(
    models: tuple[str, ...],
    from_file: str | None,
    came_from: str | None,
    policy: PolicyChoice,
    asker: Asker,
    registry: Path | None,
    output: OutputOptions,
) -> int:
    """Check models against a policy, for a build to pass or fail.

    MODEL is a name of the registry, or a directory with a model card, a LICENSE file or a config. Exits with 0 when
    all are allowed and with 6 when one is refused. This is not legal advice.
    """
    from modelpick.cli.license_cmd.subjects import NOT_ADVICE, Judges, subjects
    from modelpick.licensing.decide import decide
    from modelpick.registry.reader import Registry

    asked = subjects(models, from_file)
    if came_from is not None and len(asked) != 1:
        raise click.UsageError("--as goes with one directory.")
    today = datetime.now(UTC).date()
    with Registry.open(registry) as opened:
        judges = Judges(opened)
        chosen = policy.load(judges.catalogue if policy.needs_catalogue else None)
        answers = [judges.answer(subject, came_from) for subject in asked]
        edition = opened.edition()
    decisions = [decide(answer.verdict, chosen, asker, today=today) for answer in answers]
    rows = [_row(answer, decision) for answer, decision in zip(answers, decisions, strict=True)]
    refused = [row for row in rows if not row["allowed"]]
    emit(
        Document(
            "modelpick.license-check/1",
            {
                "registry": edition,
                "policy": chosen.name,
                "asker": _asker(asker),
                "allowed": not refused,
                "count": {"checked": len(rows), "allowed": len(rows) - len(refused), "refused": len(refused)},
                "results": rows,
            },
            blocks=(Grid(_COLUMNS, rows, main=True), *_warnings(rows)),
            notes=(NOT_ADVICE,),
            hints=(f"modelpick license explain {_word(refused[0]['asked'])}",) if refused else (),
        ),
        output,
    )
    return REFUSED if refused else 0


def _row(answer: Any, decision: Decision) -> dict[str, Any]:
    from modelpick.licensing.serialise import to_data

    data = to_data(answer.verdict)
    subject = answer.subject
    return {
        "model": answer.slug or data["model"],
        "asked": subject.text,
        "repository": data["model"],
        "read_from": answer.kind,
        "allowed": decision.allowed,
        "clause": decision.clause,
        "commercial_use": decision.commercial_use,
        "commercial_use_of_anyone": data["commercial_use"],
        "declared_licenses": data["declared_licenses"],
        "binding_licenses": data["binding_licenses"],
        "status": data["status"],
        "family": data["family"],
        "confidence": data["confidence"],
        "reason": data["reason"],
        "warnings": list(decision.warnings),
        "obligations": data["obligations"],
        "data_flags": data["data_flags"],
        "chain": data["chain"],
        "file": subject.file,
        "line": subject.line,
    }


def _asker(asker: Asker) -> dict[str, Any]:
    return {
        "region": asker.region,
        "monthly_users": asker.monthly_users,
        "annual_revenue_usd": asker.annual_revenue_usd,
        "outputs_train_models": asker.outputs_train_models,
        "redistribute": asker.redistribute,
    }


def _warnings(rows: list[dict[str, Any]]) -> tuple[Lines, ...]:
    """What is still owed where a model is allowed."""
    lines = [f"{row['model']}: {warning}" for row in rows if row["allowed"] for warning in row["warnings"]]
    return (Lines(lines, title="What you owe", bullet=True),) if lines else ()


def _word(text: str) -> str:
    from shlex import quote

    return quote(text)
