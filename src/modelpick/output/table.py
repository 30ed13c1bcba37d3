"""The format for people: tables and lists in the terminal, by rich."""

from __future__ import annotations

import io

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree as RichTree

from modelpick.output.fields import chosen_grid
from modelpick.output.interface import Block, Column, Document, Facts, Grid, Lines, Style, Tree
from modelpick.output.text import show

_UNLIMITED = 10_000
_COLOURS = {"yes": "green", "conditional": "yellow", "no": "red", "unknown": "magenta"}


def as_table(document: Document, style: Style) -> str:
    """The blocks one after another, fitted to the terminal; not truncated when there is none."""
    width = style.terminal.width or _UNLIMITED
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=style.terminal.colour,
        color_system="standard" if style.terminal.colour else None,
        no_color=not style.terminal.colour,
        legacy_windows=False,
        markup=False,
        highlight=False,
        emoji=False,
    )
    with console.capture() as captured:
        for number, block in enumerate(document.blocks):
            if number:
                console.print()
            if block.title:
                console.print(Text(show(block.title), style="bold"))
            console.print(_rendered(block, style), soft_wrap=False)
    lines = (line.rstrip() if not style.terminal.colour else line for line in captured.get().split("\n"))
    return "\n".join(lines)


def _rendered(block: Block, style: Style) -> RenderableType:
    match block:
        case Grid():
            return _grid(chosen_grid(block, style), piped=style.terminal.width is None)
        case Facts():
            return _facts(block)
        case Lines():
            lines = [("• " if block.bullet else "") + show(line) for line in block.lines]
            return Padding(Text("\n".join(lines)), (0, 0, 0, 2 if block.title else 0))
        case Tree():
            return _tree(block)


def _grid(grid: Grid, *, piped: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in grid.columns:
        table.add_column(
            Text(column.title),
            justify="right" if column.right else "left",
            no_wrap=piped or not column.wrap,
            overflow="fold" if column.wrap else "ellipsis",
        )
    for row in grid.rows:
        table.add_row(*(_cell(row.get(column.key), column) for column in grid.columns))
    return table


def _cell(value: object, column: Column) -> Text:
    text = Text(show(value, column.kind, column.key))
    if column.kind == "verdict" or column.key == "commercial_use":
        text.stylize(_COLOURS.get(str(value), ""))
    return text


def _facts(facts: Facts) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, value, kind in facts.pairs:
        if value is not None:
            table.add_row(Text(show(label), style="bold"), Text(show(value, kind)))
    return table


def _tree(tree: Tree) -> RichTree:
    root = RichTree(Text(show(tree.label)))
    for branch in tree.branches:
        root.children.append(_tree(branch))
    return root
