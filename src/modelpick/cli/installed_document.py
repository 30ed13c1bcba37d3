"""What ``modelpick installed`` answers with: each model on this disk beside what the registry knows of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from modelpick.acquisition.interface import Installed
from modelpick.errors import NotFoundError, UsageError
from modelpick.output.interface import Column, Document, Grid

if TYPE_CHECKING:
    from modelpick.registry.reader import Registry


def document_of(found: Sequence[Installed], registry: Registry) -> Document:
    """The answer, by store and name."""
    results = [_result(model, registry) for model in found]
    columns = (
        Column("name", "Model"),
        Column("store", "Store", "text"),
        Column("quantisation", "Quantisation", "text"),
        Column("bytes", "Size", "bytes", right=True),
        Column("commercial_use", "Commercial use", "verdict"),
        Column("complete", "Whole", "yesno"),
    )
    body = {
        "registry": registry.edition(),
        "count": len(results),
        "total_bytes": sum(row["bytes"] for row in results),
        "stores": dict(Counter(row["store"] for row in results)),
        "results": results,
    }
    notes = () if results else ("no model was found in the Hub cache, Ollama, LM Studio or llama.cpp's folder",)
    hints = ("modelpick recommend --installed",) if results else ("modelpick recommend",)
    return Document("modelpick.installed/1", body, (Grid(columns, results, main=True),), notes, hints)


def slug_of(model: Installed, registry: Registry) -> str | None:
    """The registry's model that an installed one is; None where nothing says so for certain."""
    from modelpick.registry.resolve import resolve

    # Ollama's own names carry a tag that means a size and a quantisation: "llama3.2:1b-instruct-q8_0".
    names = [model.repo] if model.repo else []
    if model.store == "ollama" and not model.repo:
        base, _, tag = model.name.partition(":")
        names += [model.name, f"{base}:{tag.partition('-')[0]}"]
    for name in names:
        try:
            return resolve(registry, name)
        except (NotFoundError, UsageError):
            continue
    return None


def _result(model: Installed, registry: Registry) -> dict[str, Any]:
    slug = slug_of(model, registry)
    row = registry.model(slug) if slug else None
    return {
        "name": model.name,
        "store": model.store,
        "model": slug,
        "repo": model.repo,
        "commit": model.commit,
        "format": model.format,
        "quantisation": model.quantisation,
        "bytes": model.bytes,
        "commercial_use": row.commercial_use if row else None,
        "license_key": row.license_key if row else None,
        "complete": model.complete,
        "path": model.path,
        "files": list(model.files),
        "sha256": list(model.sha256),
    }
