"""Reads the text sources, and says file, line and field of whatever is wrong in them."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from modelpick.errors import ModelpickError, UsageError
from modelpick.registry.lines import line_of_json, line_of_toml
from modelpick.registry.text import AcceleratorText, CollectionText, LicenseText, ModelText
from modelpick.values import dataclass

LARGEST_FILE = 64 * 1024 * 1024
_LARGEST_FIELD = 1024 * 1024
_BESIDE_MODELS = {"family", "schema", "modelpick", "notes", "results"}
"""What may stand beside ``model``: the family of a file, and what a JSON export says of itself."""
_HINT = "see data/README.md for the fields of a model"
T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class Entry:
    """One model as its text says it, and where it stands. ``locate`` finds its line: only errors ask."""

    text: ModelText
    path: Path
    locate: Callable[[], int | None]

    @property
    def place(self) -> str:
        """File and line, for messages."""
        return f"{self.path}, line {self.locate()}"


@dataclass(frozen=True)
class Sources:
    """All text sources of a registry, checked one by one but not yet against each other."""

    models: tuple[Entry, ...]
    licenses: tuple[LicenseText, ...]
    accelerators: tuple[AcceleratorText, ...]
    collections: tuple[CollectionText, ...]
    rules: dict[str, list[Any]]
    digest: str


def read_sources(data: Path) -> Sources:
    """Everything under the ``data`` directory.

    :raises UsageError: when something is missing or wrong, with file, line and field.
    """
    files = sorted((data / "models").glob("*.toml"))
    if not files:
        raise UsageError(f"{data}: there are no models/*.toml here", hint="give the data directory with --data")
    collections, rules = data / "collections.toml", data / "lineage_rules.toml"
    others = [data / "licenses.toml", data / "accelerators.toml"]
    return Sources(
        models=tuple(entry for path in files for entry in read_models(path)),
        licenses=tuple(_blocks(others[0], "license", LicenseText)),
        accelerators=tuple(_blocks(others[1], "accelerator", AcceleratorText)),
        collections=tuple(_blocks(collections, "collection", CollectionText)) if collections.exists() else (),
        rules=_sections(_Text(rules)) if rules.exists() else {},
        digest=_digest([*files, *others, *(path for path in (collections, rules) if path.exists())]),
    )


def read_models(path: Path) -> list[Entry]:
    """The models of one file: TOML with ``[[model]]`` blocks or one model at the top; JSON with a list under
    ``model``, a list, or one object.

    :raises UsageError: when the file is not that, with file, line and field.
    """
    text = _Text(path)
    places = _places_of_models(text)
    if not places:
        raise text.error((), "there is no model in this file")
    entries = []
    for where, values in places:
        model = text.checked(ModelText, values, where)
        entries.append(Entry(model, path, partial(text.line, where)))
    return entries


def _places_of_models(text: _Text) -> list[tuple[tuple[str | int, ...], Any]]:
    """Each model's values with their place in the file."""
    match text.value:
        case {"model": list() as blocks, **others}:
            for name, value in others.items():
                if name not in _BESIDE_MODELS:
                    where = (str(name), 0) if isinstance(value, list) else (str(name),)
                    raise text.error(where, f"{name!r} is unknown; models stand under [[model]]")
            family = {"family": others["family"]} if "family" in others else {}
            return [
                (("model", number), {**family, **block} if isinstance(block, dict) else block)
                for number, block in enumerate(blocks)
            ]
        case {"model": _}:
            raise text.error(("model",), "model must be a list of blocks, each under [[model]]")
        case list() as blocks:
            return [((number,), block) for number, block in enumerate(blocks)]
        case other:
            return [((), other)] if other else []


def _blocks(path: Path, name: str, kind: type[T]) -> Iterator[T]:
    text = _Text(path)
    blocks = text.value.get(name) if isinstance(text.value, dict) else None
    if not isinstance(blocks, list):
        raise text.error((), f"there are no [[{name}]] blocks in this file")
    for number, block in enumerate(blocks):
        yield text.checked(kind, block, (name, number))


def _sections(text: _Text) -> dict[str, list[Any]]:
    """The lineage rules: each section a list; a section that is one table or value counts as a list of one."""
    assert isinstance(text.value, dict)
    return {name: rows if isinstance(rows, list) else [rows] for name, rows in text.value.items()}


