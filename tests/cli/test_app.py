"""The command line as a whole, run as a user runs it: in a process of its own."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from modelpick import __version__
from modelpick.cli.app import app
from modelpick.cli.commands import COMMANDS
from modelpick.cli.lazy import LazyGroup


def modelpick(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "100", **variables}
    command = [sys.executable, "-m", "modelpick", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


def all_stubs(group: LazyGroup = app, path: tuple[str, ...] = ()):  # type: ignore[no-untyped-def]
    for stub in group.stubs:
        yield (*path, stub.name), stub
        command = import_module(stub.module).command
        if isinstance(command, LazyGroup):
            yield from all_stubs(command, (*path, stub.name))


ALL = list(all_stubs())


def test_version() -> None:
    assert modelpick("--version").stdout == f"modelpick {__version__}\n"


def test_bare_and_help_say_the_same_and_succeed() -> None:
    bare, asked = modelpick(), modelpick("--help")
    assert bare.returncode == asked.returncode == 0
    assert bare.stdout == asked.stdout
    for stub in COMMANDS:
        assert stub.name in bare.stdout
    assert "Exit codes" in bare.stdout


@pytest.mark.parametrize(("path", "stub"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_each_stub_tells_what_its_command_tells(path, stub) -> None:  # type: ignore[no-untyped-def]
    command = import_module(stub.module).command
    assert command.name == stub.name
    assert command.get_short_help_str(limit=200) == stub.help


@pytest.mark.parametrize(("path", "stub"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_each_command_has_help_with_examples(path, stub) -> None:  # type: ignore[no-untyped-def]
    command = import_module(stub.module).command
    assert command.epilog and "Example" in command.epilog
    for parameter in command.params:
        assert parameter.param_type_name == "argument" or getattr(parameter, "help", None), parameter.name


def test_an_unknown_command_names_the_closest() -> None:
    done = modelpick("complet")
    assert done.returncode == 2
    assert "completion" in done.stderr
    assert done.stdout == ""


def test_errors_in_json_mode_are_json_on_stderr() -> None:
    done = modelpick("nonsense", "--json")
    assert done.returncode == 2
    assert done.stdout == ""
    error = json.loads(done.stderr)
    assert error["schema"] == "modelpick.error/1"
    assert error["error"]["code"] == "usage"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_committed_completions_are_what_click_makes_today(shell: str) -> None:
    names = {"bash": "modelpick.bash", "zsh": "_modelpick", "fish": "modelpick.fish", "powershell": "modelpick.ps1"}
    committed = Path(__file__).parents[2] / "completions" / names[shell]
    assert committed.read_text() == modelpick("completion", shell).stdout


def complete(shell: str, words: str, position: str) -> list[str]:
    done = modelpick(_MODELPICK_COMPLETE=f"{shell}_complete", COMP_WORDS=words, COMP_CWORD=position)
    assert done.returncode == 0
    return done.stdout.splitlines()


def test_tab_completes_commands_and_options() -> None:
    assert "plain,completion" in complete("bash", "modelpick comp", "1")
    assert "plain,--version" in complete("bash", "modelpick --v", "1")
    assert any(line.startswith("plain,completion") for line in complete("fish", "modelpick comp", "comp"))
    assert "bash" in complete("zsh", "modelpick completion ba", "2")


def test_config_file_gives_defaults_and_bad_ones_are_named(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('colour = "always"\n')
    done = modelpick("completion", "bash", MODELPICK_CONFIG=str(config))
    assert done.returncode == 2
    assert str(config) in done.stderr and "colour" in done.stderr
    config.write_text("[completion]\nshel = 1\n")
    done = modelpick("completion", "bash", MODELPICK_CONFIG=str(config))
    assert done.returncode == 2 and "shel" in done.stderr
    config.write_text("= broken")
    assert modelpick("completion", "bash", MODELPICK_CONFIG=str(config)).returncode == 2
    assert modelpick("completion", "bash", MODELPICK_CONFIG=str(tmp_path / "none")).returncode == 2


def test_a_closed_pipe_ends_quietly() -> None:
    command = f"'{sys.executable}' -m modelpick completion bash | head -c 1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""


def test_a_locale_that_is_not_utf8_is_no_crash() -> None:
    done = modelpick("--help", LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
