"""``modelpick inspect PATH``: what is this model file, and what would it take to run here?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelpick.cli.emit import emit
from modelpick.cli.hardware_options import HardwareOptions, hardware_options, resolve_hardware
from modelpick.cli.options import OutputOptions, output_options, registry_option
from modelpick.output.interface import Column, Document, Facts, Grid

if TYPE_CHECKING:
    from modelpick.cli.inspect_read import Inspected
    from modelpick.estimation.interface import Architecture
    from modelpick.hardware.interface import Hardware

CONTEXTS = (4096, 8192, 16384, 32768, 65536, 131072, 262144)
_GROUPS = (
    Column("role", "Tensors"),
    Column("type", "Type"),
    Column("tensors", "Number", right=True),
    Column("params", "Elements", kind="count", right=True),
    Column("bytes", "Size", kind="bytes", right=True),
)
_PLAN = (
    Column("context_tokens", "Context", kind="raw", right=True),
    Column("required_bytes", "Needs", kind="bytes", right=True),
    Column("available_bytes", "Has", kind="bytes", right=True),
    Column("placement", "Placement"),
    Column("gpu_layers", "GPU layers", right=True),
    Column("decode_tokens_per_second", "Tokens/s", kind="rate", right=True),
)


@click.command(
    "inspect",
    epilog="""\b
Examples:
  modelpick inspect Qwen3-8B-Q4_K_M.gguf
  modelpick inspect ./Qwen3-8B --gpu "RTX 4090" --ram 64GB
  modelpick inspect model.safetensors --json""",
)
@click.argument("path", type=click.Path(path_type=Path))
@hardware_options
@registry_option
@output_options
def command(path: Path, machine: HardwareOptions, registry: Path | None, output: OutputOptions) -> None:
    """Say what a model file holds, and what it takes to run it.

    PATH is a GGUF file, a safetensors file, or a directory with config.json. Only headers are read.
    """
    from modelpick.cli.inspect_read import inspect_path

    found = inspect_path(path)
    hardware = resolve_hardware(machine, registry)
    emit(document_of(found, hardware), output)


def document_of(found: Inspected, hardware: Hardware) -> Document:
    """The answer: facts, tensor groups, and the plan on this machine by context."""
    plan = plan_rows(found, hardware)
    groups = [
        {"role": g.role, "type": g.type, "tensors": g.tensors, "params": g.params, "bytes": g.bytes}
        for g in found.groups
    ]
    blocks: list[Any] = [Facts(_facts(found))]
    if groups:
        blocks.append(Grid(_GROUPS, groups, title="Tensors"))
    blocks.append(Grid(_PLAN, plan, title="On this machine", main=True))
    body = {
        "path": str(found.path),
        "format": found.format,
        "files": [file.name for file in found.files],
        "file_bytes": found.file_bytes or None,
        "tensor_bytes": found.tensor_bytes or None,
        "params_stored": found.params or None,
        "quantisation": found.quantisation,
        "bits_per_weight": 8 * found.tensor_bytes / found.params if found.params else None,
        "license": found.license,
        "name": found.name,
        "architecture": architecture_fields(found.architecture),
        "tensor_groups": groups,
        "results": plan,
    }
    notes = [*found.notes, *found.architecture.notes]
    return Document(schema="modelpick.inspect/1", body=body, blocks=blocks, notes=notes)


def plan_rows(found: Inspected, hardware: Hardware) -> list[dict[str, Any]]:
    """One row a context length: what it needs here, where it goes, how fast it writes."""
    from modelpick.estimation.interface import Runtime, Settings

    longest = found.architecture.context_length
    contexts = [length for length in CONTEXTS if longest is None or length <= longest] or [longest or CONTEXTS[0]]
    if found.architecture.kind in {"speech", "diffusion", "other"}:
        contexts = contexts[:1]
    runtime: Runtime = "llama.cpp" if found.format == "gguf" else "transformers"
    return [_row(found, Settings(runtime=runtime, context=length), hardware) for length in contexts]


def _row(found: Inspected, settings: Any, hardware: Hardware) -> dict[str, Any]:
    from modelpick.cli.answers import available_bytes, needed_bytes
    from modelpick.estimation.interface import Misfit
    from modelpick.estimation.placement import place
    from modelpick.estimation.speed import estimate_speed

    placed = place(found.architecture, found.variant, settings, hardware)
    row: dict[str, Any] = {"context_tokens": settings.context, "runtime": settings.runtime}
    if isinstance(placed, Misfit):
        return {
            **row,
            "fits": False,
            "required_bytes": placed.needed_bytes or None,
            "available_bytes": placed.available_bytes,
            "placement": None,
            "gpu_layers": None,
            "weights_bytes": None,
            "kv_cache_bytes": None,
            "compute_bytes": None,
            "exact": None,
            "decode_tokens_per_second": None,
        }
    made, placement = placed.footprint, placed.placement
    speed = estimate_speed(found.architecture, found.variant, settings, made.weights, placement, hardware)
    return {
        **row,
        "fits": True,
        "required_bytes": needed_bytes(placement),
        "available_bytes": available_bytes(placement),
        "placement": placement.kind,
        "gpu_layers": placement.gpu_layers,
        "weights_bytes": made.weights,
        "kv_cache_bytes": made.kv_cache + made.recurrent_state,
        "compute_bytes": made.compute,
        "exact": made.exact,
        "decode_tokens_per_second": speed.decode_tokens_per_second.likely if speed else None,
    }


def architecture_fields(architecture: Architecture) -> dict[str, Any]:
    """What is known of the structure; unknown is null."""
    shape = architecture.shape
    experts = shape.experts if shape else None
    return {
        "name": architecture.name,
        "kind": architecture.kind,
        "layers": shape.layers if shape else None,
        "hidden": shape.hidden if shape else None,
        "heads": shape.heads if shape else None,
        "kv_heads": shape.kv_heads if shape else None,
        "head_dim": shape.head_dim if shape else None,
        "ffn": shape.ffn if shape else None,
        "vocab": shape.vocab if shape else None,
        "tied_embeddings": shape.tied if shape else None,
        "sliding_window": (shape.window or None) if shape else None,
        "full_attention_layers": sum(kind == "full" for kind in shape.attention) if shape else None,
        "recurrent_layers": sum(shape.recurrent) if shape else None,
        "experts": experts.count if experts else None,
        "experts_used": experts.used if experts else None,
        "context_length": architecture.context_length,
        "missing": list(architecture.missing),
    }


def _facts(found: Inspected) -> list[Any]:
    fields = architecture_fields(found.architecture)
    bits = 8 * found.tensor_bytes / found.params if found.params else None
    return [
        ("Path", str(found.path), "raw"),
        ("Name", found.name, "text"),
        ("Format", found.format, "text"),
        ("Architecture", fields["name"], "text"),
        ("Layers", fields["layers"], "raw"),
        ("Experts", fields["experts"], "raw"),
        ("Context", fields["context_length"], "raw"),
        ("Quantisation", found.quantisation, "text"),
        ("Bits per weight", round(bits, 2) if bits else None, "raw"),
        ("Parameters stored", found.params or None, "count"),
        ("Files", found.file_bytes or None, "bytes"),
        ("Licence", found.license, "text"),
    ]