def _digest(files: Sequence[Path]) -> str:
    """SHA-256 over names and contents, the same whatever line ends a checkout has."""
    total = hashlib.sha256()
    for path in files:
        content = path.read_bytes().replace(b"\r\n", b"\n")
        total.update(f"{path.name}\n{len(content)}\n".encode())
        total.update(content)
    return total.hexdigest()


class _Text:
    """A text file that was parsed, and knows the line of each of its fields."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_json = path.suffix.lower() == ".json"
        self.text = _read(path)
        try:
            self.value: Any = json.loads(self.text) if self.is_json else tomllib.loads(self.text)
        except json.JSONDecodeError as error:
            raise UsageError(f"{path}, line {error.lineno}: not JSON: {error.msg}", hint=_HINT) from error
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{path}: not TOML: {error}", hint=_HINT) from error
        except RecursionError as error:
            raise UsageError(f"{path}: nested too deeply", hint=_HINT) from error
        except ValueError as error:  # a number of thousands of digits, for one
            raise UsageError(f"{path}: {error}", hint=_HINT) from error

    def line(self, where: tuple[str | int, ...]) -> int | None:
        """The line of a field (names and block numbers from the top), or of the closest thing around it."""
        find = line_of_json if self.is_json else line_of_toml
        return find(self.text, where)

    def error(self, where: tuple[str | int, ...], message: str) -> UsageError:
        """The error for a field."""
        line = self.line(where)
        at = f"{self.path}, line {line}" if line else str(self.path)
        return UsageError(f"{at}: {message}", hint=_HINT)

    def checked(self, kind: type[T], values: Any, where: tuple[str | int, ...]) -> T:
        """``values`` as ``kind``. :raises UsageError: with the first field that is wrong."""
        try:
            return _whole(kind.model_validate(values))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            message = _message(kind, first["type"], tuple(first["loc"]), first["msg"], len(error.errors()))
            raise self.error((*where, *first["loc"]), message) from None
        except _Wrong as error:
            raise self.error((*where, error.field), f"field {error.field!r}: {error}") from None


class _Wrong(ValueError):
    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def _whole(block: T) -> T:
    """The checks that look at more than one field, and at text that cannot be stored."""
    if isinstance(block, ModelText):
        if block.params_active and block.params_total and block.params_active > block.params_total:
            raise _Wrong("params_active", f"{block.params_active:,} is more than the total {block.params_total:,}")
        if not block.sources and block.confidence != "low":
            raise _Wrong("sources", 'may be empty only with confidence = "low"')
    for name, value in block.model_dump().items():
        try:
            kept = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError) as error:  # a date or an infinity among free values, half a character
            raise _Wrong(name, f"cannot be kept: {error}") from None
        if len(kept) > _LARGEST_FIELD:
            raise _Wrong(name, f"has {len(kept):,} bytes; the most is {_LARGEST_FIELD:,}")
    return block


def _message(kind: type[BaseModel], code: str, where: tuple[str | int, ...], said: str, count: int) -> str:
    field = ".".join(str(part + 1 if isinstance(part, int) else part) for part in where) or "the block"
    more = f" (and {count - 1} more)" if count > 1 else ""
    if code == "missing":
        return f"field {field!r} is missing{more}"
    if code == "extra_forbidden":
        from difflib import get_close_matches

        close = get_close_matches(str(where[-1]), list(kind.model_fields), n=1)
        meant = f"; did you mean {close[0]!r}?" if close and len(where) == 1 else ""
        return f"field {field!r} is unknown{meant}{more}"
    return f"field {field!r}: {said[:1].lower()}{said[1:300]}{more}"


def _read(path: Path) -> str:
    try:
        if path.is_dir():
            raise UsageError(f"{path} is a directory", hint="give a TOML or JSON file")
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise UsageError(f"{path} has {size:,} bytes; the most is {LARGEST_FILE:,}", hint="split the file")
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist", hint="give a TOML or JSON file") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8: {error.reason} at byte {error.start}", hint="save it as UTF-8") from None
    except OSError as error:
        raise ModelpickError(f"{path} cannot be read: {error.strerror}", hint="check its permissions") from error
