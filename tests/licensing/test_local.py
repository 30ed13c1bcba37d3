"""Model directories on disk: what is read, and what is refused with nothing trusted."""

from pathlib import Path

import pytest
from tests.licensing.test_texts import APACHE, MIT
from tests.licensing.world import catalogue, nobody

from modelpick.errors import IntegrityError, UsageError
from modelpick.licensing.judge import judge
from modelpick.licensing.local import card_of_directory


def write(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        (directory / name.replace("_md", ".md").replace("_json", ".json")).write_text(text, encoding="utf-8")
    return directory


def test_front_matter_becomes_a_card(tmp_path: Path) -> None:
    head = """---
license: other
license_name: llama3.1
base_model:
- meta-llama/Llama-3.1-8B
base_model_relation: quantized
tags: [gguf, text-generation]
datasets: teknium/OpenHermes-2.5
---
# A model
"""
    card = card_of_directory(write(tmp_path, README_md=head), "a/b")
    assert (card.name, card.license, card.license_name) == ("a/b", "other", "llama3.1")
    assert card.base_models == (("meta-llama/Llama-3.1-8B", "quantized"),)
    assert (card.tags, card.datasets) == (("gguf", "text-generation"), ("teknium/OpenHermes-2.5",))
    assert judge(card, nobody, catalogue()).binding_licenses == ("llama3.1",)


def test_several_licences_may_stand_in_a_list(tmp_path: Path) -> None:
    card = card_of_directory(write(tmp_path, README_md="---\nlicense: [apache-2.0, cc-by-nc-4.0]\n---\n"))
    assert card.license == ("apache-2.0", "cc-by-nc-4.0")
    assert judge(card, nobody, catalogue()).commercial_use == "no"


def test_without_a_card_the_licence_and_the_config_speak(tmp_path: Path) -> None:
    write(tmp_path, LICENSE=APACHE, config_json='{"_name_or_path": "google/gemma-2-9b", "model_type": "gemma2"}')
    card = card_of_directory(tmp_path)
    assert (card.base_models, card.model_type) == ((("google/gemma-2-9b", None),), "gemma2")
    assert judge(card, nobody, catalogue()).binding_licenses == ("gemma",)


def test_a_path_in_a_config_is_no_parent(tmp_path: Path) -> None:
    card = card_of_directory(write(tmp_path, config_json='{"_name_or_path": "/home/me/checkpoint-100"}'))
    assert card.base_models == ()


def test_an_adapter_names_its_base(tmp_path: Path) -> None:
    write(tmp_path, adapter_config_json='{"base_model_name_or_path": "meta-llama/Llama-2-7b-hf"}')
    write(tmp_path, README_md="---\nlicense: mit\n---\n")
    found = judge(card_of_directory(tmp_path, "a/b"), nobody, catalogue())
    assert found.binding_licenses == ("mit", "llama2")


def test_the_models_own_licence_comes_before_the_repositorys(tmp_path: Path) -> None:
    write(tmp_path, LICENSE=MIT)
    (tmp_path / "LICENSE-MODEL").write_text("DEEPSEEK LICENSE AGREEMENT\nVersion 1.0", encoding="utf-8")
    assert judge(card_of_directory(tmp_path), nobody, catalogue()).binding_licenses == ("deepseek-model-license",)


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        ("license: [mit\nbase_model: x", "not YAML, line"),
        ("a: &x [1,2]\nb: [*x, *x]", "anchors and aliases"),
        ("a: &a ['x','x']\nb: &b [*a,*a]\nc: &c [*b,*b]\nlicense: mit", "anchors and aliases"),
        ("license: mit\nlicense: other", "stands twice"),
        ("- mit\n- apache", "no list of fields"),
        ("license: !!python/object/apply:os.system ['true']", "not YAML"),
        ("[" * 200 + "]" * 200, "too many or too deep"),
        ("x: [" + "1," * 30_000 + "1]", "too many or too deep"),
        ("x: '" + "y" * 300_000 + "'", "longer than"),
        ("license: 2024-13-45", "cannot be read"),
    ],
)
def test_a_head_that_is_not_what_it_says(tmp_path: Path, head: str, problem: str) -> None:
    write(tmp_path, README_md=f"---\n{head}\n---\n", LICENSE=MIT)
    with pytest.raises(IntegrityError, match=problem) as caught:
        card_of_directory(tmp_path)
    assert str(tmp_path / "README.md") in caught.value.message


def test_a_head_without_an_end(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="no end"):
        card_of_directory(write(tmp_path, README_md="---\nlicense: mit\n"))


def test_a_card_without_a_head_declares_nothing(tmp_path: Path) -> None:
    card = card_of_directory(write(tmp_path, README_md="# Free for all!\nlicense: mit\n", LICENSE=MIT))
    assert card.license is None
    with pytest.raises(UsageError, match="to judge by"):
        (tmp_path / "LICENSE").unlink()
        card_of_directory(tmp_path)


def test_a_licence_of_50_mb(tmp_path: Path) -> None:
    with (tmp_path / "LICENSE").open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    with pytest.raises(IntegrityError, match=r"52,428,800 bytes; a licence text has at most 1,000,000"):
        card_of_directory(tmp_path)


@pytest.mark.parametrize(
    ("content", "problem"), [(b"", "is empty"), (b" \n\t\n", "is empty"), (b"MIT\0\1\2", "binary")]
)
def test_a_licence_that_is_none(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "LICENSE").write_bytes(content)
    write(tmp_path, README_md="---\nlicense: mit\n---\n")
    with pytest.raises(IntegrityError, match=problem):
        card_of_directory(tmp_path)


def test_an_old_licence_in_latin_1_is_read(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_bytes(MIT.replace("Somebody", "Jos\xe9").encode("latin-1"))
    assert judge(card_of_directory(tmp_path), nobody, catalogue()).binding_licenses == ("mit",)


@pytest.mark.parametrize(
    ("content", "problem"), [("{", "not JSON"), ("[]", "no JSON object"), ("[" * 100_000, "not JSON")]
)
def test_a_config_that_is_none(tmp_path: Path, content: str, problem: str) -> None:
    with pytest.raises(IntegrityError, match=problem):
        card_of_directory(write(tmp_path, config_json=content))


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no directory"):
        card_of_directory(tmp_path / "nothing")
