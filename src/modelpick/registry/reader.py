"""Reads registries with the standard library's sqlite3: the bundled one, and the user's own laid over it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from modelpick.registry import interface
from modelpick.registry.columns import columns_of, from_row
from modelpick.registry.files import damaged, open_registry
from modelpick.registry.interface import Model, ModelFacts, ModelForms, RegistryInfo, Summary
from modelpick.registry.locations import VARIABLE, bundled_path, user_path
from modelpick.registry.migrations import SCHEMA_VERSION
from modelpick.registry.names import normal_form

T = TypeVar("T")


class Layer:
    """One registry file, open."""

    def __init__(self, path: str, origin: str) -> None:
        self.path = path
        self.origin = origin
        self.connection = open_registry(path, origin)

    def rows(self, kind: type[T], where: str = "", values: Sequence[Any] = (), order: str = "") -> list[T]:
        """Rows of the table of ``kind``. ``where`` and ``order`` are SQL; values go into its question marks."""
        table, columns = columns_of(kind)
        sql = f"SELECT {', '.join(columns)} FROM {table}{f' WHERE {where}' if where else ''}"
        found = self.execute(f"{sql}{f' ORDER BY {order}' if order else ''}", values)
        try:
            return [from_row(kind, row, self.origin) for row in found]
        except ValueError as error:
            raise damaged(self.path, str(error), self.origin) from error

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """:raises IntegrityError: when the file turns out to be damaged."""
        try:
            return self.connection.execute(sql, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise damaged(self.path, str(error), self.origin) from error


class Registry:
    """What models there are, and who says so. A user's row stands in place of a bundled one of the same slug.

    Every method reads only what it is asked for.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = tuple(layers)
        """The user's own first, if there is one; then the bundled one."""

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        for layer in self.layers:
            layer.connection.close()

    def model(self, slug: str) -> Model | None:
        """The model of exactly that slug."""
        layer = self.layer_of(slug)
        return layer.rows(Model, "slug = ?", (slug,))[0] if layer else None

    def facts(self, slug: str) -> ModelFacts | None:
        """Everything about the model of exactly that slug."""
        layer = self.layer_of(slug)
        if not layer:
            return None
        own = (slug,)
        architectures = layer.rows(interface.ArchitectureRow, "model = ?", own)
        children = [
            child
            for each in self.layers
            for child in each.rows(interface.Lineage, "parent_slug = ?", own, "model, position")
            if each is layer or not self.hidden(child.model, each)
        ]
        return ModelFacts(
            model=layer.rows(Model, "slug = ?", own)[0],
            architecture=architectures[0] if architectures else None,
            variants=tuple(layer.rows(interface.Variant, "model = ?", own, "position")),
            lineage=tuple(layer.rows(interface.Lineage, "model = ?", own, "position")),
            benchmarks=tuple(layer.rows(interface.Benchmark, "model = ?", own, "position")),
            datasets=tuple(layer.rows(interface.Dataset, "model = ?", own, "position")),
            vram=tuple(layer.rows(interface.VramReport, "model = ?", own, "position")),
            sources=tuple(layer.rows(interface.Source, "model = ?", own, "position")),
            aliases=tuple(layer.rows(interface.Alias, "model = ?", own, "kind, key")),
            abilities=tuple(layer.rows(interface.Ability, "model = ?", own, "task")),
            children=tuple(children),
            collections=tuple(layer.rows(interface.CollectionMember, "model = ?", own, "collection")),
        )

    def summaries(self, where: str = "", values: Sequence[Any] = (), order: str = "slug") -> list[Summary]:
        """All models that meet ``where``, each in one line. ``order`` holds within one file."""
        return self._laid_over(Summary, where, values, order)

    def models(self, where: str = "", values: Sequence[Any] = ()) -> list[Model]:
        """All models that meet ``where`` (SQL over the columns of ``model``), by slug."""
        found = self._laid_over(Model, where, values, "slug")
        return found if len(self.layers) == 1 else sorted(found, key=lambda model: model.slug)

    def candidates(
        self, tasks: Iterable[str] = (), *, max_params: int | None = None, slugs: Iterable[str] = ()
    ) -> list[ModelForms]:
        """Downloadable models for any of ``tasks`` (all, if empty), by slug, with forms and architecture.

        ``slugs`` narrows it to those; models of unknown size are kept whatever ``max_params`` says.
        """
        where, values = _candidate_filter(tuple(tasks), max_params, tuple(slugs))
        found: list[ModelForms] = []
        for layer in self.layers:
            models = [m for m in layer.rows(Model, where, values) if not self.hidden(m.slug, layer)]
            chosen = f"model IN (SELECT slug FROM model WHERE {where})"
            variants = _by_model(layer.rows(interface.Variant, chosen, values, "model, position"))
            abilities = _by_model(layer.rows(interface.Ability, chosen, values, "model, task"))
            shapes = {row.model: row for row in layer.rows(interface.ArchitectureRow, chosen, values)}
            found += [
                ModelForms(
                    model,
                    tuple(variants.get(model.slug, ())),
                    shapes.get(model.slug),
                    tuple(abilities.get(model.slug, ())),
                )
                for model in models
            ]
        return sorted(found, key=lambda forms: forms.model.slug)

    def variants(self, slug: str) -> tuple[interface.Variant, ...]:
        """The downloadable forms of a model, in the order of its text."""
        layer = self.layer_of(slug)
        return tuple(layer.rows(interface.Variant, "model = ?", (slug,), "position")) if layer else ()

    def architecture(self, slug: str) -> interface.ArchitectureRow | None:
        """The architecture numbers of a model, where they are known."""
        layer = self.layer_of(slug)
        rows = layer.rows(interface.ArchitectureRow, "model = ?", (slug,)) if layer else []
        return rows[0] if rows else None

    def slug_of(self, name: str) -> str | None:
        """The slug that exactly this slug or Hub repository (any case) stands for; None if several do."""
        key = normal_form(name)
        for kind in ("slug", "repo", "variant"):
            for layer in self.layers:
                found = layer.execute(
                    "SELECT DISTINCT model FROM alias WHERE kind = ? AND key = ? LIMIT 2", (kind, key)
                )
                if len(found) == 1 and not self.hidden(found[0][0], layer):
                    return str(found[0][0])
        return None

    def licenses(self) -> list[interface.License]:
        """The catalogue of licences, by key."""
        return self._bundled.rows(interface.License, order="key")

    def license_conditions(self) -> list[interface.LicenseCondition]:
        """The conditions of all licences."""
        return self._bundled.rows(interface.LicenseCondition, order="license, position")

    def rules(self, section: str) -> list[interface.Rule]:
        """The rows of one section of the lineage rules."""
        return self._bundled.rows(interface.Rule, "section = ?", (section,), "position")

    def accelerators(self) -> list[interface.Accelerator]:
        """All accelerators, by name."""
        return self._bundled.rows(interface.Accelerator, order="name")

    def collections(self) -> list[interface.Collection]:
        """The named sets of models."""
        return self._bundled.rows(interface.Collection, order="key")

    def members(self, collection: str) -> list[interface.CollectionMember]:
        """The members of a collection, in its order."""
        return self._bundled.rows(interface.CollectionMember, "collection = ?", (collection,), "position")

    def words(self, column: str) -> list[str]:
        """The values of a column of ``model``, each once: what a filter may ask for."""
        found = {row[0] for layer in self.layers for row in layer.execute(f"SELECT DISTINCT {column} FROM model")}
        return sorted(word for word in found if word)

    def ancestors(self, slug: str, *, depth: int = 12) -> list[tuple[int, interface.Lineage]]:
        """What a model comes from, nearest first: each link with its distance. A circle is walked once."""
        found: list[tuple[int, interface.Lineage]] = []
        seen, front = {slug}, [slug]
        for distance in range(1, depth + 1):
            links = [link for child in front for link in self._parents(child)]
            found += [(distance, link) for link in links]
            front = list(dict.fromkeys(link.parent_slug for link in links if link.parent_slug not in (None, *seen)))  # type: ignore[misc]
            seen.update(front)
        return found

    def _parents(self, slug: str) -> list[interface.Lineage]:
        layer = self.layer_of(slug)
        return layer.rows(interface.Lineage, "model = ?", (slug,), "position") if layer else []

    def own_slugs(self) -> list[str]:
        """The slugs of the user's own models, in order."""
        own = self.layers[:-1]
        return sorted(row[0] for layer in own for row in layer.execute("SELECT slug FROM model"))

    def edition(self) -> dict[str, Any]:
        """Which bundled registry this is, without counting anything."""
        meta = dict(self._bundled.execute("SELECT key, value FROM meta"))
        return {"as_of": meta.get("as_of"), "schema_version": SCHEMA_VERSION, "digest": meta.get("source_digest")}

    def info(self) -> list[RegistryInfo]:
        """What each file says of itself, the bundled one first."""
        return [_info(layer) for layer in reversed(self.layers)]

    @property
    def _bundled(self) -> Layer:
        return self.layers[-1]

    def layer_of(self, slug: str) -> Layer | None:
        """The file that a slug is read from."""
        for layer in self.layers:
            if layer.execute("SELECT 1 FROM model WHERE slug = ?", (slug,)):
                return layer
        return None

    def hidden(self, slug: str, layer: Layer) -> bool:
        """Whether a layer above holds the same slug."""
        above = self.layers[: self.layers.index(layer)]
        return any(upper.execute("SELECT 1 FROM model WHERE slug = ?", (slug,)) for upper in above)

    def _laid_over(self, kind: type[T], where: str, values: Sequence[Any], order: str) -> list[T]:
        found: list[T] = []
        for layer in self.layers:
            rows = layer.rows(kind, where, values, order)
            found += rows if layer is self.layers[0] else [r for r in rows if not self.hidden(r.slug, layer)]  # type: ignore[attr-defined]
        return found


