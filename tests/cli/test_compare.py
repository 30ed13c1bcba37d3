import csv
import io
import json

import pytest
from tests.cli.running import Runner, validate

CARD = ("--gpu", "RTX 4090", "--ram", "64GB", "--cpu-cores", "8")
THREE = ("qwen3-8b", "llama-3.1-8b-instruct", "gemma-3-12b-it")
# Table 5 of "State of Open Source AI", chapter Models:
# https://github.com/premAI-io/state-of-open-source-ai/blob/81d36c6/models.md
TABLE_5 = [
    ("Mistral 7B", "7.3", "-", "Blog", "-", "17+", "Apache-2.0"),
    ("LLaMA-2 13B", "13", "-", "[114]", "2000", "29+", "LLaMA-2"),
    ("LLaMA-2 7B", "7", "-", "[114]", "2000", "15.8+", "LLaMA-2"),
    ("Persimmon 8B", "9.3", "-", "Blog", "737", "20.8+", "Apache-2.0"),
    ("WizardLM 13B", "13", "evol-instruct", "[109]", "~2000", "30+", "LLaMA-2"),
    ("WizardLM 7B", "7", "evol-instruct", "[109]", "~2000", "15.8+", "Non-Commercial"),
    ("Falcon 7B", "7", "RefinedWeb (partial)", "-", "1500", "16+", "Apache-2.0"),
    ("MPT 7B", "6.7", "RedPajama", "Blog", "1000", "15.5+", "Apache-2.0"),
]
COLUMNS = ["LLMs", "Params/[B]", "Dataset", "Release Details", "Tokens/[B]", "VRAM/[GB]", "License", "Commercial Usage"]


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELPICK_REGISTRY", str(tmp_path / "own.sqlite"))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def run(capsys):
    runner = Runner(capsys)
    return lambda *words: runner("compare", *words)


def test_models_stand_side_by_side_in_the_order_asked_for(run):
    result = run(*THREE, *CARD, "--json")
    assert result.code == 0, result.err
    found = result.json("compare")
    assert [row["model"] for row in found["results"]] == list(THREE)
    qwen, llama, gemma = found["results"]
    assert (qwen["commercial_use"], llama["commercial_use"]) == ("yes", "conditional")
    assert qwen["params_total"] == 8_190_735_360
    for row in (qwen, llama, gemma):
        assert row["placement"] == "gpu" and row["memory_best_bytes"] < row["memory_16bit_bytes"]
        # 16 bit: two bytes a weight, and less than half as much again for the rest
        assert 2 * row["params_total"] < row["memory_16bit_bytes"] < 3 * row["params_total"]


def test_what_differs_is_marked_and_what_does_not_is_not(run):
    lines = run("qwen3-8b", "qwen3-14b", *CARD).out.splitlines()
    marked = {line.split("  ")[0].strip(): "≠" in line for line in lines if line.strip()}
    assert marked["Parameters"] and marked["Best form here"] is not None
    assert not marked["Licence"] and not marked["Developer"] and not marked["Commercial use"]


def test_a_model_that_cannot_be_had_has_no_memory_and_no_speed(run):
    closed = run("qwen3-8b", "gpt-4", *CARD, "--json").json("compare")["results"][1]
    assert closed["downloadable"] is False
    assert closed["memory_16bit_bytes"] is closed["best_quantisation"] is closed["decode_tokens_per_second"] is None


def test_what_fits_nowhere_here_says_so(run):
    words = ("llama-3.1-405b-instruct", "qwen3-8b", "--machine", "Raspberry Pi 5 8GB", "--json")
    large, small = run(*words).json("compare")["results"]
    assert large["best_quantisation"] is large["placement"] is large["memory_best_bytes"] is None
    assert large["memory_16bit_bytes"] > 800e9
    assert small["placement"] == "cpu"


def test_context_is_taken_as_elsewhere(run):
    near, far = (
        run("qwen3-8b", "qwen3-14b", *CARD, "--context", context, "--json").json("compare")
        for context in ("4096", "32k")
    )
    assert far["context_tokens"] == 32768
    assert far["results"][0]["memory_best_bytes"] != near["results"][0]["memory_best_bytes"]


def test_the_books_table_has_its_eight_rows_in_order(run):
    result = run("--collection", "book-table-5", *CARD, "--json")
    found = result.json("compare")
    assert found["collection"] == "book-table-5"
    names = ("name", "params_b", "dataset", "release_details", "tokens_b", "vram_gb", "license")
    assert [tuple(row["printed"][name] for name in names) for row in found["results"]] == TABLE_5
    use = [row["commercial_use"] for row in found["results"]]
    assert use == ["yes", "conditional", "conditional", "yes", "conditional", "no", "yes", "yes"]
    for row in found["results"]:
        printed = float(row["printed"]["vram_gb"].rstrip("+"))
        assert row["memory_16bit_bytes"] / 1e9 == pytest.approx(printed, rel=0.15)
        assert row["vram_reported_gb"][0] == printed
    wizard = found["results"][5]
    assert any("1,000B" in check for check in wizard["checks"]) and wizard["footnote"] == "[6]"


def test_the_books_table_is_shown_with_its_columns_and_footnotes(run):
    text = run("--collection", "book-table-5", *CARD).out
    head, *lines = text.splitlines()[1:]
    places = [head.index(column) for column in COLUMNS]
    assert places == sorted(places)
    rows = [line for line in lines if any(line.startswith(printed[0] + " ") for printed in TABLE_5)]
    assert [row[: places[1]].strip() for row in rows] == [printed[0] for printed in TABLE_5]
    assert "[5] WizardLM 13B" in text
    markdown = run("--collection", "book-table-5", *CARD, "--format", "markdown").out
    assert "| LLMs |" in markdown.replace("  ", " ") or "LLMs" in markdown


