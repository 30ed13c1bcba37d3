"""Is a registry whole, and is it what its text says? Every check is told, also those that hold."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from modelpick.registry.build import build
from modelpick.registry.draft import no_fit, no_judge, no_measure
from modelpick.registry.files import check_file, damaged, open_registry
from modelpick.registry.interface import AbilityFit, Judge, Measure
from modelpick.values import dataclass

_EMPTY_WANTED = {
    "licence keys are in the catalogue": "SELECT slug, license_key FROM model WHERE license_key IS NOT NULL"
    " AND license_key NOT IN (SELECT key FROM license)",
    "parents are rows": "SELECT model, parent_slug FROM lineage WHERE parent_slug IS NOT NULL"
    " AND parent_slug NOT IN (SELECT slug FROM model)",
    "models are found by their slug": "SELECT slug FROM model WHERE NOT EXISTS"
    " (SELECT 1 FROM alias WHERE kind = 'slug' AND alias = slug AND model = slug)",
    "no lineage runs in a circle": "WITH RECURSIVE above(model, parent) AS (SELECT model, parent_slug FROM lineage"
    " WHERE parent_slug IS NOT NULL UNION SELECT above.model, lineage.parent_slug FROM above JOIN lineage"
    " ON lineage.model = above.parent WHERE lineage.parent_slug IS NOT NULL)"
    " SELECT model FROM above WHERE model = parent",
}
_ONLY_BUNDLED = frozenset({"licence keys are in the catalogue", "parents are rows"})
_JSON_COLUMNS = {
    "model": ("tasks", "languages", "capabilities", "special", "limitations", "verdict"),
    "architecture": ("config",),
    "variant": ("files",),
    "license": ("hf_license_name", "org_hint", "aliases", "example_models"),
    "collection_member": ("printed",),
    "rule": ("body",),
}


@dataclass(frozen=True)
class Check:
    """One check: what should hold, whether it does, and what was found if not."""

    name: str
    ok: bool
    found: str | None = None


def verify(
    path: Path,
    data: Path | None,
    *,
    origin: str = "bundled",
    judge: Judge = no_judge,
    fit: AbilityFit = no_fit,
    measure: Measure = no_measure,
) -> list[Check]:
    """All checks of one registry; with ``data``, it is also built anew and compared byte for byte.

    :raises IntegrityError: when the file is not a registry at all.
    """
    check_file(str(path), origin)
    with closing(open_registry(str(path), origin)) as connection:
        try:
            checks = list(_inside(connection, origin))
        except sqlite3.DatabaseError as error:
            raise damaged(str(path), str(error), origin) from error
    if data:
        checks.append(_rebuilt(path, data, judge, fit, measure))
    return checks


def _inside(connection: sqlite3.Connection, origin: str) -> Iterator[Check]:
    said = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    yield Check("integrity_check", said == ["ok"], None if said == ["ok"] else "; ".join(said[:3]))
    broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    yield Check("foreign_key_check", not broken, _few(broken))
    for name, sql in _EMPTY_WANTED.items():
        if origin == "bundled" or name not in _ONLY_BUNDLED:
            found = connection.execute(f"{sql} LIMIT 20").fetchall()
            yield Check(name, not found, _few(found))
    wrong = list(_not_json(connection))
    yield Check("lists and objects are JSON", not wrong, "; ".join(wrong[:3]) or None)
    if origin == "bundled":
        said_models = connection.execute("SELECT value FROM meta WHERE key = 'models'").fetchone()
        count = connection.execute("SELECT count(*) FROM model").fetchone()[0]
        told = said_models[0] if said_models else None
        yield Check("the number of models is right", told == str(count), f"says {told}, has {count}")


def _not_json(connection: sqlite3.Connection) -> Iterator[str]:
    for table, columns in _JSON_COLUMNS.items():
        for row in connection.execute(f"SELECT {', '.join(columns)} FROM {table}"):
            for column, value in zip(columns, row, strict=True):
                try:
                    json.loads(value)
                except ValueError:
                    yield f"{table}.{column}: {value[:40]!r}"


def _few(rows: list[tuple[object, ...]]) -> str | None:
    return "; ".join(" ".join(map(str, row)) for row in rows[:3]) or None


def _rebuilt(path: Path, data: Path, judge: Judge, fit: AbilityFit, measure: Measure) -> Check:
    with tempfile.TemporaryDirectory(prefix="modelpick-") as folder:
        again = Path(folder) / "registry.sqlite"
        build(data, again, judge=judge, fit=fit, measure=measure)
        new, old = again.read_bytes(), path.read_bytes()
    if new == old:
        return Check("built anew from its text it is the same", True)
    place = next(
        (i for i, pair in enumerate(zip(new, old, strict=False)) if pair[0] != pair[1]), min(len(new), len(old))
    )
    return Check(
        "built anew from its text it is the same",
        False,
        f"{len(old):,} bytes, built anew {len(new):,}; first difference at byte {place:,}",
    )
