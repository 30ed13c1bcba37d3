"""Older registry files: brought up to date step by step, and on a copy in memory where only reading is asked."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.registry.asking import ask

from modelpick.registry.migrations import MIGRATIONS, migrate
from modelpick.registry.reader import open_registries
from modelpick.registry.resolve import resolve
from modelpick.registry.user import add
from modelpick.registry.version import SCHEMA_VERSION

TO_FIRST = (
    "DROP TABLE shelf",
    "DROP TABLE shelf_count",
    "ALTER TABLE architecture DROP COLUMN sizes",
    "DROP TABLE name_part",
    "PRAGMA user_version = 1",
)


@pytest.fixture
def first(small: Path, tmp_path: Path) -> Path:
    """A registry as the first schema had it."""
    path = tmp_path / "first.sqlite"
    path.write_bytes(small.read_bytes())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in TO_FIRST:
            connection.execute(statement)
    return path


def shape(path: Path) -> dict[str, object]:
    tables = [row[0] for row in ask(path, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    return {table: ask(path, f"SELECT * FROM pragma_table_info('{table}')") for table in tables} | {
        f"indexes of {table}": sorted(row[1] for row in ask(path, f"PRAGMA index_list({table})")) for table in tables
    }


def test_an_old_file_gets_the_shape_and_rows_of_a_new_one(first: Path, small: Path) -> None:
    with closing(sqlite3.connect(first, isolation_level=None)) as connection:
        migrate(connection)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert shape(first) == shape(small)
    for table in ("shelf", "shelf_count"):
        assert ask(first, f"SELECT * FROM {table}") == ask(small, f"SELECT * FROM {table}")
    parts = set(ask(first, "SELECT * FROM name_part"))
    assert parts and parts <= set(ask(small, "SELECT * FROM name_part"))


def test_reading_an_old_file_does_not_change_it(first: Path) -> None:
    before = first.read_bytes()
    with open_registries(first) as registry:
        assert resolve(registry, "small-1b-ins") == "small-1b-instruct"
    assert first.read_bytes() == before


def test_the_next_write_brings_an_old_file_up_to_date(first: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.json"
    more.write_text(
        '{"slug": "more", "family": "More", "name": "More", "developer": "x", "relation": "base", "modality": "text",'
        ' "tasks": ["chat"], "access": "api", "downloadable": false, "confidence": "low", "sources": []}'
    )
    add(first, more)
    assert ask(first, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert ask(first, "SELECT slug FROM model ORDER BY slug") == [("more",), ("small-1b",), ("small-1b-instruct",)]


def test_a_step_that_fails_leaves_the_version_before(first: Path) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (x)")
        raise RuntimeError("power cut")

    with closing(sqlite3.connect(first, isolation_level=None)) as connection:
        with pytest.raises(RuntimeError):
            migrate(connection, (MIGRATIONS[0], fail))
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        assert "name_part" in names and "half" not in names


def test_a_file_that_is_up_to_date_is_left_alone(small: Path) -> None:
    before = small.read_bytes()
    with closing(sqlite3.connect(small, isolation_level=None)) as connection:
        migrate(connection)
        assert connection.total_changes == 0
    assert small.read_bytes() == before
