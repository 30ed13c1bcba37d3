"""Names from outside: refused when they could do harm, understood in any spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelpick.acquisition.names import (
    groups,
    harmless,
    missing_parts,
    normal_quantisation,
    part_of,
    quantisation_of,
    unsafe,
)

HOSTILE = [
    "../../x", "a/../../x", "/etc/passwd", "C:\\x", "C:/x", "c:x", "a\\b", "\\\\server\\share", "x" * 4000, "a/" * 600,
    "a\nb", "a\x00b", "a\x1b[2Jb", "\u202egnp.gguf", "", ".", "..", "a//b", "a/./b", "con", "NUL.gguf", "a/com1.bin",
    "end.", "end ", "x" * 300 + ".gguf", ".modelpick/a", "a/.modelpick-partial", "\ud800", "file:stream",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused(name: str) -> None:
    assert unsafe(name)


@pytest.mark.parametrize(
    "name",
    ["config.json", "Q4_K_M/model-00001-of-00002.gguf", "a b (1).txt", "mödel.gguf", "模型.safetensors", ".gitignore"],
)
def test_ordinary_names_are_not(name: str) -> None:
    assert unsafe(name) is None


@given(st.text())
def test_a_name_that_passes_stays_in_its_folder(name: str) -> None:
    if unsafe(name) is None:
        parts = name.split("/")
        assert ".." not in parts and parts[0] and "\\" not in name and ":" not in name and name.isprintable()


@given(st.text(max_size=5000))
def test_what_is_shown_of_a_name_is_short_and_printable(name: str) -> None:
    shown = harmless(name)
    assert shown.isprintable() and shown.isascii() and len(shown) <= 90


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("mistral-7b-v0.1.Q4_K_M.gguf", "Q4_K_M"),
        ("qwen2.5-7b-instruct-q4_k_m-00001-of-00002.gguf", "Q4_K_M"),
        ("Q4-K-M/model.gguf", "Q4_K_M"),
        ("UD-Q4_K_XL/Qwen3-235B-UD-Q4_K_XL-00001-of-00003.gguf", "UD-Q4_K_XL"),
        ("gemma-3-4b-it-IQ4_XS.gguf", "IQ4_XS"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("Llama-3.2-1B-Instruct-f16.gguf", "F16"),
        ("model-fp16.gguf", "F16"),
        ("model.BF16.gguf", "BF16"),
        ("phi-2.Q8_0.gguf", "Q8_0"),
        ("Meta-Llama-3-8B-Q4_0_4_4.gguf", "Q4_0_4_4"),
        ("BitNet-TQ2_0.gguf", "TQ2_0"),
        ("Qwen3-8B.gguf", None),
        ("model.gguf", None),
    ],
)
def test_the_quantisation_is_read_from_a_name(path: str, expected: str | None) -> None:
    assert quantisation_of(path) == expected


@pytest.mark.parametrize("spelling", ["q4_k_m", "Q4_K_M", "Q4-K-M", " q4-K_m "])
def test_one_quantisation_in_many_spellings(spelling: str) -> None:
    assert normal_quantisation(spelling) == "Q4_K_M"


def test_a_dynamic_mix_is_another_quantisation() -> None:
    assert normal_quantisation("ud-q4-k-xl") == "UD-Q4_K_XL" != normal_quantisation("Q4_K_XL")


def test_parts_of_a_split() -> None:
    part = part_of("a/m-00002-of-00005.gguf")
    assert part and (part.stem, part.number, part.parts) == ("a/m.gguf", 2, 5)
    assert part_of("m.gguf") is None
    names = ["m-00001-of-00003.gguf", "m-00003-of-00003.gguf", "n.gguf"]
    assert len(groups(names)) == 2
    assert missing_parts(names[:2]) == [2]
    assert missing_parts(["n.gguf"]) == []