def test_what_was_printed_and_what_we_estimate_are_in_one_unit(run):
    rows = run("--collection", "book-table-5", *CARD, "--json").rows()
    text = run("--collection", "book-table-5", *CARD)
    head = text.out.splitlines()[1]
    assert "VRAM/[GB]" in head and "16 bit, ours/[GB]" in head and "GiB" not in text.out.split("Where primary")[0]
    for row in rows:
        line = next(line for line in text.out.splitlines() if line.startswith(row["printed"]["name"] + " "))
        cell = line[: head.index("16 bit, ours/[GB]") + len("16 bit, ours/[GB]")].split()[-1]
        assert cell == f"{row['memory_16bit_bytes'] / 1e9:.1f}"
    assert "GB of 10^9 bytes" in text.err
    # Side by side the estimate stands under what others reported, in their unit, and only where somebody did.
    lines = run("mistral-7b-v0.1", "falcon-7b", *CARD).out.splitlines()
    reported = next(number for number, line in enumerate(lines) if line.startswith("VRAM reported, GB"))
    assert lines[reported + 1].split("≠")[0].strip() == "16 bit, ours, GB"
    assert lines[reported + 1].split()[-1] == f"{rows[6]['memory_16bit_bytes'] / 1e9:.1f}"
    assert not [line for line in run("qwen3-8b", "qwen3-14b", *CARD).out.splitlines() if ", GB" in line]


def test_machine_formats_and_fields(run):
    rows = list(csv.DictReader(io.StringIO(run(*THREE, *CARD, "--format", "csv").out)))
    assert [row["model"] for row in rows] == list(THREE)
    lines = run(*THREE, *CARD, "--format", "jsonl", "--fields", "model,license").out.splitlines()
    assert [list(json.loads(line)) for line in lines] == [["model", "license"]] * 3
    quiet = run(*THREE, *CARD, "-q")
    assert quiet.out and not quiet.err
    assert "Next: modelpick explain qwen3-8b" in run(*THREE, *CARD).err


def _labels(text):
    """The first column of the table of lines, below the machine's facts."""
    rule = next(number for number, line in enumerate(text.splitlines()) if "───" in line)
    return [line.split("  ")[0].rstrip() for line in text.splitlines()[rule + 1 :] if line.strip()]


def test_fields_choose_the_lines_of_the_table_in_their_order(run):
    asked = "license,params_total,license_reason,prompt_tokens_per_second"
    labels = _labels(run(*THREE, *CARD, "-q", "--fields", asked).out)
    assert labels == ["Licence", "Parameters", "license_reason", "prompt_tokens_per_second"]
    assert len(_labels(run(*THREE, *CARD, "-q").out)) > 10
    marked = run(*THREE, *CARD, "-q", "--fields", asked, "--format", "markdown").out
    assert [line for line in marked.splitlines() if line.startswith("| Parameters | ≠ | 8.19B")]
    assert "Context" not in marked


def test_a_chosen_line_is_shown_even_where_nothing_is_known(run):
    out = run("gpt-4", "claude-2", *CARD, "-q", "--fields", "memory_best_bytes").out
    assert _labels(out) == ["Memory of it"]


def test_fields_choose_the_columns_of_a_collection(run):
    words = ("--collection", "book-table-5", *CARD, "-q", "--fields", "model,params_total")
    lines = run(*words).out.splitlines()
    head = next(line for line in lines if line.startswith("model"))
    assert head.split() == ["model", "params_total"]
    assert ["mistral-7b-v0.1", "7.24B"] in [line.split() for line in lines] and "Params/[B]" not in "".join(lines)
    rows = run(*words, "--json").rows()
    assert [list(row) for row in rows] == [["model", "params_total"]] * 8


@pytest.mark.parametrize("words", [("qwen3-8b", "qwen3-14b"), ("--collection", "book-table-5")])
@pytest.mark.parametrize("form", ["table", "markdown", "csv", "jsonl", "json"])
def test_an_unknown_field_is_refused_in_every_format(run, words, form):
    result = run(*words, *CARD, "--format", form, "--fields", "model,colour,speed")
    assert result.code == 2 and not result.out
    assert "unknown fields: colour, speed" in result.err and "params_total" in result.err


@pytest.mark.parametrize(
    ("words", "code", "name", "said"),
    [
        (("qwen3-8b",), 2, "usage", "1 given"),
        ((), 2, "usage", "0 given"),
        (("qwen3-8b",) * 13, 2, "usage", "13 given"),
        (("qwen3-8b", "Qwen/Qwen3-8B"), 2, "usage", "two different"),
        (("qwen3-8b", "no-such-model"), 3, "not-found", "no-such-model"),
        (("--collection", "book-table-55"), 3, "not-found", "book-table-5"),
        (("--collection", "book-table-5", "qwen3-8b"), 2, "usage", "not both"),
        (("qwen3-8b", "qwen3-14b", "--context", "0"), 2, "usage", "--context"),
        (("qwen3-8b", "qwen3-14b", "--fields", "colour"), 2, "usage", "colour"),
    ],
)
def test_bad_input_leaves_stdout_empty(run, words, code, name, said):
    result = run(*words, *CARD, "--json")
    assert result.code == code and not result.out
    assert validate("error", json.loads(result.err))["error"]["code"] == name
    assert said in result.err
