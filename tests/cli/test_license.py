"""``modelpick license`` as a user runs it: answers, exit codes, machine formats, bad input."""

import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result
from tests.licensing.test_texts import MIT

from modelpick.cli.app import app
from modelpick.errors import IntegrityError, NotFoundError, UsageError

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
ADVICE = "not legal advice"


def run(*arguments: str, input: str | None = None) -> Result:
    """The command's result with its own errors raised, as the program's one table of errors gets them."""
    return CliRunner().invoke(app, arguments, input=input, standalone_mode=False, catch_exceptions=False)


def license(*arguments: str, input: str | None = None) -> tuple[int, str]:
    result = run("license", *arguments, input=input)
    return result.return_value or 0, result.stdout


def document(*arguments: str, schema: str, input: str | None = None) -> tuple[int, dict]:  # type: ignore[type-arg]
    code, text = license(*arguments, "--json", input=input)
    answer = json.loads(text)
    jsonschema.validate(answer, json.loads((SCHEMAS / f"{schema}.json").read_text(encoding="utf-8")))
    return code, answer


def check(*arguments: str) -> tuple[int, list[dict]]:  # type: ignore[type-arg]
    code, answer = document("check", *arguments, schema="license-check")
    return code, answer["results"]


TABLE_5 = [
    ("mistral-7b-v0.1", "yes", ["apache-2.0"]),
    ("llama-2-13b", "conditional", ["llama2"]),
    ("llama-2-7b", "conditional", ["llama2"]),
    ("persimmon-8b-base", "yes", ["apache-2.0"]),
    ("wizardlm-13b-v1.2", "conditional", ["llama2"]),
    ("wizardlm-7b-v1.0", "no", ["cc-by-nc-4.0", "llama1-noncommercial"]),
    ("falcon-7b", "yes", ["apache-2.0"]),
    ("mpt-7b", "yes", ["apache-2.0"]),
]


def test_table_5_of_the_chapter() -> None:
    _, rows = check(*(model for model, _, _ in TABLE_5))
    assert [(row["model"], row["commercial_use"], sorted(row["binding_licenses"])) for row in rows] == TABLE_5
    for row in rows:
        if row["commercial_use"] == "conditional":
            assert "700,000,000 monthly active users" in row["clause"]


@pytest.mark.parametrize(
    "model", ["phi-2", "mistral-7b-v0.1", "solar-10.7b-v1.0", "qwen2.5-7b", "gemma-4-31b", "gemma-4-e2b-it"]
)
def test_controls_are_not_flagged(model: str) -> None:
    code, rows = check(model)
    assert (code, rows[0]["status"], rows[0]["commercial_use"]) == (0, "consistent", "yes")


def test_exit_codes_are_0_and_6() -> None:
    assert check("qwen2.5-7b")[0] == 0
    assert check("qwen2.5-7b", "qwen2.5-3b")[0] == 6
    assert check("llama-3.1-8b")[0] == 6
    assert check("llama-3.1-8b", "--license", "commercial")[0] == 0
    assert check("llama-3.1-8b", "--license", "commercial", "--monthly-users", "800M")[0] == 6
    assert check("qwen2.5-3b", "--license", "any")[0] == 0


def test_who_is_asking() -> None:
    arguments = ("llama-4-scout-17b-16e-instruct", "--license", "commercial", "--monthly-users", "2M")
    _, here = check(*arguments, "--region", "DE")
    _, there = check(*arguments, "--region", "US")
    assert (here[0]["commercial_use"], there[0]["commercial_use"]) == ("no", "yes")
    assert "EU" in here[0]["clause"]


