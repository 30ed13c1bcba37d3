import csv
import io
import json
import os
import subprocess
import sys

import pytest
from tests.cli.running import Runner, validate

from modelpick.selection.interface import PREFERENCES, TASKS

CARD = ("--gpu", "RTX 4090", "--ram", "64GB", "--cpu-cores", "8")
SMALL = ("--gpu", "none", "--ram", "1GB", "--cpu-cores", "2", "--memory-bandwidth", "20GB")


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("MODELPICK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MODELPICK_REGISTRY", str(tmp_path / "own.sqlite"))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def run(capsys):
    runner = Runner(capsys)
    return lambda *words: runner("recommend", *words)


@pytest.fixture
def body(run):
    """The JSON of a recommendation, held against its schema."""

    def asked(*words, code=0, machine=CARD):
        result = run(*machine, *words, "--json")
        assert result.code == code, result.err
        assert not result.err
        return result.json("recommend")

    return asked


def test_the_default_question_is_chat_with_a_permissive_licence_at_a_readable_speed(body):
    found = body()
    needs = found["needs"]
    assert (needs["task"], needs["policy"], needs["prefer"]) == ("chat", "permissive", "balanced")
    assert needs["min_decode_tokens_per_second"] == 5
    assert [row["rank"] for row in found["results"]] == [1, 2, 3, 4, 5]
    assert len({row["family"] for row in found["results"]}) == 5
    scores = [row["score"] for row in found["results"]]
    assert scores == sorted(scores, reverse=True)
    for row in found["results"]:
        assert row["commercial_use"] == "yes"
        assert row["required_bytes"] <= row["available_bytes"]
        assert row["decode_tokens_per_second"]["likely"] >= 5
        assert row["context_tokens"] == 8192 <= row["max_context_tokens"]
        assert row["run"] and "trust" not in "".join(row["run"])
        assert "footprint" not in row
    assert found["rejected"]["count"] == sum(found["rejected"]["reasons"].values())


def test_explain_shows_arithmetic_that_adds_up(body):
    found = body("--explain", "--limit", "3")
    for row in found["results"] + body("--explain", "--task", "embedding")["results"]:
        parts = row["footprint"]
        terms = ("weights", "kv_cache", "recurrent_state", "compute", "overhead", "projector")
        assert sum(parts[f"{name}_bytes"] for name in terms) == parts["total_bytes"]
        assert sum(part["points"] for part in row["score_parts"]) == pytest.approx(row["score"], abs=0.02)
        for pool in row["pools"]:
            assert pool["required_bytes"] <= pool["available_bytes"]
            terms = ("weights", "kv_cache", "compute", "overhead")
            assert sum(pool[f"{name}_bytes"] for name in terms) == pool["required_bytes"]
    listed = found["rejected"]["list"]
    assert listed and all(one["message"] for one in listed)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_an_answer_of_its_kind(body, task):
    found = body("--task", task, "--explain")
    assert found["results"] and found["needs"]["task"] == task


@pytest.mark.parametrize("preference", PREFERENCES)
def test_every_preference_is_answered(body, preference):
    assert body("--prefer", preference)["needs"]["prefer"] == preference


def test_preferences_move_the_answer_the_way_they_say(body):
    first = {preference: body("--prefer", preference)["results"][0] for preference in PREFERENCES}
    low = {preference: row["quality"]["low"] for preference, row in first.items()}
    assert low["quality"] == max(low.values())
    small = first["small"]["required_bytes"]
    assert small == min(row["required_bytes"] for row in first.values())
    fast = {preference: row["decode_tokens_per_second"]["likely"] for preference, row in first.items()}
    assert fast["speed"] >= fast["quality"]


def test_context_counts_and_a_model_that_ends_before_is_turned_down(body):
    found = body("--context", "128k", "--limit", "100")
    assert found["needs"]["context_tokens"] == 131072
    assert all(row["context_tokens"] == 131072 <= row["max_context_tokens"] for row in found["results"])
    assert found["rejected"]["reasons"]["context"] >= 1


