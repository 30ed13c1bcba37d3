"""Which models of the registry a licence binds, from the stored verdicts."""

from __future__ import annotations

import json
from typing import Any

from modelpick.registry.layers import Layers


def models_under(registry: Layers) -> dict[str, list[str]]:
    """Slugs by the key of each licence that binds them, in order."""
    found: dict[str, list[str]] = {}
    for layer in registry.layers:
        for slug, verdict in layer.execute("SELECT slug, verdict FROM model ORDER BY slug"):
            if registry.hidden(slug, layer):
                continue
            for key in json.loads(verdict).get("binding_licenses", ()):
                found.setdefault(key, []).append(slug)
    return {key: sorted(slugs) for key, slugs in found.items()}


_WHY_UNKNOWN = """CASE
    WHEN commercial_use <> 'unknown' THEN NULL
    WHEN access IN ('service', 'api', 'closed') THEN 'service_without_weights'
    WHEN license IS NULL AND license_name IS NULL THEN 'nothing_declared'
    WHEN license_key IS NULL THEN 'text_not_read'
    ELSE 'lineage' END"""
"""Why a model's commercial use is unknown, as a word."""


def uses_of_models(registry: Layers) -> dict[str, Any]:
    """How many models may be used how, and why it is unknown for those for which it is."""
    uses = dict.fromkeys(("yes", "conditional", "no", "unknown"), 0)
    reasons = dict.fromkeys(("service_without_weights", "nothing_declared", "text_not_read", "lineage"), 0)
    for layer in registry.layers:
        for slug, use, why in layer.execute(f"SELECT slug, commercial_use, {_WHY_UNKNOWN} FROM model"):
            if registry.hidden(slug, layer):
                continue
            uses[use] += 1
            if why is not None:
                reasons[why] += 1
    count = sum(uses.values())
    share = round(uses["unknown"] / count, 4) if count else None
    return {"count": count, "commercial_use": uses, "unknown_share": share, "unknown_because": reasons}
