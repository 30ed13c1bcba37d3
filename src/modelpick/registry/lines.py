"""On which line of a text file does a field stand? Neither ``tomllib`` nor ``json`` keeps that."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

Where = tuple[str | int, ...]

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_FIELD = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*[.=]""")


def line_of_toml(text: str, where: Where) -> int | None:
    """The line (from 1) of ``where``, a path such as ``("model", 2, "variants", 0, "bytes")``; if the field does
    not stand there, the line of the innermost block that does."""
    best: tuple[int, int] | None = None
    for number, found in _toml_places(text):
        depth = len(found)
        if found == where[:depth] and (best is None or depth > best[0]):
            best = (depth, number)
            if depth == len(where):
                break
    return best[1] if best else (1 if text and not where else None)


def _toml_places(text: str) -> Iterator[tuple[int, Where]]:
    """Each block header and field with its line, as paths with the numbers of repeated blocks."""
    counts: dict[Where, int] = {}
    block: Where = ()
    closing: str | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if closing:
            closing = None if closing in line else closing
            continue
        if header := _HEADER.match(line):
            block = _numbered(header[2], header[1] == "[[", counts)
            yield number, block
        elif field := _FIELD.match(line):
            yield number, (*block, field[1] or field[2] or field[3])
        for quotes in ('"""', "'''"):
            if line.count(quotes) % 2:
                closing = quotes


def _numbered(name: str, repeated: bool, counts: dict[Where, int]) -> Where:
    """``model.variants`` as ``("model", 2, "variants", 0)``: the newest block of each repeated name."""
    path: Where = ()
    parts = [part.strip().strip("\"'") for part in name.split(".")]
    for position, part in enumerate(parts):
        path = (*path, part)
        if repeated and position == len(parts) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def line_of_json(text: str, where: Where) -> int | None:
    """As :func:`line_of_toml`, for JSON."""
    try:
        return text.count("\n", 0, _json_offset(text, where)) + 1
    except (ValueError, RecursionError):
        return None


_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def _json_offset(text: str, where: Where) -> int:
    """Where the value of ``where`` begins, or the innermost one around it. ``text`` is known to be JSON."""
    offset = _after_space(text, 0)
    for step in where:
        inner = _json_step(text, offset, step)
        if inner is None:
            break
        offset = inner
    return offset


def _json_step(text: str, offset: int, step: str | int) -> int | None:
    if text[offset] != ("{" if isinstance(step, str) else "["):
        return None
    place = _after_space(text, offset + 1)
    number = 0
    while text[place] not in "}]":
        key: str | int = number
        if isinstance(step, str):
            key, place = _DECODER.raw_decode(text, place)
            place = _after_space(text, _after_space(text, place) + 1)
        if key == step:
            return place
        _, place = _DECODER.raw_decode(text, place)
        place = _after_space(text, place)
        if text[place] == ",":
            place = _after_space(text, place + 1)
        number += 1
    return None


def _after_space(text: str, offset: int) -> int:
    found = _SPACE.match(text, offset)
    assert found is not None
    return found.end()
