"""Tokenizers in the file cut text as the source's own do: a thousand strings, run by llama.cpp."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.quantisation import models, words
from tests.quantisation.results import metadata
from tests.quantisation.strings import strings

from modelpick.errors import IntegrityError, NotFoundError
from modelpick.quantisation.check import run
from modelpick.quantisation.vocabulary import write

SOURCES_OWN = {
    "llama3": "2c8eaab939faeab5",
    "dbrx": "2c8eaab939faeab5",
    "qwen2": "bc99753d01ca6e92",
    "tekken": "bc99753d01ca6e92",
    "gpt-4o": "4a63293b71166296",
    "smollm": "1114517cdc964462",
    "gpt2": "aa91e10618075079",
    "falcon": "98daef2f3c7a7736",
    "sentencepiece": "777b57f6d8e29d22",
    "sentencepiece-json": "777b57f6d8e29d22",
}
"""Digests of the ids that ``tokenizers`` 0.23.3 and ``sentencepiece`` 0.2.3 give for ``strings``, 24 November 2026."""


def tokens_of(model: Path, texts: list[str], work: Path) -> list[list[int]]:
    return run(model, {"texts": texts}, work / "logits.f32")["tokens"]


@pytest.mark.parametrize("style", SOURCES_OWN)
def test_a_thousand_strings_are_cut_as_by_the_source(
    style: str, copied: Callable[[str], Path], quantise: Callable, tmp_path: Path
) -> None:
    folder = copied("odd")
    if style == "sentencepiece":
        (folder / "tokenizer.json").unlink()
        models.write_tokenizer(folder, "sentencepiece")
    elif style == "sentencepiece-json":
        (folder / "tokenizer.json").write_text(json.dumps(words.sentencepiece_json(models.VOCABULARY)))
    else:
        models.write_tokenizer(folder, f"bpe:{style}")
    made = quantise(folder, "Q8_0")
    texts = strings()
    if style == "falcon":
        # Its splitter takes byte 0xBD for a number (the letter that stands for it is one half); a tokenizer that was
        # trained with it has no token across such a byte, the one learnt here has.
        texts = [text.replace("好", "们") for text in texts]
    ids = tokens_of(made.path, texts, tmp_path)
    assert len(ids) == 1000
    assert hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16] == SOURCES_OWN[style]
    if style in words.LLAMA_CPP_NAMES:
        assert metadata(made.path)["tokenizer.ggml.pre"] == words.LLAMA_CPP_NAMES[style]


def test_the_files_say_the_same_as_the_official_converters(built: Callable[[str], Path], quantise: Callable) -> None:
    """Keys that decide how text is cut and put together; values as the reference wrote them."""
    found = metadata(quantise(built("llama"), "Q8_0").path)
    assert found["tokenizer.ggml.model"] == "llama"
    assert found["tokenizer.ggml.pre"] == "default"
    assert found["tokenizer.ggml.tokens"][:5] == ["<unk>", "<s>", "</s>", "<0x00>", "<0x01>"]
    assert found["tokenizer.ggml.token_type"][:4] == [2, 3, 3, 6]
    assert found["tokenizer.ggml.bos_token_id"] == 1
    assert found["tokenizer.ggml.eos_token_id"] == 2
    bpe = metadata(quantise(built("llama3"), "Q8_0", overwrite=True).path)
    assert bpe["tokenizer.ggml.model"] == "gpt2"
    assert bpe["tokenizer.ggml.token_type"][:4] == [3, 3, 3, 1]
    assert bpe["tokenizer.ggml.tokens"][-1] == "[PAD511]"
    assert bpe["tokenizer.ggml.token_type"][-1] == 5
    assert bpe["tokenizer.chat_template"].startswith("{% for m in messages %}")
    assert bpe["tokenizer.ggml.add_bos_token"] is False
    assert len(bpe["tokenizer.ggml.merges"]) > 200


def changed(folder: Path, **parts: object) -> Path:
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    for name, value in parts.items():
        if name == "ignore_merges":
            tokenizer["model"][name] = value
        else:
            tokenizer[name] = value
    path.write_text(json.dumps(tokenizer))
    return folder


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True}},
            "splits text by a rule",
        ),
        ({"pre_tokenizer": words.splitter("qwen2"), "ignore_merges": True}, "splits like qwen2 but has ignore_merges"),
        ({"normalizer": {"type": "Lowercase"}}, "normalises text"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "tokenizer of kind BPE"),
        ({"model": {"type": "WordPiece", "vocab": {}}}, "tokenizer of kind WordPiece"),
    ],
)
def test_what_llama_cpp_does_not_have_is_refused(
    parts: dict, message: str, copied: Callable[[str], Path], quantise: Callable
) -> None:
    with pytest.raises(NotFoundError, match=message):
        quantise(changed(copied("qwen3"), **parts))


def test_an_unknown_splitting_rule_is_refused(copied: Callable[[str], Path], quantise: Callable) -> None:
    splitter = words.splitter("qwen2")
    splitter["pretokenizers"][0]["pattern"]["Regex"] += "|x"
    with pytest.raises(NotFoundError, match=r"splits text by a rule that llama\.cpp does not have"):
        quantise(changed(copied("qwen3"), pre_tokenizer=splitter))


def test_added_tokens_keep_their_kind(copied: Callable[[str], Path], quantise: Callable) -> None:
    folder = copied("qwen3")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    tokenizer["added_tokens"] += [{"id": 511, "content": "<tool_call>", "special": False, **plain}]
    found = metadata(quantise(changed(folder, added_tokens=tokenizer["added_tokens"])).path)
    assert (found["tokenizer.ggml.tokens"][511], found["tokenizer.ggml.token_type"][511]) == ("<tool_call>", 4)


def test_a_token_behind_the_vocabulary_is_damage(copied: Callable[[str], Path], quantise: Callable) -> None:
    folder = copied("qwen3")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["added_tokens"][0]["id"] = 512
    with pytest.raises(IntegrityError, match="token 512, the model's vocabulary 512"):
        quantise(changed(folder, added_tokens=tokenizer["added_tokens"]))


@pytest.mark.parametrize("cut", [1, 100, 1000])
def test_a_damaged_sentencepiece_file(cut: int, copied: Callable[[str], Path]) -> None:
    folder = copied("mistral")
    path = folder / "tokenizer.model"
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises((IntegrityError, NotFoundError)):
        write.read(folder, 512)


def test_a_unigram_model_is_refused(copied: Callable[[str], Path]) -> None:
    folder = copied("mistral")
    (folder / "tokenizer.model").write_bytes(words.sentencepiece_model(512, unigram=True))
    with pytest.raises(NotFoundError, match="unigram"):
        write.read(folder, 512)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"model": {"vocab": 3}}', '{"model": 7}', "\x00"])
def test_a_damaged_tokenizer_json(text: str, copied: Callable[[str], Path]) -> None:
    folder = copied("qwen3")
    (folder / "tokenizer.json").write_text(text)
    with pytest.raises((IntegrityError, NotFoundError)):
        write.read(folder, 512)
