"""Imports click without ``inspect`` and ``uuid``, which with what they import take a fifth of click's time.

click tidies the help text of every option with ``inspect``, and names ``uuid.UUID`` in a type that is not used here.
While click is imported, stand-ins have their places: one tidies what is a single line, and everything else is handed
to the real modules.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class StandIn(ModuleType):
    """A module that is imported when somebody asks for more than it has."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)


def cleandoc(text: str) -> str:
    """As ``inspect.cleandoc``."""
    if "\n" not in text and "\t" not in text:
        return text.lstrip(" ")
    tidied: str = import_module("inspect").cleandoc(text)
    return tidied


def import_click() -> None:
    """Import click; whoever imports the two modules later gets the real ones."""
    placed = []
    for name, has in (("inspect", {"cleandoc": cleandoc}), ("uuid", {"UUID": "UUID"})):
        if name not in sys.modules and "click" not in sys.modules:
            module = sys.modules[name] = StandIn(name)
            vars(module).update(has)
            placed.append(module)
    try:
        import click  # noqa: F401
    finally:
        for module in placed:
            del sys.modules[module.__name__]
            vars(module).pop("UUID", None)  # the name of the class will do in an annotation, but only there
