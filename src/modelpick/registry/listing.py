"""All models, each as the short line that ``list`` shows. Rows become dicts at once: no dataclass stands between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelpick.registry.files import damaged
from modelpick.registry.layers import Layer, Layers

COLUMNS = (
    "slug", "name", "family", "developer", "hf_repo", "relation", "modality", "tasks", "released", "access",
    "downloadable", "gated", "params_total", "params_active", "training_tokens", "context_length", "languages",
    "capabilities", "license", "license_name", "license_key", "commercial_use", "verdict_status", "era", "ability",
    "confidence",
)  # fmt: skip
_LISTS = ("tasks", "languages", "capabilities")
_TRUTHS = ("downloadable", "gated")


def list_models(layers: Layers, where: str = "", values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """The models that meet ``where`` (SQL over the columns of ``model``), by slug, each with its ``origin``."""
    sql = f"SELECT {', '.join(COLUMNS)} FROM model{f' WHERE {where}' if where else ''} ORDER BY slug"
    found: list[dict[str, Any]] = []
    for number, layer in enumerate(layers.layers):
        rows = _rows(layer, sql, values)
        found += [row for row in rows if not number or not layers.hidden(row["slug"], layer)]
    return found if len(layers.layers) == 1 else sorted(found, key=lambda row: str(row["slug"]))


def _rows(layer: Layer, sql: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    import json

    texts: dict[str, list[str]] = {}  # most models share their lists with many others
    rows = []
    try:
        for found in layer.execute(sql, values):
            row = dict(zip(COLUMNS, found, strict=True))
            for name in _LISTS:
                text = row[name]
                if text not in texts:
                    texts[text] = json.loads(text)
                row[name] = texts[text]
            for name in _TRUTHS:
                row[name] = None if row[name] is None else bool(row[name])
            row["origin"] = layer.origin
            rows.append(row)
    except (ValueError, TypeError) as error:
        raise damaged(layer.path, str(error), layer.origin) from error
    return rows
