"""Where answers leave the program: the document to stdout, notes and hints to stderr."""

from __future__ import annotations

import os
import sys

from modelpick.cli.options import OutputOptions
from modelpick.output.formats import MACHINE_FORMATS, render
from modelpick.output.interface import Document, Style
from modelpick.output.terminal import describe
from modelpick.output.text import clean

# "?" would say "unknown" where a mark stands; plain letters keep the marks apart.
_PLAIN = str.maketrans(
    {"✓": "+", "✗": "x", "─": "-", "━": "=", "≠": "#", "…": "~", "•": "*", "│": "|", "├": "|", "└": "`"}
)


def emit(document: Document, output: OutputOptions) -> None:
    """Write ``document`` to stdout in the wanted format; unless quiet, notes and hints to stderr."""
    terminal = describe(sys.stdout, output.color, os.environ)
    text = render(document, output.format, Style(terminal=terminal, fields=output.fields))
    write(text)
    if output.quiet:
        return
    for note in document.notes if output.format not in (*MACHINE_FORMATS, "markdown") else ():
        warn(f"Note: {note}")
    if output.format == "table":
        for hint in document.hints:
            warn(f"Next: {hint}")


def write(text: str) -> None:
    """Text to stdout; a character the locale cannot write is replaced, never a crash."""
    try:
        sys.stdout.write(text)
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding or "ascii"
        sys.stdout.write(text.translate(_PLAIN).encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()


def warn(line: str) -> None:
    """One line to stderr, made harmless."""
    text = clean(line) + "\n"
    encoding = getattr(sys.stderr, "encoding", None) or "ascii"
    sys.stderr.write(text.encode(encoding, "replace").decode(encoding))
    sys.stderr.flush()
