"""The model stores of this machine, one file each; a new one is a file and a line in :data:`STORES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from modelpick.acquisition.interface import Installed
from modelpick.acquisition.stores import hubcache, llamacpp, lmstudio, ollama

Find = Callable[[Mapping[str, str]], list[Installed]]

STORES: tuple[Find, ...] = (hubcache.find, ollama.find, lmstudio.find, llamacpp.find)


def installed(environment: Mapping[str, str]) -> tuple[Installed, ...]:
    """All models that are on this disk, store by store; what cannot be read is left out."""
    found: list[Installed] = []
    for find in STORES:
        found += find(environment)
    return tuple(found)
