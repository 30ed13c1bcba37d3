"""Which fields of the results are shown: ``--fields a,b,c``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelpick.errors import UsageError
from modelpick.output.interface import Column, Document, Grid, Row, Style


def results_of(document: Document) -> list[Row]:
    """The rows of a document; a document without ``results`` is one row: its body."""
    rows = document.body.get("results")
    return list(rows) if isinstance(rows, list | tuple) else [document.body]


def known_fields(document: Document) -> list[str]:
    """All keys of the rows, in order of first appearance, then the columns' keys (for an empty result)."""
    names: dict[str, None] = {}
    for row in results_of(document):
        names.update(dict.fromkeys(row))
    for block in document.blocks:
        if isinstance(block, Grid) and block.main:
            names.update(dict.fromkeys(column.key for column in block.columns))
    return list(names)


def check_fields(document: Document, style: Style) -> None:
    """:raises UsageError: for a field that the results do not have, with the list of those they have."""
    known = known_fields(document)
    unknown = [name for name in style.fields if name not in known]
    if unknown:
        raise UsageError(
            f"unknown field{'s' if len(unknown) > 1 else ''}: {', '.join(unknown)}",
            hint=f"fields are: {', '.join(known)}",
        )


def chosen_rows(document: Document, style: Style) -> list[dict[str, Any]]:
    """The rows with only the chosen fields, in the order they were asked for."""
    rows = results_of(document)
    if not style.fields:
        return [dict(row) for row in rows]
    return [{name: row.get(name) for name in style.fields} for row in rows]


def chosen_grid(grid: Grid, style: Style) -> Grid:
    """The main grid with the chosen columns; known columns keep their titles."""
    if not grid.main or not style.fields:
        return grid
    columns = {column.key: column for column in grid.columns}
    return Grid([columns.get(name, Column(name, name)) for name in style.fields], grid.rows, grid.title, True)


def all_keys(rows: Sequence[Row]) -> list[str]:
    """Keys of all rows in order of first appearance."""
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    return list(names)
