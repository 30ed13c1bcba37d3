"""Writes registries: a new file beside the old one, whole or not at all."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlmodel import Session, SQLModel, create_engine, insert

from modelpick.errors import AccessError, IntegrityError
from modelpick.registry.schema import APPLICATION_ID, TABLES
from modelpick.registry.shelving import RECOUNT
from modelpick.registry.version import SCHEMA_VERSION

_SUFFIX = ".part"
_PAGE_SIZE = 4096


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to, which takes its place at the end; on failure the old file stays.

    Readers open registries as immutable, so a file that has a name must never change: only be replaced.

    :raises AccessError: when the directory cannot be written.
    """
    target = path.resolve()
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=_SUFFIX)
        os.close(handle)
    except OSError as error:
        raise not_writable(path, error) from error
    part = Path(name)
    try:
        yield part
        part.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o644)
        _flush(part)
        part.replace(target)
        if os.name == "posix":
            _flush(target.parent)
    except OSError as error:
        raise not_writable(path, error) from error
    finally:
        part.unlink(missing_ok=True)
        Path(f"{part}-journal").unlink(missing_ok=True)


def not_writable(path: Path, error: OSError) -> AccessError:
    """The error for a place that cannot be written."""
    return AccessError(
        f"cannot write the registry {path}: {error.strerror or error}",
        hint="name a file in a directory of yours with --registry PATH",
    )


def sweep(path: Path, *, unused_seconds: float = 0) -> None:
    """Remove what writers that were killed left beside ``path``: for whoever holds its lock; without one, only what
    nobody has written to for ``unused_seconds``."""
    target = path.resolve()
    for part in target.parent.glob(f".{target.name}.*{_SUFFIX}*"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime >= unused_seconds:
                part.unlink()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def session_on(path: Path) -> Iterator[Session]:
    """A session on the registry at ``path`` (a file of one's own: see :func:`replacing`), in one transaction.

    :raises IntegrityError: when a row breaks one of the schema's checks.
    """
    engine = create_engine("sqlite://", creator=lambda: _connect(path))
    try:
        with Session(engine) as session:
            yield session
            session.commit()
    finally:
        engine.dispose()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA foreign_keys = ON")
    # Nobody reads the file yet, and it is flushed as a whole before it takes its place.
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = MEMORY")
    return connection


def create_tables(path: Path) -> None:
    """Make the empty tables of the newest schema."""
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.close()
    engine = create_engine("sqlite://", creator=lambda: _connect(path))
    SQLModel.metadata.create_all(engine, tables=[_table(kind) for kind in TABLES])
    engine.dispose()


def _table(kind: type[SQLModel]) -> Any:
    return kind.__table__  # type: ignore[attr-defined]


def put(session: Session, kind: type[SQLModel], rows: Iterable[Mapping[str, Any]]) -> None:
    """Validate rows as ``kind`` and insert them in the order of their primary key."""
    checked = [kind.model_validate(row).model_dump() for row in rows]
    keys = [column.name for column in _table(kind).primary_key]
    checked.sort(key=lambda row: [row[key] for key in keys])
    if checked:
        session.execute(insert(_table(kind)), checked)


def settle(path: Path) -> None:
    """Give the file the bytes that its rows alone decide.

    ``VACUUM`` lays the rows out anew. The header's counter of changes and the version of the SQLite library that
    wrote last are set to fixed values, and what libraries leave behind in the free space of pages is cleared:
    https://sqlite.org/fileformat2.html
    """
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA secure_delete = ON")
    for statement in RECOUNT:
        connection.execute(statement)
    connection.execute("VACUUM")
    damage = connection.execute("PRAGMA integrity_check").fetchone()[0]
    connection.close()
    if damage != "ok":
        raise IntegrityError(f"{path}: {damage}", hint="check the disk, then build again")
    content = bytearray(path.read_bytes())
    for offset, value in ((24, 1), (92, 1), (96, 3_040_000)):
        content[offset : offset + 4] = value.to_bytes(4, "big")
    for page in range(0, len(content), _PAGE_SIZE):
        _clear_free_space(content, page)
    path.write_bytes(content)


def _clear_free_space(content: bytearray, page: int) -> None:
    """Clear what lies between a page's list of cells and its first cell.

    A page of a tree begins with its kind; overflow pages begin with a page number below 2^24, so with 0.
    """
    header = page + (100 if page == 0 else 0)
    size = {0x02: 12, 0x05: 12, 0x0A: 8, 0x0D: 8}.get(content[header])
    if size is None:
        return
    cells = int.from_bytes(content[header + 3 : header + 5], "big")
    start = header + size + 2 * cells
    end = page + (int.from_bytes(content[header + 5 : header + 7], "big") or 65_536)
    content[start:end] = bytes(end - start)
