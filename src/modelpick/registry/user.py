"""The user's own registry: made by the first write, laid over the bundled one by the reader."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from sqlmodel import Session, SQLModel, col, delete

from modelpick.errors import NotFoundError, UsageError
from modelpick.registry.build import put_models
from modelpick.registry.draft import Draft, check_licenses, no_fit, no_judge, no_measure
from modelpick.registry.files import check_file, damaged
from modelpick.registry.interface import Ability, AbilityFit, Judge, Measure, ModelFacts
from modelpick.registry.layers import Layer
from modelpick.registry.locations import bundled_path
from modelpick.registry.migrations import migrate
from modelpick.registry.reader import Registry
from modelpick.registry.schema import TABLES, ModelTable
from modelpick.registry.shelving import RECOUNT
from modelpick.registry.sources import Entry, read_models
from modelpick.registry.store import create_tables, not_writable, replacing, session_on, sweep

WAIT_SECONDS = 60
"""How long a writer waits for the others before it gives up."""


def add(
    path: Path,
    file: Path,
    *,
    replace: bool = False,
    judge: Judge = no_judge,
    fit: AbilityFit = no_fit,
    measure: Measure = no_measure,
) -> list[str]:
    """Add the models of ``file`` (TOML or JSON) to the registry at ``path``, all or none; their slugs.

    Their abilities are those of a fit over all models together; those of the other models stay as they are.

    :raises UsageError: when the file is wrong (with file, line and field), or a slug is taken and not to be replaced.
    :raises IntegrityError: when ``path`` is damaged, foreign or too new.
    :raises AccessError: when it cannot be written.
    """
    entries = read_models(file)
    if _is_there(path):
        check_file(str(path), "user")
    with _laid_over(path) as registry:
        _checked(entries, registry, replace)  # before there is a lock: what is wrong leaves nothing behind
    with _locked(path), _laid_over(path) as registry:
        draft, taken = _checked(entries, registry, replace)
        draft.decide(judge)
        draft.measure(measure)
        abilities = draft.fit(_among(registry, fit))
        with _changed(path) as session:
            _delete(session, [entry.text.slug for entry, origin in taken if origin == "user"])
            put_models(session, draft.rows.values(), abilities)
    return list(draft.rows)


def remove(path: Path, slugs: Sequence[str]) -> None:
    """Remove the models of exactly these slugs from the registry at ``path``, all or none.

    :raises NotFoundError: when one of them is not in it.
    """
    check_file(str(path), "user")
    with _locked(path):
        with closing(Layer(str(path), "user").connection) as connection:
            known = {row[0] for row in connection.execute("SELECT slug FROM model")}
        if missing := [slug for slug in slugs if slug not in known]:
            raise NotFoundError(
                f"{missing[0]!r} is not in your registry {path}",
                hint="only your own models can be removed; see them: modelpick list --origin user",
            )
        with _changed(path) as session:
            _delete(session, slugs)


def _among(registry: Registry, fit: AbilityFit) -> AbilityFit:
    """The fit for a few models among all: alone they make no scale."""

    def of(models: Sequence[ModelFacts]) -> list[Ability]:
        own = {facts.model.slug for facts in models}
        if not any(facts.model.downloadable and facts.variants for facts in models):
            return []  # none of them can be recommended, and the fit takes seconds
        others = [registry.facts(model.slug) for model in registry.models() if model.slug not in own]
        return [ability for ability in fit([*filter(None, others), *models]) if ability.model in own]

    return of


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:  # a directory that may not be entered
        raise not_writable(path, error) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """The only writer of ``path``. The lock is SQLite's own, on a file beside it that stays empty: the system lets
    go of it when its holder is killed, everywhere that SQLite runs."""
    target = path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = sqlite3.connect(f"{target}.lock", timeout=WAIT_SECONDS, isolation_level=None)
    except OSError as error:
        raise not_writable(path, error) from error
    except sqlite3.Error as error:
        raise not_writable(path, OSError(str(error))) from error
    with closing(lock):
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            raise not_writable(path, OSError(f"{target}.lock: {error}")) from error
        sweep(path)
        yield


@contextmanager
def _laid_over(path: Path) -> Iterator[Registry]:
    layers = [Layer(str(path), "user")] if path.exists() else []
    with Registry([*layers, Layer(bundled_path(), "bundled")]) as registry:
        yield registry


@contextmanager
def _changed(path: Path) -> Iterator[Session]:
    """A session on a copy of the registry (or a new one), which takes its place when all went well."""
    with replacing(path) as part:
        if path.exists():
            shutil.copyfile(path, part)
            _make_ready(part, path)
        else:
            create_tables(part)
        with session_on(part) as session:
            yield session
            session.flush()
            for statement in RECOUNT:
                session.connection().exec_driver_sql(statement)


def _make_ready(part: Path, path: Path) -> None:
    try:
        with closing(sqlite3.connect(part, isolation_level=None)) as connection:
            migrate(connection)
            said: str = connection.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.Error as error:
        raise damaged(str(path), str(error), "user") from error
    if said != "ok":
        raise damaged(str(path), said, "user")


def _checked(entries: Sequence[Entry], registry: Registry, replace: bool) -> tuple[Draft, list[tuple[Entry, str]]]:
    """The entries as rows, and which of their slugs are taken, if that may be."""
    draft = Draft(entries, registry)
    check_licenses(entries, registry.licenses())
    taken = _taken(entries, registry)
    if taken and not replace:
        entry, origin = taken[0]
        raise UsageError(
            f"{entry.place}: slug {entry.text.slug!r} is taken by a model of the {origin} registry",
            hint="give it another slug, or put yours in its place: --replace",
        )
    return draft, taken


def _taken(entries: Sequence[Entry], registry: Registry) -> list[tuple[Entry, str]]:
    found = []
    for entry in entries:
        layer = registry.layer_of(entry.text.slug)
        if layer:
            found.append((entry, layer.origin))
    return found


def _delete(session: Session, slugs: Sequence[str]) -> None:
    for table in reversed(TABLES):
        column = _owner(table)
        for slug in slugs if column else ():
            session.execute(delete(table).where(col(getattr(table, column)) == slug))


def _owner(table: type[SQLModel]) -> str:
    """The column that says whose row it is; empty for tables that belong to no model."""
    if table is ModelTable:
        return "slug"
    return "model" if "model" in table.model_fields else ""
