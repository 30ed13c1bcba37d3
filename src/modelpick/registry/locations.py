"""Where registries lie: the bundled one beside the code, the user's own in the user's data directory."""

# Every TAB passes here, and importing pathlib costs more than all the rest of it.
# ruff: noqa: PTH100, PTH110, PTH111, PTH118, PTH120

from __future__ import annotations

import os
import sys

VARIABLE = "MODELPICK_REGISTRY"
_NAME = "registry.sqlite"


def bundled_path() -> str:
    """The registry that came with the program: ``modelpick/_data`` in a wheel, ``data`` in a source checkout."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    installed = os.path.join(package, "_data", _NAME)
    if os.path.exists(installed):
        return installed
    return os.path.join(os.path.dirname(os.path.dirname(package)), "data", _NAME)


def default_user_path() -> str:
    """Where the user's own registry lies unless said otherwise; nothing is created."""
    if sys.platform not in ("win32", "darwin"):
        # The same answer as platformdirs gives, without its 20 ms; a test holds the two together.
        home = os.environ.get("XDG_DATA_HOME", "").strip()
        return os.path.join(home or os.path.expanduser("~/.local/share"), "modelpick", _NAME)
    from platformdirs import user_data_dir

    return os.path.join(user_data_dir("modelpick", appauthor=False), _NAME)


def user_path(given: str | os.PathLike[str] | None = None) -> str:
    """The user's registry: ``given``, else ``MODELPICK_REGISTRY``, else :func:`default_user_path`."""
    return os.fspath(given) if given else os.environ.get(VARIABLE) or default_user_path()
