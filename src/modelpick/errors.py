"""How a failure is written down: one class per exit code, each with a message and a hint."""

from __future__ import annotations

from collections.abc import Mapping


class ModelpickError(Exception):
    """A failure that the user can act on.

    ``message`` says what happened, with numbers and units; ``hint`` says what to do next (a command where
    there is one). ``code`` is the stable word that scripts see; ``exit_code`` the process's exit status.
    """

    code = "failure"
    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = dict(details or {})


class UsageError(ModelpickError):
    """The question cannot be understood: an unknown name, a wrong unit, options that contradict (exit 2)."""

    code = "usage"
    exit_code = 2


class NotFoundError(ModelpickError):
    """Nothing fits, or nothing of that name is known (exit 3)."""

    code = "not-found"
    exit_code = 3


class AccessError(ModelpickError):
    """The repository is gated, private, or wants a token (exit 4)."""

    code = "access"
    exit_code = 4


class NetworkError(ModelpickError):
    """The network or the Hub did not answer, or offline mode is on (exit 5)."""

    code = "network"
    exit_code = 5


class PolicyError(ModelpickError):
    """The licence policy refuses (exit 6)."""

    code = "policy"
    exit_code = 6


class IntegrityError(ModelpickError):
    """A checksum, a file or the registry is damaged (exit 7)."""

    code = "integrity"
    exit_code = 7


class RoomError(ModelpickError):
    """Not enough disk or memory (exit 8)."""

    code = "room"
    exit_code = 8