def open_registries(registry: str | os.PathLike[str] | None = None) -> Registry:
    """The bundled registry with the user's own over it: ``registry``, else ``MODELPICK_REGISTRY``, else the default.

    Nothing is created: without a user's file there is only the bundled one.

    :raises NotFoundError: when ``registry`` is given and does not exist.
    :raises IntegrityError: when either file is damaged, foreign or too new.
    """
    own = user_path(registry)
    bundled = Layer(bundled_path(), "bundled")
    wanted = registry is not None and os.fspath(registry) != os.environ.get(VARIABLE)
    if not wanted and not os.path.lexists(own):
        return Registry([bundled])
    return Registry([Layer(own, "user"), bundled])


def _candidate_filter(
    tasks: tuple[str, ...], max_params: int | None, slugs: tuple[str, ...]
) -> tuple[str, tuple[Any, ...]]:
    parts, values = ["downloadable = 1"], list[Any]()
    if tasks:
        parts.append(f"({' OR '.join('instr(tasks, ?)' for _ in tasks)})")
        values += [f'"{task}"' for task in tasks]
    if max_params is not None:
        parts.append("(params_total IS NULL OR params_total <= ?)")
        values.append(max_params)
    if slugs:
        parts.append(f"slug IN ({', '.join('?' * len(slugs))})")
        values += slugs
    return " AND ".join(parts), tuple(values)


def _by_model(rows: Iterable[Any]) -> Mapping[str, list[Any]]:
    grouped: dict[str, list[Any]] = {}
    for row in rows:
        grouped.setdefault(row.model, []).append(row)
    return grouped


def _info(layer: Layer) -> RegistryInfo:
    meta = dict(layer.execute("SELECT key, value FROM meta"))
    return RegistryInfo(
        path=layer.path,
        origin=layer.origin,
        schema_version=SCHEMA_VERSION,
        as_of=meta.get("as_of"),
        source_digest=meta.get("source_digest"),
        models=layer.execute("SELECT count(*) FROM model")[0][0],
        bytes=os.stat(layer.path).st_size,  # noqa: PTH116
    )
