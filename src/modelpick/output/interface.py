"""What an answer consists of before anyone decides how to show it.

A command builds a :class:`Document` of raw values. JSON shows ``body``; tables and Markdown show ``blocks``;
CSV and JSON lines show the rows of ``body["results"]``. Formats decide on strings; commands never do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from modelpick.values import dataclass, field

Row = Mapping[str, Any]
Kind = Literal[
    "auto",
    "text",
    "bytes",
    "gigabytes",
    "count",
    "rate",
    "percent",
    "verdict",
    "yesno",
    "date",
    "raw",
    "part",
    "rates",
    "pace",
    "interval",
]
"""``gigabytes``: bytes as a number of GB (10^9), for a column that names that unit, beside what others printed so;
``part``: bytes of bytes, as a pair; ``rates``: a range per second; ``pace``: a range with its unit; ``interval``: a
figure with its bounds."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a grid. ``key`` names the row's value; ``kind`` how it is written (auto: by the key's unit).

    ``wrap`` lets long text run over several lines; others are kept on one line.
    """

    key: str
    title: str
    kind: Kind = "auto"
    right: bool = False
    wrap: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows under columns. With ``main`` the grid shows the document's results and ``--fields`` chooses columns."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    title: str | None = None
    main: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Label and value pairs, one a line: ``(label, value, kind)``. Values of None are left out."""

    pairs: Sequence[tuple[str, Any, Kind]]
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Lines:
    """Plain lines of text, or a numbered arithmetic; wrapped at the terminal's width."""

    lines: Sequence[str]
    title: str | None = None
    bullet: bool = False


@dataclass(frozen=True, slots=True)
class Tree:
    """A label with branches under it."""

    label: str
    branches: Sequence[Tree] = ()
    title: str | None = None


Block = Grid | Facts | Lines | Tree


@dataclass(frozen=True, slots=True)
class Document:
    """One answer. ``schema`` is for example ``modelpick.list/1``; ``notes`` stand in the JSON and on stderr,
    ``hints`` (the next commands) only on stderr."""

    schema: str
    body: Mapping[str, Any]
    blocks: Sequence[Block] = ()
    notes: Sequence[str] = ()
    hints: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Terminal:
    """What stdout is: its width in columns (None: not a terminal, never truncate) and whether it has colour."""

    width: int | None = None
    colour: bool = False


@dataclass(frozen=True, slots=True)
class Style:
    """How the user wants to see it."""

    terminal: Terminal = field(default_factory=Terminal)
    fields: tuple[str, ...] = ()


class Format(Protocol):
    """One output format: turns a document into text that ends with a newline (or is empty)."""

    def __call__(self, document: Document, style: Style) -> str:
        """The whole text for stdout."""
        ...
