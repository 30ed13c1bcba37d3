import json

import pytest
from tests.cli.running import Runner, validate

CARD = ("--gpu", "RTX 4090", "--ram", "64GB", "--cpu-cores", "8")
MIDDLE = ("--gpu", "RTX 3060 12GB", "--ram", "32GB", "--cpu-cores", "8")
PI = ("--machine", "Raspberry Pi 5 8GB")


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELPICK_REGISTRY", str(tmp_path / "own.sqlite"))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def run(capsys):
    return Runner(capsys)


@pytest.fixture
def body(run):
    """The JSON of an explanation, held against its schema."""

    def asked(model, *words, code=0, machine=CARD):
        result = run("explain", model, *machine, *words, "--json")
        assert result.code == code, result.err
        return result.json("explain")

    return asked


def test_the_first_pick_is_explained_as_the_first(run, body):
    picks = run("recommend", *CARD, "--json", "--explain").rows()
    first = body(picks[0]["model"])
    assert first["stands"] and first["rank"] == 1 and first["ahead"] == [] and first["rejections"] == []
    assert first["best"]["score"] == picks[0]["score"]
    assert first["best"]["quantisation"] == picks[0]["quantisation"]
    assert first["best"]["score_parts"] == picks[0]["score_parts"]


def test_a_later_pick_names_those_ahead_of_it(run, body):
    picks = [row["model"] for row in run("recommend", *CARD, "--json").rows()]
    third = body(picks[2])
    assert third["rank"] == 3
    assert set(third["ahead"]) == set(picks[:2])
    told = run("explain", picks[2], *CARD)
    assert f"number 3 for chat on this machine, behind {picks[1]}" in told.out


def test_a_model_behind_its_family_is_told_which_is_ahead(run, body):
    rows = run("recommend", *CARD, "--json", "--all-variants", "--limit", "200").rows()
    shown = {row["model"] for row in run("recommend", *CARD, "--json", "--limit", "100").rows()}
    behind = next(row for row in rows if row["model"] not in shown)
    found = body(behind["model"])
    assert found["stands"] and found["rank"] is None and found["rejections"] == []
    assert found["family_pick"] in shown
    assert "not its family's pick" in run("explain", behind["model"], *CARD).out


def test_forms_are_listed_best_first_then_what_does_not_fit(body):
    found = body("llama-3.3-70b-instruct", "--license", "any", "--min-speed", "0.1", machine=MIDDLE)
    fits = [row["fits"] for row in found["results"]]
    assert fits == sorted(fits, reverse=True) and not all(fits)
    scores = [row["score"] for row in found["results"] if row["fits"]]
    assert scores == sorted(scores, reverse=True)
    assert all(row["rank"] is None for row in found["results"] if row["fits"])
    for row in found["results"]:
        if not row["fits"]:
            assert row["message"] and row["needed"] > row["available"]


def test_memory_is_why_a_model_is_turned_down(run, body):
    found = body("llama-3.1-405b-instruct", "--license", "any", machine=PI, code=3)
    assert not found["stands"] and found["rank"] is None and found["best"] is None
    (why,) = found["rejections"]
    assert why["reason"] == "memory" and why["unit"] == "bytes" and why["needed"] > why["available"]
    told = run("explain", "llama-3.1-405b-instruct", "--license", "any", *PI)
    assert told.code == 3 and "Turned down" in told.out and "memory:" in told.out


def test_the_licence_is_why_a_model_is_turned_down_and_the_chain_is_shown(run, body):
    found = body("llama-3.1-8b-instruct", code=3)
    assert [one["reason"] for one in found["rejections"]] == ["licence"]
    assert found["decision"]["allowed"] is False and found["decision"]["policy"] == "permissive"
    assert found["verdict"]["chain"] and found["verdict"]["commercial_use"] == "conditional"
    assert found["best"]["placement"] == "gpu"
    told = run("explain", "llama-3.1-8b-instruct", *CARD)
    assert "llama3.1" in told.out and "licence:" in told.out
    allowed = body("llama-3.1-8b-instruct", "--license", "any")
    assert allowed["stands"] and allowed["decision"]["allowed"]


