"""Registry files laid over one another: the user's own first, then the bundled one. No dataclass is needed here, so
that ``list`` and look-ups load fast."""

# Without pathlib: see locations.py.

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from typing import Any, Self

from modelpick.registry.files import damaged, open_registry
from modelpick.registry.locations import VARIABLE, bundled_path, user_path
from modelpick.registry.version import SCHEMA_VERSION


class Layer:
    """One registry file, open."""

    def __init__(self, path: str, origin: str) -> None:
        self.path = path
        self.origin = origin
        self.connection = open_registry(path, origin)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """:raises IntegrityError: when the file turns out to be damaged."""
        try:
            return self.connection.execute(sql, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise damaged(self.path, str(error), self.origin) from error

    def has(self, slug: str) -> bool:
        """Whether there is a model of exactly that slug."""
        return bool(self.execute("SELECT 1 FROM model WHERE slug = ?", (slug,)))


class Layers:
    """The files that are read, the one that hides the others first."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = tuple(layers)

    @classmethod
    def open(cls, registry: str | os.PathLike[str] | None = None) -> Self:
        """The bundled registry with the user's own over it: ``registry``, else ``MODELPICK_REGISTRY``, else the
        default place. Nothing is created: without a user's file there is only the bundled one.

        :raises NotFoundError: when ``registry`` is given and does not exist.
        :raises IntegrityError: when either file is damaged, foreign or too new.
        """
        own = user_path(registry)
        bundled = Layer(bundled_path(), "bundled")
        wanted = registry is not None and os.fspath(registry) != os.environ.get(VARIABLE)
        if not wanted and not os.path.lexists(own):
            return cls([bundled])
        return cls([Layer(own, "user"), bundled])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        for layer in self.layers:
            layer.connection.close()

    @property
    def bundled(self) -> Layer:
        """The file that came with the program."""
        return self.layers[-1]

    def layer_of(self, slug: str) -> Layer | None:
        """The file that a slug is read from."""
        return next((layer for layer in self.layers if layer.has(slug)), None)

    def hidden(self, slug: str, layer: Layer) -> bool:
        """Whether a layer above holds the same slug."""
        return any(upper.has(slug) for upper in self.layers[: self.layers.index(layer)])

    def words(self, column: str) -> list[str]:
        """The values of a column of ``model``, each once: what a filter may ask for."""
        found = {row[0] for layer in self.layers for row in layer.execute(f"SELECT DISTINCT {column} FROM model")}
        return sorted(word for word in found if word)

    def license_keys(self) -> list[str]:
        """The keys of the licence catalogue, in order."""
        return [row[0] for row in self.bundled.execute("SELECT key FROM license ORDER BY key")]

    def own_slugs(self) -> list[str]:
        """The slugs of the user's own models, in order."""
        own = self.layers[:-1]
        return sorted(row[0] for layer in own for row in layer.execute("SELECT slug FROM model"))

    def edition(self) -> dict[str, Any]:
        """Which bundled registry this is, without counting anything."""
        meta = dict(self.bundled.execute("SELECT key, value FROM meta"))
        return {"as_of": meta.get("as_of"), "schema_version": SCHEMA_VERSION, "digest": meta.get("source_digest")}
