"""``list`` and ``show`` as a user runs them."""

import csv
import io
import json
from pathlib import Path

import pytest
from tests.cli.running import Answer, Runner

from modelpick.registry.export import toml_of
from modelpick.registry.locations import VARIABLE

HOSTILE = {
    "slug": "hostile-1b", "family": "Hostile", "name": "\x1b[31mred\x1b]0;owned\x07 [bold]loud[/bold] \u202egnp",
    "developer": "[link=https://evil.example]me[/link]\r\nsecond line", "relation": "base", "modality": "text",
    "tasks": ["chat"], "access": "open-weights", "downloadable": True, "confidence": "high",
    "sources": ["https://example.org/\x1b[2J"], "special": ["\x9b2J cleared"], "notes": "=1+1",
}  # fmt: skip


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "own.sqlite"))
    monkeypatch.setenv("MODELPICK_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text("")
    return Runner(capsys)


def slugs(answer: Answer) -> list[str]:
    return [row["slug"] for row in answer.rows()]


def test_list_tells_all_models_in_order(run: Runner) -> None:
    answer = run("list", "--json")
    document = answer.json("list")
    assert answer.code == 0 and answer.err == ""
    assert document["found"] == len(document["results"]) >= 1131
    assert slugs(answer) == sorted(slugs(answer))


def test_the_same_question_gets_the_same_bytes(run: Runner) -> None:
    assert run("list", "--json").out == run("list", "--json").out


@pytest.mark.parametrize(
    ("arguments", "holds"),
    [
        (("--task", "code"), lambda row: "code" in row["tasks"]),
        (("--task", "code", "--task", "rerank"), lambda row: {"code", "rerank"} & set(row["tasks"])),
        (("--family", "whisper"), lambda row: row["family"] == "Whisper"),
        (("--family", "whispe"), lambda row: "whispe" in row["family"].lower()),
        (("--developer", "mistral"), lambda row: "mistral" in row["developer"].lower()),
        (("--license", "apache-2.0"), lambda row: row["license_key"] == "apache-2.0"),
        (("--license", "MIT"), lambda row: row["license_key"] == "mit"),
        (("--commercial", "no"), lambda row: row["commercial_use"] == "no"),
        (("--min-params", "100B"), lambda row: row["params_total"] >= 100 * 10**9),
        (("--min-params", "7B", "--max-params", "8B"), lambda row: 7 * 10**9 <= row["params_total"] <= 8 * 10**9),
        (("--era", "early"), lambda row: row["era"] == "early"),
        (("--downloadable",), lambda row: row["downloadable"]),
        (("--proprietary",), lambda row: not row["downloadable"]),
        (("--origin", "bundled"), lambda row: row["origin"] == "bundled"),
    ],
)
def test_a_filter_keeps_those_that_meet_it_and_loses_none(run: Runner, arguments, holds) -> None:  # type: ignore[no-untyped-def]
    everything = run("list", "--json").rows()
    kept = run("list", *arguments, "--json").rows()

    def meets(row: dict[str, object]) -> bool:
        try:
            return bool(holds(row))
        except TypeError:  # a number that is not known meets no bound
            return False

    assert kept == [row for row in everything if meets(row)]
    assert 0 < len(kept) <= len(everything)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--license", "apache2"), 2, "apache-2.0"),
        (("--license", "no such thing at all"), 2, "modelpick license list"),
        (("--family", "Qwenn2.5"), 2, "Qwen2.5"),
        (("--developer", "Mistrall AI"), 2, "Mistral AI"),
        (("--min-params", "lots"), 2, "7B"),
        (("--min-params", "8B", "--max-params", "7B"), 2, "exchange"),
        (("--task", "cooking"), 2, "chat"),
        (("--fields", "slug,colour"), 2, "params_total"),
        (("--proprietary", "--task", "rerank"), 3, "no model meets --task rerank --proprietary"),
        (("--registry", "/no/such/registry.sqlite"), 3, "registry add"),
    ],
)
def test_what_cannot_be_answered_is_told(run: Runner, arguments, code: int, said: str) -> None:  # type: ignore[no-untyped-def]
    answer = run("list", *arguments)
    assert answer.code == code
    assert said in answer.err
    in_json = run("list", *arguments, "--json")
    assert in_json.code == code
    if code == 2:
        assert in_json.out == "" and json.loads(in_json.err)["schema"] == "modelpick.error/1"


