"""The formats for programs: JSON, JSON lines, CSV."""

from __future__ import annotations

import json
from typing import Any

from modelpick import __version__
from modelpick.output.fields import all_keys, chosen_rows, known_fields
from modelpick.output.interface import Document, Style


def as_json(document: Document, style: Style) -> str:
    """One object; ``schema`` and ``modelpick`` first, ``notes`` last."""
    body: dict[str, Any] = {"schema": document.schema, "modelpick": __version__}
    if style.fields and "results" not in document.body:
        body.update(chosen_rows(document, style)[0])
    else:
        body.update(document.body)
        if style.fields:
            body["results"] = chosen_rows(document, style)
    body["notes"] = list(document.notes)
    return json.dumps(body, ensure_ascii=True, separators=(",", ":"), allow_nan=False) + "\n"


def as_jsonl(document: Document, style: Style) -> str:
    """One result a line, without the document around them."""
    rows = chosen_rows(document, style)
    return "".join(json.dumps(row, separators=(",", ":"), allow_nan=False) + "\n" for row in rows)


def as_csv(document: Document, style: Style) -> str:
    """RFC 4180 with a header; lists and objects as JSON text, unknown as an empty cell.

    A cell that a spreadsheet would run as a formula is written with a leading apostrophe:
    https://owasp.org/www-community/attacks/CSV_Injection
    """
    import csv
    import io

    rows = chosen_rows(document, style)
    names = list(style.fields) or all_keys(rows) or known_fields(document)
    if not names:
        return ""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else json.dumps(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) and isinstance(value, str) else text
