"""What ``modelpick installed`` answers with: each model on this disk beside what the registry knows of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelpick.acquisition.interface import Installed
from modelpick.cli.memory_need import need_of_files
from modelpick.errors import IntegrityError, NotFoundError, UsageError
from modelpick.output.interface import Column, Document, Grid

if TYPE_CHECKING:
    from modelpick.hardware.interface import Hardware
    from modelpick.registry.reader import Registry


def document_of(found: Sequence[Installed], registry: Registry, hardware: Hardware) -> Document:
    """The answer, by store and name."""
    results = [_result(model, registry, hardware) for model in found]
    columns = (
        Column("name", "Model"),
        Column("store", "Store", "text"),
        Column("quantisation", "Quantisation", "text"),
        Column("bytes", "Size", "bytes", right=True),
        Column("commercial_use", "Commercial use", "verdict"),
        Column("required_bytes", "Needs", "bytes", right=True),
        Column("fits", "Fits", "yesno"),
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
    from modelpick.cli.download_run import facts_of
    from modelpick.registry.names import normal_form

    names = [model.repo] if model.repo else []
    if model.store == "ollama" and not model.repo:
        # Its tags mean a size and then a quantisation: "llama3.2:1b-instruct-q8_0".
        base, _, tag = model.name.partition(":")
        names += [model.name, f"{base}:{tag.partition('-')[0]}", *([base] if tag == "latest" else [])]
    for name in names:
        try:
            facts = facts_of(registry, name)
        except (NotFoundError, UsageError):
            continue
        exact = facts and (model.repo or normal_form(name) in {alias.key for alias in facts.aliases})
        if facts and exact:
            return facts.model.slug
    return None


def _kept_verdict(model: Installed) -> str | None:
    """The licence verdict in the manifest that a download of ours left; None without one."""
    from modelpick.acquisition import manifest

    for folder in list(Path(model.path).parents)[:4] if model.store == "hub-cache" else ():
        for path in manifest.all_of(folder):
            try:
                artifact = manifest.read(path)
            except IntegrityError:
                continue
            if artifact.commit == model.commit and artifact.quantisation == model.quantisation:
                return artifact.license_verdict
    return None


def _result(model: Installed, registry: Registry, hardware: Hardware) -> dict[str, Any]:
    slug = slug_of(model, registry)
    row = registry.model(slug) if slug else None
    need = need_of_files(Path(model.path), model.bytes, hardware) if model.complete else None
    return {
        "name": model.name,
        "store": model.store,
        "model": slug,
        "repo": model.repo,
        "commit": model.commit,
        "format": model.format,
        "quantisation": model.quantisation,
        "bytes": model.bytes,
        "commercial_use": row.commercial_use if row else _kept_verdict(model),
        "license_key": row.license_key if row else None,
        "complete": model.complete,
        "fits": need["fits"] if need else None,
        "required_bytes": need["required_bytes"] if need else None,
        "available_bytes": need["available_bytes"] if need else None,
        "placement": need["placement"] if need else None,
        "path": model.path,
        "files": list(model.files),
        "sha256": list(model.sha256),
    }


def installed_models(registry: Registry) -> tuple[str, ...]:
    """The registry's models that are on this disk, whole, in any store: what ``recommend --installed`` ranks."""
    import os

    from modelpick.acquisition.stores import installed

    found = (slug_of(model, registry) for model in installed(os.environ) if model.complete)
    return tuple(sorted({slug for slug in found if slug}))
