"""How an older registry file becomes a newer one: one function a step, each in one transaction with its record.

The record is ``PRAGMA user_version``, which SQLite writes in the same transaction. The steps are SQL, so that the
reader can take them on a copy in memory without loading the writing side.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

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


MIGRATIONS: tuple[Migration, ...] = (add_name_parts,)
"""The step at place n leads from schema version n + 1 to n + 2."""

SCHEMA_VERSION = len(MIGRATIONS) + 1


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
