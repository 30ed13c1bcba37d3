"""A recommendation's values in the order and under the names of the scripting contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelpick.estimation.interface import Fit, Placement, PoolUse, Range, Speed, Throughput
from modelpick.output.interface import Column
from modelpick.selection.interface import Candidate, Needs, Quality, Recommendation, Rejection
from modelpick.selection.running import run_command

COLUMNS = (
    Column("rank", "#", right=True),
    Column("model", "Model"),
    Column("params_total", "Params", right=True),
    Column("quantisation", "Quant"),
    Column("memory", "Needs / has", kind="part", right=True),
    Column("placement", "Placement"),
    Column("speed", "Speed", kind="pace", right=True),
    Column("quality", "Quality", kind="interval", right=True),
    Column("license", "Licence"),
    Column("commercial_use", "Commercial", kind="verdict"),
)


def as_row(pick: Recommendation, binding_licenses: Sequence[str], task: str, *, explained: bool) -> dict[str, Any]:
    """One pick as the JSON contract has it; ``explained`` adds the footprint's parts and the score's."""
    candidate, fit, decision = pick.candidate, pick.fit, pick.decision
    entry, option = candidate.entry, candidate.option
    command = run_command(candidate, fit, task=task)
    row: dict[str, Any] = {
        "rank": pick.rank or None,
        "model": entry.slug,
        "name": entry.name,
        "family": entry.family,
        "released": entry.released,
        "params_total": entry.params_total,
        "params_active": entry.params_active,
        "format": option.format,
        "quantisation": option.quantisation,
        "runtime": option.runtime,
        "repo": option.source.repo,
        "made_here": option.made_here,
        "context_tokens": fit.settings.context,
        "max_context_tokens": fit.max_context,
        "required_bytes": needed_bytes(fit.placement),
        "available_bytes": available_bytes(fit.placement),
        "host_bytes": host_bytes(fit.placement),
        "weights_bytes": fit.footprint.weights,
        "kv_cache_bytes": fit.footprint.kv_cache + fit.footprint.recurrent_state,
        "memory_exact": fit.footprint.exact,
        "placement": fit.placement.kind,
        "gpu_layers": fit.placement.gpu_layers,
        "layers": fit.placement.layers,
        **speed_fields(fit.speed),
        "throughput": throughput_fields(fit.throughput),
        **quality_fields(pick.quality),
        "license": " + ".join(binding_licenses) or None,
        "binding_licenses": list(binding_licenses),
        "commercial_use": decision.commercial_use,
        "license_clause": decision.clause,
        "license_status": entry.verdict_status,
        "score": pick.score,
        "run": list(command.lines),
    }
    if explained:
        row["footprint"] = footprint_fields(fit)
        row["pools"] = pool_fields(fit.placement)
        row["score_parts"] = [{"name": p.name, "points": p.points, "reason": p.reason} for p in pick.parts]
    return row


def table_row(row: dict[str, Any]) -> dict[str, Any]:
    """The row with the pairs that a table shows in one cell."""
    return {
        **row,
        "memory": [row["required_bytes"], row["available_bytes"]],
        "speed": pace_fields(row),
        "quality": row["quality"],
    }


def needed_bytes(placement: Placement) -> int:
    """Bytes the placement takes of the memory that decides: the GPUs' where all layers are there, else of all pools."""
    return sum(use.required_bytes for use in _deciding(placement))


def available_bytes(placement: Placement) -> int:
    """Bytes that there were in the same pools."""
    return sum(use.available_bytes for use in _deciding(placement))


def host_bytes(placement: Placement) -> int:
    """Bytes of the host's memory that it takes."""
    return sum(use.required_bytes for use in placement.uses if use.device is None)


def _deciding(placement: Placement) -> Sequence[PoolUse]:
    on_devices = [use for use in placement.uses if use.device is not None]
    return on_devices if placement.kind in ("gpu", "multi-gpu", "unified") and on_devices else placement.uses


def range_fields(value: Range | None, digits: int = 2) -> dict[str, float] | None:
    """A range as an object, rounded."""
    if value is None:
        return None
    return {"low": round(value.low, digits), "likely": round(value.likely, digits), "high": round(value.high, digits)}


