"""The format for issues, pull requests and wikis."""

from __future__ import annotations

from modelpick.output.fields import chosen_grid
from modelpick.output.interface import Block, Document, Facts, Grid, Lines, Style, Tree
from modelpick.output.text import show

_SPECIAL = str.maketrans({char: f"\\{char}" for char in "\\`*_[]<>|#"})


def as_markdown(document: Document, style: Style) -> str:
    """GitHub-flavoured Markdown: a table for each grid, lists for the rest, notes as a quote."""
    parts = [_block(block, style) for block in document.blocks]
    if document.notes:
        parts.append("".join(f"> {_escape(note)}\n" for note in document.notes))
    return "\n".join(parts)


def _escape(text: str) -> str:
    return show(text).translate(_SPECIAL)


def _block(block: Block, style: Style) -> str:
    heading = f"### {_escape(block.title)}\n\n" if block.title else ""
    match block:
        case Grid():
            return heading + _grid(chosen_grid(block, style))
        case Facts():
            rows = [
                f"- **{_escape(label)}:** {_escape(show(value, kind))}\n"
                for label, value, kind in block.pairs
                if value is not None
            ]
            return heading + "".join(rows)
        case Lines():
            mark = "- " if block.bullet else ""
            end = "\n" if block.bullet else "  \n"
            return heading + "".join(f"{mark}{_escape(line)}{end}" for line in block.lines)
        case Tree():
            return heading + _tree(block, 0)


def _grid(grid: Grid) -> str:
    head = "| " + " | ".join(_escape(column.title) for column in grid.columns) + " |\n"
    rule = "|" + "|".join("---:" if column.right else "---" for column in grid.columns) + "|\n"
    body = "".join(
        "| " + " | ".join(_escape(show(row.get(c.key), c.kind, c.key)) for c in grid.columns) + " |\n"
        for row in grid.rows
    )
    return head + rule + body


def _tree(tree: Tree, depth: int) -> str:
    own = f"{'  ' * depth}- {_escape(tree.label)}\n"
    return own + "".join(_tree(branch, depth + 1) for branch in tree.branches)
