"""The Hub's answers as values: a listing's files, a card. What could do harm is set apart here."""

from __future__ import annotations

import re
from typing import Any

from modelpick.acquisition.interface import RemoteFile
from modelpick.acquisition.names import harmless, unsafe
from modelpick.errors import IntegrityError
from modelpick.licensing.interface import Card


def files_of(entries: list[dict[str, Any]]) -> tuple[tuple[RemoteFile, ...], tuple[str, ...]]:
    """The entries as files; names that could do harm are set apart, made harmless."""
    files, refused = [], []
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("type") != "file":
            continue
        path = str(entry.get("path"))
        if unsafe(path):
            refused.append(harmless(path))
            continue
        lfs = mapping(entry.get("lfs"))
        size, sha = lfs.get("size", entry.get("size")), lfs.get("oid") or lfs.get("sha256")
        if not isinstance(size, int) or size < 0 or (sha and not re.fullmatch(r"[0-9a-f]{64}", str(sha))):
            raise IntegrityError(f"the Hub lists {harmless(path)} without a size or with a hash that is none")
        blob = str(entry.get("oid") or "")
        files.append(RemoteFile(path, size, sha, blob if re.fullmatch(r"[0-9a-f]{40}", blob) else None))
    return tuple(files), tuple(refused)


def card_of(info: Any) -> Card:
    """The live card, as licences are judged by."""
    data = info.card_data.to_dict() if info.card_data else {}
    declared = data.get("license")
    bases = data.get("base_model")
    relation = data.get("base_model_relation")
    return Card(
        name=info.id,
        license=tuple(map(str, declared)) if isinstance(declared, list) else (str(declared) if declared else None),
        license_name=text(data.get("license_name")),
        license_link=text(data.get("license_link")),
        base_models=tuple((str(base), text(relation)) for base in _several(bases)),
        relation=text(relation),
        tags=tuple(map(str, info.tags or ())),
        datasets=tuple(map(str, _several(data.get("datasets")))),
        model_type=text(mapping(info.config).get("model_type")),
        released=info.created_at.date().isoformat() if info.created_at else None,
    )


def _several(value: object) -> list[object]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def text(value: object) -> str | None:
    """A value as text; None for nothing."""
    return str(value) if value else None


def mapping(value: object) -> dict[str, Any]:
    """A value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}
