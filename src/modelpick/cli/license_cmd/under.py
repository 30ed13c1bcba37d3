"""Which models of the registry a licence binds, from the stored verdicts."""

from __future__ import annotations

import json

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
