"""What the terminal is and whether it gets colour: decided once, here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TextIO

from modelpick.output.interface import Terminal


def describe(stream: TextIO, color: str, environment: Mapping[str, str]) -> Terminal:
    """The terminal behind ``stream``. ``color`` is auto, always or never.

    ``always`` and ``never`` win over ``NO_COLOR`` (https://no-color.org), which wins over ``FORCE_COLOR``, which
    wins over what the stream is. ``FORCE_COLOR=0`` means no colour.
    """
    is_terminal = _is_terminal(stream)
    return Terminal(
        width=_width(stream, environment) if is_terminal else None,
        colour=_colour(color, is_terminal, environment),
    )


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False


def _colour(color: str, is_terminal: bool, environment: Mapping[str, str]) -> bool:
    if color in ("always", "never"):
        return color == "always"
    if environment.get("NO_COLOR"):
        return False
    if force := environment.get("FORCE_COLOR"):
        return force not in ("0", "false")
    return is_terminal and environment.get("TERM") != "dumb"


def _width(stream: TextIO, environment: Mapping[str, str]) -> int:
    columns = environment.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
