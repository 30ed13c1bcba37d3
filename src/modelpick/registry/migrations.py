"""How an older registry file becomes a newer one: one function a step, each in one transaction with its record.

The record is ``PRAGMA user_version``, which SQLite writes in the same transaction. The steps are SQL, so that the
reader can take them on a copy in memory without loading the writing side.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from modelpick.registry.interface import Ability
from modelpick.registry.shelving import RECOUNT, shelf_rows

Migration = Callable[[sqlite3.Connection], None]


def add_name_parts(connection: sqlite3.Connection) -> None:
    """1 to 2: names are found by any of their words."""
    connection.execute(
        "CREATE TABLE name_part (key VARCHAR NOT NULL, model VARCHAR NOT NULL, PRIMARY KEY (key, model),"
        " FOREIGN KEY(model) REFERENCES model (slug)) WITHOUT ROWID"
    )
    names = connection.execute("SELECT key, model FROM alias WHERE kind IN ('slug', 'name', 'common')").fetchall()
    parts = {(end, model) for key, model in names for end in _ends(key)}
    connection.executemany("INSERT INTO name_part VALUES (?, ?)", sorted(parts))


def _ends(key: str) -> list[str]:
    words = key.split("-")
    return ["-".join(words[start:]) for start in range(len(words))]


def add_shelf(connection: sqlite3.Connection) -> None:
    """2 to 3: models stand in the order in which selection reads them, and may carry sizes that were worked out.

    The next step fills the shelf.
    """
    connection.execute("ALTER TABLE architecture ADD COLUMN sizes VARCHAR")
    connection.execute(
        "CREATE TABLE shelf_count (task VARCHAR NOT NULL, tier INTEGER NOT NULL, size_class INTEGER NOT NULL,"
        " models INTEGER NOT NULL, PRIMARY KEY (task, tier, size_class)) WITHOUT ROWID"
    )


def add_kin(connection: sqlite3.Connection) -> None:
    """3 to 4: the shelf tells which models are alike, and what bounds a model's score before it is read."""
    connection.execute("DROP TABLE IF EXISTS shelf")
    connection.execute(
        "CREATE TABLE shelf (task VARCHAR NOT NULL, tier INTEGER NOT NULL, size_class INTEGER NOT NULL,"
        " descent FLOAT NOT NULL, kin INTEGER NOT NULL, family VARCHAR NOT NULL, model VARCHAR NOT NULL, low FLOAT,"
        " likely FLOAT, high FLOAT, basis VARCHAR, modality VARCHAR NOT NULL, params_total INTEGER,"
        " params_read INTEGER, PRIMARY KEY (task, tier, size_class, descent, kin, family, model),"
        " FOREIGN KEY(model) REFERENCES model (slug)) WITHOUT ROWID"
    )
    connection.execute("CREATE INDEX shelf_model ON shelf (model, task)")
    known = {
        (row[0], row[1]): Ability(*row)
        for row in connection.execute("SELECT model, task, value, low, high, basis FROM ability")
    }
    for model in _rows(connection, "model ORDER BY slug"):
        architectures = _rows(connection, "architecture WHERE model = ?", model["slug"])
        variants = _rows(connection, "variant WHERE model = ? ORDER BY position", model["slug"])
        permissive = model["commercial_use"] == "yes" and '"family":"permissive"' in model["verdict"].replace(" ", "")
        for place in shelf_rows(model, next(iter(architectures), None), variants, known, permissive=permissive):
            marks = ", ".join(f":{name}" for name in place)
            connection.execute(f"INSERT INTO shelf ({', '.join(place)}) VALUES ({marks})", place)
    for statement in RECOUNT:
        connection.execute(statement)


def _rows(connection: sqlite3.Connection, which: str, *values: str) -> list[dict[str, Any]]:
    found = connection.execute(f"SELECT * FROM {which}", values)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found]


MIGRATIONS: tuple[Migration, ...] = (add_name_parts, add_shelf, add_kin)
"""The step at place n leads from schema version n + 1 to n + 2."""


def migrate(connection: sqlite3.Connection, steps: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring the schema up to date, step by step; a step that fails leaves the file at the step before.

    ``connection`` must be in autocommit mode (``isolation_level=None``).
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, step in enumerate(steps[version - 1 :], version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            step(connection)
            connection.execute(f"PRAGMA user_version = {number}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