def test_a_policy_file(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('name = "acme"\n[deny]\nlicenses = ["mit"]\n', encoding="utf-8")
    code, answer = document("check", "phi-2", "--policy", str(policy), schema="license-check")
    assert (code, answer["policy"], answer["allowed"]) == (6, "acme", False)
    assert answer["results"][0]["clause"] == "The policy denies mit."


def test_a_directory_and_where_it_came_from(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: other\nlicense_name: modified-mit\n---\n", encoding="utf-8")
    code, rows = check(str(tmp_path))
    assert (code, rows[0]["commercial_use"], rows[0]["read_from"]) == (6, "unknown", "directory")
    _, named = check(str(tmp_path), "--as", "moonshotai/Kimi-K2-Instruct")
    assert named[0]["binding_licenses"] == ["modified-mit-kimi"]


def test_a_directory_finds_its_parents_in_the_registry(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "---\nlicense: mit\nbase_model: deepseek-ai/DeepSeek-R1-Distill-Llama-8B\n---\n", encoding="utf-8"
    )
    _, rows = check(str(tmp_path), "--as", "a/b")
    assert rows[0]["binding_licenses"] == ["llama3.1"]
    assert [step["depth"] for step in rows[0]["chain"]] == [0, 1, 2]


def test_names_from_a_file(tmp_path: Path) -> None:
    names = tmp_path / "models.txt"
    names.write_text("# ours\nqwen2.5-7b\n\nQwen/Qwen2.5-3B  # the trap\n", encoding="utf-8")
    code, rows = check("--from-file", str(names))
    assert (code, [(row["model"], row["line"]) for row in rows]) == (6, [("qwen2.5-7b", 2), ("qwen2.5-3b", 4)])
    _, answer = document("check", "--from-file", "-", schema="license-check", input="phi-2\n")
    assert answer["count"] == {"checked": 1, "allowed": 1, "refused": 0}


def test_a_repository_that_only_the_rules_know() -> None:
    _, rows = check("huggyllama/llama-7b", "lmsys/vicuna-7b-v1.3", "152334H/miqu-1-70b-sf")
    assert [row["commercial_use"] for row in rows] == ["no", "no", "no"]
    assert rows[2]["read_from"] == "rules"


def test_sarif(tmp_path: Path) -> None:
    names = tmp_path / "models.txt"
    names.write_text("qwen2.5-7b\nqwen2.5-3b\n", encoding="utf-8")
    code, text = license("check", "--from-file", str(names), "--format", "sarif")
    log = json.loads(text)
    assert (code, log["version"]) == (6, "2.1.0")
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run_,) = log["runs"]
    rules = run_["tool"]["driver"]["rules"]
    assert run_["tool"]["driver"]["name"] == "modelpick"
    (result,) = run_["results"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "license-refused"
    assert (result["level"], result["message"]["text"].startswith("qwen2.5-3b: ")) == ("error", True)
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == (str(names), 2)
    assert len(result["partialFingerprints"]["modelAndLicences/v1"]) == 64


def test_markdown_and_table_say_the_same_once() -> None:
    for name in ("markdown", "table"):
        result = run("license", "check", "qwen2.5-7b", "qwen2.5-3b", "--format", name)
        assert "qwen2.5-3b" in result.stdout
        assert (result.stdout + result.stderr).count(ADVICE) == 1
    _, answer = document("check", "qwen2.5-7b", schema="license-check")
    assert sum(ADVICE in note for note in answer["notes"]) == 1


@pytest.mark.parametrize("command", [(), ("check",), ("explain",), ("show",), ("list",)])
def test_the_help_says_that_it_is_no_advice(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, ["license", *command, "--help"])
    assert " ".join(result.output.split()).count(ADVICE) == 1


def test_licence_is_license() -> None:
    assert run("licence", "check", "phi-2").return_value in (0, None)


def test_explain_draws_each_link() -> None:
    _, answer = document("explain", "deepseek-r1-distill-llama-70b", schema="license-explain")
    assert answer["binding_licenses"] == ["mit", "llama3.3"]
    assert answer["chain"][1]["model"] == "meta-llama/Llama-3.3-70B-Instruct"
    _, text = license("explain", "deepseek-r1-distill-llama-70b")
    assert "└── meta-llama/Llama-3.3-70B-Instruct" in text


def test_explain_for_somebody() -> None:
    _, answer = document("explain", "llama-2-7b", "--monthly-users", "2M", schema="license-explain")
    assert (answer["commercial_use"], answer["commercial_use_of_anyone"]) == ("yes", "conditional")


def test_show_says_it_in_plain_words() -> None:
    _, answer = document("show", "Apache-2.0", schema="license-show")
    assert answer["key"] == "apache-2.0"
    assert "qwen2.5-7b" in answer["models"] and "qwen2.5-3b" not in answer["models"]
    assert any("commercially" in words for words in answer["plain_words"])


def test_list_filters() -> None:
    _, everything = document("list", schema="license-list")
    assert everything["count"] >= 154
    _, some = document("list", "--family", "open-rail", "--commercial", "conditional", schema="license-list")
    assert {row["family"] for row in some["results"]} == {"open-rail"}
    assert 0 < some["count"] < everything["count"]


def test_the_share_of_unknown_is_told_with_its_reasons() -> None:
    _, answer = document("list", schema="license-list")
    models = answer["models"]
    assert models["count"] == sum(models["commercial_use"].values()) >= 1131
    assert sum(models["unknown_because"].values()) == models["commercial_use"]["unknown"]
    assert models["unknown_because"]["lineage"] == 0
    assert 0 < models["unknown_share"] < 0.06
    assert "services without weights" in license("list")[1]


def configured(monkeypatch: pytest.MonkeyPatch, path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("MODELPICK_CONFIG", str(path))


def test_who_is_asking_may_stand_in_the_config_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = 'region = "DE"\nmonthly_users = 2000000\nannual_revenue = "5M USD"\nlicense = "commercial"\n'
    configured(monkeypatch, tmp_path / "config.toml", text)
    code, answer = document("check", "llama-3.1-8b", "llama-4-scout-17b-16e-instruct", schema="license-check")
    assert [row["allowed"] for row in answer["results"]] == [True, False]
    assert (code, answer["asker"]["region"], answer["asker"]["monthly_users"]) == (6, "DE", 2_000_000)
    _, typed = document("check", "llama-3.1-8b", "--monthly-users", "800M", schema="license-check")
    assert typed["results"][0]["commercial_use"] == "no"


def test_a_policy_of_the_config_file_gives_way_to_a_typed_licence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configured(monkeypatch, tmp_path / "config.toml", '[license.check]\npolicy = "commercial"\n')
    assert check("llama-3.1-8b")[0] == 0
    assert check("llama-3.1-8b", "--license", "permissive")[0] == 6
    configured(monkeypatch, tmp_path / "config.toml", '[license.check]\npolici = "commercial"\n')
    with pytest.raises(UsageError, match="no option 'polici'"):
        run("license", "check", "phi-2")


def test_an_unknown_licence_is_answered_with_suggestions() -> None:
    with pytest.raises(UsageError, match="Did you mean") as caught:
        run("license", "show", "apache-3.0")
    assert caught.value.exit_code == 2
    assert "apache-2.0" in caught.value.message


def test_an_unknown_model() -> None:
    with pytest.raises(NotFoundError):
        run("license", "check", "no-such-model-anywhere")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("check",), UsageError),
        (("check", "phi-2", "--as", "a/b"), UsageError),
        (("check", "phi-2", "--policy", "/no/such/policy.toml"), UsageError),
        (("check", "phi-2", "--license", "no-such-licence"), UsageError),
        (("check", "phi-2", "--region", "Mars"), UsageError),
        (("check", "phi-2", "--annual-revenue", "5M EUR"), UsageError),
        (("check", "--from-file", "/no/such/file"), UsageError),
    ],
)
def test_bad_questions(arguments: tuple[str, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        run("license", *arguments)


def test_a_damaged_directory_trusts_nothing(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: &a mit\nx: *a\n---\n", encoding="utf-8")
    (tmp_path / "LICENSE").write_text(MIT, encoding="utf-8")
    with pytest.raises(IntegrityError, match="anchors and aliases"):
        run("license", "check", str(tmp_path))
