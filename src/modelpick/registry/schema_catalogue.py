"""The tables beside the models: licences, accelerators, collections, rules, and what a registry says of itself."""

from __future__ import annotations

from typing import ClassVar

from sqlmodel import Field, ForeignKeyConstraint, Index, SQLModel

from modelpick.registry.constraints import one_of, positive


class LicenseTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.License`."""

    __tablename__: ClassVar[str] = "license"
    __table_args__ = (one_of("commercial_use", "yes", "conditional", "no", "unknown"),)
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


class AcceleratorTable(SQLModel, table=True):
    """See :class:`modelpick.registry.interface.Accelerator`."""

    __tablename__: ClassVar[str] = "accelerator"
    __table_args__ = (positive("memory_bytes"), positive("bandwidth_bytes_per_second"))
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
