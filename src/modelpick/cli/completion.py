"""``modelpick completion SHELL``: the script that makes a shell complete commands, options and model names."""

from __future__ import annotations

import click

from modelpick.cli.emit import write

SHELLS = ("bash", "zsh", "fish", "powershell")


def script(shell: str) -> str:
    """The completion script of one of :data:`SHELLS`, as click generates it for modelpick."""
    from click.shell_completion import get_completion_class

    from modelpick.cli.app import app

    kind = get_completion_class(shell)
    assert kind is not None
    # Not source(): bash's first asks the bash on PATH for its version, and the script does not depend on it.
    made = kind(app, {}, "modelpick", "_MODELPICK_COMPLETE")
    return made.source_template % made.source_vars()


@click.command(
    "completion",
    epilog="""\b
Examples:
  modelpick completion bash > ~/.local/share/bash-completion/completions/modelpick
  modelpick completion zsh > "${fpath[1]}/_modelpick"
  modelpick completion fish > ~/.config/fish/completions/modelpick.fish
  modelpick completion powershell >> $PROFILE""",
)
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    The wheel installs the scripts for bash, zsh and fish where those shells look for them; this prints one for any
    other place.
    """
    write(script(shell))
