"""Writes what is generated from the program itself: man pages, the completion scripts, README's help blocks, and
``docs/json.md`` from the schemas.

python docs/generate.py            write them
python docs/generate.py --check    fail if one of them is not what the program says today
"""

from __future__ import annotations

import difflib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
    files[ROOT / "docs" / "json.md"] = json_reference()
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


_JSON_INTRODUCTION = """# The JSON of each command

Generated from `docs/schemas/` by `python docs/generate.py`; the tests hold every command's output to its schema.

`--json` writes one object to stdout, also when nothing fits; nothing else reaches stdout. `schema` names its form and
version: fields may be added within a version, and are removed or change their meaning only with a new one. Numbers are
raw, with their unit in the name (`_bytes`, `_tokens`, `_per_second`); unknown is `null` and present; dates are ISO
8601; ranges are objects of `low`, `likely`, `high`. `--fields a,b,c` keeps only those fields of each result.
`--format jsonl` writes one result a line. Errors are `modelpick.error/1` on stderr, with the exit code of the README.
"""


def json_reference() -> str:
    """A reference of all schemas: each field with its type and what it says."""
    parts = [_JSON_INTRODUCTION]
    for path in sorted((ROOT / "docs" / "schemas").glob("*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        title = schema.get("title", path.stem)
        parts.append(f"## {schema.get('$id', path.stem)}\n\n{title}. Schema: [{path.name}](schemas/{path.name}).\n")
        rows = list(_fields(schema, schema, ""))
        if rows:
            table = "".join(f"| `{name}` | {kind} | {text} |\n" for name, kind, text in rows)
            parts.append("| field | type | |\n|---|---|---|\n" + table)
    return "\n".join(parts)


def _fields(schema: dict[str, Any], root: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in schema.get("properties", {}).items():
        field = _resolved(field, root)
        yield prefix + name, _type_of(field), str(field.get("description", "")).replace("|", "\\|").replace("\n", " ")
        inner = _resolved(field.get("items", {}), root) if isinstance(field.get("items"), dict) else field
        mark = "[]." if "items" in field else "."
        if prefix.count(".") < 2:
            yield from _fields(inner, root, f"{prefix}{name}{mark}")


def _resolved(field: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    while isinstance(field, dict) and "$ref" in field:
        found: Any = root
        for part in field["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        field = found
    return field if isinstance(field, dict) else {}


def _type_of(field: dict[str, Any]) -> str:
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    kind = field.get("type")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind:
        return str(kind)
    options = field.get("anyOf") or field.get("oneOf") or []
    names = [str(option.get("type", "object")) for option in options if isinstance(option, dict)]
    return " or ".join(dict.fromkeys(names)) or "any"


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
