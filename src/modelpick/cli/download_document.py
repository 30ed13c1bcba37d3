"""What ``modelpick download`` answers with: the plan, the licence, the artifact, the way to run it."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from modelpick.acquisition.interface import Artifact, Handover, Plan
from modelpick.output.interface import Block, Column, Document, Facts, Grid, Lines

if TYPE_CHECKING:
    from modelpick.cli.download_license import Licensed

SCHEMA = "modelpick.download/1"


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that a download, or its dry run, found out. ``need`` is the memory it takes on this machine."""

    plan: Plan
    licensed: Licensed
    edition: dict[str, Any]
    need: dict[str, Any] | None
    artifact: Artifact | None = None
    handover: Handover | None = None


def document_of(answer: Answer) -> Document:
    """The answer to a download, or to its dry run."""
    plan, licensed, artifact, made = answer.plan, answer.licensed, answer.artifact, answer.handover
    files = [_file(plan, index, artifact) for index in range(len(plan.files))]
    body = {
        "registry": answer.edition,
        "model": plan.model,
        "dry_run": artifact is None,
        "plan": _plan(plan),
        "license": _license(licensed),
        "memory": answer.need,
        "artifact": asdict(artifact) if artifact else None,
        "handover": asdict(made) if made else None,
        "results": files,
    }
    notes = [*plan.notes, *licensed.notes, *licensed.decision.warnings, *(made.notes if made else ())]
    if answer.need and not answer.need["fits"]:
        notes.append("it does not fit this machine's memory as it is")
    return Document(SCHEMA, body, _blocks(answer, files), notes, _hints(plan, artifact))


def offline_document(
    artifact: Artifact, licensed: Licensed | None, edition: dict[str, Any], handover: Handover | None
) -> Document:
    """The answer of offline mode: what was fetched before, checked again."""
    files = [
        {**asdict(file), "status": "verified", "source": "present", "reuse_from": None, "partial_bytes": 0}
        for file in artifact.files
    ]
    body = {
        "registry": edition,
        "model": artifact.model,
        "dry_run": False,
        "plan": None,
        "license": _license(licensed) if licensed else None,
        "memory": None,
        "artifact": asdict(artifact),
        "handover": asdict(handover) if handover else None,
        "results": files,
    }
    blocks: list[Block] = [_grid(files), Facts((("Path", artifact.path, "text"),))]
    notes = ("offline mode: found on this disk and verified; the live card was not read",)
    return Document(SCHEMA, body, [*blocks, *_commands(handover)], notes)


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "repo": plan.repo,
        "renamed_from": plan.renamed_from,
        "revision": plan.revision,
        "commit": plan.commit,
        "format": plan.format,
        "quantisation": plan.quantisation,
        "total_bytes": plan.total_bytes,
        "missing_bytes": plan.missing_bytes,
        "disk_free_bytes": plan.disk_free_bytes,
        "target": plan.target,
        "layout": plan.layout,
        "gated": plan.gated,
        "accessible": plan.accessible,
        "architecture": plan.architecture,
        "params_total": plan.params_total,
        "alternatives": list(plan.alternatives),
    }


def _file(plan: Plan, index: int, artifact: Artifact | None) -> dict[str, Any]:
    file = plan.files[index]
    source = "present" if file.present else "reuse" if file.reuse_from else "partial" if file.partial_bytes else "hub"
    return {
        "path": file.path,
        "bytes": file.bytes,
        "sha256": artifact.files[index].sha256 if artifact else file.sha256,
        "status": "verified" if artifact else "planned",
        "source": source,
        "reuse_from": file.reuse_from,
        "partial_bytes": file.partial_bytes,
    }


def _license(licensed: Licensed) -> dict[str, Any]:
    verdict, decision = licensed.verdict, licensed.decision
    return {
        "commercial_use": verdict.commercial_use,
        "declared_licenses": list(verdict.declared_licenses),
        "binding_licenses": list(verdict.binding_licenses),
        "status": verdict.status,
        "confidence": verdict.confidence,
        "reason": verdict.reason,
        "obligations": [asdict(obligation) for obligation in verdict.obligations],
        "registry_commercial_use": licensed.registry.commercial_use if licensed.registry else None,
        "card_commercial_use": licensed.live.commercial_use if licensed.live else None,
        "policy": decision.policy,
        "allowed": decision.allowed,
        "clause": decision.clause,
    }


def _blocks(answer: Answer, files: list[dict[str, Any]]) -> list[Block]:
    plan, artifact, need = answer.plan, answer.artifact, answer.need
    verdict = answer.licensed.verdict
    facts = Facts(
        (
            ("Model", plan.model, "text"),
            ("Repository", plan.repo, "text"),
            ("Commit", plan.commit, "text"),
            ("Format", plan.format, "text"),
            ("Quantisation", plan.quantisation, "text"),
            ("Size", plan.total_bytes, "bytes"),
            ("To fetch", None if artifact else plan.missing_bytes, "bytes"),
            ("Disk free", None if artifact else plan.disk_free_bytes, "bytes"),
            ("Memory needed here", need and need["required_bytes"], "bytes"),
            ("Placement", need and need["placement"], "text"),
            ("Licences", " and ".join(verdict.binding_licenses) or None, "text"),
            ("Commercial use", verdict.commercial_use, "verdict"),
            ("Because", answer.licensed.decision.clause, "text"),
            ("Gated", plan.gated, "text"),
            ("Path", artifact.path if artifact else plan.target, "text"),
        )
    )
    return [facts, _grid(files), *_commands(answer.handover)]


def _grid(files: list[dict[str, Any]]) -> Grid:
    columns = (
        Column("path", "File"),
        Column("bytes", "Size", "bytes", right=True),
        Column("source", "From", "text"),
        Column("status", "State", "text"),
    )
    return Grid(columns, files, main=True)


def _commands(made: Handover | None) -> list[Block]:
    if made is None:
        return []
    lines = [*(f"wrote {path}" for path in made.written), *(shlex.join(command) for command in made.commands)]
    return [Lines(lines, title=f"For {made.target}")]


def _hints(plan: Plan, artifact: Artifact | None) -> tuple[str, ...]:
    if artifact is None:
        quantisation = f" --quant {plan.quantisation}" if plan.quantisation else ""
        return (f"modelpick download {plan.model}{quantisation}",)
    return (f"modelpick verify {shlex.quote(artifact.path)}",)
