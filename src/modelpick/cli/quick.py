"""Imports click without ``inspect``, which with what it imports itself takes a sixth of click's time.

click uses it to tidy the help text of every option and, in rare cases, to look at functions. While click is imported
a stand-in has its place: it tidies what is a single line, and hands everything else to the real module.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

_NAME = "inspect"


class _StandIn(ModuleType):
    @staticmethod
    def cleandoc(text: str) -> str:
        """As ``inspect.cleandoc``."""
        if "\n" not in text and "\t" not in text:
            return text.lstrip(" ")
        tidied: str = _real().cleandoc(text)
        return tidied

    def __getattr__(self, name: str) -> Any:
        return getattr(_real(), name)


def _real() -> ModuleType:
    import inspect

    return inspect


def import_click() -> None:
    """Import click; whoever imports ``inspect`` later gets the real one."""
    if _NAME not in sys.modules and "click" not in sys.modules:
        sys.modules[_NAME] = _StandIn(_NAME)
        try:
            import click  # noqa: F401
        finally:
            del sys.modules[_NAME]
