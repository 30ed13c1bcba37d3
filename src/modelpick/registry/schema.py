"""The registry's tables. Whatever is written to a registry goes through ``model_validate`` of one of these.

Columns are named as in ``interface.py``; text lists and objects are JSON text. Only the writing side imports this
module: sqlmodel alone takes longer to load than a whole answer.
"""

from __future__ import annotations

from typing import ClassVar

from sqlmodel import CheckConstraint, Field, Index, SQLModel

from modelpick.registry.constraints import of_model, one_of, positive
from modelpick.registry.schema_catalogue import (
    AcceleratorTable,
    CollectionMemberTable,
    CollectionTable,
    LicenseConditionTable,
    LicenseTable,
    MetaTable,
    RuleTable,
    ShelfCountTable,
)

APPLICATION_ID = 0x6D70636B
"""``mpck``: tells a registry from other SQLite files (https://sqlite.org/pragma.html#pragma_application_id)."""


class ModelTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Model`."""

    __tablename__: ClassVar[str] = "model"
    __table_args__ = (
        one_of("commercial_use", "yes", "conditional", "no", "unknown"),
        one_of("confidence", "high", "medium", "low"),
        positive("params_total"),
        positive("params_active"),
        positive("training_tokens"),
        positive("context_length"),
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
    __table_args__ = of_model()
    model: str = Field(primary_key=True)
    model_type: str | None = None
    config: str
    source: str | None = None
    sizes: str | None = None


class VariantTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Variant`."""

    __tablename__: ClassVar[str] = "variant"
    __table_args__ = of_model(one_of("publisher", "official", "community"), positive("bytes"))
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


class LineageTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Lineage`."""

    __tablename__: ClassVar[str] = "lineage"
    # parent_slug has no foreign key: a user's model may come from a bundled one, which is in another file.
    __table_args__ = of_model(
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
    __table_args__ = of_model()
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
    __table_args__ = of_model()
    model: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    name: str


class VramTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.VramReport`."""

    __tablename__: ClassVar[str] = "vram"
    __table_args__ = of_model(positive("gb"))
    model: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    gb: float
    dtype: str | None = None
    comparison: str | None = None
    source: str | None = None


class SourceTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Source`."""

    __tablename__: ClassVar[str] = "source"
    __table_args__ = of_model()
    model: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    field: str | None = None
    reference: str
    read_on: str | None = None


class AliasTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Alias`."""

    __tablename__: ClassVar[str] = "alias"
    __table_args__ = of_model(
        Index("alias_model", "model"),
        one_of("kind", "slug", "repo", "variant", "name", "ollama", "common"),
    )
    kind: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    alias: str


class NamePartTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.NamePart`."""

    __tablename__: ClassVar[str] = "name_part"
    __table_args__ = of_model()
    key: str = Field(primary_key=True)
    model: str = Field(primary_key=True)


class AbilityTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Ability`."""

    __tablename__: ClassVar[str] = "ability"
    __table_args__ = of_model(CheckConstraint("low <= value AND value <= high", name="value_is_within"))
    model: str = Field(primary_key=True)
    task: str = Field(primary_key=True)
    value: float
    low: float
    high: float
    basis: str
    scores: int = 0


class ShelfTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.ShelfRow`."""

    __tablename__: ClassVar[str] = "shelf"
    __table_args__ = of_model(Index("shelf_model", "model", "task"))
    task: str = Field(primary_key=True)
    tier: int = Field(primary_key=True)
    size_class: int = Field(primary_key=True)
    descent: float = Field(primary_key=True)
    kin: int = Field(primary_key=True)
    family: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    low: float | None = None
    likely: float | None = None
    high: float | None = None
    basis: str | None = None
    modality: str
    params_total: int | None = None
    params_read: int | None = None


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
