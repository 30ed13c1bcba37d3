"""The shape of the text sources: what a block of TOML (or an object of JSON) may say. See ``data/README.md``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

LONGEST = 20_000
"""Characters of one text field. The longest in the bundled sources has about 500."""

Text = Annotated[str, Field(min_length=1, max_length=LONGEST, pattern=r"^[^\x00]*$")]
Slug = Annotated[str, Field(max_length=200, pattern=r"^[a-z0-9][a-z0-9.+_-]*$")]
Repo = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9._-]+$")]
Day = Annotated[str, Field(pattern=r"^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$")]
Whole = Annotated[int, Field(gt=0, le=2**63 - 1)]
Finite = Annotated[float, Field(gt=-1e300, lt=1e300)]
Commercial = Literal["yes", "conditional", "no", "unknown"]
Confidence = Literal["high", "medium", "low"]
Relation = Literal[
    "base", "instruct", "finetune", "adapter", "distilled", "quantized", "pruned", "merge", "adapted", "teacher"
]
Task = Literal[
    "chat",
    "completion",
    "code",
    "reasoning",
    "embedding",
    "rerank",
    "vision",
    "speech-to-text",
    "text-to-speech",
    "image",
    "video",
    "audio",
    "image-classification",
    "segmentation",
    "translation",
    "classification",
    "theorem-proving",
    "other",
]


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class BaseText(_Block):
    """``[[model.base]]``: one parent."""

    parent: Text
    relation: Relation
    source: Text | None = None


class VariantText(_Block):
    """``[[model.variants]]``: one downloadable form."""

    format: Text
    quantisation: Text | None = None
    repo: Repo
    publisher: Literal["official", "community"]
    files: list[Text] = []
    bytes: Whole | None = None
    bytes_origin: Text | None = None
    source: Text | None = None


class VramText(_Block):
    """``[[model.vram]]``: memory that somebody reported."""

    gb: Annotated[float, Field(gt=0, lt=1e6)]
    dtype: Text | None = None
    comparison: Text | None = None
    source: Text | None = None


class BenchmarkText(_Block):
    """``[[model.benchmarks]]``: one published score."""

    metric: Text
    value: Finite | None = None
    value_text: Text | None = None
    setting: Text | None = None
    kind: Literal["third-party", "self-reported", "absent"] | None = None
    source: Text | None = None
    date: Day | None = None
    verified: bool | None = None


class ModelText(_Block):
    """``[[model]]``: one model. ``family`` may stand at the top of the file instead."""

    slug: Slug
    family: Text
    name: Text
    developer: Text
    hf_repo: Repo | None = None
    hf_repo_note: Text | None = None
    relation: Relation
    modality: Text
    tasks: list[Task] = Field(min_length=1)
    released: Day | None = None
    access: Literal["open-weights", "weights-delta", "request", "api", "service", "closed"]
    downloadable: bool
    gated: bool | None = None
    params_total: Whole | None = None
    params_exact: bool | None = None
    params_active: Whole | None = None
    params_source: Text | None = None
    training_tokens: Whole | None = None
    training_tokens_status: Literal["confirmed", "single-source", "recalled"] | None = None
    training_data_note: Text | None = None
    datasets: list[Text] = []
    context_length: Whole | None = None
    languages: list[Text] = []
    capabilities: list[Text] = []
    license: Text | None = None
    license_name: Text | None = None
    license_note: Text | None = None
    license_key: Text | None = None
    commercial_use_first_reading: Commercial | None = None
    commercial_use_why: Text | None = None
    aliases: list[Text] = []
    ollama_tag: Text | None = None
    era: Literal["before-public-awareness", "early", "current"] | None = None
    special: list[Text] = []
    limitations: list[Text] = []
    seed_discrepancy: Text | None = None
    notes: Text | None = None
    confidence: Confidence
    sources: list[Text]
    read_on: Day | None = None
    field_sources: dict[str, Text] = {}
    arch: dict[str, Any] = {}
    base: list[BaseText] = []
    variants: list[VariantText] = []
    vram: list[VramText] = []
    benchmarks: list[BenchmarkText] = []


class ConditionText(_Block):
    """``[[license.conditions]]``: one clause."""

    kind: Text
    value: Any = None
    unit: Text | None = None
    text: Text


class LicenseText(_Block):
    """``[[license]]``: one set of terms."""

    key: Text
    name: Text
    spdx: Text | None = None
    hf_tag: Text | None = None
    hf_license_name: list[Text] = []
    osi_approved: bool
    family: Text
    commercial_use: Commercial
    outputs_may_train_other_models: Text | None = None
    derivative_rule: Text
    gated_typically: bool
    default_for_hf_tag: bool
    org_hint: list[Text] = []
    aliases: list[Text] = []
    example_models: list[Text] = []
    source_url: Text | None = None
    source_note: Text | None = None
    confidence: Confidence
    scancode_ref: Text | None = None
    notes: Text | None = None
    conditions: list[ConditionText] = []


class AcceleratorText(_Block):
    """``[[accelerator]]``: one GPU or unified system. ``memory_gb`` is GiB, bandwidth 10^9 bytes a second."""

    name: Text
    vendor: Text
    segment: Text
    memory_gb: Finite | None = None
    memory_type: Text | None = None
    memory_bus_bits: Whole | None = None
    memory_bandwidth_gb_s: Finite | None = None
    fp16_tensor_tflops_dense: Finite | None = None
    fp16_tensor_tflops_fp32_accumulate: Finite | None = None
    fp16_source: Text | None = None
    fp16_confidence: Text | None = None
    fp32_tflops: Finite | None = None
    compute_capability: Text | None = None
    gfx: Text | None = None
    architecture: Text | None = None
    chip: Text | None = None
    tdp_w: Whole | None = None
    unified: bool
    release_year: Whole | None = None
    source: Text | None = None
    bandwidth_source: Text | None = None
    confidence: Confidence | None = None
    note: Text | None = None


class CollectionText(_Block):
    """``[[collection]]``: a named set; ``rows`` keep what its source printed."""

    key: Text
    title: Text
    source: Text | None = None
    note: Text | None = None
    members: list[Slug]
    rows: list[dict[str, Any]] = []
