"""The documents of ``compare``: models side by side, and a collection with what its source printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from modelpick.cli.answers import needed_bytes, quality_fields, speed_fields
from modelpick.cli.recommend_document import machine_pairs
from modelpick.errors import NotFoundError
from modelpick.estimation.footprint import footprint
from modelpick.estimation.interface import Settings, VariantSpec
from modelpick.hardware.interface import Hardware
from modelpick.hardware.inventory import to_json
from modelpick.licensing.interface import Decision
from modelpick.licensing.serialise import from_json
from modelpick.output.interface import Column, Document, Facts, Grid, Kind, Lines
from modelpick.pick import GGUF_TYPES, Machine
from modelpick.quality.loss import quality_loss
from modelpick.registry.interface import ModelFacts
from modelpick.registry.reader import Registry
from modelpick.registry.shelf import entry_of
from modelpick.selection.filters import context_for
from modelpick.selection.interface import Entry, Needs, Recommendation
from modelpick.selection.ranking import every_option

_ABILITIES = ("general", "embedding", "speech", "image")
# Field, label and how it is written; shown one a line, with a mark where models differ.
_LINES: tuple[tuple[str, str, Kind], ...] = (
    ("params_total", "Parameters", "count"),
    ("params_active", "Active parameters", "count"),
    ("training_tokens", "Training tokens", "count"),
    ("datasets", "Data sets", "text"),
    ("developer", "Developer", "text"),
    ("released", "Released", "text"),
    ("context_length", "Context", "count"),
    ("vram_reported_gb", "VRAM reported, GB", "text"),
    ("memory_16bit_bytes", "16 bit, ours, GB", "gigabytes"),
    ("memory_16bit_bytes", "Memory at 16 bit", "bytes"),
    ("best_quantisation", "Best form here", "text"),
    ("memory_best_bytes", "Memory of it", "bytes"),
    ("placement", "Placement", "text"),
    ("decode_tokens_per_second", "Tokens/s here", "rates"),
    ("quality", "Quality", "interval"),
    ("license", "Licence", "text"),
    ("commercial_use", "Commercial use", "verdict"),
)
_PRINTED = (
    Column("name", "LLMs"),
    Column("params_b", "Params/[B]", right=True),
    Column("dataset", "Dataset"),
    Column("release_details", "Release Details"),
    Column("tokens_b", "Tokens/[B]", right=True),
    Column("vram_gb", "VRAM/[GB]", right=True),
    Column("memory_16bit_bytes", "16 bit, ours/[GB]", kind="gigabytes", right=True),
    Column("license", "License"),
    Column("commercial_use", "Commercial Usage", kind="verdict"),
    Column("footnote", "Note"),
)


def comparison(
    registry: Registry, slugs: Sequence[str], hardware: Hardware, context: int, fields: Sequence[str] = ()
) -> Document:
    """Some models side by side: one line a property, a mark where they differ.

    The table lies on its side, so ``fields`` chooses its lines; those that do not exist are refused where all are.
    """
    machine = Machine(hardware)
    rows = [_row(registry, slug, machine, context) for slug in slugs]
    lines = []
    for field, label, kind in _lines(fields):
        values = [_shown(row, field) for row in rows]
        beside_nothing = kind == "gigabytes" and not any(row["vram_reported_gb"] for row in rows)
        if fields or (not beside_nothing and any(value is not None for value in values)):
            line: dict[str, Any] = {"property": label, "differs": "≠" if _differ(values) else ""}
            lines.append((line | dict(zip(slugs, values, strict=True)), kind, field))
    body = {"registry": registry.edition(), "hardware": to_json(hardware), "context_tokens": context, "results": rows}
    return Document(
        "modelpick.compare/1",
        body,
        blocks=(Facts(machine_pairs(hardware)), _side_by_side(slugs, lines)),
        notes=("≠ marks what differs; memory and speed are estimates for this machine; licences are not legal advice",),
        hints=tuple(f"modelpick explain {slug}" for slug in slugs[:2]),
    )


def _lines(fields: Sequence[str]) -> Sequence[tuple[str, str, Kind]]:
    """The lines of the table: the usual ones, or those asked for under their usual labels, else under their names."""
    usual = {line[0]: line for line in _LINES}
    return [usual.get(name, (name, name, "auto")) for name in fields] or _LINES


def _side_by_side(slugs: Sequence[str], lines: Sequence[tuple[dict[str, Any], Kind, str]]) -> Grid:
    from modelpick.output.text import show

    columns = [Column("property", ""), Column("differs", "")] + [Column(slug, slug, wrap=True) for slug in slugs]
    rows = [{**line, **{slug: show(line[slug], kind, field) for slug in slugs}} for line, kind, field in lines]
    return Grid(columns, rows)


def collection_document(
    registry: Registry, key: str, hardware: Hardware, context: int, fields: Sequence[str] = ()
) -> Document:
    """A collection as its source printed it, our 16-bit memory beside its VRAM, and footnotes where sources disagree.

    With ``fields`` the table has those of the results as columns, in place of the source's own.

    :raises NotFoundError: for an unknown collection, with those that there are.
    """
    known = {collection.key: collection for collection in registry.collections()}
    if key not in known:
        raise NotFoundError(f"there is no collection {key!r}", hint=f"collections: {', '.join(known) or 'none'}")
    machine = Machine(hardware)
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    for member in registry.members(key):
        today = _row(registry, member.model, machine, context)
        printed = json.loads(member.printed)
        checks = [text for text in (printed.pop("check", None), _discrepancy(registry, member.model)) if text]
        notes += [f"[{len(notes) + 1}] {printed.get('name', member.model)}: {'; '.join(checks)}"] if checks else []
        rows.append({**today, "printed": printed, "footnote": f"[{len(notes)}]" if checks else None, "checks": checks})
    shown = rows if fields else [_printed_row(row) for row in rows]
    columns = [Column(name, name, wrap=True) for name in fields] or _PRINTED
    body = {
        "registry": registry.edition(),
        "hardware": to_json(hardware),
        "context_tokens": context,
        "collection": key,
        "title": known[key].title,
        "results": rows,
    }
    blocks = (Grid(columns, shown, known[key].title), Lines(notes, "Where primary sources say more"))
    told = (
        "VRAM is as printed; '16 bit, ours' is weights, cache and buffers at 2048 tokens of context on one GPU",
        "ours too is in GB of 10^9 bytes; other commands show GiB of 2^30 bytes (10 GB are 9.3 GiB)",
    )
    return Document("modelpick.compare/1", body, blocks, told, (f"modelpick show {rows[0]['model']}",))


def _printed_row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row["printed"],
        "memory_16bit_bytes": row["memory_16bit_bytes"],
        "commercial_use": row["commercial_use"],
        "footnote": row["footnote"],
    }


def _discrepancy(registry: Registry, slug: str) -> str | None:
    facts = registry.facts(slug)
    return facts.model.seed_discrepancy if facts else None


def _row(registry: Registry, slug: str, machine: Machine, context: int) -> dict[str, Any]:
    facts = registry.facts(slug)
    assert facts is not None
    verdict = from_json(facts.model.verdict)
    family = next((a.task for a in facts.abilities if a.task in _ABILITIES), "general")
    entry = entry_of(registry, slug, family)
    best = _best_here(entry, machine, context) if facts.model.downloadable else None
    return {
        **_facts(facts),
        "memory_16bit_bytes": _sixteen_bit(entry, machine) if facts.model.downloadable else None,
        "best_quantisation": best.candidate.option.quantisation if best else None,
        "best_runtime": best.candidate.option.runtime if best else None,
        "memory_best_bytes": needed_bytes(best.fit.placement) if best else None,
        "placement": best.fit.placement.kind if best else None,
        **speed_fields(best.fit.speed if best else None),
        **_quality(entry, best),
        "license": " + ".join(verdict.binding_licenses) or None,
        "declared_license": facts.model.license,
        "commercial_use": verdict.commercial_use,
        "license_reason": verdict.reason,
    }


def _facts(facts: ModelFacts) -> dict[str, Any]:
    model = facts.model
    return {
        "model": model.slug,
        "name": model.name,
        "developer": model.developer,
        "released": model.released,
        "downloadable": model.downloadable,
        "params_total": model.params_total,
        "params_active": model.params_active,
        "training_tokens": model.training_tokens,
        "training_tokens_status": model.training_tokens_status,
        "datasets": [dataset.name for dataset in facts.datasets],
        "context_length": model.context_length,
        "vram_reported_gb": [report.gb for report in facts.vram],
    }


def _quality(entry: Entry, best: Recommendation | None) -> dict[str, Any]:
    if best:
        return quality_fields(best.quality)
    if entry.ability is None:
        return quality_fields(None)
    from modelpick.selection.interface import Quality

    return quality_fields(Quality(entry.ability, None, entry.ability_basis or "predicted"))


def _best_here(entry: Entry, machine: Machine, context: int) -> Recommendation | None:
    """The form of the best score on this machine, whatever its licence and speed."""
    asked = Needs(context=min(context, entry.context_length or context))
    nobody = Decision(True, "unknown", "", "any")
    forms = every_option(
        entry, asked, machine.hardware, nobody, assess=machine.assess, loss=quality_loss, gguf_types=GGUF_TYPES
    )
    return next((form for form in forms if isinstance(form, Recommendation)), None)


def _sixteen_bit(entry: Entry, machine: Machine) -> int | None:
    """Weights, cache and buffers at 16 bit on one GPU under transformers with 2048 tokens, bytes."""
    settings = Settings(runtime="transformers", context=min(2048, context_for(entry, Needs())))
    found = footprint(machine.architecture(entry), VariantSpec("safetensors", "BF16"), settings)
    return found.total if found else None


def _shown(row: dict[str, Any], field: str) -> Any:
    value = row.get(field)
    return None if value == [] else value


def _differ(values: Sequence[Any]) -> bool:
    return any(value != values[0] for value in values)
