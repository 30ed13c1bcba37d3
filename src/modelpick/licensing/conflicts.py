"""Parents of a merge whose terms cannot all be met (R10)."""

from __future__ import annotations

from modelpick.licensing.catalogue import Catalogue
from modelpick.licensing.lineage import Link

FIELD_OF_USE = frozenset({"open-rail", "community", "non-commercial", "research-only"})
"""Families whose limits on use may not be dropped, and which a strong share-alike licence may not take on."""


def conflict_of(parents: tuple[Link, ...], catalogue: Catalogue) -> str | None:
    """Why the parents of a merge do not go together, in one sentence; None where they do, or where it is no merge."""
    merged = tuple(link for link in parents if link.relation == "merge" and link.binding)
    if len(merged) < 2:
        return None
    return _own_kind_only(merged, catalogue) or _share_alike(merged, catalogue) or _no_derivatives(merged, catalogue)


def _own_kind_only(merged: tuple[Link, ...], catalogue: Catalogue) -> str | None:
    """Llama 2 and 3 may not improve any other language model than their own kind (their section 1.b.v)."""
    for link in merged:
        for key in link.binding:
            if key not in ("llama2", "llama3"):
                continue
            for other in merged:
                if not any(catalogue.rules.series.get(k) == "Llama" for k in other.binding):
                    return f"{key} of {link.name} may not improve a model of another kind, such as {other.name}"
    return None


def _share_alike(merged: tuple[Link, ...], catalogue: Catalogue) -> str | None:
    keys = dict.fromkeys(key for link in merged for key in link.binding)
    terms = [entry for key in keys if (entry := catalogue.get(key))]
    for entry in terms:
        if entry.derivative_rule != "same-license":
            continue
        for other in terms:
            if other.key != entry.key and other.family in FIELD_OF_USE:
                return f"{entry.key} wants the merge under itself, {other.key} must keep its own limits on use"
    return None


def _no_derivatives(merged: tuple[Link, ...], catalogue: Catalogue) -> str | None:
    for link in merged:
        for key in link.binding:
            terms = catalogue.get(key)
            if terms and terms.derivative_rule == "no-derivatives" and key not in ("unknown", "leaked-no-licence"):
                return f"{key} of {link.name} does not allow changed copies to be passed on"
    return None
