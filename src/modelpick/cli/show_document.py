"""What ``modelpick show`` answers with: one result that holds everything, and the same in readable blocks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from modelpick.output.interface import Block, Column, Document, Facts, Grid, Kind, Lines, Tree
from modelpick.registry.interface import Lineage, ModelFacts

_CHILDREN_SHOWN = 20
_FACTS: tuple[tuple[str, str, Kind], ...] = (
    ("Slug", "slug", "text"),
    ("Family", "family", "text"),
    ("Developer", "developer", "text"),
    ("Hub repository", "hf_repo", "text"),
    ("About the repository", "hf_repo_note", "text"),
    ("Ollama tag", "ollama_tag", "text"),
    ("Kind", "relation", "text"),
    ("Modality", "modality", "text"),
    ("Tasks", "tasks", "text"),
    ("Released", "released", "date"),
    ("Access", "access", "text"),
    ("Downloadable", "downloadable", "yesno"),
    ("Gated", "gated", "yesno"),
    ("Parameters", "params_total", "count"),
    ("Active parameters", "params_active", "count"),
    ("Training tokens", "training_tokens", "count"),
    ("Training tokens are", "training_tokens_status", "text"),
    ("Training data", "training_data_note", "text"),
    ("Context", "context_length", "raw"),
    ("Languages", "languages", "text"),
    ("Capabilities", "capabilities", "text"),
    ("Licence as declared", "license", "text"),
    ("Licence's name", "license_name", "text"),
    ("Licence in the catalogue", "license_key", "text"),
    ("About the licence", "license_note", "text"),
    ("Commercial use", "commercial_use", "verdict"),
    ("Verdict is", "verdict_status", "text"),
    ("Era", "era", "text"),
    ("Notes", "notes", "text"),
    ("Sources disagree", "seed_discrepancy", "text"),
    ("Confidence", "confidence", "text"),
    ("From", "origin", "text"),
)


def document_of(
    facts: ModelFacts, ancestors: Sequence[tuple[int, Lineage]], edition: dict[str, Any], *, fields: bool
) -> Document:
    """The answer. With ``fields`` the user chose some, and the readable form is a grid of those."""
    result = _result(facts, ancestors)
    blocks = (Grid((), (result,), main=True),) if fields else tuple(_blocks(facts, ancestors, result))
    slug = facts.model.slug
    return Document(
        "modelpick.show/1",
        {"registry": edition, "results": [result]},
        blocks=blocks,
        hints=(f"modelpick license explain {slug}",),
    )


def _values(row: Any, *, without: Sequence[str] = ("model", "position")) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__ if name not in without}


def _result(facts: ModelFacts, ancestors: Sequence[tuple[int, Lineage]]) -> dict[str, Any]:
    architecture = facts.architecture
    return _values(facts.model) | {
        "verdict": json.loads(facts.model.verdict),
        "architecture": json.loads(architecture.config) if architecture else None,
        "architecture_source": architecture.source if architecture else None,
        "variants": [_values(row) for row in facts.variants],
        "lineage": [_values(link, without=("position",)) | {"distance": distance} for distance, link in ancestors],
        "children": [{"model": link.model, "relation": link.relation} for link in facts.children],
        "benchmarks": [_values(row) for row in facts.benchmarks],
        "abilities": [_values(row) for row in facts.abilities],
        "datasets": [row.name for row in facts.datasets],
        "vram": [_values(row) for row in facts.vram],
        "aliases": [{"alias": row.alias, "kind": row.kind} for row in facts.aliases],
        "collections": [
            {"collection": row.collection, "printed": json.loads(row.printed)} for row in facts.collections
        ],
        "sources": [_values(row) for row in facts.sources],
    }


def _blocks(facts: ModelFacts, ancestors: Sequence[tuple[int, Lineage]], result: dict[str, Any]) -> Iterator[Block]:
    model = facts.model
    pairs = [(label, getattr(model, name), kind) for label, name, kind in _FACTS]
    yield Facts([pair for pair in pairs if pair[1] != ()], title=model.name)
    reason = result["verdict"].get("reason")
    if reason:
        yield Lines([reason], title="Why this verdict")
    if model.special:
        yield Lines(model.special, title="What is special", bullet=True)
    if model.limitations:
        yield Lines(model.limitations, title="Limitations", bullet=True)
    if ancestors:
        yield Tree(model.slug, _branches(model.slug, ancestors, 1), title="Comes from")
    if facts.children:
        lines = [f"{link.model} ({link.relation})" for link in facts.children[:_CHILDREN_SHOWN]]
        more = len(facts.children) - len(lines)
        yield Lines([*lines, *([f"and {more:,} more"] if more else [])], title="Others come from it", bullet=True)
    yield from _grids(facts, result)
    if facts.architecture:
        numbers: list[tuple[str, Any, Kind]] = [(name, value, "text") for name, value in result["architecture"].items()]
        yield Facts(numbers, title="Architecture")
    names = [row.alias for row in facts.aliases if row.kind in ("name", "common", "ollama") and row.alias != model.name]
    if names:
        yield Lines(names, title="Other names", bullet=True)
    yield Grid(
        (Column("field", "Fact"), Column("reference", "Source", wrap=True), Column("read_on", "Read on")),
        [row if row["field"] else row | {"field": "the model"} for row in result["sources"]],
        title="Sources",
    )


def _branches(slug: str, ancestors: Sequence[tuple[int, Lineage]], distance: int) -> list[Tree]:
    return [
        Tree(
            f"{link.parent} ({link.relation})",
            _branches(link.parent_slug, ancestors, distance + 1) if link.parent_slug else (),
        )
        for at, link in ancestors
        if at == distance and link.model == slug
    ]


def _grids(facts: ModelFacts, result: dict[str, Any]) -> Iterator[Block]:
    for name, title, columns in _GRIDS:
        if result[name]:
            yield Grid(columns, [_shown(row) for row in result[name]], title=title)
    if facts.datasets:
        yield Lines(result["datasets"], title="Trained on", bullet=True)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A score that is not one number is shown as its source has it."""
    if row.get("value") is None and row.get("value_text"):
        return row | {"value": row["value_text"]}
    return row


_GRIDS: tuple[tuple[str, str, tuple[Column, ...]], ...] = (
    (
        "variants",
        "Forms",
        (
            Column("format", "Format"),
            Column("quantisation", "Quantisation"),
            Column("repo", "Repository"),
            Column("publisher", "Publisher"),
            Column("bytes", "Size", right=True),
        ),
    ),
    (
        "abilities",
        "Ability (50 is the mean of scored models, 10 one deviation)",
        (
            Column("task", "Task"),
            Column("value", "Ability", right=True),
            Column("low", "Low", right=True),
            Column("high", "High", right=True),
            Column("basis", "Rests on"),
            Column("scores", "Scores", right=True),
        ),
    ),
    (
        "vram",
        "Memory that was reported",
        (
            Column("comparison", ""),
            Column("gb", "GB", right=True),
            Column("dtype", "Precision"),
            Column("source", "Source", wrap=True),
        ),
    ),
    (
        "benchmarks",
        "Published scores",
        (
            Column("metric", "Benchmark"),
            Column("value", "Value", right=True),
            Column("setting", "Setting"),
            Column("kind", "Kind"),
            Column("date", "Date"),
            Column("verified", "Re-read"),
            Column("source", "Source", wrap=True),
        ),
    ),
)
