"""All errors in one table: exception type to exit code, message and hint; plain or as JSON, always on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

import click

from modelpick.cli.emit import warn
from modelpick.errors import ModelpickError

INTERRUPTED = 130
UNEXPECTED = 1
USAGE = 2


def report(error: BaseException, arguments: Sequence[str]) -> int:
    """Tell the user of ``error`` on stderr and return the exit code."""
    debug = os.environ.get("MODELPICK_DEBUG") == "1"
    if debug and not isinstance(error, KeyboardInterrupt | click.exceptions.Abort):
        import traceback

        traceback.print_exception(error)
    exit_code, code, message, hint, details = _classify(error)
    if wants_json(arguments):
        import json

        body = {"code": code, "message": message, "hint": hint}
        if details:
            body["details"] = details  # type: ignore[assignment]
        sys.stderr.write(json.dumps({"schema": "modelpick.error/1", "error": body}) + "\n")
        return exit_code
    warn(f"Error: {message}" if code != "interrupted" else message)
    if hint:
        warn(f"Hint: {hint}")
    return exit_code


def _classify(error: BaseException) -> tuple[int, str, str, str | None, Mapping[str, object]]:
    match error:
        case ModelpickError():
            return error.exit_code, error.code, error.message, error.hint, error.details
        case click.exceptions.Abort() | KeyboardInterrupt():
            return INTERRUPTED, "interrupted", "Interrupted.", None, {}
        case click.UsageError():
            return USAGE, "usage", error.format_message(), _usage_hint(error), {}
        case click.ClickException():
            return error.exit_code, "failure", error.format_message(), None, {}
        case _:
            hint = "run again with MODELPICK_DEBUG=1 for the traceback, and report it with `modelpick doctor`"
            return UNEXPECTED, "failure", f"{type(error).__name__}: {error}", hint, {}


def _usage_hint(error: click.UsageError) -> str | None:
    return f"see `{error.ctx.command_path} --help`" if error.ctx else "see `modelpick --help`"


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether the command line asks for a JSON format, read before (and without) parsing it."""
    chosen = os.environ.get("MODELPICK_FORMAT")
    for position, word in enumerate(arguments):
        if word == "--":
            break
        if word == "--json":
            return True
        if word == "--format":
            chosen = arguments[position + 1] if position + 1 < len(arguments) else chosen
        elif word.startswith("--format="):
            chosen = word.removeprefix("--format=")
    return chosen in ("json", "jsonl")
