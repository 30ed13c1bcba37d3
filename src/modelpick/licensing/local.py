"""The card of a model directory on this disk: front matter, LICENSE file, config. Nothing in it is trusted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelpick.errors import IntegrityError, UsageError
from modelpick.licensing.front_matter import front_matter_of, parse
from modelpick.licensing.interface import Card
from modelpick.licensing.texts import MAX_CHARACTERS

CARDS = ("README.md", "readme.md", "MODEL_CARD.md")
LICENSES = re.compile(
    r"(?i)(?P<model>model[-_]?licen[cs]e|licen[cs]e[-_.]?(?:model|weights))(?:\.(?:txt|md|rst))?"
    r"|(?P<plain>licen[cs]e|copying)(?:\.(?:txt|md|rst))?"
)
"""Names of licence files. The model's own comes before the repository's, which may be for the code (R17)."""

_MAX_CARD = 8 * 1024 * 1024
_MAX_CONFIG = 4 * 1024 * 1024
_MAX_ENTRIES = 20_000
_LONGEST = 300
_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def card_of_directory(directory: Path, repository: str | None = None) -> Card:
    """The card of the files in ``directory``; ``repository`` says which one they came from.

    :raises UsageError: when it is no directory, or holds neither a card, a licence nor a config.
    :raises IntegrityError: for a file that is damaged: too large, binary, empty, or not what its name says.
    """
    if not directory.is_dir():
        raise UsageError(f"{directory} is no directory.", hint="modelpick license check MODEL")
    names = _names(directory)
    fields = _fields(directory, names)
    text = _license_text(directory, names)
    config = _config(directory / "config.json") if "config.json" in names else {}
    adapter = _config(directory / "adapter_config.json") if "adapter_config.json" in names else {}
    if not (fields or text or config or adapter):
        raise UsageError(
            f"{directory} has no README.md with front matter, no LICENSE and no config.json to judge by.",
            hint="name the model's own directory",
        )
    bases, relation = _bases(fields, config, adapter)
    return Card(
        name=repository or directory.resolve().name,
        license=_license(fields),
        license_name=_word(fields, "license_name"),
        license_link=_word(fields, "license_link"),
        base_models=bases,
        relation=relation,
        tags=_words(fields, "tags"),
        datasets=_words(fields, "datasets"),
        license_text=text,
        model_type=_word(config, "model_type"),
        multimodal=True if "vision_config" in config else None,
    )


def _names(directory: Path) -> list[str]:
    names = []
    for entry in directory.iterdir():
        names.append(entry.name)
        if len(names) > _MAX_ENTRIES:
            raise IntegrityError(f"{directory} has more than {_MAX_ENTRIES:,} entries: it is no model's directory.")
    return sorted(names)


def _fields(directory: Path, names: list[str]) -> Mapping[str, Any]:
    card = next((name for name in CARDS if name in names), None)
    if card is None:
        return {}
    path = directory / card
    try:
        head = front_matter_of(_text(path, _MAX_CARD, "a model card", may_be_empty=True))
        return parse(head) if head is not None else {}
    except IntegrityError as error:
        message = error.message if str(path) in error.message else f"{path}: {error.message}"
        raise IntegrityError(message, hint="mend the card, or judge the model by its name") from error


def _license_text(directory: Path, names: list[str]) -> str | None:
    found = [(name, match) for name in names if (match := LICENSES.fullmatch(name))]
    found.sort(key=lambda pair: pair[1]["model"] is None)
    if not found:
        return None
    return _text(directory / found[0][0], MAX_CHARACTERS, "a licence text")


def _text(path: Path, most: int, what: str, *, may_be_empty: bool = False) -> str:
    """The text of a file that is not too long, not binary and not empty."""
    hint = "nothing in it was trusted; look at the file"
    if not path.is_file():
        raise IntegrityError(f"{path} is no regular file.", hint=hint)
    size = path.stat().st_size
    if size > most:
        raise IntegrityError(f"{path} has {size:,} bytes; {what} has at most {most:,}.", hint=hint)
    data = path.read_bytes()
    if b"\0" in data:
        raise IntegrityError(f"{path} is binary, not {what}.", hint=hint)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if not may_be_empty:
            # Old licence texts are Latin-1; every phrase they are recognised by is ASCII.
            return data.decode("latin-1")
        raise IntegrityError(f"{path} is not UTF-8 text (byte {error.start:,}).", hint=hint) from error
    if not text.strip() and not may_be_empty:
        raise IntegrityError(f"{path} is empty.", hint=hint)
    return text


def _config(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(_text(path, _MAX_CONFIG, "a config"))
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{path} is not JSON: {error}", hint="look at the file") from error
    if not isinstance(value, dict):
        raise IntegrityError(f"{path} is no JSON object.", hint="look at the file")
    return value


def _bases(
    fields: Mapping[str, Any], config: Mapping[str, Any], adapter: Mapping[str, Any]
) -> tuple[tuple[tuple[str, str | None], ...], str | None]:
    """The parents that the card names, else the adapter's base, else the one the config was saved from."""
    relation = _word(fields, "base_model_relation")
    named = _words(fields, "base_model")
    if named:
        return tuple((name, relation) for name in named), relation or ("adapter" if adapter else None)
    base = _word(adapter, "base_model_name_or_path")
    if base and _REPO.fullmatch(base):
        return ((base, "adapter"),), "adapter"
    saved = _word(config, "_name_or_path")
    if saved and _REPO.fullmatch(saved):
        return ((saved, relation),), relation
    return (), relation


def _license(fields: Mapping[str, Any]) -> str | tuple[str, ...] | None:
    value = fields.get("license")
    if isinstance(value, list):
        return tuple(str(each)[:_LONGEST] for each in value if each is not None)
    return str(value)[:_LONGEST] if value is not None else None


def _word(fields: Mapping[str, Any], key: str) -> str | None:
    value = fields.get(key)
    return value[:_LONGEST].strip() or None if isinstance(value, str) else None


def _words(fields: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = fields.get(key)
    values = value if isinstance(value, list) else [value]
    return tuple(each[:_LONGEST].strip() for each in values if isinstance(each, str) and each.strip())
