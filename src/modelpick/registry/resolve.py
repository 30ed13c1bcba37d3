"""Which model does a name mean? A slug, a Hub repository, an alias or a unique part; never a guess."""

from __future__ import annotations

from modelpick.errors import NotFoundError, UsageError
from modelpick.registry.layers import Layer, Layers
from modelpick.registry.names import LAST, normal_form

_KINDS = ("slug", "repo", "name", "ollama", "common", "variant")
_SHOWN = 8
_POOL = 200
"""Index entries looked at for one list of names, however many models there are."""
_LONGEST = 300


def resolve(registry: Layers, name: str) -> str:
    """The slug of the one model that ``name`` means.

    Kinds of names are asked in order, and an exact name wins over a part: ``mistral-7b-v0.1`` is a slug even where
    longer slugs begin with it.

    :raises NotFoundError: when several models have the name, or none has; with the closest names.
    """
    key = normal_form(name)
    if not key or len(name) > _LONGEST:
        raise UsageError(f"{name[:60]!r} is not a model's name", hint="see the names: modelpick list")
    for kind in ("ollama", *_KINDS) if ":" in name else _KINDS:  # only an Ollama tag has a colon
        if found := _exact(registry, kind, key):
            return _only(name, found)
    if found := _starting(registry, key):
        return _only(name, found)
    close = closest(registry, key)
    hint = f"did you mean {', '.join(close)}?" if close else "see the names: modelpick list"
    raise NotFoundError(f"no model is called {name!r}", hint=hint, details={"name": name, "closest": close})


def _only(name: str, found: list[str]) -> str:
    if len(found) == 1:
        return found[0]
    shown = sorted(found, key=lambda slug: (len(slug), slug))[:_SHOWN]
    number = str(len(found)) if len(found) < _POOL else f"{_POOL} or more"
    raise NotFoundError(
        f"{name!r} may mean any of {number} models: {', '.join(shown)}{' ...' if len(found) > _SHOWN else ''}",
        hint=f"say which: modelpick show {shown[0]}",
        details={"name": name, "closest": shown},
    )


def _exact(registry: Layers, kind: str, key: str) -> list[str]:
    sql = "SELECT model FROM alias WHERE kind = ? AND key = ? LIMIT ?"
    return _models(registry, sql, (kind, key, _POOL))


def _starting(registry: Layers, key: str) -> list[str]:
    """Models with a name that holds ``key`` from the start of one of its words on."""
    sql = "SELECT model FROM name_part WHERE key >= ? AND key < ? LIMIT ?"
    return _models(registry, sql, (key, key + LAST, _POOL))


def _models(registry: Layers, sql: str, values: tuple[object, ...]) -> list[str]:
    found: dict[str, None] = {}
    for layer in registry.layers:
        slugs = dict.fromkeys(row[0] for row in layer.execute(sql, values))
        found.update((slug, None) for slug in slugs if not registry.hidden(slug, layer))
    return list(found)


def closest(registry: Layers, key: str) -> list[str]:
    """Slugs whose names are most like ``key``, among the neighbours of its beginnings and words in the index."""
    from difflib import SequenceMatcher

    pool: dict[str, float] = {}
    for layer in registry.layers:
        for near, model in _neighbours(layer, key):
            matcher = SequenceMatcher(None, key, near)
            if matcher.real_quick_ratio() > 0.6 and (ratio := matcher.ratio()) > max(0.6, pool.get(model, 0.0)):
                pool[model] = ratio
    return sorted(pool, key=lambda slug: (-pool[slug], slug))[:5]


def _neighbours(layer: Layer, key: str) -> set[tuple[str, str]]:
    """Name parts that share a beginning with ``key`` or one of its words: a bounded number of index look-ups."""
    words = key.split("-")
    starts = {"-".join(words[start:]) for start in range(min(len(words), 6))}
    starts |= {start[: len(start) * part // 4] for start in set(starts) for part in (1, 2, 3)}
    found: set[tuple[str, str]] = set()
    for start in sorted(start for start in starts if start):
        sql = "SELECT key, model FROM name_part WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"
        found.update(layer.execute(sql, (start, start + LAST, _POOL)))
    return found
