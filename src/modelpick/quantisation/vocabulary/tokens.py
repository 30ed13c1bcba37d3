"""What a tokenizer is once read: tokens with scores and kinds, and the names llama.cpp calls its rules by."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelpick.errors import IntegrityError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
_MAX_JSON_BYTES = 256 * 1024 * 1024
SPACE = "\u2581"
_WIDE = "\uff5c"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """``model`` and ``pre`` as in ``tokenizer.ggml.*``; ``scores`` only for SentencePiece, ``merges`` only for BPE."""

    model: str
    pre: str
    tokens: list[bytes]
    kinds: list[int]
    scores: list[float] | None = None
    merges: bool = False
    space_prefix: bool | None = None
    notes: tuple[str, ...] = field(default=())


def looks_special(token: str) -> bool:
    """Whether a token that is not marked special must be one by its looks, as the official converter decides."""
    return (
        token in {"<pad>", "<mask>", "<2mass>", "[@BOS@]"}
        or (token.startswith("<|") and token.endswith("|>"))
        or (token.startswith(f"<{_WIDE}") and token.endswith(f"{_WIDE}>"))
        or (token.startswith("<unused") and token.endswith(">"))
    )


def read_json(path: Path) -> Any:
    """The parsed file, an empty object where there is none.

    :raises IntegrityError: when it is too large or no JSON object.
    """
    if not path.is_file():
        return {}
    if path.stat().st_size > _MAX_JSON_BYTES:
        raise IntegrityError(f"{path.name} is larger than {_MAX_JSON_BYTES} bytes")
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise IntegrityError(f"{path.name} is not an object")
    return value


def added_tokens(folder: Path, tokenizer: Any) -> dict[int, tuple[str, bool]]:
    """Tokens added to a tokenizer, by id: text and whether they are special."""
    found: dict[int, tuple[str, bool]] = {}
    try:
        for text, number in read_json(folder / "added_tokens.json").items():
            found[int(number)] = (str(text), False)
        for number, entry in read_json(folder / "tokenizer_config.json").get("added_tokens_decoder", {}).items():
            found[int(number)] = (str(entry["content"]), bool(entry.get("special")))
        for entry in tokenizer.get("added_tokens") or ():
            found[int(entry["id"])] = (str(entry["content"]), bool(entry.get("special")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"the added tokens cannot be read: {error}") from error
    return found
