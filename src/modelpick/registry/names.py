"""Names as people type them: their normal form, and the names that begin with what was typed.

This is the path of every TAB: it imports nothing but ``sqlite3`` and what Python has loaded already.
"""

# Without pathlib: see locations.py.
# ruff: noqa: PTH100, PTH113

from __future__ import annotations

import os
import sqlite3

from modelpick.registry.locations import bundled_path, user_path

LAST = "\U0010ffff"
"""Above every character of a key: ``key >= prefix AND key < prefix || LAST`` is a prefix search on an index, which
``LIKE`` is not (https://sqlite.org/optoverview.html#the_like_optimization)."""

_KEPT = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.+")
_PREFIX = "SELECT alias FROM alias WHERE kind = ? AND key >= ? AND key < ? ORDER BY key"


def normal_form(text: str) -> str:
    """The key of a name: lower case, runs of anything but ``a-z0-9.+`` as one ``-``, none at the ends."""
    return prefix_form(text).rstrip("-")


def prefix_form(text: str) -> str:
    """As :func:`normal_form`, for the beginning of a name: a ``-`` at the end stays."""
    kept = "".join(char if char in _KEPT else "-" for char in text.lower())
    while "--" in kept:
        kept = kept.replace("--", "-")
    return kept.lstrip("-")


def complete(incomplete: str, *, registry: str | None = None, limit: int = 100) -> list[str]:
    """Slugs that begin with ``incomplete``, in order; where there are none, Hub repositories that do.

    At most ``limit`` names. When there are more, the last of them all is among the answer, so that the beginning
    the shell sees in common is the true one. A registry that cannot be read has no names.
    """
    prefix = prefix_form(incomplete)
    paths = [bundled_path(), user_path(registry)]
    for kind in ("slug", "repo"):
        found = {name for path in paths for name in _names(path, kind, prefix, limit)}
        if found:
            names = sorted(found)
            return names if len(names) <= limit else [*names[: limit - 1], names[-1]]
    return []


def complete_license(incomplete: str) -> list[str]:
    """Keys of the licence catalogue that begin with ``incomplete``, in order."""
    sql = "SELECT key FROM license WHERE key >= ? AND key < ? ORDER BY key"
    return _asked(bundled_path(), sql, (incomplete.lower(), incomplete.lower() + LAST))


def _names(path: str, kind: str, prefix: str, limit: int) -> list[str]:
    """The first ``limit`` names and one more, and then the last of all."""
    span = (kind, prefix, prefix + LAST)
    names = _asked(path, f"{_PREFIX} LIMIT ?", (*span, limit + 1))
    return names if len(names) <= limit else names + _asked(path, f"{_PREFIX} DESC LIMIT 1", span)


def _asked(path: str, sql: str, values: tuple[object, ...]) -> list[str]:
    """The first column of the answer; nothing where the file cannot be read."""
    if not os.path.isfile(path):
        return []
    try:
        connection = sqlite3.connect(readonly_uri(path), uri=True)
    except sqlite3.Error:
        return []
    try:
        return [row[0] for row in connection.execute(sql, values)]
    except (sqlite3.Error, UnicodeError):
        return []
    finally:
        connection.close()


def readonly_uri(path: str) -> str:
    """SQLite's address of a file that nobody changes in place: a registry is only ever replaced as a whole.

    ``immutable`` leaves out locks and journals, so a read-only directory will do:
    https://sqlite.org/uri.html#uriimmutable
    """
    escaped = os.path.abspath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    if os.sep == "\\":
        escaped = "/" + escaped.replace("\\", "/")
    return f"file:{escaped}?mode=ro&immutable=1"
