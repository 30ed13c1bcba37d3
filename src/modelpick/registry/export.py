"""Writes models as the text that ``registry add`` reads: everything but what the build computes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modelpick.registry.interface import ModelFacts

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_COPIED = [
    "slug",
    "family",
    "name",
    "developer",
    "hf_repo",
    "hf_repo_note",
    "relation",
    "modality",
    "tasks",
    "released",
    "access",
    "downloadable",
    "gated",
    "params_total",
    "params_exact",
    "params_active",
    "params_source",
    "training_tokens",
    "training_tokens_status",
    "training_data_note",
    "datasets",
    "context_length",
    "languages",
    "capabilities",
    "license",
    "license_name",
    "license_note",
    "license_key",
    "commercial_use_first_reading",
    "commercial_use_why",
    "aliases",
    "ollama_tag",
    "era",
    "special",
    "limitations",
    "seed_discrepancy",
    "notes",
    "confidence",
    "sources",
    "read_on",
]
_COMPUTED = frozenset({"model", "position", "parent_slug"})


def entry_of(facts: ModelFacts) -> dict[str, Any]:
    """One model as ``[[model]]`` says it; what is unknown or empty is left out."""
    lists = {
        "datasets": [dataset.name for dataset in facts.datasets],
        "aliases": [alias.alias for alias in facts.aliases if alias.kind == "common"],
        "sources": [source.reference for source in facts.sources if source.field is None],
    }
    entry = {name: lists[name] if name in lists else getattr(facts.model, name) for name in _COPIED}
    entry["field_sources"] = {source.field: source.reference for source in facts.sources if source.field}
    entry["arch"] = json.loads(facts.architecture.config) if facts.architecture else {}
    entry["base"] = [_block(row) for row in facts.lineage]
    entry["variants"] = [_block(row) for row in facts.variants]
    entry["vram"] = [_block(row) for row in facts.vram]
    entry["benchmarks"] = [_block(row) for row in facts.benchmarks]
    return {name: _plain(value) for name, value in entry.items() if _is_said(value) or name == "sources"}


def _block(row: Any) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in row.__slots__ if name not in _COMPUTED}
    return {name: _plain(value) for name, value in values.items() if _is_said(value)}


def _is_said(value: Any) -> bool:
    return value is not None and value not in ((), [], {})


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def toml_of(entries: Iterable[Mapping[str, Any]]) -> str:
    """``[[model]]`` blocks of these entries."""
    return "\n".join(_toml_block(entry) for entry in entries)


def _toml_block(entry: Mapping[str, Any]) -> str:
    lines = ["[[model]]"]
    lines += [f"{name} = {_toml(value)}" for name, value in entry.items() if not _is_table(value)]
    for name, value in entry.items():
        if not _is_table(value):
            continue
        head = f"[[model.{name}]]" if isinstance(value, list) else f"[model.{name}]"
        for table in value if isinstance(value, list) else [value]:
            lines += ["", head, *(f"{_key(k)} = {_toml(v)}" for k, v in table.items() if v is not None)]
    return "\n".join(lines) + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _toml(value: Any) -> str:
    """One value in TOML 1.0. A JSON string is a TOML string, but for DEL, which TOML wants escaped."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case Mapping():
            return "{" + ", ".join(f"{_key(k)} = {_toml(v)}" for k, v in value.items() if v is not None) + "}"
        case Sequence():
            return "[" + ", ".join(_toml(part) for part in value if part is not None) + "]"
        case _:
            return repr(value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _toml(name)
