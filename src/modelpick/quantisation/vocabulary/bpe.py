"""Byte-level BPE from tokenizer.json. Which of llama.cpp's splitting rules applies is read from the splitter itself.

The official converter tokenises a text and looks the hash of the result up in a list, which fails for every
fine-tune with a token more. Here the rule that tokenizer.json states is compared with those llama.cpp has
(``llama-vocab.cpp``); one that is not among them is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelpick.errors import IntegrityError, NotFoundError
from modelpick.quantisation.vocabulary.tokens import (
    CONTROL,
    NORMAL,
    SPACE,
    UNUSED,
    USER_DEFINED,
    Vocabulary,
    added_tokens,
    looks_special,
)

_SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_HEAD = r"[^\r\n\p{L}\p{N}]?"
_SLASH_TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_CL100K = _SUFFIX + "|" + _HEAD + r"\p{L}+|\p{N}{1,3}" + _TAIL
_QWEN2 = _SUFFIX + "|" + _HEAD + r"\p{L}+|\p{N}" + _TAIL
_QWEN35 = _SUFFIX + "|" + _HEAD + r"[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_TEKKEN = f"{_HEAD}{_UPPER}*{_LOWER}+|{_HEAD}{_UPPER}+{_LOWER}*" + r"|\p{N}" + _SLASH_TAIL
_O200K = f"{_HEAD}{_UPPER}*{_LOWER}+{_SUFFIX}?|{_HEAD}{_UPPER}+{_LOWER}*{_SUFFIX}?" + r"|\p{N}{1,3}" + _SLASH_TAIL
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

_RULES: dict[tuple[tuple[str, ...], bool], str] = {
    (("split " + _CL100K,), True): "llama-bpe",
    (("split " + _CL100K,), False): "dbrx",
    (("split " + _QWEN2,), False): "qwen2",
    (("split " + _QWEN35,), False): "qwen35",
    (("split " + _TEKKEN,), True): "tekken",
    (("split " + _O200K,), False): "gpt-4o",
    (("gpt2",), False): "gpt-2",
    (("split " + _GPT2,), False): "gpt-2",
    (("digits one by one", "gpt2"), False): "smollm",
    (("punctuation contiguous", "gpt2", "digits together", "split [0-9][0-9][0-9]"), False): "falcon",
}
"""The steps of a splitter and ``ignore_merges``, and the name of llama.cpp's rule that does the same."""

_HARMLESS_NORMALIZERS = {"NFC"}


def read(folder: Path, tokenizer: Any, vocabulary_size: int) -> Vocabulary:
    """The vocabulary, filled up to ``vocabulary_size`` with unused tokens.

    :raises NotFoundError: for a splitter or normaliser that llama.cpp does not have.
    :raises IntegrityError: when ids are outside the vocabulary.
    """
    model = tokenizer["model"]
    pre = _rule(tokenizer, bool(model.get("ignore_merges")))
    notes = _check_normalizer(tokenizer.get("normalizer"))
    by_id = {int(number): str(token) for token, number in model["vocab"].items()}
    added = added_tokens(folder, tokenizer)
    highest = max([*by_id, *added], default=-1)
    if highest >= vocabulary_size:
        raise IntegrityError(f"the tokenizer has token {highest}, the model's vocabulary {vocabulary_size}")
    tokens, kinds = [], []
    for number in range(vocabulary_size):
        if number in added:
            text, special = added[number]
            control = special or looks_special(text)
            tokens.append((text if control else text.replace(SPACE, " ")).encode())
            kinds.append(CONTROL if control else USER_DEFINED)
        elif number in by_id:
            tokens.append(by_id[number].encode())
            kinds.append(NORMAL)
        else:
            tokens.append(f"[PAD{number}]".encode())
            kinds.append(UNUSED)
    return Vocabulary("gpt2", pre, tokens, kinds, merges=True, notes=notes)


def is_byte_level(tokenizer: Any) -> bool:
    """Whether tokenizer.json describes byte-level BPE."""
    return (tokenizer.get("model") or {}).get("type", "BPE") == "BPE" and any(
        step.get("type") == "ByteLevel" for step in _steps(tokenizer.get("pre_tokenizer"))
    )


def _rule(tokenizer: Any, ignore_merges: bool) -> str:
    steps = _steps(tokenizer.get("pre_tokenizer"))
    words = tuple(word for step in steps if (word := _word(step)))
    found = _RULES.get((words, ignore_merges)) or _RULES.get((words, not ignore_merges))
    if found is None:
        raise NotFoundError(
            f"the tokenizer splits text by a rule that llama.cpp does not have: {' then '.join(words) or 'none'}"[:900],
            hint="--converter with llama.cpp's own converter, if it knows this model",
        )
    if (words, ignore_merges) not in _RULES:
        raise NotFoundError(
            f"the tokenizer splits like {found} but has ignore_merges {ignore_merges}, which llama.cpp does not have"
        )
    return found


def _steps(splitter: Any) -> list[dict[str, Any]]:
    if not isinstance(splitter, dict):
        return []
    if splitter.get("type") == "Sequence":
        return [step for inner in splitter.get("pretokenizers", ()) for step in _steps(inner)]
    return [splitter]


def _word(step: dict[str, Any]) -> str:
    """One step in a word that the table knows; empty for a step that does nothing."""
    match step.get("type"):
        case "Split":
            pattern = (step.get("pattern") or {}).get("Regex")
            isolated = step.get("behavior") in {"Isolated", "Removed"} and bool(step.get("invert")) == (
                step.get("behavior") == "Removed"
            )
            return f"split {pattern}" if pattern is not None and isolated else f"split? {step}"
        case "ByteLevel":
            if step.get("add_prefix_space"):
                return "space in front"
            return "gpt2" if step.get("use_regex", True) else ""
        case "Digits":
            return "digits one by one" if step.get("individual_digits") else "digits together"
        case "Punctuation":
            return f"punctuation {str(step.get('behavior', 'Isolated')).lower()}"
    return str(step.get("type"))


def _check_normalizer(normalizer: Any) -> tuple[str, ...]:
    if normalizer is None:
        return ()
    steps = normalizer.get("normalizers", [normalizer]) if isinstance(normalizer, dict) else [{"type": normalizer}]
    kinds = [str(step.get("type")) for step in steps]
    strange = [kind for kind in kinds if kind not in _HARMLESS_NORMALIZERS]
    if strange:
        raise NotFoundError(
            f"the tokenizer normalises text ({', '.join(strange)}), which llama.cpp does not do for BPE"
        )
    if kinds:
        return ("the tokenizer composes characters (NFC) first; llama.cpp expects text that is composed already",)
    return ()
