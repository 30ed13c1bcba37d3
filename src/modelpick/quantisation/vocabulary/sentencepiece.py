"""SentencePiece: tokenizer.model by a small reader of its protobuf, or the same vocabulary out of tokenizer.json."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelpick.errors import IntegrityError, NotFoundError
from modelpick.quantisation.vocabulary.tokens import (
    BYTE,
    CONTROL,
    NORMAL,
    SPACE,
    UNKNOWN,
    UNUSED,
    USER_DEFINED,
    Vocabulary,
    added_tokens,
    looks_special,
    read_json,
)

_MAX_BYTES = 64 * 1024 * 1024
_BPE = 2
_PADDING_SCORE, _ADDED_SCORE = -10000.0, -1000.0


def read_model(folder: Path, tokenizer: Any, vocabulary_size: int) -> Vocabulary:
    """The vocabulary of ``tokenizer.model`` with the tokens that were added later.

    :raises NotFoundError: for a unigram model, which llama.cpp does not run under this name.
    :raises IntegrityError: when the file is damaged.
    """
    path = folder / "tokenizer.model"
    if path.stat().st_size > _MAX_BYTES:
        raise IntegrityError(f"{path.name} is larger than {_MAX_BYTES} bytes")
    pieces, kind, dummy_prefix = _parse(path.read_bytes())
    if kind != _BPE:
        raise NotFoundError("tokenizer.model is a unigram model; llama.cpp runs SentencePiece's BPE for this family")
    vocabulary = _Filling(vocabulary_size)
    for number, (text, score, piece_kind) in enumerate(pieces[:vocabulary_size]):
        vocabulary.put(number, text, score, piece_kind)
    _put_added(vocabulary, folder, tokenizer)
    return vocabulary.finished(None if dummy_prefix else False)


def read_json_vocabulary(folder: Path, tokenizer: Any, vocabulary_size: int) -> Vocabulary:
    """The vocabulary of a tokenizer.json that was made from a SentencePiece BPE model.

    llama.cpp merges by score. A token's score is therefore the negative place of the merge that makes it, and
    merges that do not come in an order that scores can express are refused.
    """
    model = tokenizer["model"]
    vocabulary = _Filling(vocabulary_size)
    ranks = _merge_ranks(model.get("merges") or [])
    unknown = model.get("unk_token")
    for text, number in model["vocab"].items():
        if not 0 <= int(number) < vocabulary_size:
            raise IntegrityError(f"the tokenizer has token {number}, the model's vocabulary {vocabulary_size}")
        kind = BYTE if _is_byte(text) else UNKNOWN if text == unknown else NORMAL
        vocabulary.put(int(number), text.encode(), -float(ranks.get(text, len(ranks))), kind)
    _put_added(vocabulary, folder, tokenizer, unknown)
    return vocabulary.finished(_space_in_front(tokenizer))


def is_sentencepiece(tokenizer: Any) -> bool:
    """Whether tokenizer.json looks like a converted SentencePiece BPE model: bytes as a last resort."""
    model = tokenizer.get("model") or {}
    return model.get("type", "BPE") == "BPE" and bool(model.get("byte_fallback"))


class _Filling:
    def __init__(self, size: int) -> None:
        self.tokens = [f"[PAD{number}]".encode() for number in range(size)]
        self.scores = [_PADDING_SCORE] * size
        self.kinds = [UNUSED] * size

    def put(self, number: int, text: bytes, score: float, kind: int) -> None:
        self.tokens[number], self.scores[number], self.kinds[number] = text, score, kind

    def finished(self, space_prefix: bool | None) -> Vocabulary:
        return Vocabulary("llama", "default", self.tokens, self.kinds, scores=self.scores, space_prefix=space_prefix)


def _put_added(vocabulary: _Filling, folder: Path, tokenizer: Any, unknown: str | None = None) -> None:
    """The tokens that were added: those of tokenizer_config.json decide, as in the official converter."""
    size = len(vocabulary.tokens)
    for text, number in read_json(folder / "added_tokens.json").items():
        if 0 <= int(number) < size:
            vocabulary.put(int(number), str(text).encode(), _ADDED_SCORE, USER_DEFINED)
    decided = read_json(folder / "tokenizer_config.json").get("added_tokens_decoder")
    for number, (text, special) in added_tokens(folder, tokenizer).items():
        if not 0 <= number < size or (decided and str(number) not in decided):
            continue
        if not decided and vocabulary.kinds[number] in {CONTROL, UNKNOWN, BYTE}:
            continue
        control = special or looks_special(text)
        kind = CONTROL if control else USER_DEFINED
        vocabulary.put(number, (text if control else text.replace(SPACE, " ")).encode(), _ADDED_SCORE, kind)


def _merge_ranks(merges: list[Any]) -> dict[str, int]:
    ranks: dict[str, int] = {}
    last = ""
    for place, merge in enumerate(merges):
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        made = left + right
        if made != last and made in ranks:
            raise NotFoundError(f"the tokenizer's merges make {made!r} twice at different ranks; scores cannot say so")
        ranks.setdefault(made, place)
        last = made
    return ranks


def _is_byte(text: str) -> bool:
    return len(text) == 6 and text.startswith("<0x") and text.endswith(">")


def _space_in_front(tokenizer: Any) -> bool:
    """Whether a space is put before the text: by the normaliser, or by a Metaspace splitter."""
    normalizer = tokenizer.get("normalizer") or {}
    steps = normalizer.get("normalizers", [normalizer])
    splitter = tokenizer.get("pre_tokenizer") or {}
    return any(step.get("type") == "Prepend" for step in steps) or (
        splitter.get("type") == "Metaspace" and splitter.get("prepend_scheme", "always") != "never"
    )


def _parse(data: bytes) -> tuple[list[tuple[bytes, float, int]], int, bool]:
    """Pieces (text, score, kind), the model type and whether a dummy prefix is added.

    The fields: https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
    """
    pieces: list[tuple[bytes, float, int]] = []
    kind, dummy_prefix = 1, True
    for number, value in _fields(data):
        if number == 1 and isinstance(value, bytes):
            pieces.append(_piece(value))
        elif number == 2 and isinstance(value, bytes):
            kind = next((int(inner) for field, inner in _fields(value) if field == 3 and type(inner) is int), kind)
        elif number == 3 and isinstance(value, bytes):
            dummy_prefix = all(inner != 0 for field, inner in _fields(value) if field == 3)
    if not pieces:
        raise IntegrityError("tokenizer.model holds no pieces")
    return pieces, kind, dummy_prefix


def _piece(data: bytes) -> tuple[bytes, float, int]:
    text, score, kind = b"", 0.0, NORMAL
    for number, value in _fields(data):
        if number == 1 and isinstance(value, bytes):
            text = value
        elif number == 2 and isinstance(value, float):
            score = value
        elif number == 3 and type(value) is int:
            kind = value
    if kind not in {NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE}:
        raise IntegrityError(f"tokenizer.model has a piece of kind {kind}")
    return text, score, NORMAL if kind == USER_DEFINED else kind


def _fields(data: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """The fields of a protobuf message: number and value. Groups, which SentencePiece has none of, are refused."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        else:
            size = {5: 4, 1: 8}.get(wire, -1)
        if size < 0 or at + size > len(data):
            raise IntegrityError("tokenizer.model is damaged")
        chunk, at = data[at : at + size], at + size
        yield number, struct.unpack("<f", chunk)[0] if wire == 5 else chunk


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise IntegrityError("tokenizer.model is damaged")