def test_every_user_has_the_whole_context(body):
    one, four = (body("--limit", "1", "--quant", "Q4_K_M", "--users", users)["results"][0] for users in ("1", "4"))
    for row, users in ((one, 1), (four, 4)):
        assert f"--parallel {users}" in row["run"][-1] and f"--ctx-size {8192 * users}" in row["run"][-1]


def test_a_least_speed_holds(body):
    found = body("--min-speed", "60", "--limit", "10")
    assert found["results"]
    assert all(row["decode_tokens_per_second"]["likely"] >= 60 for row in found["results"])


def test_a_runtime_and_a_quantisation_hold(body):
    for runtime in ("llama.cpp", "ollama", "lmstudio", "transformers", "vllm"):
        rows = body("--runtime", runtime)["results"]
        assert rows and {row["runtime"] for row in rows} == {runtime}
    rows = body("--quant", "Q4_K_M,q8_0", "--all-variants", "--limit", "40")["results"]
    assert {row["quantisation"] for row in rows} == {"Q4_K_M", "Q8_0"}


def test_languages_capabilities_dates_and_downloads_hold(body, run):
    shelf = {row["slug"]: row for row in _list(run)}
    for row in body("--needs", "tools", "--limit", "20")["results"]:
        assert "tools" in shelf[row["model"]]["capabilities"]
    for row in body("--released-after", "2026-03", "--limit", "20")["results"]:
        assert row["released"] >= "2026-03"
    for row in body("--max-download", "5GB", "--limit", "20")["results"]:
        assert row["weights_bytes"] <= 5.3e9 or row["made_here"]
    found = body("--language", "sw", "--explain")
    assert "language" in found["rejected"]["reasons"]


def _list(run):
    return json.loads(run.__closure__[0].cell_contents("list", "--json").out)["results"]


def test_all_variants_shows_forms_and_the_limit_holds(body):
    rows = body("--all-variants", "--limit", "30")["results"]
    assert len(rows) == 30
    assert len({(row["model"], row["quantisation"], row["runtime"], row["format"]) for row in rows}) == 30
    assert len({row["model"] for row in rows}) < 30


def test_a_wider_licence_never_has_fewer_or_worse_answers(body):
    scores = [body("--license", name)["results"][0]["score"] for name in ("permissive", "commercial", "any")]
    assert scores == sorted(scores)
    only = body("--license", "mit,apache-2.0", "--limit", "20")["results"]
    assert {each for row in only for each in row["binding_licenses"]} <= {"mit", "apache-2.0"}


def test_who_asks_changes_what_is_allowed(body):
    words = ("--license", "commercial", "--explain", "--limit", "1")
    many = body(*words, "--monthly-users", "2B", "--annual-revenue", "900B USD", "--region", "DE")
    nobody = body(*words)
    assert many["rejected"]["reasons"].get("licence", 0) + many["considered"] >= nobody["considered"]
    for row in many["results"]:
        assert row["commercial_use"] == "yes"


def test_a_policy_file_holds(tmp_path, body):
    path = tmp_path / "policy.toml"
    path.write_text('[allow]\nlicenses = ["mit"]\n', encoding="utf-8")
    found = body("--policy", str(path))
    assert found["needs"]["policy"] == "policy.toml"
    assert {each for row in found["results"] for each in row["binding_licenses"]} == {"mit"}


