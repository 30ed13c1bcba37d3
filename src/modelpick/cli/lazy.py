"""Groups whose commands are imported when they run, not when help or completion lists them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import click

from modelpick.cli.commands import Stub

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class LazyGroup(click.Group):
    """A group over a tuple of :class:`Stub`; each stub's module holds its command under the name ``command``."""

    def __init__(self, *args: object, stubs: Sequence[Stub] = (), **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.stubs = tuple(stubs)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of the tuple."""
        return [stub.name for stub in self.stubs] + super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name or alias, imported now."""
        for stub in self.stubs:
            if cmd_name == stub.name or cmd_name in stub.aliases:
                command = import_module(stub.module).command
                assert isinstance(command, click.Command)
                return command
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, but an unknown command is answered with the closest ones."""
        name = args[0]
        command = self.get_command(ctx, name)
        if command is not None:
            return command.name, command, args[1:]
        if not name.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            names = [stub.name for stub in self.stubs] + [a for stub in self.stubs for a in stub.aliases]
            close = get_close_matches(name, names, n=3)
            meant = f" Did you mean {' or '.join(close)}?" if close else ""
            ctx.fail(f"No such command {name!r}.{meant}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write names and help from the stubs, without importing a command."""
        rows = [(stub.name, stub.help) for stub in self.stubs]
        rows += [(name, command.get_short_help_str()) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Names from the stubs; options as click gives them when the word begins with a dash."""
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        names = [(stub.name, stub.help) for stub in self.stubs]
        names += [(name, command.get_short_help_str()) for name, command in self.commands.items()]
        return [CompletionItem(name, help=text) for name, text in names if name.startswith(incomplete)]
