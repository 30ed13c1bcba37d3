"""What ``add`` and ``remove`` answer with."""

from __future__ import annotations

from collections.abc import Sequence

from modelpick.output.interface import Column, Document, Grid


def change_document(name: str, did: str, path: str, slugs: Sequence[str], *, hints: Sequence[str] = ()) -> Document:
    """Which models were added or removed, and in which file."""
    results = [{"slug": slug, "change": did} for slug in slugs]
    return Document(
        f"modelpick.registry.{name}/1",
        {"path": path, "results": results},
        blocks=(Grid((Column("slug", "Model"), Column("change", "")), results, main=True),),
        hints=hints,
    )