def test_nothing_that_fits_is_exit_3_with_the_nearest_and_what_would_help(run, body):
    found = body("--task", "image", machine=SMALL, code=3)
    assert found["results"] == []
    near = found["rejected"]["nearest"]
    assert 1 <= len(near) <= 5
    assert all(one["needed"] > one["available"] for one in near if one["unit"] == "bytes")
    told = run(*SMALL, "--task", "image")
    assert told.code == 3 and "Nothing fits" in told.out and "Next: " in told.err


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("--runtime", "mlx"), "--runtime"),
        (("--quant", "NVFP4"), "--quant"),
        (("--context", "10M"), "--context"),
        (("--released-after", "2030"), "--released-after"),
        (("--max-download", "1KB"), "--max-download"),
    ],
)
def test_what_was_asked_for_too_much_is_what_is_advised(run, words, advice):
    result = run(*CARD, *words)
    assert result.code == 3
    assert any(advice in line for line in result.err.splitlines() if line.startswith("Next: "))
    for form in ("csv", "jsonl"):
        assert run(*CARD, *words, "--format", form).out == ""


def test_a_machine_without_a_readable_speed_is_told_so(body):
    machine = ("--gpu", "none", "--ram", "64GB", "--cpu-cores", "1", "--memory-bandwidth", "500MB")
    found = body(machine=machine)
    assert found["results"]
    assert any("fast enough" in note or "tokens per second" in note for note in found["notes"])
    assert all(row["decode_tokens_per_second"]["likely"] < 5 for row in found["results"])


def test_all_formats_say_the_same(run):
    models = [row["model"] for row in run(*CARD, "--json").rows()]
    lines = [json.loads(line)["model"] for line in run(*CARD, "--format", "jsonl").out.splitlines()]
    cells = [row["model"] for row in csv.DictReader(io.StringIO(run(*CARD, "--format", "csv").out))]
    assert models == lines == cells
    for form in ("table", "markdown"):
        text = run(*CARD, "--format", form).out
        places = [text.index(model) for model in models]
        assert places == sorted(places)
    assert run(*CARD, "--format", "markdown").out.count("|") > 30


def test_fields_are_chosen_in_the_order_asked_for(run):
    rows = run(*CARD, "--json", "--fields", "run,model").rows()
    assert [list(row) for row in rows] == [["run", "model"]] * 5
    assert run(*CARD, "--format", "csv", "--fields", "model,score").out.splitlines()[0] == "model,score"
    table = run(*CARD, "--fields", "model,released").out
    assert "2026" in table and "apache" not in table


def test_hints_and_notes_go_to_stderr_and_quiet_keeps_them(run):
    loud, quiet = run(*CARD), run(*CARD, "-q")
    assert loud.out == quiet.out and not quiet.err
    first = run(*CARD, "--json").rows()[0]
    assert f"Next: modelpick explain {first['model']}" in loud.err
    assert f"Next: modelpick download {first['model']}" in loud.err
    assert "not legal advice" in loud.err


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--task", "chatt"), "chatt"),
        (("--license", "gpl9"), "gpl9"),
        (("--fields", "foo"), "unknown field"),
        (("--runtime", "tgi"), "tgi"),
        (("--quant", "Q9_K"), "Q9_K"),
        (("--context", "0"), "--context"),
        (("--context", "-5"), "--context"),
        (("--context", "1.5"), "whole number"),
        (("--context", "99T"), "beyond any model"),
        (("--limit", "-1"), "--limit"),
        (("--limit", "0"), "--limit"),
        (("--min-speed", "-3"), "--min-speed"),
        (("--min-speed", "nan"), "--min-speed"),
        (("--min-speed", "inf"), "--min-speed"),
        (("--users", "0"), "--users"),
        (("--prefer", "cheap"), "cheap"),
        (("--needs", "fly"), "fly"),
        (("--language", "german"), "german"),
        (("--released-after", "2025-13"), "2025-13"),
        (("--max-download", "lots"), "lots"),
        (("--license", "any", "--policy", "permissive"), "contradict"),
        (("--machine", "Commodore 64"), "Commodore 64"),
        (("--policy", "/does/not/exist.toml"), "/does/not/exist.toml"),
        (("--region", "Mars"), "Mars"),
        (("too-much",), "too-much"),
    ],
)
def test_bad_input_is_exit_2_and_stdout_stays_empty(run, form, words, said):
    result = run(*CARD, *words, "--format", form)
    assert result.code == 2 and result.out == ""
    assert said in result.err
    if form != "csv":
        error = validate("error", json.loads(result.err))["error"]
        assert error["code"] == "usage" and error["hint"]