def speed_fields(speed: Speed | None) -> dict[str, Any]:
    """The speed of a fit, every field present."""
    return {
        "decode_tokens_per_second": range_fields(speed.decode_tokens_per_second) if speed else None,
        "prompt_tokens_per_second": range_fields(speed.prompt_tokens_per_second, 1) if speed else None,
        "time_to_first_token_seconds": range_fields(speed.time_to_first_token_seconds) if speed else None,
        "speed_basis": speed.basis if speed else None,
    }


def throughput_fields(throughput: Throughput | None) -> dict[str, Any] | None:
    """The rate of a model that does not decode, with its unit."""
    if throughput is None:
        return None
    rate = range_fields(throughput.rate)
    return {"unit": throughput.unit, **(rate or {}), "basis": throughput.basis}


def pace_fields(row: dict[str, Any]) -> dict[str, Any] | None:
    """What a table shows as the speed: the decode speed, else the throughput, with its unit."""
    if row["decode_tokens_per_second"]:
        return {"unit": "tokens_per_second", **row["decode_tokens_per_second"]}
    found: dict[str, Any] | None = row["throughput"]
    return found


def quality_fields(quality: Quality | None) -> dict[str, Any]:
    """The quality of a pick, every field present."""
    return {
        "quality": range_fields(quality.index, 1) if quality else None,
        "quality_loss": round(quality.loss, 2) if quality and quality.loss is not None else None,
        "quality_basis": quality.basis if quality else None,
    }


def footprint_fields(fit: Fit) -> dict[str, Any]:
    """Every part of the memory, bytes."""
    parts = fit.footprint
    return {
        "weights_bytes": parts.weights,
        "weights_origin": parts.weights_origin,
        "kv_cache_bytes": parts.kv_cache,
        "recurrent_state_bytes": parts.recurrent_state,
        "compute_bytes": parts.compute,
        "overhead_bytes": parts.overhead,
        "projector_bytes": parts.projector,
        "total_bytes": parts.total,
        "exact": parts.exact,
        "notes": list(parts.notes),
    }


def pool_fields(placement: Placement) -> list[dict[str, Any]]:
    """What is taken of each pool of memory."""
    return [
        {
            "pool": use.pool,
            "device": use.device,
            "layers": use.layers,
            "required_bytes": use.required_bytes,
            "available_bytes": use.available_bytes,
            "weights_bytes": use.weights_bytes,
            "kv_cache_bytes": use.kv_cache_bytes,
            "compute_bytes": use.compute_bytes,
            "overhead_bytes": use.overhead_bytes,
        }
        for use in placement.uses
    ]


def rejection_fields(rejection: Rejection) -> dict[str, Any]:
    """One rejection with its numbers."""
    option = rejection.option
    return {
        "model": rejection.model,
        "reason": rejection.reason,
        "message": rejection.message,
        "needed": rejection.needed,
        "available": rejection.available,
        "unit": rejection.unit,
        "quantisation": option.quantisation if option else None,
        "runtime": option.runtime if option else None,
    }


def needs_fields(needs: Needs) -> dict[str, Any]:
    """What was asked for, with every default filled in."""
    return {
        "task": needs.task,
        "context_tokens": needs.context,
        "policy": needs.policy,
        "min_decode_tokens_per_second": needs.min_speed,
        "prefer": needs.prefer,
        "runtimes": list(needs.runtimes),
        "quantisations": list(needs.quantisations),
        "languages": list(needs.languages),
        "capabilities": list(needs.capabilities),
        "released_after": needs.released_after,
        "max_download_bytes": needs.max_download_bytes,
        "users": needs.users,
        "all_variants": needs.all_variants,
        "limit": needs.limit,
    }


def option_words(candidate: Candidate) -> str:
    """The form and runtime of a candidate in a few words."""
    option = candidate.option
    made = ", quantised here" if option.made_here else ""
    return f"{option.quantisation or option.format} {option.format} on {option.runtime}{made}"
