"""Turns what a text says into rows of the tables, and back into what :class:`ModelFacts` holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from modelpick.registry import interface
from modelpick.registry.interface import ModelFacts
from modelpick.registry.names import normal_form
from modelpick.registry.text import AcceleratorText, CollectionText, LicenseText, ModelText

GIB = 1024**3
Row = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class ModelRows:
    """The rows of one model, table by table; the verdict, the ability and the shelf are still open."""

    model: Row
    architecture: Row | None
    variants: list[Row]
    lineage: list[Row]
    benchmarks: list[Row]
    datasets: list[Row]
    vram: list[Row]
    sources: list[Row]
    aliases: list[Row]
    name_parts: list[Row]
    shelf: list[Row]


def rows_of_model(text: ModelText, slug_of: Callable[[str], str | None]) -> ModelRows:
    """The rows of one model. ``slug_of`` tells which row, if any, a parent's name stands for."""
    of_model = {"model": text.slug}
    model: Row = {"commercial_use": "unknown", "verdict_status": "missing", "verdict": "{}", "ability": None}
    for name in ("slug", "family", *(field.name for field in fields(interface.Model))):
        if name in type(text).model_fields:
            value = getattr(text, name)
            model[name] = as_json(value) if isinstance(value, list) else value
    return ModelRows(
        model=model,
        architecture=_architecture(text),
        variants=_numbered(
            of_model | variant.model_dump() | {"files": as_json(variant.files)} for variant in text.variants
        ),
        lineage=_numbered(
            of_model | base.model_dump() | {"parent_slug": _other(slug_of(base.parent), text.slug)}
            for base in text.base
        ),
        benchmarks=_numbered(of_model | score.model_dump() for score in text.benchmarks),
        datasets=_numbered(of_model | {"name": name} for name in text.datasets),
        vram=_numbered(of_model | report.model_dump() for report in text.vram),
        sources=_numbered(of_model | source for source in _sources(text)),
        aliases=list(_aliases(text)),
        name_parts=[of_model | {"key": key} for key in sorted(_parts(text))],
        shelf=[],
    )


def _other(slug: str | None, own: str) -> str | None:
    return slug if slug != own else None


def _numbered(rows: Iterable[Row]) -> list[Row]:
    return [row | {"position": position} for position, row in enumerate(rows)]


def _architecture(text: ModelText) -> Row | None:
    if not text.arch:
        return None
    model_type = text.arch.get("model_type")
    return {
        "model": text.slug,
        "model_type": model_type if isinstance(model_type, str) else None,
        "config": as_json(text.arch),
        "source": text.field_sources.get("arch"),
        "sizes": None,
    }


def _sources(text: ModelText) -> Iterator[Row]:
    for reference in text.sources:
        yield {"field": None, "reference": reference, "read_on": text.read_on}
    for field, reference in sorted(text.field_sources.items()):
        yield {"field": field, "reference": reference, "read_on": text.read_on}


def _aliases(text: ModelText) -> Iterator[Row]:
    """Every name of the model; of names that read alike, the first."""
    names = [("slug", text.slug), ("repo", text.hf_repo), ("name", text.name), ("ollama", text.ollama_tag)]
    names += [("common", alias) for alias in text.aliases]
    names += [("variant", variant.repo) for variant in text.variants if variant.repo != text.hf_repo]
    seen: set[tuple[str, str]] = set()
    for kind, alias in names:
        key = normal_form(alias or "")
        if alias and key and (kind, key) not in seen:
            seen.add((kind, key))
            yield {"kind": kind, "key": key, "model": text.slug, "alias": alias}


def _parts(text: ModelText) -> set[str]:
    """The names from each of their words on: ``qwen2.5-7b-instruct``, ``7b-instruct``, ``instruct``."""
    parts: set[str] = set()
    for name in (text.slug, text.name, (text.hf_repo or "").partition("/")[2], *text.aliases):
        words = normal_form(name).split("-")
        parts.update("-".join(words[start:]) for start in range(len(words)))
    return parts - {""}


def row_of_license(text: LicenseText) -> Row:
    """The row of one licence, without its conditions."""
    values = text.model_dump(exclude={"conditions"})
    return {name: as_json(value) if isinstance(value, list) else value for name, value in values.items()}


def rows_of_conditions(text: LicenseText) -> list[Row]:
    """The rows of one licence's conditions."""
    return _numbered(
        {"license": text.key, "kind": clause.kind, "unit": clause.unit, "text": clause.text}
        | {"value": None if clause.value is None else as_json(clause.value)}
        for clause in text.conditions
    )


def row_of_accelerator(text: AcceleratorText) -> Row:
    """The row of one accelerator: GiB to bytes, 10^9 to 1, and tera to 1."""
    row = text.model_dump(include=set(AcceleratorText.model_fields) - set(_SCALED))
    for given, (column, scale) in _SCALED.items():
        value = getattr(text, given)
        row[column] = None if value is None else scale(value)
    return row | {"tdp_watts": text.tdp_w}


def _whole(factor: int) -> Callable[[float], int]:
    return lambda value: round(value * factor)


def _tera(value: float) -> float:
    return float(round(value * 1e12))


_SCALED: Mapping[str, tuple[str, Callable[[float], Any]]] = {
    "memory_gb": ("memory_bytes", _whole(GIB)),
    "memory_bandwidth_gb_s": ("bandwidth_bytes_per_second", _whole(10**9)),
    "fp16_tensor_tflops_dense": ("fp16_flops", _tera),
    "fp16_tensor_tflops_fp32_accumulate": ("fp16_fp32_accumulate_flops", _tera),
    "fp32_tflops": ("fp32_flops", _tera),
    "tdp_w": ("tdp_watts", round),
}


def rows_of_collection(text: CollectionText) -> tuple[Row, list[Row]]:
    """The row of a collection and those of its members, each with what was printed of it."""
    printed = {row.get("slug"): row for row in text.rows}
    members = _numbered(
        {"collection": text.key, "model": slug}
        | {"printed": as_json({k: v for k, v in printed.get(slug, {}).items() if k != "slug"})}
        for slug in text.members
    )
    return text.model_dump(include={"key", "title", "source", "note"}), members


def facts_of_rows(rows: ModelRows) -> ModelFacts:
    """The rows as the reader would give them: what a judge and a fit look at before anything is written."""
    return ModelFacts(
        model=_value(interface.Model, rows.model),
        architecture=_value(interface.ArchitectureRow, rows.architecture) if rows.architecture else None,
        variants=_values(interface.Variant, rows.variants),
        lineage=_values(interface.Lineage, rows.lineage),
        benchmarks=_values(interface.Benchmark, rows.benchmarks),
        datasets=_values(interface.Dataset, rows.datasets),
        vram=_values(interface.VramReport, rows.vram),
        sources=_values(interface.Source, rows.sources),
        aliases=_values(interface.Alias, rows.aliases),
    )


def values_of_rows(kind: type[T], rows: Iterable[Row]) -> tuple[T, ...]:
    """Rows as the dataclass of their table."""
    return _values(kind, rows)


def _values(kind: type[T], rows: Iterable[Row]) -> tuple[T, ...]:
    return tuple(_value(kind, row) for row in rows)


def _value(kind: type[T], row: Row) -> T:
    lists = {field.name for field in fields(kind) if field.type == "tuple[str, ...]"}  # type: ignore[arg-type]
    return kind(**{name: tuple(json.loads(value)) if name in lists else value for name, value in row.items()})


def as_json(value: Any) -> str:
    """JSON text as the registry keeps it: short, in the order given, not escaped to ASCII."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
