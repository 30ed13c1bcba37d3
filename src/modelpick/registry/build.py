"""Builds the bundled registry from ``data/``: the same text gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sqlmodel import Session, SQLModel

from modelpick.errors import UsageError
from modelpick.registry import schema, schema_catalogue
from modelpick.registry.draft import Draft, TextCatalogue, check_licenses, no_fit, no_judge, no_measure
from modelpick.registry.interface import Ability, AbilityFit, Judge, Measure
from modelpick.registry.rows import ModelRows, Row, row_of_accelerator, rows_of_collection
from modelpick.registry.sources import Sources, read_sources
from modelpick.registry.store import create_tables, put, replacing, session_on, settle, sweep

_ABANDONED_SECONDS = 3600
"""A build takes seconds: a half-written file as old as this is a killed one's."""


def build(
    data: Path, target: Path, *, judge: Judge = no_judge, fit: AbilityFit = no_fit, measure: Measure = no_measure
) -> dict[str, int]:
    """Write ``target`` from the text under ``data``, whole or not at all; the number of rows of each table.

    :raises UsageError: when the text is wrong, with file, line and field.
    :raises AccessError: when the target cannot be written.
    """
    tables = rows_of_tables(read_sources(data), judge=judge, fit=fit, measure=measure)
    sweep(target, unused_seconds=_ABANDONED_SECONDS)
    with replacing(target) as part:
        create_tables(part)
        with session_on(part) as session:
            for kind in schema.TABLES:
                put(session, kind, tables.get(kind, ()))
        settle(part)
    return {str(kind.__tablename__): len(tables.get(kind, ())) for kind in schema.TABLES}


def rows_of_tables(
    sources: Sources, *, judge: Judge, fit: AbilityFit, measure: Measure
) -> dict[type[SQLModel], list[Row]]:
    """All rows of a registry, table by table, checked against each other."""
    catalogue = TextCatalogue(sources)
    draft = Draft(sources.models, catalogue)
    check_licenses(sources.models, catalogue.licenses())
    _check_members(sources, set(draft.rows))
    draft.decide(judge)
    draft.measure(measure)
    abilities = draft.fit(fit)
    collections = [rows_of_collection(text) for text in sources.collections]
    return model_tables(draft.rows.values()) | {
        schema_catalogue.LicenseTable: catalogue.license_rows,
        schema_catalogue.LicenseConditionTable: catalogue.condition_rows,
        schema.AbilityTable: rows_of_abilities(abilities),
        schema_catalogue.AcceleratorTable: [row_of_accelerator(text) for text in sources.accelerators],
        schema_catalogue.CollectionTable: [collection for collection, _ in collections],
        schema_catalogue.CollectionMemberTable: [row for _, members in collections for row in members],
        schema_catalogue.RuleTable: catalogue.rule_rows,
        schema_catalogue.MetaTable: _meta(sources),
    }


def model_tables(models: Iterable[ModelRows]) -> dict[type[SQLModel], list[Row]]:
    """The rows of some models, table by table."""
    models = list(models)
    return {
        schema.ModelTable: [rows.model for rows in models],
        schema.ArchitectureTable: [rows.architecture for rows in models if rows.architecture],
        schema.VariantTable: [row for rows in models for row in rows.variants],
        schema.LineageTable: [row for rows in models for row in rows.lineage],
        schema.BenchmarkTable: [row for rows in models for row in rows.benchmarks],
        schema.DatasetTable: [row for rows in models for row in rows.datasets],
        schema.VramTable: [row for rows in models for row in rows.vram],
        schema.SourceTable: [row for rows in models for row in rows.sources],
        schema.AliasTable: [row for rows in models for row in rows.aliases],
        schema.NamePartTable: [row for rows in models for row in rows.name_parts],
        schema.ShelfTable: [row for rows in models for row in rows.shelf],
    }


def put_models(session: Session, models: Iterable[ModelRows], abilities: Iterable[Ability]) -> None:
    """Insert the rows of some models into a registry."""
    tables = model_tables(models) | {schema.AbilityTable: rows_of_abilities(abilities)}
    for kind in schema.TABLES:
        put(session, kind, tables.get(kind, ()))


def rows_of_abilities(abilities: Iterable[Ability]) -> list[Row]:
    """The rows of some abilities."""
    return [{name: getattr(ability, name) for name in ability.__slots__} for ability in abilities]


def _meta(sources: Sources) -> list[Row]:
    """What the registry says of itself. Its date is that of its newest source: the clock is not asked."""
    dates = [entry.text.read_on for entry in sources.models if entry.text.read_on]
    facts = {"source_digest": sources.digest, "models": str(len(sources.models))}
    if dates:
        facts["as_of"] = max(dates)
    return [{"key": key, "value": value} for key, value in facts.items()]


def _check_members(sources: Sources, slugs: set[str]) -> None:
    for collection in sources.collections:
        unknown = [slug for slug in collection.members if slug not in slugs]
        if unknown:
            raise UsageError(
                f"collections.toml: collection {collection.key!r} names {unknown[0]!r}, which is not a model",
                hint="name models by their slug",
            )
