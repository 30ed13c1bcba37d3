"""The registry's tables. Whatever is written to a registry goes through ``model_validate`` of one of these.

Columns are named as in ``interface.py``; text lists and objects are JSON text. Only the writing side imports this
module: sqlmodel alone takes longer to load than a whole answer.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlmodel import CheckConstraint, Field, ForeignKeyConstraint, Index, SQLModel

APPLICATION_ID = 0x6D70636B
"""``mpck``: tells a registry from other SQLite files (https://sqlite.org/pragma.html#pragma_application_id)."""


def _one_of(column: str, *words: str) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_is_known")


def _positive(column: str) -> CheckConstraint:
    return CheckConstraint(f"{column} > 0", name=f"{column}_is_positive")


def _of_model(*more: Any) -> tuple[Any, ...]:
    """A table of rows that belong to a model, stored in the order of its primary key.

    The key's columns must come first: SQLite 3.40 reports a false NULL otherwise in ``integrity_check``.
    """
    return (ForeignKeyConstraint(["model"], ["model.slug"]), *more, {"sqlite_with_rowid": False})


class ModelTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Model`."""

    __tablename__: ClassVar[str] = "model"
    __table_args__ = (
        _one_of("commercial_use", "yes", "conditional", "no", "unknown"),
        _one_of("confidence", "high", "medium", "low"),
        _positive("params_total"),
        _positive("params_active"),
        _positive("training_tokens"),
        _positive("context_length"),
        CheckConstraint("params_active <= params_total", name="active_is_part_of_total"),
        CheckConstraint("slug <> ''", name="slug_is_not_empty"),
    )
    slug: str = Field(primary_key=True)
    family: str
    name: str
    developer: str
    hf_repo: str | None = None
    hf_repo_note: str | None = None
    relation: str
    modality: str
    tasks: str
    released: str | None = None
    access: str
    downloadable: bool
    gated: bool | None = None
    params_total: int | None = None
    params_exact: bool | None = None
    params_active: int | None = None
    params_source: str | None = None
    training_tokens: int | None = None
    training_tokens_status: str | None = None
    training_data_note: str | None = None
    context_length: int | None = None
    languages: str = "[]"
    capabilities: str = "[]"
    license: str | None = None
    license_name: str | None = None
    license_note: str | None = None
    license_key: str | None = None
    era: str | None = None
    special: str = "[]"
    limitations: str = "[]"
    seed_discrepancy: str | None = None
    notes: str | None = None
    confidence: str
    commercial_use: str
    verdict_status: str
    ability: float | None = None
    ollama_tag: str | None = None
    commercial_use_first_reading: str | None = None
    commercial_use_why: str | None = None
    read_on: str | None = None
    verdict: str = "{}"


class ArchitectureTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.ArchitectureRow`."""

    __tablename__: ClassVar[str] = "architecture"
    __table_args__ = _of_model()
    model: str = Field(primary_key=True)
    model_type: str | None = None
    config: str
    source: str | None = None


class VariantTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Variant`."""

    __tablename__: ClassVar[str] = "variant"
    __table_args__ = _of_model(_one_of("publisher", "official", "community"), _positive("bytes"))
    model: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    format: str
    quantisation: str | None = None
    repo: str
    publisher: str
    files: str = "[]"
    bytes: int | None = None
    bytes_origin: str | None = None
    source: str | None = None


class LicenseTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.License`."""

    __tablename__: ClassVar[str] = "license"
    __table_args__ = (_one_of("commercial_use", "yes", "conditional", "no", "unknown"),)
    key: str = Field(primary_key=True)
    name: str
    spdx: str | None = None
    hf_tag: str | None = None
    hf_license_name: str = "[]"
    osi_approved: bool
    family: str
    commercial_use: str
    outputs_may_train_other_models: str | None = None
    derivative_rule: str
    gated_typically: bool
    default_for_hf_tag: bool
    org_hint: str = "[]"
    aliases: str = "[]"
    example_models: str = "[]"
    source_url: str | None = None
    source_note: str | None = None
    confidence: str
    scancode_ref: str | None = None
    notes: str | None = None


class LicenseConditionTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.LicenseCondition`."""

    __tablename__: ClassVar[str] = "license_condition"
    __table_args__ = (ForeignKeyConstraint(["license"], ["license.key"]), {"sqlite_with_rowid": False})
    license: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    kind: str
    value: str | None = None
    unit: str | None = None
    text: str


class LineageTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Lineage`."""

    __tablename__: ClassVar[str] = "lineage"
    # parent_slug has no foreign key: a user's model may come from a bundled one, which is in another file.
    __table_args__ = _of_model(
        Index("lineage_parent", "parent_slug"),
        CheckConstraint("parent_slug IS NULL OR parent_slug <> model", name="not_its_own_parent"),
    )
    model: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    parent: str
    parent_slug: str | None = None
    relation: str
    source: str | None = None


class BenchmarkTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Benchmark`."""

    __tablename__: ClassVar[str] = "benchmark"
    __table_args__ = _of_model()
    model: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    metric: str
    value: float | None = None
    value_text: str | None = None
    setting: str | None = None
    kind: str | None = None
    source: str | None = None
    date: str | None = None
    verified: bool | None = None


class DatasetTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Dataset`."""

    __tablename__: ClassVar[str] = "dataset"
    __table_args__ = _of_model()
    model: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    name: str


class VramTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.VramReport`."""

    __tablename__: ClassVar[str] = "vram"
    __table_args__ = _of_model(_positive("gb"))
    model: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    gb: float
    dtype: str | None = None
    comparison: str | None = None
    source: str | None = None


class SourceTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Source`."""

    __tablename__: ClassVar[str] = "source"
    __table_args__ = _of_model()
    model: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    field: str | None = None
    reference: str
    read_on: str | None = None


class AliasTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Alias`."""

    __tablename__: ClassVar[str] = "alias"
    __table_args__ = _of_model(
        Index("alias_model", "model"),
        _one_of("kind", "slug", "repo", "variant", "name", "ollama", "common"),
    )
    kind: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    alias: str


class NamePartTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.NamePart`."""

    __tablename__: ClassVar[str] = "name_part"
    __table_args__ = _of_model()
    key: str = Field(primary_key=True)
    model: str = Field(primary_key=True)


class AbilityTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Ability`."""

    __tablename__: ClassVar[str] = "ability"
    __table_args__ = _of_model(CheckConstraint("low <= value AND value <= high", name="value_is_within"))
    model: str = Field(primary_key=True)
    task: str = Field(primary_key=True)
    value: float
    low: float
    high: float
    basis: str
    scores: int = 0


class AcceleratorTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Accelerator`."""

    __tablename__: ClassVar[str] = "accelerator"
    __table_args__ = (_positive("memory_bytes"), _positive("bandwidth_bytes_per_second"))
    name: str = Field(primary_key=True)
    vendor: str
    segment: str
    memory_bytes: int | None = None
    memory_type: str | None = None
    memory_bus_bits: int | None = None
    bandwidth_bytes_per_second: int | None = None
    fp16_flops: float | None = None
    fp16_source: str | None = None
    fp16_confidence: str | None = None
    fp32_flops: float | None = None
    compute_capability: str | None = None
    gfx: str | None = None
    architecture: str | None = None
    chip: str | None = None
    tdp_watts: int | None = None
    unified: bool
    release_year: int | None = None
    source: str | None = None
    bandwidth_source: str | None = None
    confidence: str | None = None
    note: str | None = None
    fp16_fp32_accumulate_flops: float | None = None


class CollectionTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Collection`."""

    __tablename__: ClassVar[str] = "collection"
    key: str = Field(primary_key=True)
    title: str
    source: str | None = None
    note: str | None = None


class CollectionMemberTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.CollectionMember`."""

    __tablename__: ClassVar[str] = "collection_member"
    __table_args__ = (
        ForeignKeyConstraint(["collection"], ["collection.key"]),
        ForeignKeyConstraint(["model"], ["model.slug"]),
        Index("collection_member_model", "model"),
        {"sqlite_with_rowid": False},
    )
    collection: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    model: str
    printed: str


class RuleTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Rule`."""

    __tablename__: ClassVar[str] = "rule"
    __table_args__ = {"sqlite_with_rowid": False}
    section: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    body: str


class ShelfTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.ShelfRow`."""

    __tablename__: ClassVar[str] = "shelf"
    __table_args__ = _of_model(Index("shelf_model", "model", "task"))
    task: str = Field(primary_key=True)
    tier: int = Field(primary_key=True)
    size_class: int = Field(primary_key=True)
    descent: float = Field(primary_key=True)
    model: str = Field(primary_key=True)
    low: float | None = None
    likely: float | None = None
    high: float | None = None
    basis: str | None = None


class ShelfCountTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.ShelfCount`. Counted from the shelf when a registry is settled."""

    __tablename__: ClassVar[str] = "shelf_count"
    __table_args__ = {"sqlite_with_rowid": False}
    task: str = Field(primary_key=True)
    tier: int = Field(primary_key=True)
    size_class: int = Field(primary_key=True)
    models: int


class MetaTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Meta`."""

    __tablename__: ClassVar[str] = "meta"
    __table_args__ = {"sqlite_with_rowid": False}
    key: str = Field(primary_key=True)
    value: str


TABLES: tuple[type[SQLModel], ...] = (
    ModelTable,
    ArchitectureTable,
    VariantTable,
    LicenseTable,
    LicenseConditionTable,
    LineageTable,
    BenchmarkTable,
    DatasetTable,
    VramTable,
    SourceTable,
    AliasTable,
    NamePartTable,
    AbilityTable,
    AcceleratorTable,
    CollectionTable,
    CollectionMemberTable,
    RuleTable,
    ShelfTable,
    ShelfCountTable,
    MetaTable,
)
"""In the order of creation and insertion: a table stands behind those it points to."""
