"""What ``modelpick quantise`` answers with: the plan or the result, types by group, the check, the next commands."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from math import prod
from typing import TYPE_CHECKING, Any

from modelpick.output.interface import Block, Column, Document, Facts, Grid
from modelpick.quantisation.pace import seconds_for
from modelpick.quantisation.prepare import bits_per_weight

if TYPE_CHECKING:
    from modelpick.cli.quantise_run import Outcome

SCHEMA = "modelpick.quantise/1"
_GROUPS = (
    Column("role", "Tensors"),
    Column("type", "Type"),
    Column("tensors", "Number", right=True),
    Column("params", "Weights", kind="count", right=True),
    Column("bytes", "Size", kind="bytes", right=True),
    Column("bits_per_weight", "Bits each", kind="raw", right=True),
)


def document_of(outcome: Outcome) -> Document:
    """The answer to the command, or to its dry run."""
    prepared, origin, made = outcome.prepared, outcome.origin, outcome.made
    groups = _groups(outcome)
    body: dict[str, Any] = {
        "dry_run": made is None,
        "source": {
            "path": str(origin.path) if origin.hub is None else None,
            "repo": origin.repo,
            "commit": origin.commit,
            "bytes": sum(tensor.bytes for tensor in prepared.source.tensors.values()),
            "streamed": origin.hub is not None,
        },
        "model": origin.name,
        "architecture": prepared.architecture,
        "type": prepared.mix,
        "type_reason": outcome.reason,
        "target": str(outcome.target),
        "bytes": prepared.frame.size,
        "bits_per_weight": round(bits_per_weight(prepared.plans), 3),
        "params": sum(prod(plan.shape) for plan in prepared.plans),
        "threads": outcome.recipe.threads,
        "estimated_seconds": seconds_for(prepared.plans, outcome.recipe.threads),
        "seconds": outcome.seconds,
        "disk_needed_bytes": prepared.frame.size,
        "disk_free_bytes": shutil.disk_usage(outcome.target.parent).free,
        "license": origin.license,
        "license_verdict": origin.verdict,
        "engine": f"{made.engine} {made.engine_version}" if made else None,
        "sha256": made.sha256 if made else None,
        "resumed_tensors": made.resumed_tensors if made else None,
        "artifact": asdict(outcome.artifact) if outcome.artifact else None,
        "check": asdict(outcome.checked) if outcome.checked else None,
        "handover": asdict(outcome.handover) if outcome.handover else None,
        "results": groups,
    }
    notes = (*origin.notes, *prepared.notes, *(outcome.handover.notes if outcome.handover else ()))
    return Document(SCHEMA, body, _blocks(body, groups, outcome), notes, _hints(outcome))


def _groups(outcome: Outcome) -> list[dict[str, Any]]:
    """Tensors of one role and type together, in file order."""
    from modelpick.formats.mixes import role_of

    found: dict[tuple[str, str], list[int]] = {}
    for plan in outcome.prepared.plans:
        norm = plan.name.endswith("_norm.weight") or len(plan.shape) == 1
        role = "norms and biases" if norm else role_of(plan.name) or plan.name.rpartition(".")[0].rpartition(".")[2]
        entry = found.setdefault((role, plan.type), [0, 0, 0])
        entry[0] += 1
        entry[1] += prod(plan.shape)
        entry[2] += plan.bytes
    return [
        {
            "role": role,
            "type": kind,
            "tensors": count,
            "params": params,
            "bytes": size,
            "bits_per_weight": round(8 * size / params, 4),
        }
        for (role, kind), (count, params, size) in found.items()
    ]


def _blocks(body: dict[str, Any], groups: list[dict[str, Any]], outcome: Outcome) -> list[Block]:
    blocks: list[Block] = [
        Facts(
            (
                ("Model", body["model"], "text"),
                ("Architecture", body["architecture"], "text"),
                ("Type", f"{body['type']} ({body['type_reason']})", "text"),
                ("File", body["target"], "text"),
                ("Size", body["bytes"], "bytes"),
                ("Bits per weight", body["bits_per_weight"], "raw"),
                ("From", body["source"]["bytes"], "bytes"),
                ("Free on that disk", body["disk_free_bytes"], "bytes"),
                ("Time (estimated), s", body["estimated_seconds"] if body["dry_run"] else None, "raw"),
                ("Time, s", round(outcome.seconds, 1) if outcome.seconds is not None else None, "raw"),
                ("Engine", body["engine"], "text"),
                ("Licence", body["license"], "text"),
                ("Commercial use", body["license_verdict"], "verdict"),
                ("sha256", body["sha256"], "text"),
            )
        ),
        Grid(_GROUPS, groups, title="Types", main=True),
    ]
    if outcome.checked is not None:
        checked = outcome.checked
        blocks.append(
            Facts(
                (
                    ("Tokens compared", checked.tokens, "raw"),
                    ("KL divergence, mean", checked.kl_mean, "raw"),
                    ("KL divergence, largest", checked.kl_max, "raw"),
                    ("Same first choice, %", round(100 * checked.top1_agreement, 2), "raw"),
                    ("Usual for this type", checked.usual, "text"),
                    ("It continues", checked.continuation, "text"),
                ),
                title=f"Check against the source ({checked.reference})",
            )
        )
    return blocks


def _hints(outcome: Outcome) -> tuple[str, ...]:
    """The next commands."""
    import shlex

    if outcome.made is None:
        return (f"modelpick quantise {shlex.quote(outcome.asked)} --type {outcome.prepared.mix}",)
    if outcome.handover is not None:
        return tuple(shlex.join(command) for command in outcome.handover.commands)
    path = shlex.quote(str(outcome.target))
    return (f"llama-server -m {path}", f"ollama create {outcome.origin.name.lower()} -f Modelfile   (FROM {path})",
            f"lms import {path}")  # fmt: skip
