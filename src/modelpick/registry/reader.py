"""Reads registries with the standard library's sqlite3: the bundled one, and the user's own laid over it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from modelpick.registry import interface
from modelpick.registry.columns import columns_of, from_row
from modelpick.registry.files import damaged
from modelpick.registry.interface import Model, ModelFacts, ModelForms, RegistryInfo
from modelpick.registry.layers import Layer, Layers
from modelpick.registry.names import normal_form
from modelpick.registry.version import SCHEMA_VERSION

T = TypeVar("T")


def rows_of(layer: Layer, kind: type[T], where: str = "", values: Sequence[Any] = (), order: str = "") -> list[T]:
    """Rows of the table of ``kind``. ``where`` and ``order`` are SQL; ``values`` go into its question marks."""
    table, columns = columns_of(kind)
    sql = f"SELECT {', '.join(columns)} FROM {table}{f' WHERE {where}' if where else ''}"
    found = layer.execute(f"{sql}{f' ORDER BY {order}' if order else ''}", values)
    try:
        return [from_row(kind, row, layer.origin) for row in found]
    except ValueError as error:
        raise damaged(layer.path, str(error), layer.origin) from error


class Registry(Layers):
    """What models there are, and who says so. A user's row stands in place of a bundled one of the same slug.

    Every method reads only what it is asked for.
    """

    def model(self, slug: str) -> Model | None:
        """The model of exactly that slug."""
        layer = self.layer_of(slug)
        return rows_of(layer, Model, "slug = ?", (slug,))[0] if layer else None

    def facts(self, slug: str) -> ModelFacts | None:
        """Everything about the model of exactly that slug."""
        layer = self.layer_of(slug)
        if not layer:
            return None
        own = (slug,)
        architectures = rows_of(layer, interface.ArchitectureRow, "model = ?", own)
        children = [
            child
            for each in self.layers
            for child in rows_of(each, interface.Lineage, "parent_slug = ?", own, "model, position")
            if each is layer or not self.hidden(child.model, each)
        ]
        return ModelFacts(
            model=rows_of(layer, Model, "slug = ?", own)[0],
            architecture=architectures[0] if architectures else None,
            variants=tuple(rows_of(layer, interface.Variant, "model = ?", own, "position")),
            lineage=tuple(rows_of(layer, interface.Lineage, "model = ?", own, "position")),
            benchmarks=tuple(rows_of(layer, interface.Benchmark, "model = ?", own, "position")),
            datasets=tuple(rows_of(layer, interface.Dataset, "model = ?", own, "position")),
            vram=tuple(rows_of(layer, interface.VramReport, "model = ?", own, "position")),
            sources=tuple(rows_of(layer, interface.Source, "model = ?", own, "position")),
            aliases=tuple(rows_of(layer, interface.Alias, "model = ?", own, "kind, key")),
            abilities=tuple(rows_of(layer, interface.Ability, "model = ?", own, "task")),
            children=tuple(children),
            collections=tuple(rows_of(layer, interface.CollectionMember, "model = ?", own, "collection")),
        )

    def models(self, where: str = "", values: Sequence[Any] = ()) -> list[Model]:
        """All models that meet ``where`` (SQL over the columns of ``model``), by slug."""
        found = self._laid_over(Model, where, values, "slug")
        return found if len(self.layers) == 1 else sorted(found, key=lambda model: model.slug)

    def candidates(self) -> list[ModelForms]:
        """All downloadable models, by slug, with their forms and architecture."""
        found: list[ModelForms] = []
        for layer in self.layers:
            variants = _by_model(rows_of(layer, interface.Variant, order="model, position"))
            abilities = _by_model(rows_of(layer, interface.Ability, order="model, task"))
            shapes = {row.model: row for row in rows_of(layer, interface.ArchitectureRow)}
            found += [
                ModelForms(
                    model,
                    tuple(variants.get(model.slug, ())),
                    shapes.get(model.slug),
                    tuple(abilities.get(model.slug, ())),
                )
                for model in rows_of(layer, Model, "downloadable = 1")
                if not self.hidden(model.slug, layer)
            ]
        return sorted(found, key=lambda forms: forms.model.slug)

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
        return rows_of(self.bundled, interface.License, order="key")

    def license_conditions(self) -> list[interface.LicenseCondition]:
        """The conditions of all licences."""
        return rows_of(self.bundled, interface.LicenseCondition, order="license, position")

    def rules(self, section: str) -> list[interface.Rule]:
        """The rows of one section of the lineage rules."""
        return rows_of(self.bundled, interface.Rule, "section = ?", (section,), "position")

    def accelerators(self) -> list[interface.Accelerator]:
        """All accelerators, by name."""
        return rows_of(self.bundled, interface.Accelerator, order="name")

    def collections(self) -> list[interface.Collection]:
        """The named sets of models."""
        return rows_of(self.bundled, interface.Collection, order="key")

    def members(self, collection: str) -> list[interface.CollectionMember]:
        """The members of a collection, in its order."""
        return rows_of(self.bundled, interface.CollectionMember, "collection = ?", (collection,), "position")

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
        return rows_of(layer, interface.Lineage, "model = ?", (slug,), "position") if layer else []

    def info(self) -> list[RegistryInfo]:
        """What each file says of itself, the bundled one first."""
        return [_info(layer) for layer in reversed(self.layers)]

    def _laid_over(self, kind: type[T], where: str, values: Sequence[Any], order: str) -> list[T]:
        found: list[T] = []
        for layer in self.layers:
            rows = rows_of(layer, kind, where, values, order)
            found += rows if layer is self.layers[0] else [r for r in rows if not self.hidden(r.slug, layer)]  # type: ignore[attr-defined]
        return found


def open_registries(registry: str | os.PathLike[str] | None = None) -> Registry:
    """See :meth:`Layers.open`."""
    return Registry.open(registry)


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
