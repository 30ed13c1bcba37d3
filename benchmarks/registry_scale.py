"""Do ``show`` and TAB stay as fast with 1,000,000 models as with the bundled registry? Whole processes, in pairs.

    .venv/bin/python benchmarks/registry_scale.py [MODELS]

The models are copies of bundled ones under other names, written as a user's registry in a temporary directory
(about 5 GB for a million). Exit status 1 when anything takes more than twice its time with the bundled registry.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

from measure import ratios

from modelpick.registry.locations import bundled_path
from modelpick.registry.names import normal_form

MODELPICK = str(Path(sys.executable).with_name("modelpick"))
BOUND = 2.0
_BATCH = 20_000
_CHILDREN = ("architecture", "variant", "source", "benchmark", "shelf")
Wanted = tuple[str, str, str, float]
"""The original's slug and the copy's, what its family ends in, and points."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What sets a copy apart from the model that it is a copy of, beside its name."""

    own_family: bool = False
    points: float = 0.0
    """Its abilities are better or worse by up to so many points."""


MIXES = {"re-uploads": Mix(), "fine-tunes": Mix(own_family=True, points=3.0)}


def generate(path: Path, models: int, mix: Mix = MIXES["re-uploads"]) -> None:
    """A registry with ``models`` models, each a bundled one with all its rows, under a slug of its own."""
    random = Random(1)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -400000")
        connection.execute("ATTACH ? AS bundled", (bundled_path(),))
        for name, value in (("application_id", 0x6D70636B), ("user_version", _version(connection))):
            connection.execute(f"PRAGMA main.{name} = {value}")
        for (statement,) in connection.execute(
            "SELECT sql FROM bundled.sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC, rowid"
        ).fetchall():
            connection.execute(statement)
        originals = [row[0] for row in connection.execute("SELECT slug FROM bundled.model ORDER BY slug")]
        connection.execute("CREATE TEMP TABLE wanted (original TEXT, slug TEXT, line TEXT, points REAL)")
        copies = -(-models // len(originals))
        # In the order of the tables' keys: a million inserts at random places take an hour.
        every = ((slug, f"{slug}-g{copy:07}") for slug in originals for copy in range(copies))
        names = islice(every, models)
        while batch := list(islice(names, _BATCH)):
            _write(connection, [_varied(mix, random, *pair) for pair in batch])
        connection.execute("DELETE FROM shelf_count")
        connection.execute(
            "INSERT INTO shelf_count SELECT task, tier, size_class, count(*) FROM shelf GROUP BY 1, 2, 3"
        )


def _version(connection: sqlite3.Connection) -> int:
    number: int = connection.execute("PRAGMA bundled.user_version").fetchone()[0]
    return number


def _varied(mix: Mix, random: Random, original: str, slug: str) -> Wanted:
    line = slug[-9:] if mix.own_family else ""
    return original, slug, line, round(random.uniform(-mix.points, mix.points), 2)


_VARIED = {"family": "t.family || w.line"}
_VARIED_ON_SHELF = _VARIED | {
    # What was not measured is not spread.
    "descent": "t.descent - iif(t.low IS NULL, 0, w.points)",
    "low": "t.low + w.points",
    "likely": "t.likely + w.points",
    "high": "t.high + w.points",
}


def _write(connection: sqlite3.Connection, batch: list[Wanted]) -> None:
    connection.execute("BEGIN")
    connection.execute("DELETE FROM wanted")
    connection.executemany("INSERT INTO wanted VALUES (?, ?, ?, ?)", batch)
    for table in ("model", *_CHILDREN):
        key = "slug" if table == "model" else "model"
        columns = [row[1] for row in connection.execute(f"PRAGMA bundled.table_info({table})")]
        varied = {key: "w.slug"} | {"shelf": _VARIED_ON_SHELF, "model": _VARIED}.get(table, {})
        chosen = ", ".join(varied.get(name, f't."{name}"') for name in columns)
        connection.execute(
            f"INSERT INTO main.{table} SELECT {chosen} FROM wanted w JOIN bundled.{table} t ON t.{key} = w.original"
        )
    connection.executemany(
        "INSERT INTO main.alias (kind, key, model, alias) VALUES (?, ?, ?, ?)",
        (row for _, slug, *_ in batch for row in _aliases(slug)),
    )
    connection.executemany(
        "INSERT INTO main.name_part (key, model) VALUES (?, ?)",
        ((part, slug) for _, slug, *_ in batch for part in _parts(slug)),
    )
    connection.execute("COMMIT")


def _aliases(slug: str) -> Iterator[tuple[str, str, str, str]]:
    repo = f"generated/{slug}"
    yield "slug", normal_form(slug), slug, slug
    yield "repo", normal_form(repo), slug, repo


def _parts(slug: str) -> set[str]:
    words = normal_form(slug).split("-")
    return {"-".join(words[start:]) for start in range(len(words))}


def _tab(word: str) -> dict[str, str]:
    return {"_MODELPICK_COMPLETE": "bash_complete", "COMP_WORDS": f"modelpick show {word}", "COMP_CWORD": "2"}


def main(models: int) -> int:
    """Generate, measure, compare."""
    missed = 0
    with tempfile.TemporaryDirectory(prefix="modelpick-scale-") as folder:
        path, empty = Path(folder) / "registry.sqlite", str(Path(folder) / "none.sqlite")
        began = time.perf_counter()
        generate(path, models)
        print(f"{models:,} models, {path.stat().st_size / 1e6:,.0f} MB, made in {time.perf_counter() - began:.0f} s")
        slug = f"mistral-7b-v0.1-g{_number(path):07}"
        cases = [
            ("show a slug", ["show", slug, "--json"], ["show", "mistral-7b-v0.1", "--json"], None),
            ("show a part", ["show", slug[8:], "--json"], ["show", "coder-7b-inst", "--json"], None),
            ("show a bundled model", ["show", "gpt-j-6b", "--json"], ["show", "gpt-j-6b", "--json"], None),
            ("show an unknown name", ["show", "mistrall-7b"], ["show", "mistrall-7b"], None),
            ("TAB on a short beginning", [], [], _tab("m")),
            ("TAB on a long beginning", [], [], _tab("mistral-7b-v")),
            ("TAB on a repository", [], [], _tab("mistralai/M")),
            ("TAB on nothing yet", [], [], _tab("")),
        ]
        print(f"{'':26} {'wall x':>7} {'CPU x':>7} {'bound':>6} {'wall ms':>8}")
        for name, large, small, variables in cases:
            environment = {**os.environ, **(variables or {})}
            wall, cpu, run = ratios(
                ["env", f"MODELPICK_REGISTRY={path}", MODELPICK, *large],
                ["env", f"MODELPICK_REGISTRY={empty}", MODELPICK, *small],
                environment=environment,
            )
            missed += wall > BOUND
            print(f"{name:26} {wall:7.2f} {cpu:7.2f} {BOUND:6g} {run.wall_seconds * 1000:8.0f}")
    return min(missed, 1)


def _number(path: Path) -> int:
    """The number in the slug of a copy of mistral-7b-v0.1 in the middle."""
    with closing(sqlite3.connect(path)) as connection:
        sql = "SELECT slug FROM model WHERE slug >= 'mistral-7b-v0.1-g' AND slug < 'mistral-7b-v0.1-h'"
        slugs = [row[0] for row in connection.execute(sql)]
    return int(slugs[len(slugs) // 2][-7:])


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