def test_two_formats_contradict(run):
    result = run(*CARD, "--json", "--format", "csv")
    assert result.code == 2 and "contradict" in result.err and not result.out


def test_nothing_installed_is_exit_3(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HF_HOME", "HF_HUB_CACHE", "OLLAMA_MODELS", "XDG_CACHE_HOME", "XDG_DATA_HOME", "LLAMA_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    result = run(*CARD, "--installed", "--json")
    assert result.code == 3 and not result.out
    assert validate("error", json.loads(result.err))["error"]["code"] == "not-found"


def test_the_environment_asks_too(run, monkeypatch):
    monkeypatch.setenv("MODELPICK_TASK", "embedding")
    assert run(*CARD, "--json").json("recommend")["needs"]["task"] == "embedding"
    monkeypatch.setenv("MODELPICK_TASK", "nonsense")
    assert run(*CARD, "--json").code == 2


@pytest.fixture
def inventory(run, tmp_path):
    """A machine as a file, its free memory multiplied: what is free on the disk and in memory moves otherwise."""
    runner = run.__closure__[0].cell_contents
    machine = json.loads(runner("hardware", *CARD, "--json").out)

    def written(share=1.0):
        moved = json.loads(json.dumps(machine))
        for pool in moved["hardware"]["pools"]:
            pool["free_bytes"] = int(pool["free_bytes"] * share)
        path = tmp_path / f"{share}.json"
        path.write_text(json.dumps(moved), encoding="utf-8")
        return path

    return written


def test_the_same_question_gives_the_same_bytes(run, inventory):
    machine = ("--hardware", str(inventory()))
    assert len({run(*machine, "--json", "--explain", "--limit", "20").out for _ in range(10)}) == 1
    assert len({run(*machine, "--explain").out for _ in range(3)}) == 1
    named = ("--machine", "Strix Halo 128GB", "--json")
    assert len({run(*named).out for _ in range(3)}) == 1


def test_another_process_gives_the_same_bytes(inventory):
    words = ("--hardware", str(inventory()), "--json", "--explain")
    answers = {_process(*words, machine=(), environment={"PYTHONHASHSEED": seed}).stdout for seed in ("1", "2", "3")}
    assert len(answers) == 1 and len(answers.pop()) > 1000


def test_free_memory_that_moves_a_little_never_changes_the_order(run, inventory):
    orders, scores = [], []
    for share in (1.0, 0.99, 1.01):
        path = inventory(share)
        result = run("--hardware", str(path), "--json", "--all-variants", "--limit", "300")
        assert result.code == 0, result.err
        rows = result.json("recommend")["results"]
        orders.append([(row["model"], row["quantisation"], row["placement"]) for row in rows])
        scores.append({(row["model"], row["quantisation"], row["placement"]): row["score"] for row in rows})
    for other in (1, 2):
        both = set(orders[0]) & set(orders[other])
        # Offloading moves by a layer with the memory there is; what is wholly on the card does not.
        whole = {line for line in both if line[2] == "gpu"}
        assert len(whole) > 100
        assert [line for line in orders[0] if line in whole] == [line for line in orders[other] if line in whole]
        assert all(scores[0][line] == scores[other][line] for line in whole)


def _process(*words, machine=CARD, environment=None):
    names = {"PATH", "SYSTEMROOT", "MODELPICK_REGISTRY"}
    kept = {name: value for name, value in os.environ.items() if name in names}
    command = [sys.executable, "-m", "modelpick", "recommend", *machine, *words]
    return subprocess.run(command, capture_output=True, env={**kept, **(environment or {})}, timeout=120)


def test_without_a_home_and_in_an_ascii_locale_it_answers():
    result = _process(environment={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    assert result.returncode == 0, result.stderr
    text = result.stdout.decode("ascii")
    assert "+ yes" in text and "?" not in text


def test_a_reader_that_goes_away_is_no_error():
    script = f'"{sys.executable}" -m modelpick recommend --gpu "RTX 4090" --ram 64GB --json --explain --limit 500'
    result = subprocess.run(
        ["bash", "-c", f"{script} | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}"], capture_output=True, timeout=120
    )
    assert result.stdout.strip() == b"0" and not result.stderr


def test_a_closed_stdout_is_told():
    result = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m modelpick recommend --gpu "RTX 4090" --json >&-'],
        capture_output=True,
        timeout=120,
    )
    assert result.returncode == 1 and b"stdout is closed" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_a_terminal_of_20_columns_is_written_within():
    import fcntl
    import pty
    import re
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 20, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"TERM": "xterm"}
    words = [sys.executable, "-m", "modelpick", "recommend", *CARD, "-q"]
    with subprocess.Popen(words, stdout=theirs, stderr=subprocess.PIPE, env=environment) as process:
        os.close(theirs)
        text = b""
        try:
            while more := os.read(ours, 65536):
                text += more
        except OSError:  # Linux says that the other end is closed with EIO
            pass
        assert process.wait(120) == 0
        assert process.stderr is not None and not process.stderr.read()
    os.close(ours)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text.decode())
    assert "GeForce" in plain
    assert max(len(line) for line in plain.splitlines()) <= 20


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--gpu", "8x H100 SXM", "--ram", "2TB"), True),
        (("--gpu", "RTX 4090", "--ram", "64GB", "--users", "16"), True),
        (("--gpu", "8x H100 SXM", "--ram", "2TB", "--runtime", "vllm"), False),
        (("--gpu", "8x H100 SXM", "--ram", "2TB", "--task", "image"), False),
        (("--gpu", "RTX 4090", "--ram", "64GB"), False),
        (("--machine", "MacBook Pro M4 Max 128GB", "--users", "16"), False),
    ],
)
def test_a_server_is_told_that_vllm_was_not_compared(run, words, told):
    notes = json.loads(run(*words, "--limit", "1", "--json").out)["notes"]
    assert any("--runtime vllm" in note for note in notes) == told


