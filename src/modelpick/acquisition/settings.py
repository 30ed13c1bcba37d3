"""Which Hub, which cache, which token: the variables that huggingface_hub itself reads, read when they are needed.

The library reads them once, at its import; modelpick must not import it only to learn where the cache is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from modelpick.acquisition.interface import HubSettings, Patience

_TRUE = {"1", "on", "yes", "true"}


def hub_settings(environment: Mapping[str, str] | None = None) -> HubSettings:
    """The Hub's settings from ``HF_ENDPOINT``, ``HF_HOME``, ``HF_HUB_CACHE``, ``HF_TOKEN`` and ``HF_HUB_OFFLINE``.

    Source: https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
    """
    values = os.environ if environment is None else environment
    return HubSettings(
        endpoint=(values.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/"),
        cache=hub_cache(values),
        token=_token(values),
        offline=any(values.get(name, "").lower() in _TRUE for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")),
    )


def keep_to_the_matter() -> None:
    """Ask the library not to fetch its list of agents for the user-agent line before the first real question.

    That costs a request, and three of the seconds in which an unreachable Hub must be noticed. It counts only before
    the library's import; a user's own setting stays.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


def hub_home(values: Mapping[str, str]) -> Path:
    """The library's own folder: ``HF_HOME``, else ``huggingface`` in the user's cache folder."""
    if home := values.get("HF_HOME"):
        return Path(os.path.expandvars(home)).expanduser()
    return Path(values.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "huggingface"


def hub_cache(values: Mapping[str, str]) -> Path:
    """The shared cache of repositories."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if given := values.get(name):
            return Path(os.path.expandvars(given)).expanduser()
    return hub_home(values) / "hub"


def _token(values: Mapping[str, str]) -> str | None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if token := values.get(name, "").strip():
            return token
    if values.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").lower() in _TRUE:
        return None
    kept = values.get("HF_TOKEN_PATH")
    path = Path(kept).expanduser() if kept else hub_home(values) / "token"
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def patience(environment: Mapping[str, str] | None = None) -> Patience:
    """How long to wait: ``HF_HUB_DOWNLOAD_TIMEOUT`` is the silence, in seconds, after which a transfer stalls."""
    values = os.environ if environment is None else environment
    try:
        seconds = float(values.get("HF_HUB_DOWNLOAD_TIMEOUT", ""))
    except ValueError:
        return Patience()
    return Patience(read_seconds=seconds) if seconds > 0 else Patience()
