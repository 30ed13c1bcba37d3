"""The user's config file: values between the environment and the defaults. Never created, only read."""

from __future__ import annotations

# Without pathlib, which nothing else on the path of an answer needs: see registry/locations.py.
# ruff: noqa: PTH111, PTH118, PTH123
import os
import sys
from typing import Any

from modelpick.errors import UsageError

SHARED = frozenset(
    {
        "annual_revenue",
        "color",
        "format",
        "license",
        "monthly_users",
        "outputs_train_models",
        "policy",
        "redistribute",
        "region",
        "registry",
    }
)
"""Keys that may stand at the top of the file and then hold for every command that has the option."""


def config_path() -> str:
    """Where the file is looked for: ``MODELPICK_CONFIG``, else ``modelpick/config.toml`` in the user's config
    directory."""
    if given := os.environ.get("MODELPICK_CONFIG"):
        return given
    if sys.platform not in ("win32", "darwin"):
        # The same answer as platformdirs gives, without its import on the fast path.
        home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
        return os.path.join(home, "modelpick", "config.toml")
    from platformdirs import user_config_dir

    return os.path.join(user_config_dir("modelpick", appauthor=False), "config.toml")


def load_config() -> dict[str, Any]:
    """The file's content; empty when there is none.

    :raises UsageError: when the file is not TOML or holds an unknown key at the top, naming file and key.
    """
    path = config_path()
    try:
        with open(path, "rb") as file:
            import tomllib

            config = tomllib.load(file)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        if "MODELPICK_CONFIG" in os.environ:
            raise UsageError(f"config file {path} cannot be read", hint="check MODELPICK_CONFIG, or unset it") from None
        return {}
    except ValueError as error:
        raise UsageError(f"{path}: {error}", hint="the file must be TOML") from error
    unknown = [key for key, value in config.items() if not isinstance(value, dict) and key not in SHARED]
    if unknown:
        raise UsageError(
            f"{path}: unknown key {unknown[0]!r}", hint=f"keys at the top are: {', '.join(sorted(SHARED))}"
        )
    return config


def defaults_for(command: str, options: dict[str, str], config: dict[str, Any]) -> dict[str, Any]:
    """The defaults of one command: shared keys it knows, then its own table. ``options`` maps key to parameter.

    :raises UsageError: when the command's table holds a key that is none of its options.
    """
    values = {options[key]: value for key, value in config.items() if key in options and not isinstance(value, dict)}
    own = config.get(command, {})
    for key, value in own.items() if isinstance(own, dict) else ():
        if isinstance(value, dict):
            continue  # a sub-command's table
        if key not in options:
            raise UsageError(
                f"{config_path()}: [{command}] has no option {key!r}",
                hint=f"its options are: {', '.join(sorted(options))}",
            )
        values[options[key]] = value
    return values
