"""The command line: the group of all commands, and the one place where a run begins and ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from modelpick import __version__
from modelpick.cli.commands import COMMANDS
from modelpick.cli.config import defaults_for, load_config
from modelpick.cli.emit import write
from modelpick.cli.failure import INTERRUPTED, report
from modelpick.cli.lazy import LazyGroup
from modelpick.errors import ModelpickError

_EPILOG = """\b
Examples:
  modelpick recommend                      the best model for this machine
  modelpick recommend --task code --json   the same for code, for scripts
  modelpick show mistral-7b-v0.1           everything known about one model

\b
Exit codes: 0 done, 1 unexpected failure, 2 usage, 3 nothing fits or found,
4 access, 5 network, 6 licence policy, 7 integrity, 8 no room, 130 interrupted."""


@click.group(
    cls=LazyGroup,
    stubs=COMMANDS,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "MODELPICK"},
)
@click.version_option(__version__, message="modelpick %(version)s")
@click.pass_context
def app(ctx: click.Context) -> None:
    """Which open model should I run on this machine, and may I use it at work?"""
    if ctx.invoked_subcommand and not ctx.resilient_parsing and (config := load_config()):
        command = app.get_command(ctx, ctx.invoked_subcommand)
        name = command.name if command else None
        if command and name:
            defaults = _Defaults(command, config, name)
            ctx.default_map = {ctx.invoked_subcommand: defaults, name: defaults}


class _Defaults(dict[str, Any]):
    """The config's defaults of a command; for a group, those of each sub-command when click asks for them."""

    def __init__(self, command: click.Command, config: dict[str, Any], name: str) -> None:
        super().__init__(_many(command, defaults_for(name, _options_of(command), config)))
        self._group = command if isinstance(command, LazyGroup) else None
        own = config.get(name)
        shared = {key: value for key, value in config.items() if not isinstance(value, dict)}
        self._config = {**shared, **(own if isinstance(own, dict) else {})}

    def get(self, key: str, default: Any = None) -> Any:
        """The default of a parameter, or the defaults of a sub-command."""
        if key in self or self._group is None:
            return super().get(key, default)
        command = self._group.get_command(click.get_current_context(), key)
        return _Defaults(command, self._config, command.name) if command and command.name else default


def _many(command: click.Command, values: dict[str, Any]) -> dict[str, Any]:
    """One word for an option that may be given several times is a list of one."""
    several = {each.name for each in command.params if isinstance(each, click.Option) and each.multiple}
    return {name: [value] if name in several and isinstance(value, str) else value for name, value in values.items()}


def _options_of(command: click.Command) -> dict[str, str]:
    """Config keys of a command: each long option's name with underscores, and the parameter it sets."""
    keys: dict[str, str] = {}
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name:
            for spelling in (*parameter.opts, *parameter.secondary_opts):
                if spelling.startswith("--"):
                    keys[spelling[2:].replace("-", "_")] = parameter.name
    return keys


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status; whatever goes wrong is told on stderr."""
    if "_MODELPICK_COMPLETE" in os.environ:
        return _complete(list(arguments))
    if sys.stdout is None:
        return report(ModelpickError("stdout is closed: there is nowhere to write the answer"), arguments)
    try:
        result = app.main(args=list(arguments), prog_name="modelpick", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except BrokenPipeError:
        return _pipe_closed()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as bare:
        write(bare.format_message() + "\n")
        return 0
    except Exception as error:
        return report(error, arguments)
    except KeyboardInterrupt as error:
        report(error, arguments)
        return INTERRUPTED


def _complete(arguments: list[str]) -> int:
    try:
        app.main(args=arguments, prog_name="modelpick", complete_var="_MODELPICK_COMPLETE")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    return 0


def _pipe_closed() -> int:
    """The reader went away (``| head``): end quietly, and keep Python from complaining at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