def test_every_filter_is_named_at_once(body):
    found = body(
        "llama-3.1-8b-instruct", "--context", "1M", "--language", "sw", "--needs", "vision",
        "--released-after", "2030", code=3,
    )  # fmt: skip
    reasons = {one["reason"] for one in found["rejections"]}
    assert {"licence", "context", "language", "capability", "release-date"} <= reasons


def test_what_it_is_not_for_comes_first(body):
    found = body("bge-m3", "--task", "chat", code=3)
    assert found["rejections"][0]["reason"] == "task"
    assert body("bge-m3", "--task", "embedding")["stands"]


@pytest.mark.parametrize(
    ("model", "task"), [("bge-m3", "embedding"), ("whisper-large-v3", "speech-to-text"), ("z-image-turbo", "image")]
)
def test_without_a_task_it_is_explained_for_its_own(body, model, task):
    found = body(model)
    assert found["stands"] and found["needs"]["task"] == task
    assert f"taken for {task}, its own task" in found["notes"][0]
    asked = body(model, "--task", task)
    assert len(asked.pop("notes")) < len(found.pop("notes"))
    for answer in (asked, found):
        answer["hardware"]["system"].pop("disk_free_bytes")  # of this machine, and it moves
    assert asked == found


def test_a_task_that_was_asked_for_stays(body, monkeypatch, tmp_path):
    assert body("qwen3-8b")["needs"]["task"] == "chat"
    assert body("bge-m3", "--task", "code", code=3)["needs"]["task"] == "code"
    monkeypatch.setenv("MODELPICK_TASK", "chat")
    assert body("bge-m3", code=3)["needs"]["task"] == "chat"
    monkeypatch.delenv("MODELPICK_TASK")
    config = tmp_path / "config.toml"
    config.write_text('[explain]\ntask = "code"\n')
    monkeypatch.setenv("MODELPICK_CONFIG", str(config))
    assert body("bge-m3", code=3)["needs"]["task"] == "code"


def test_too_slow_says_how_slow(body):
    found = body("qwen3-8b", "--min-speed", "4000", code=3)
    (why,) = found["rejections"]
    assert why["reason"] == "speed" and why["unit"] == "tokens_per_second"
    assert 0 < why["available"] < why["needed"] == 4000


def test_all_formats_and_fields(run):
    for form in ("table", "markdown", "csv", "jsonl"):
        result = run("explain", "qwen3-8b", *CARD, "--format", form)
        assert result.code == 0 and "Q4_K_M" in result.out.replace("\\", "")
    rows = run("explain", "qwen3-8b", *CARD, "--json", "--fields", "quantisation,fits").rows()
    assert all(list(row) == ["quantisation", "fits"] for row in rows)
    quiet = run("explain", "qwen3-8b", *CARD, "-q")
    assert quiet.out and not quiet.err
    assert "Next: modelpick plan qwen3-8b" in run("explain", "qwen3-8b", *CARD).err


@pytest.mark.parametrize(
    ("words", "code", "name"),
    [
        (("no-such-model",), 3, "not-found"),
        ((), 2, "usage"),
        (("qwen3-8b", "--task", "cooking"), 2, "usage"),
        (("qwen3-8b", "--fields", "colour"), 2, "usage"),
        (("qwen3-8b", "--license", "gpl9"), 2, "usage"),
        (("qwen3-8b", "--context", "0"), 2, "usage"),
        (("qwen3-8b", "--limit", "3"), 2, "usage"),
    ],
)
def test_bad_input_leaves_stdout_empty(run, words, code, name):
    result = run("explain", *words, "--json")
    assert result.code == code and not result.out
    assert validate("error", json.loads(result.err))["error"]["code"] == name


def test_near_names_are_offered(run):
    assert "qwen3-8b" in run("explain", "qwen3-8bb").err
