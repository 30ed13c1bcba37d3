"""What the registry knows, as frozen values: the reader fills them from SQLite, everyone else only reads them.

Every name here is also the column's name. Text lists are stored as JSON arrays. ``None`` is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from modelpick.values import dataclass

Commercial = Literal["yes", "conditional", "no", "unknown"]
Relation = Literal[
    "base",
    "instruct",
    "finetune",
    "adapter",
    "distilled",
    "quantized",
    "pruned",
    "merge",
    "adapted",
    "teacher",
]
Confidence = Literal["high", "medium", "low"]


@dataclass(frozen=True, slots=True)
class Model:
    """Published weights (or a service) with a name. ``slug`` is the key."""

    slug: str
    family: str
    name: str
    developer: str
    hf_repo: str | None
    hf_repo_note: str | None
    relation: str
    modality: str
    tasks: tuple[str, ...]
    """Of chat, completion, code, reasoning, embedding, rerank, vision, speech-to-text, text-to-speech, image ..."""
    released: str | None
    access: str
    downloadable: bool
    gated: bool | None
    params_total: int | None
    params_exact: bool | None
    params_active: int | None
    params_source: str | None
    training_tokens: int | None
    training_tokens_status: str | None
    training_data_note: str | None
    context_length: int | None
    languages: tuple[str, ...]
    capabilities: tuple[str, ...]
    license: str | None
    """The card's own ``license`` field (a Hub key), as declared."""
    license_name: str | None
    license_note: str | None
    license_key: str | None
    """The catalogue's key where the declaration was resolved."""
    era: str | None
    """Of the book chapter: ``before-public-awareness``, ``early``, ``current``; None for the rest."""
    special: tuple[str, ...]
    limitations: tuple[str, ...]
    seed_discrepancy: str | None
    notes: str | None
    confidence: str
    commercial_use: str
    """The verdict's commercial use, computed at build time."""
    verdict_status: str
    ability: float | None = None
    """General ability on the build's scale, None where nothing is known (quality fit)."""
    ollama_tag: str | None = None
    commercial_use_first_reading: str | None = None
    """What whoever wrote the row took the licence to say; ``commercial_use`` is what the rules found."""
    commercial_use_why: str | None = None
    read_on: str | None = None
    """When the row's sources were read: an ISO date, to the month or day."""
    verdict: str = "{}"
    """The whole verdict as JSON text (see licensing), computed at build time. The longest column stands last, so
    that the others are read without it."""
    origin: str = "bundled"
    """``bundled`` or ``user``: not a column, but the file the row was read from."""


@dataclass(frozen=True, slots=True)
class ArchitectureRow:
    """The architecture numbers of one model, named as in its config.json, as JSON text."""

    model: str
    model_type: str | None
    config: str
    source: str | None
    sizes: str | None = None
    """What estimation worked out when the registry was built, as JSON text; None: nothing.

    ``read_params``: the weights that a token multiplies. ``cache``: the bytes that a token reads of every token before
    it, of those in the window, the window in tokens, the bytes of recurrent state, the number of layers. For each GGUF
    mix: its file's bytes, and the bytes that a token reads of it.
    """


@dataclass(frozen=True, slots=True)
class Variant:
    """One downloadable form of a model. ``files`` are repository paths; ``bytes`` is their sum where known."""

    model: str
    format: str
    """``gguf``, ``safetensors``, ``mlx``, ``awq``, ``gptq``, ``fp8`` ..."""
    quantisation: str | None
    repo: str
    publisher: Literal["official", "community"]
    files: tuple[str, ...]
    bytes: int | None
    bytes_origin: str | None
    source: str | None
    position: int = 0


@dataclass(frozen=True, slots=True)
class License:
    """One entry of the catalogue of terms."""

    key: str
    name: str
    spdx: str | None
    hf_tag: str | None
    hf_license_name: tuple[str, ...]
    osi_approved: bool
    family: str
    commercial_use: str
    outputs_may_train_other_models: str | None
    derivative_rule: str
    gated_typically: bool
    default_for_hf_tag: bool
    org_hint: tuple[str, ...]
    aliases: tuple[str, ...]
    example_models: tuple[str, ...]
    source_url: str | None
    source_note: str | None
    confidence: str
    scancode_ref: str | None
    notes: str | None


@dataclass(frozen=True, slots=True)
class LicenseCondition:
    """One condition of a licence: what kind, which figure, in which unit."""

    license: str
    position: int
    kind: str
    value: str | None
    """JSON text of the value: a number, a string or a list."""
    unit: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """``model`` comes from ``parent`` by ``relation``. ``parent_slug`` is None where the parent is not a row."""

    model: str
    position: int
    parent: str
    parent_slug: str | None
    relation: str
    source: str | None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One published score with its setting and source."""

    model: str
    position: int
    metric: str
    value: float | None
    value_text: str | None
    setting: str | None
    kind: str | None
    """``third-party``, ``self-reported`` or None."""
    source: str | None
    date: str | None
    verified: bool | None


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set that a model was trained on, as its makers name it."""

    model: str
    position: int
    name: str