@pytest.mark.parametrize("sort", ["released", "params", "context", "ability"])
def test_sorting_puts_the_largest_first_and_the_unknown_last(run: Runner, sort: str) -> None:
    key = {"params": "params_total", "context": "context_length"}.get(sort, sort)
    values = [row[key] for row in run("list", "--sort", sort, "--json").rows()]
    known = [value for value in values if value is not None]
    assert values == known + [None] * (len(values) - len(known))
    assert known == sorted(known, reverse=True)
    reverse = [row[key] for row in run("list", "--sort", sort, "--reverse", "--json").rows()]
    assert [value for value in reverse if value is not None] == sorted(known)
    assert reverse[-1] is None or None not in values


def test_all_formats_tell_the_same_models(run: Runner) -> None:
    arguments = ("list", "--developer", "mistral ai", "--limit", "5", "--fields", "slug,params_total")
    expected = [row["slug"] for row in json.loads(run(*arguments, "--json").out)["results"]]
    assert len(expected) == 5
    lines = [json.loads(line) for line in run(*arguments, "--format", "jsonl").out.splitlines()]
    assert [row["slug"] for row in lines] == expected
    assert [row["slug"] for row in csv.DictReader(io.StringIO(run(*arguments, "--format", "csv").out))] == expected
    for name in ("table", "markdown"):
        text = run(*arguments, "--format", name).out
        places = [text.replace("\\", "").index(slug) for slug in expected]
        assert places == sorted(places)


def test_show_tells_everything_with_its_sources(run: Runner) -> None:
    answer = run("show", "mistralai/Mistral-7B-v0.1", "--json")
    row = answer.json("show")["results"][0]
    assert row["slug"] == "mistral-7b-v0.1"
    assert row["params_total"] == 7_241_732_096
    assert row["architecture"]["num_hidden_layers"] == 32
    assert row["special"] and row["limitations"] and row["sources"] and row["variants"] and row["benchmarks"]
    assert row["collections"][0]["collection"] == "book-table-5"
    assert "zephyr-7b-beta" in [child["model"] for child in row["children"]]
    assert all(source["reference"] for source in row["sources"])
    assert row["verdict"]["commercial_use"] == row["commercial_use"]


def test_show_for_people_names_the_parts(run: Runner) -> None:
    text = run("show", "alpaca-lora-7b").out
    for part in ("Comes from", "What is special", "Limitations", "Sources", "Why this verdict", "Forms"):
        assert part in text
    assert "llama-7b" in text


def test_every_model_can_be_shown_in_its_schema(run: Runner) -> None:
    for slug in slugs(run("list", "--json"))[::25]:
        assert run("show", slug, "--json").json("show")["results"][0]["slug"] == slug


def test_show_takes_fields_in_every_format(run: Runner) -> None:
    arguments = ("show", "mistral-7b-v0.1", "--fields", "license_key,commercial_use")
    assert json.loads(run(*arguments, "--json").out)["results"] == [
        {"license_key": "apache-2.0", "commercial_use": "yes"}
    ]
    assert "apache-2.0" in run(*arguments).out
    assert run(*arguments, "--format", "csv").out.splitlines()[0] == "license_key,commercial_use"


@pytest.mark.parametrize("name", ["LLaMA-2", "lama-2-7b", "no such model"])
def test_a_name_that_is_no_ones_exits_3_with_the_closest(run: Runner, name: str) -> None:
    answer = run("show", name)
    assert answer.code == 3 and answer.out == ""
    assert name == "no such model" or "llama-2-7b" in answer.err
    assert json.loads(run("show", name, "--json").err)["error"]["code"] == "not-found"


@pytest.mark.parametrize("command", [("list", "--origin", "user"), ("show", "hostile-1b")])
@pytest.mark.parametrize("form", ["table", "markdown", "json", "jsonl"])
@pytest.mark.parametrize("color", ["always", "never"])
def test_escapes_and_markup_in_names_are_shown_harmlessly(
    run: Runner, tmp_path: Path, command: tuple[str, ...], form: str, color: str
) -> None:
    file = tmp_path / "hostile.toml"
    file.write_text(toml_of([HOSTILE]))
    assert run("registry", "add", file).code == 0
    answer = run(*command, "--format", form, "--color", color)
    text = answer.out + answer.err
    for harmful in ("\x1b[31mred", "\x1b]0;", "\x07", "\x9b", "\u202e", "\x1b[2J"):
        assert harmful not in text
    if form == "table" and command[0] == "show":
        assert "[bold]loud[/bold]" in answer.out and "[link=https://evil.example]me[/link]" in answer.out
    if color == "never":
        assert "\x1b" not in text


def test_an_error_that_repeats_a_hostile_name_is_harmless(run: Runner) -> None:
    answer = run("show", "\x1b[31mred\x07")
    assert answer.code == 3 and "\x1b" not in answer.err and "\x07" not in answer.err
