"""Verdicts as JSON text and back, for the registry and for every machine format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modelpick.errors import IntegrityError
from modelpick.licensing.interface import Condition, Obligation, Step, Verdict


def to_data(verdict: Verdict) -> dict[str, Any]:
    """The verdict as plain values, every field present."""
    return {
        "model": verdict.model,
        "commercial_use": verdict.commercial_use,
        "status": verdict.status,
        "declared_licenses": list(verdict.declared_licenses),
        "binding_licenses": list(verdict.binding_licenses),
        "obligations": [{"license": each.license, **_condition_data(each.condition)} for each in verdict.obligations],
        "chain": [_step_data(step) for step in verdict.chain],
        "confidence": verdict.confidence,
        "reason": verdict.reason,
        "family": verdict.family,
        "data_flags": list(verdict.data_flags),
    }


def to_json(verdict: Verdict) -> str:
    """The verdict as one line of JSON."""
    return json.dumps(to_data(verdict), ensure_ascii=False, separators=(",", ":"))


def from_json(text: str) -> Verdict:
    """The verdict that :func:`to_json` wrote; raises IntegrityError for anything else."""
    try:
        return from_data(json.loads(text))
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(
            f"A stored verdict cannot be read: {error!r}.", hint="modelpick registry verify"
        ) from error


def from_data(data: Mapping[str, Any]) -> Verdict:
    """The verdict of plain values."""
    return Verdict(
        model=data["model"],
        commercial_use=data["commercial_use"],
        status=data["status"],
        declared_licenses=tuple(data["declared_licenses"]),
        binding_licenses=tuple(data["binding_licenses"]),
        obligations=tuple(Obligation(each["license"], _condition(each)) for each in data["obligations"]),
        chain=tuple(_step(each) for each in data["chain"]),
        confidence=data["confidence"],
        reason=data["reason"],
        family=data["family"],
        data_flags=tuple(data["data_flags"]),
    )


def _condition_data(condition: Condition) -> dict[str, Any]:
    value = condition.value
    return {
        "kind": condition.kind,
        "value": list(value) if isinstance(value, tuple) else value,
        "unit": condition.unit,
        "scope": condition.scope,
        "text": condition.text,
    }


def _condition(data: Mapping[str, Any]) -> Condition:
    value = data["value"]
    return Condition(
        kind=data["kind"],
        text=data["text"],
        value=tuple(value) if isinstance(value, list) else value,
        unit=data["unit"],
        scope=data["scope"],
    )


def _step_data(step: Step) -> dict[str, Any]:
    return {
        "model": step.model,
        "relation": step.relation,
        "depth": step.depth,
        "declared": list(step.declared),
        "binding": list(step.binding),
        "commercial_use": step.commercial_use,
        "rule": step.rule,
        "reason": step.reason,
        "source": step.source,
    }


def _step(data: Mapping[str, Any]) -> Step:
    return Step(
        model=data["model"],
        relation=data["relation"],
        declared=tuple(data["declared"]),
        binding=tuple(data["binding"]),
        commercial_use=data["commercial_use"],
        rule=data["rule"],
        reason=data["reason"],
        source=data["source"],
        depth=data["depth"],
    )
