"""Opens a registry file to read it, after a look at its first hundred bytes says that it is one and is whole."""

# Without pathlib: see locations.py.
# ruff: noqa: PTH116

from __future__ import annotations

import os
import sqlite3
import stat

from modelpick.errors import AccessError, IntegrityError, ModelpickError, NotFoundError, UsageError
from modelpick.registry.names import readonly_uri
from modelpick.registry.version import SCHEMA_VERSION

APPLICATION_ID = 0x6D70636B
_MAGIC = b"SQLite format 3\x00"
_RESTORE = {
    "bundled": "install modelpick again, or build it: modelpick registry build",
    "user": "restore the file from a copy, or move it away and add your models again",
}


def open_registry(path: str, origin: str) -> sqlite3.Connection:
    """A read-only connection to a registry; one of an older schema is brought up to date in memory.

    :raises NotFoundError: when there is no such file.
    :raises UsageError: when it is a directory, or no file at all.
    :raises AccessError: when it may not be read.
    :raises IntegrityError: when it is not a registry, is cut short, or is newer than this program.
    """
    version = check_file(path, origin)
    try:
        connection = sqlite3.connect(readonly_uri(path), uri=True, isolation_level=None)
        return _brought_up(connection) if version < SCHEMA_VERSION else connection
    except sqlite3.Error as error:
        raise damaged(path, str(error), origin) from error


def check_file(path: str, origin: str) -> int:
    """The schema version that the file's header says, after everything the header can tell has been checked."""
    header, size = _header(path)
    if len(header) < 100 or header[:16] != _MAGIC:
        what = "is empty" if not size else "is not a modelpick registry (not an SQLite file)"
        raise IntegrityError(f"{path} {what}", hint=_RESTORE[origin])
    # https://sqlite.org/fileformat2.html#the_database_header
    if _number(header, 68) != APPLICATION_ID:
        raise IntegrityError(
            f"{path} is an SQLite file of another program, not a modelpick registry", hint=_RESTORE[origin]
        )
    version = _number(header, 60)
    if version > SCHEMA_VERSION:
        raise IntegrityError(
            f"{path} has schema version {version}; this modelpick knows up to {SCHEMA_VERSION}",
            hint="install the newest modelpick: pip install --upgrade modelpick",
        )
    page_size = int.from_bytes(header[16:18], "big")
    expected = _number(header, 28) * (page_size if page_size > 1 else 65_536)
    if size < expected:
        raise IntegrityError(f"{path} is cut short: {size:,} of {expected:,} bytes", hint=_RESTORE[origin])
    return version


def damaged(path: str, said: str, origin: str) -> IntegrityError:
    """The error for a registry whose inside is broken."""
    return IntegrityError(f"the registry {path} is damaged: {said}", hint=_RESTORE[origin])


def _header(path: str) -> tuple[bytes, int]:
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise UsageError(f"{path} is a directory, not a registry", hint="name a file with --registry PATH")
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{path} is not a plain file", hint="name a file with --registry PATH")
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read(100), status.st_size
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(
            f"there is no registry at {path}", hint=f"make one: modelpick registry add FILE --registry {path}"
        ) from error
    except PermissionError as error:
        raise AccessError(
            f"the registry {path} may not be read", hint=f"check its permissions: ls -l {path}"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelpickError(f"the registry {path} cannot be read: {error}", hint="check the path") from error


def _number(header: bytes, offset: int) -> int:
    return int.from_bytes(header[offset : offset + 4], "big")


def _brought_up(connection: sqlite3.Connection) -> sqlite3.Connection:
    from modelpick.registry.migrations import migrate

    copy = sqlite3.connect(":memory:", isolation_level=None)
    connection.backup(copy)
    connection.close()
    migrate(copy)
    return copy
