"""Names: what they mean, what they may mean, and that no look-up reads a whole table."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from platformdirs import user_data_dir
from tests.registry.asking import ask

from modelpick.errors import NotFoundError, UsageError
from modelpick.registry import locations, names, resolve
from modelpick.registry.layers import Layers
from modelpick.registry.names import complete, complete_license, normal_form, prefix_form
from modelpick.registry.reader import open_registries


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("mistral-7b-v0.1", "mistral-7b-v0.1"),
        ("mistralai/Mistral-7B-v0.1", "mistral-7b-v0.1"),
        ("MISTRALAI/mistral-7b-V0.1", "mistral-7b-v0.1"),
        ("GPT-J 6B", "gpt-j-6b"),
        ("gpt_j_6b", "gpt-j-6b"),
        ("PaLM 2", "palm-2"),
        ("ChatGPT", "chatgpt"),
        ("GPT-4", "gpt-4"),
        ("Claude 2", "claude-2"),
        ("coder-7b-instruct", "qwen2.5-coder-7b-instruct"),
        ("qwen2.5:7b", "qwen2.5-7b-instruct"),
        ("bartowski/Qwen2.5-7B-Instruct-GGUF", "qwen2.5-7b-instruct"),
    ],
)
def test_a_name_means_one_model(name: str, slug: str) -> None:
    with Layers.open() as registry:
        assert resolve.resolve(registry, name) == slug


@pytest.mark.parametrize(
    ("name", "among"),
    [("LLaMA-2", "llama-2-7b"), ("qwen2.5", "qwen2.5-7b"), ("instruct", "instruct")],
)
def test_a_name_that_several_models_have_is_answered_with_those(name: str, among: str) -> None:
    with Layers.open() as registry, pytest.raises(NotFoundError, match="may mean any of") as caught:
        resolve.resolve(registry, name)
    assert among in caught.value.message or name == "instruct"
    assert caught.value.exit_code == 3
    assert caught.value.details["closest"]


@pytest.mark.parametrize(
    ("name", "close"),
    [("lama-2-7b", "llama-2-7b"), ("qwen2.5-7b-instrct", "qwen2.5-7b-instruct"), ("whisperr", "whisper")],
)
def test_an_unknown_name_is_answered_with_the_closest(name: str, close: str) -> None:
    with Layers.open() as registry, pytest.raises(NotFoundError, match="no model is called") as caught:
        resolve.resolve(registry, name)
    assert close in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["", "///", "\x1b[31m", "日本", "x" * 5000])
def test_what_cannot_be_a_name_is_an_error_and_no_guess(name: str) -> None:
    with Layers.open() as registry, pytest.raises((UsageError, NotFoundError)):
        resolve.resolve(registry, name)


def test_every_slug_and_repository_finds_its_model() -> None:
    with open_registries() as registry:
        for model in registry.models():
            assert resolve.resolve(registry, model.slug) == model.slug
            if model.hf_repo and model.hf_repo.lower() != "young-geng/koala":  # one repository of two models
                assert resolve.resolve(registry, model.hf_repo) == model.slug


@given(st.text(max_size=40))
def test_a_key_is_its_own_normal_form(text: str) -> None:
    key = normal_form(text)
    assert normal_form(key) == key
    assert set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789.+-")


@given(st.text(alphabet="aB3.-_ /", max_size=12), st.text(alphabet="aB3.-_ /", max_size=12))
def test_a_beginning_stays_a_beginning(start: str, end: str) -> None:
    """TAB finds a name by whatever of it was typed, if that ends in a letter, digit or dash."""
    if start and prefix_form(start):
        assert prefix_form(start + end).startswith(prefix_form(start).rstrip("-"))


def test_tab_gives_slugs_in_order_and_repositories_where_there_are_none() -> None:
    slugs = complete("mistral-7b-")
    assert slugs == sorted(slugs) and "mistral-7b-v0.1" in slugs
    assert all(slug.startswith("mistral-7b-") for slug in slugs)
    assert "mistralai/Mistral-7B-v0.1" in complete("mistralai/Mistral-7B")
    assert complete("no-such-model") == []
    assert "apache-2.0" in complete_license("apa")


def test_tab_is_bounded_and_keeps_the_true_beginning() -> None:
    """With more names than fit, the last is kept: the beginning that a shell sees in common is that of all."""
    every = complete("", limit=10_000)
    few = complete("", limit=20)
    assert len(every) >= 1131 and len(few) == 20
    assert few[:19] == every[:19] and few[-1] == every[-1]


def test_tab_sees_the_users_models_too(small: Path) -> None:
    assert complete("small-1b", registry=str(small)) == ["small-1b", "small-1b-instruct"]


def test_the_users_place_is_where_platformdirs_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for home in ("", str(tmp_path)):
        monkeypatch.setenv("XDG_DATA_HOME", home)
        expected = Path(user_data_dir("modelpick", appauthor=False)) / "registry.sqlite"
        assert Path(locations.default_user_path()) == expected


class Recorder:
    """Records each statement that a connection runs."""

    def __init__(self, layer) -> None:  # type: ignore[no-untyped-def]
        self.layer, self.asked = layer, []
        self.execute_, layer.execute = layer.execute, self.execute

    def execute(self, sql, values=()):  # type: ignore[no-untyped-def]
        self.asked.append((sql, values))
        return self.execute_(sql, values)


def plans(path: Path, asked: list[tuple[str, tuple[object, ...]]]) -> list[str]:
    return [row[3] for sql, values in asked for row in ask(path, f"EXPLAIN QUERY PLAN {sql}", values)]


@pytest.mark.parametrize(
    "name", ["mistral-7b-v0.1", "mistralai/Mistral-7B-v0.1", "GPT-J 6B", "coder-7b-ins", "lama-2-7b"]
)
def test_show_reads_no_table_from_end_to_end(name: str) -> None:
    with open_registries() as registry:
        recorder = Recorder(registry.layers[0])
        try:
            slug = resolve.resolve(registry, name)
        except NotFoundError:
            slug = "llama-2-7b"
        registry.facts(slug)
        registry.ancestors(slug)
        path = Path(registry.layers[0].path)
    assert len(recorder.asked) > 15
    found = plans(path, recorder.asked)
    assert found and not [step for step in found if step.startswith("SCAN") and "meta" not in step]


def test_the_closest_names_are_sought_in_a_bounded_part() -> None:
    """However many models there are: a fixed number of look-ups, each of a limited number of index entries."""
    with Layers.open() as registry:
        recorder = Recorder(registry.layers[0])
        resolve.closest(registry, "-".join(["quite", "long", "and", "unknown"] * 20))
    assert 0 < len(recorder.asked) <= 30
    assert all(sql.endswith("LIMIT ?") and values[-1] <= 200 for sql, values in recorder.asked)


def test_tab_reads_no_table_from_end_to_end() -> None:
    bundled = Path(locations.bundled_path())
    sql = names._PREFIX
    for statement, values in ((f"{sql} LIMIT 100", 3), (f"{sql} DESC LIMIT 1", 3)):
        found = plans(bundled, [(statement, ("slug", "a", "b")[:values])])
        assert found == ["SEARCH alias USING PRIMARY KEY (kind=? AND key>? AND key<?)"]
