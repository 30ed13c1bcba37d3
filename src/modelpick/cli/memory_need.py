"""The memory a model will need on this machine: of a plan from the registry's numbers, of a file from its header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelpick.errors import ModelpickError
from modelpick.values import replace

if TYPE_CHECKING:
    from modelpick.acquisition.interface import Plan
    from modelpick.estimation.interface import Architecture, Runtime, VariantSpec
    from modelpick.hardware.interface import Hardware
    from modelpick.registry.interface import ModelFacts

CONTEXT = 8192
"""Tokens of context that the need is told for, or the model's own limit if that is smaller."""


def need_of_plan(facts: ModelFacts | None, plan: Plan, hardware: Hardware) -> dict[str, Any] | None:
    """What a planned model will need, by the registry's architecture; None where the registry does not know it."""
    from modelpick.estimation.architecture import from_config
    from modelpick.estimation.interface import VariantSpec

    if facts is None or facts.architecture is None:
        return None
    model = facts.model
    architecture = from_config(
        json.loads(facts.architecture.config),
        params_total=model.params_total,
        params_active=model.params_active,
        modality=model.modality,
        context_length=model.context_length,
    )
    eyes = sum(file.bytes for file in plan.files if "mmproj" in file.path.lower())
    weights = sum(file.bytes for file in plan.files if _is_weights(file.path)) - eyes
    spec = VariantSpec(plan.format, plan.quantisation, weights or None, projector_bytes=eyes or None)
    return _placed(architecture, spec, "llama.cpp" if plan.format == "gguf" else "transformers", hardware)


def need_of_files(path: Path, file_bytes: int, hardware: Hardware) -> dict[str, Any] | None:
    """What a model on this disk needs, by its header; None where it cannot be read. All parts count."""
    from modelpick.cli.inspect_read import inspect_path

    try:
        found = inspect_path(path)
        spec = replace(found.variant, file_bytes=file_bytes or None)
        return _placed(found.architecture, spec, "llama.cpp" if found.format == "gguf" else "transformers", hardware)
    except (ModelpickError, OSError, ValueError):
        return None


def _is_weights(path: str) -> bool:
    return path.lower().endswith((".gguf", ".safetensors", ".bin", ".pt", ".pth", ".ckpt"))


def _placed(architecture: Architecture, spec: VariantSpec, runtime: Runtime, hardware: Hardware) -> dict[str, Any]:
    from modelpick.cli.answers import available_bytes, needed_bytes
    from modelpick.estimation.interface import Misfit, Settings
    from modelpick.estimation.placement import place

    context = min(CONTEXT, architecture.context_length or CONTEXT)
    placed = place(architecture, spec, Settings(runtime=runtime, context=context), hardware)
    common: dict[str, Any] = {"runtime": runtime, "context_tokens": context}
    if isinstance(placed, Misfit):
        return {
            **common,
            "fits": False,
            "required_bytes": placed.needed_bytes or None,
            "available_bytes": placed.available_bytes,
            "placement": None,
            "gpu_layers": None,
        }
    return {
        **common,
        "fits": True,
        "required_bytes": needed_bytes(placed.placement),
        "available_bytes": available_bytes(placed.placement),
        "placement": placed.placement.kind,
        "gpu_layers": placed.placement.gpu_layers,
    }