@dataclass(frozen=True, slots=True)
class VramReport:
    """Memory that somebody reported for a model, with the precision it was reported for."""

    model: str
    position: int
    gb: float
    dtype: str | None
    comparison: str | None
    """``~``, ``>=`` ... as printed."""
    source: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact was read. ``field`` is None for a source of the whole row; ``read_on`` an ISO date."""

    model: str
    position: int
    field: str | None
    reference: str
    read_on: str | None


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name of a model: ``key`` is its normal form (lower case, runs of anything but a-z0-9.+ as -)."""

    key: str
    model: str
    alias: str
    kind: str
    """``slug``, ``repo``, ``variant`` (a repository of one of its variants), ``name``, ``ollama``, ``common``."""


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One GPU or unified system of the table; sizes in bytes, bandwidth in bytes per second."""

    name: str
    vendor: str
    segment: str
    memory_bytes: int | None
    memory_type: str | None
    memory_bus_bits: int | None
    bandwidth_bytes_per_second: int | None
    fp16_flops: float | None
    fp16_source: str | None
    fp16_confidence: str | None
    fp32_flops: float | None
    compute_capability: str | None
    gfx: str | None
    architecture: str | None
    chip: str | None
    tdp_watts: int | None
    unified: bool
    release_year: int | None
    source: str | None
    bandwidth_source: str | None
    confidence: str | None
    note: str | None
    fp16_fp32_accumulate_flops: float | None = None
    """Dense FP16 with sums kept in FP32, where the vendor gives it apart."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Everything the registry holds about one model."""

    model: Model
    architecture: ArchitectureRow | None
    variants: tuple[Variant, ...]
    lineage: tuple[Lineage, ...]
    benchmarks: tuple[Benchmark, ...]
    datasets: tuple[Dataset, ...]
    vram: tuple[VramReport, ...]
    sources: tuple[Source, ...]
    aliases: tuple[Alias, ...]
    abilities: tuple[Ability, ...] = ()
    children: tuple[Lineage, ...] = ()
    """Rows that come from this model."""
    collections: tuple[CollectionMember, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelForms:
    """A model with its downloadable forms and its architecture: what a recommendation starts from."""

    model: Model
    variants: tuple[Variant, ...]
    architecture: ArchitectureRow | None
    abilities: tuple[Ability, ...] = ()


@dataclass(frozen=True, slots=True)
class NamePart:
    """The end of a model's name from one of its words on, in normal form: what a unique part is looked up in."""

    key: str
    model: str


@dataclass(frozen=True, slots=True)
class Ability:
    """How able a model is at a family of tasks on the build's scale, with its uncertainty and what it rests on."""

    model: str
    task: str
    value: float
    low: float
    high: float
    basis: str
    """``human votes``, ``third-party runs``, ``self-reported``, ``predicted``: the fit's own word."""
    scores: int = 0
    """How many published scores it rests on."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of models, such as one table of the book chapter."""

    key: str
    title: str
    source: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class CollectionMember:
    """One member of a collection. ``printed`` is a JSON object of the values as its source prints them."""

    collection: str
    position: int
    model: str
    printed: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of ``lineage_rules.toml``: its section, its place there and the row as a JSON object."""

    section: str
    position: int
    body: str


@dataclass(frozen=True, slots=True)
class Meta:
    """One fact about the registry itself: ``as_of``, ``source_digest``, ``models`` ..."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class RegistryInfo:
    """One registry file. ``as_of`` is the newest date at which a source was read; ``models`` how many rows."""

    path: str
    origin: str
    schema_version: int
    as_of: str | None
    source_digest: str | None
    models: int
    bytes: int


class Catalogue(Protocol):
    """What a judge may look up: other models, the licences and the rules. The reader is one."""

    def facts(self, slug: str) -> ModelFacts | None:
        """Everything about the model of exactly that slug."""
        ...

    def slug_of(self, name: str) -> str | None:
        """The slug that a parent's name (slug or Hub repository, any case) stands for."""
        ...

    def licenses(self) -> Sequence[License]:
        """The catalogue of licences, by key."""
        ...

    def license_conditions(self) -> Sequence[LicenseCondition]:
        """The conditions of all licences, in order."""
        ...

    def rules(self, section: str) -> Sequence[Rule]:
        """The rows of one section of the lineage rules."""
        ...


Tier = Literal[0, 1, 2, 3, 4]
"""Licence tiers: 0 allowed to anyone by the permissive policy, 1 other yes, 2 conditional, 3 no, 4 unknown."""


@dataclass(frozen=True, slots=True)
class ShelfRow:
    """A model's place on the shelf of one task: by tier and size class, by the low end of its ability from the best.

    ``size_class`` is floor of log2 of the parameters (-1: unknown); ``descent`` is the negative of what the ability
    counts for, so that the primary key is the order of reading. Models of one ``kin`` differ in nothing that selection
    reads but their name, family and ability. ``params_read`` are the parameters that each token multiplies.
    """

    task: str
    tier: int
    size_class: int
    descent: float
    kin: int
    family: str
    model: str
    low: float | None
    likely: float | None
    high: float | None
    basis: str | None
    modality: str
    params_total: int | None
    params_read: int | None


@dataclass(frozen=True, slots=True)
class ShelfCount:
    """How many models stand in one place of the shelf."""

    task: str
    tier: int
    size_class: int
    models: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict in the form that the registry keeps: its commercial use, its status, and all of it as JSON text."""

    commercial_use: str
    status: str
    verdict: str
    permissive: bool = False
    """Whether the built-in permissive policy allows the model to anyone."""


class Judge(Protocol):
    """Decides what may be done with models. The command line passes licensing's in."""

    def __call__(self, models: Sequence[ModelFacts], catalogue: Catalogue) -> Mapping[str, Judgement]:
        """A judgement for each of ``models``, by slug; ``catalogue`` also knows models that are not asked about."""
        ...


class Measure(Protocol):
    """Works out how large models are. The command line passes estimation in."""

    def __call__(self, models: Sequence[ModelFacts]) -> Mapping[str, str]:
        """``ArchitectureRow.sizes`` of each model whose architecture is known, by slug."""
        ...


class AbilityFit(Protocol):
    """Fits abilities to published scores. The command line passes the fit in."""

    def __call__(self, models: Sequence[ModelFacts]) -> Sequence[Ability]:
        """The abilities that the scores of ``models`` support; the task ``general`` becomes ``Model.ability``."""
        ...
