"""All output formats: a new one is one file and one line here."""

from __future__ import annotations

from modelpick.output.fields import check_fields
from modelpick.output.interface import Document, Format, Style

FORMATS = ("table", "json", "jsonl", "csv", "markdown")
MACHINE_FORMATS = ("json", "jsonl", "csv")


def render(document: Document, name: str, style: Style) -> str:
    """The document in the format of that name, one of :data:`FORMATS`.

    :raises UsageError: when ``style.fields`` names a field the results do not have.
    """
    if style.fields:
        check_fields(document, style)
    return _format(name)(document, style)


def _format(name: str) -> Format:
    match name:
        case "json" | "jsonl" | "csv":
            from modelpick.output import machine

            return {"json": machine.as_json, "jsonl": machine.as_jsonl, "csv": machine.as_csv}[name]
        case "markdown":
            from modelpick.output.markdown import as_markdown

            return as_markdown
        case "table":
            # rich costs 36 ms to import, so only the format that draws with it does.
            from modelpick.output.table import as_table

            return as_table
        case "sarif":
            # Only `license check` offers it: it is a form for findings, and no other answer is one.
            from modelpick.output.sarif import as_sarif

            return as_sarif
        case _:
            raise ValueError(name)