def test_what_reads_no_context_is_not_told_to_shorten_it(run):
    small = run("--task", "image", "--machine", "MacBook Air M4 16GB")
    assert small.code == 3 and "would need" in small.err and "--context" not in small.err


def test_an_exception_for_one_model_by_name_reaches_it_among_its_like(capsys, tmp_path):
    block = {
        "family": "Twins", "developer": "me", "relation": "instruct", "modality": "text", "tasks": ["chat"],
        "access": "open-weights", "downloadable": True, "confidence": "high", "sources": ["here"],
        "params_total": 1_000_000_000, "license": "cc-by-nc-4.0", "license_key": "cc-by-nc-4.0",
        "variants": [{"format": "gguf", "quantisation": "Q8_0", "repo": "me/twins", "publisher": "official"}],
    }  # fmt: skip
    file, policy = tmp_path / "twins.json", tmp_path / "policy.toml"
    file.write_text(json.dumps({"model": [block | {"slug": name, "name": name} for name in ("one", "two")]}))
    policy.write_text("[[exception]]\nmodel = 'two'\nreason = 'signed'\n")
    runner = Runner(capsys)
    assert runner("registry", "add", file).code == 0
    found = {row["model"] for row in runner("recommend", *CARD, "--policy", policy, "--limit", "900", "--json").rows()}
    assert "two" in found and "one" not in found
    told = runner("explain", "two", *CARD, "--policy", policy, "--json")
    assert told.code == 0 and told.json("explain")["rank"] is not None
    assert runner("explain", "one", *CARD, "--policy", policy, "--json").code == 3
