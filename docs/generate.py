"""Writes what is generated from the program itself: man pages, the completion scripts, README's help blocks.

python docs/generate.py            write them
python docs/generate.py --check    fail if one of them is not what the program says today
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from modelpick import __version__
from modelpick.cli.app import app
from modelpick.cli.completion import SHELLS, script
from modelpick.cli.lazy import LazyGroup

ROOT = Path(__file__).resolve().parent.parent
COMPLETIONS = {"bash": "modelpick.bash", "zsh": "_modelpick", "fish": "modelpick.fish", "powershell": "modelpick.ps1"}
_HELP_BLOCK = re.compile(r"(<!-- help: (?P<command>[^>]*?) -->\n```text\n).*?(\n```)", re.DOTALL)
_WIDTH = 100


def commands(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below ``group`` with the words that call it."""
    context = click.Context(group, info_name=path[-1])
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def generated() -> dict[Path, str]:
    """All generated files and what they should hold."""
    files = {ROOT / "completions" / COMPLETIONS[shell]: script(shell) for shell in SHELLS}
    files[ROOT / "docs" / "man" / "modelpick.1"] = man_page(("modelpick",), app)
    for path, command in commands(app, ("modelpick",)):
        files[ROOT / "docs" / "man" / f"{'-'.join(path)}.1"] = man_page(path, command)
    readme = ROOT / "README.md"
    files[readme] = _HELP_BLOCK.sub(_filled, readme.read_text(encoding="utf-8"))
    return files


def help_text(path: tuple[str, ...], command: click.Command) -> str:
    """A command's ``--help`` at a fixed width."""
    context = click.Context(command, info_name=" ".join(path), terminal_width=_WIDTH, max_content_width=_WIDTH)
    return command.get_help(context)


def man_page(path: tuple[str, ...], command: click.Command) -> str:
    """A page of section 1 in man(7) macros; the dates of releases are the changelog's."""
    name = "-".join(path)
    context = click.Context(command, info_name=" ".join(path))
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [
        f'.TH "{name.upper()}" "1" "" "modelpick {__version__}" "modelpick manual"',
        ".SH NAME",
        f"{_roff(name)} \\- {_roff(command.get_short_help_str(limit=200))}",
        ".SH SYNOPSIS",
        f"\\fB{_roff(' '.join(path))}\\fR {_roff(usage)}",
        ".SH DESCRIPTION",
        *_paragraphs(command.help or ""),
    ]
    options = [record for parameter in command.params if (record := parameter.get_help_record(context))]
    if options:
        lines.append(".SH OPTIONS")
        for names, text in options:
            lines += [".TP", f"\\fB{_roff(names)}\\fR", _roff(text)]
    if isinstance(command, LazyGroup):
        lines.append(".SH COMMANDS")
        for stub in command.stubs:
            lines += [".TP", f"\\fB{_roff('-'.join((*path, stub.name)))}(1)\\fR", _roff(stub.help)]
    if command.epilog:
        lines.append(".SH NOTES")
        lines += _paragraphs(command.epilog)
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> list[str]:
    """Paragraphs as man(7) fills them; those that click keeps as typed (marked by a backspace) stay as typed."""
    lines: list[str] = []
    for paragraph in text.strip().split("\n\n"):
        rows = paragraph.strip("\n").split("\n")
        if rows[0].strip() == "\b":
            lines += [".PP", ".nf", *(_roff(row) for row in rows[1:]), ".fi"]
        else:
            lines += [".PP", _roff(" ".join(row.strip() for row in rows if row.strip() != "\b"))]
    return lines


def _roff(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text)


def _filled(match: re.Match[str]) -> str:
    words = match["command"].split()
    command: click.Command = app
    for word in words[1:]:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), word)
        assert found is not None, word
        command = found
    return match[1] + help_text(tuple(words), command).rstrip() + match[3]


def _difference(path: Path, wanted: str) -> str:
    have = path.read_text(encoding="utf-8") if path.exists() else ""
    name = path.relative_to(ROOT).as_posix()
    lines = difflib.unified_diff(have.splitlines(), wanted.splitlines(), f"{name} (committed)", name, lineterm="", n=1)
    return "\n".join(list(lines)[:20])


def main() -> int:
    """Write or check; the exit status is 1 when something committed is not what it should be."""
    os.environ.pop("MODELPICK_CONFIG", None)
    files = generated()
    stale = {path: text for path, text in files.items() if not path.exists() or path.read_text("utf-8") != text}
    strays = set((ROOT / "docs" / "man").glob("*.1")) - set(files)
    if "--check" in sys.argv[1:]:
        for path, text in stale.items():
            sys.stderr.write(_difference(path, text) + "\n")
        for path in strays:
            sys.stderr.write(f"{path.relative_to(ROOT)} belongs to no command\n")
        if stale or strays:
            sys.stderr.write("run: python docs/generate.py\n")
        return 1 if stale or strays else 0
    for path, text in stale.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in strays:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
