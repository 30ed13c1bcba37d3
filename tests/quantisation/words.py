"""Tokenizers made on the spot: byte-level BPE and SentencePiece BPE, learnt from a text that stands here."""

from __future__ import annotations

import struct
from collections import Counter
from functools import cache
from itertools import pairwise

TEXT = (
    """
The quick brown fox jumps over the lazy dog. Models are downloaded once, quantised once and run many times.
A tokenizer splits text into pieces: words, parts of words, numbers such as 1234567 and 3.14, and signs !?;:
def main(arguments): return [value for value in arguments if value is not None]  # code has    many   spaces
Grüße aus Köln, déjà vu, naïve café, señor, 日本語の文章です, привет мир, 你好世界, emoji 🚀🙂.
It's what they've said: we'll see, I'm sure, you'd agree, he's right, and THEY'RE LOUD, DON'T they?
\ttabs\tand\nnew lines\r\nand   trailing   spaces
"""
    * 2
)

_SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_SPACES = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
_LETTERS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_SIGNS, _SLASHED = r"| ?[^\s\p{L}\p{N}]+[\r\n]*", r"| ?[^\s\p{L}\p{N}]+[\r\n/]*"
_WORDS = r"[^\r\n\p{L}\p{N}]?" + _UPPER
SPLITS = {
    "llama3": f"{_SUFFIX}|{_LETTERS}" + r"|\p{N}{1,3}" + _SIGNS + _SPACES,
    "dbrx": f"{_SUFFIX}|{_LETTERS}" + r"|\p{N}{1,3}" + _SIGNS + _SPACES,
    "qwen2": f"{_SUFFIX}|{_LETTERS}" + r"|\p{N}" + _SIGNS + _SPACES,
    "tekken": f"{_WORDS}*{_LOWER}+|{_WORDS}+{_LOWER}*" + r"|\p{N}" + _SLASHED + _SPACES,
    "gpt-4o": f"{_WORDS}*{_LOWER}+{_SUFFIX}?|{_WORDS}+{_LOWER}*{_SUFFIX}?" + r"|\p{N}{1,3}" + _SLASHED + _SPACES,
}
"""The splitting rules as the published tokenizers of those families state them."""

LLAMA_CPP_NAMES = {
    "llama3": "llama-bpe",
    "dbrx": "dbrx",
    "qwen2": "qwen2",
    "tekken": "tekken",
    "gpt-4o": "gpt-4o",
    "smollm": "smollm",
    "gpt2": "gpt-2",
    "falcon": "falcon",
}
SPECIALS = ("<|pad|>", "<|begin|>", "<|end|>")


def splitter(style: str) -> dict:
    """The pre-tokenizer as published tokenizers of that style state it."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    if style in SPLITS:
        split = {"type": "Split", "pattern": {"Regex": SPLITS[style]}, "behavior": "Isolated", "invert": False}
        return {"type": "Sequence", "pretokenizers": [split, byte_level | {"use_regex": False}]}
    if style == "smollm":
        return {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level]}
    if style == "falcon":
        return {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Punctuation", "behavior": "Contiguous"},
                byte_level,
                {"type": "Digits", "individual_digits": False},
                {"type": "Split", "pattern": {"Regex": "[0-9][0-9][0-9]"}, "behavior": "Isolated", "invert": False},
            ],
        }
    return byte_level


def bpe_tokenizer(size: int, style: str = "qwen2") -> dict:
    """tokenizer.json of a byte-level BPE with ``size`` tokens less one, the specials first."""
    letters = _byte_letters()
    vocabulary = {token: index for index, token in enumerate((*SPECIALS, *letters.values()))}
    merges = _merges(_words("bytes"), size - 1 - len(vocabulary))
    for left, right in merges:
        vocabulary.setdefault(left + right, len(vocabulary))
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": index,
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for index, token in enumerate(SPECIALS)
        ],
        "normalizer": None,
        "pre_tokenizer": splitter(style),
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": style in {"llama3", "tekken"},
            "vocab": vocabulary,
            "merges": [f"{left} {right}" for left, right in merges],
        },
    }


def sentencepiece_pieces(size: int) -> list[tuple[str, float, int]]:
    """Pieces of a SentencePiece BPE model: text, score, kind."""
    pieces = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
    pieces += [(f"<0x{byte:02X}>", 0.0, 6) for byte in range(256)]
    words = _words("letters")
    characters = sorted({letter for word in words for letter in word})
    made: list[str] = []
    for left, right in _merges(words, size):
        if left + right not in made:
            made.append(left + right)
    made = made[: size - len(pieces) - len(characters)]
    pieces += [(text, -float(index), 1) for index, text in enumerate(made)]
    return pieces + [(letter, -float(len(made) + index), 1) for index, letter in enumerate(characters)]


def sentencepiece_model(size: int, *, unigram: bool = False) -> bytes:
    """tokenizer.model as the library writes it."""
    data = b""
    for text, score, kind in sentencepiece_pieces(size):
        raw = text.encode()
        piece = b"\x0a" + _varint(len(raw)) + raw + b"\x15" + struct.pack("<f", score)
        if kind != 1:
            piece += b"\x18" + _varint(kind)
        data += b"\x0a" + _varint(len(piece)) + piece
    trainer = b"\x18" + _varint(1 if unigram else 2) + b"\x98\x02\x01"  # model_type, byte_fallback
    normalizer = b"\x0a\x08identity\x18\x01\x20\x00\x28\x01"
    data += b"\x12" + _varint(len(trainer)) + trainer
    return data + b"\x1a" + _varint(len(normalizer)) + normalizer


def sentencepiece_json(size: int) -> dict:
    """The same vocabulary as converted repositories carry it in tokenizer.json."""
    pieces = sentencepiece_pieces(size)
    known = {text: index for index, (text, _, _) in enumerate(pieces)}
    merges = []
    for text, _, kind in pieces:
        if kind == 1 and len(text) > 1:
            for cut in range(1, len(text)):
                left, right = text[:cut], text[cut:]
                if left in known and right in known:
                    merges.append((left, right))
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": index,
                "content": text,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for index, text in enumerate(("<unk>", "<s>", "</s>"))
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "\u2581"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "vocab": known,
            "merges": [f"{left} {right}" for left, right in merges],
        },
    }


def _words(unit: str) -> list[tuple[str, ...]]:
    letters = _byte_letters()
    words = []
    for word in TEXT.split():
        if unit == "bytes":
            words.append(tuple(letters[byte] for byte in (" " + word).encode()))
        else:
            words.append(tuple("\u2581" + word))
    return words


@cache
def _byte_letters() -> dict[int, str]:
    """GPT-2's letters for bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in plain}
    for index, byte in enumerate(byte for byte in range(256) if byte not in letters):
        letters[byte] = chr(256 + index)
    return dict(sorted(letters.items()))


def _merges(words: list[tuple[str, ...]], count: int) -> list[tuple[str, str]]:
    """Learn merges: the most frequent pair first, ties by text."""
    merges = []
    for _ in range(count):
        pairs: Counter[tuple[str, str]] = Counter()
        for word in words:
            pairs.update(pairwise(word))
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = [_merged(word, best) for word in words]
    return merges


def _merged(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    out: list[str] = []
    index = 0
    while index < len(word):
        if word[index : index + 2] == pair:
            out.append(word[index] + word[index + 1])
            index += 2
        else:
            out.append(word[index])
            index += 1
    return tuple(out)


def _varint(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)
