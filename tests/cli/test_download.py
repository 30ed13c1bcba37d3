"""``modelpick download``, ``verify`` and ``installed``: the whole way over a loopback Hub."""

import json
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.acquisition.weights import gguf, safetensors
from tests.cli.running import SCHEMAS, Answer, Runner
from tests.hubserver import Hub, Repo

from modelpick.cli.asker_options import PolicyChoice
from modelpick.cli.download_license import Judge
from modelpick.licensing.interface import Asker, Card
from modelpick.registry.reader import Registry

MIB = 1 << 20
SLUG, SOURCE = "qwen2.5-7b-instruct", "Qwen/Qwen2.5-7B-Instruct"
COPY = "bartowski/Qwen2.5-7B-Instruct-GGUF"
PARAMS = 7_615_616_512


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        yield server


@pytest.fixture(autouse=True)
def places(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "MODELPICK_FORMAT", "OLLAMA_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MODELPICK_REGISTRY", str(tmp_path / "own.sqlite"))
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Runner:
    return Runner(capsys)


def small(hub: Hub, **more: Any) -> Repo:
    """A repository that the registry does not know, under a plain licence."""
    files = {"m-Q4_K_M.gguf": gguf(MIB), "m-Q8_0.gguf": gguf(MIB, seed=2, quantisation="Q8_0")}
    return hub.add(Repo("acme/tiny", files, **{"card": {"license": "mit"}, **more}))


def error(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.err.strip().splitlines()[-1])["error"]
    assert not answer.out, "nothing but the document reaches stdout"
    return found


def test_from_the_plan_to_the_verified_artifact(hub: Hub, run: Runner, tmp_path: Path) -> None:
    repo = small(hub)
    planned = run("download", "acme/tiny", "--dry-run", "--json").json("download")
    assert planned["dry_run"] and planned["artifact"] is None and not hub.sent()
    assert planned["plan"]["commit"] == repo.commit and planned["plan"]["quantisation"] == "Q4_K_M"
    assert planned["plan"]["alternatives"] == ["Q8_0"]
    assert planned["license"]["commercial_use"] == "yes" and planned["license"]["allowed"]
    assert [row["status"] for row in planned["results"]] == ["planned"]

    done = run("download", "acme/tiny", "--quant", "q8-0", "--json")
    assert done.code == 0, done.err
    fetched = done.json("download")
    artifact = fetched["artifact"]
    assert artifact["files"][0]["sha256"] == hub.facts(repo.files["m-Q8_0.gguf"])[1]
    assert artifact["license_verdict"] == "yes"
    (manifest,) = tmp_path.glob("hf/hub/models--acme--tiny/.modelpick/*.json")
    jsonschema.validate(json.loads(manifest.read_text()), json.loads((SCHEMAS / "artifact.json").read_text()))

    checked = run("verify", artifact["path"], "--json")
    assert checked.code == 0 and checked.json("verify")["ok"]
    listed = run("installed", "--json").json("installed")
    (row,) = listed["results"]
    assert (row["name"], row["quantisation"], row["commercial_use"]) == ("acme/tiny:Q8_0", "Q8_0", "yes")
    assert row["fits"] is True and row["required_bytes"] > row["bytes"]

    again = run("download", "acme/tiny", "--quant", "Q8_0", "--json").json("download")
    assert again["results"][0]["source"] == "present"
    assert hub.sent("m-Q8_0.gguf") == artifact["files"][0]["bytes"]


def test_the_table_shows_the_licence_and_what_comes_next(hub: Hub, run: Runner) -> None:
    small(hub)
    done = run("download", "acme/tiny")
    assert done.code == 0
    for word in ("acme/tiny", "mit", "Q4_K_M", "verified"):
        assert word in done.out
    assert "verified m-Q4_K_M.gguf" in done.err and "modelpick verify" in done.err


def test_a_tag_after_the_repository_is_the_quantisation(hub: Hub, run: Runner) -> None:
    small(hub)
    assert run("download", "acme/tiny:q8_0", "--dry-run", "--json").json("download")["plan"]["quantisation"] == "Q8_0"


def test_events_for_scripts_are_json_lines_on_stderr(hub: Hub, run: Runner) -> None:
    small(hub)
    done = run("download", "acme/tiny", "--json", "--progress", "json")
    done.json("download")
    events = [json.loads(line) for line in done.err.splitlines()]
    schema = json.loads((SCHEMAS / "event.json").read_text())
    for event in events:
        jsonschema.validate(event, schema)
    assert [event["kind"] for event in events if event["kind"] != "progress"] == ["start", "verified", "done"]
    assert events[-1]["bytes_done"] == events[-1]["bytes_total"]


def test_a_model_of_the_registry_comes_from_the_best_place_that_has_it(hub: Hub, run: Runner) -> None:
    hub.add(
        Repo(COPY, {"Qwen2.5-7B-Instruct-Q4_K_M.gguf": gguf(MIB)}, card={"license": "apache-2.0", "base_model": SOURCE})
    )
    planned = run("download", SLUG, "--dry-run", "--json").json("download")
    assert planned["plan"]["repo"] == COPY
    assert planned["memory"]["runtime"] == "llama.cpp" and planned["memory"]["required_bytes"]
    assert any("passed over" in note for note in planned["notes"])


def test_a_file_that_is_another_model_is_refused(hub: Hub, run: Runner, tmp_path: Path) -> None:
    content = gguf(MIB, architecture="bert")
    hub.add(
        Repo(COPY, {"Qwen2.5-7B-Instruct-Q4_K_M.gguf": content}, card={"license": "apache-2.0", "base_model": SOURCE})
    )
    done = run("download", SLUG, "--json")
    assert done.code == 7 and "bert" in error(done)["message"]
    assert not list(tmp_path.glob("hf/hub/**/snapshots/**/*.gguf"))


def test_the_policy_decides_before_the_hub_is_asked(hub: Hub, run: Runner) -> None:
    done = run("download", "llama-2-7b", "--json")
    assert done.code == 6
    assert "llama2" in error(done)["message"] and error(done)["details"]["policy"] == "permissive"
    assert not hub.log


def test_accepted_terms_pass_the_default_policy_and_no_other(hub: Hub, run: Runner) -> None:
    small(hub, card={"license": "cc-by-nc-4.0"})
    refused = run("download", "acme/tiny", "--json")
    assert refused.code == 6 and "--accept-license" in error(refused)["hint"]
    assert not hub.sent()
    assert run("download", "acme/tiny", "--accept-license").code == 0
    assert run("download", "acme/tiny", "--accept-license", "--license", "permissive").code == 6
    assert run("download", "acme/tiny", "--license", "any").code == 0


def test_a_card_that_became_stricter_stops(hub: Hub, run: Runner) -> None:
    hub.add(
        Repo(SOURCE, {"model.safetensors": safetensors(MIB), "config.json": b"{}"}, card={"license": "cc-by-nc-4.0"})
    )
    asked = ("download", SLUG, "--format", "safetensors", "--dry-run", "--json")
    stopped = run(*asked, "--license", "any")
    assert stopped.code == 6 and "stricter" in error(stopped)["message"]
    passed = run(*asked, "--license", "any", "--accept-license").json("download")
    assert any("stricter" in note for note in passed["notes"])
    assert passed["license"]["registry_commercial_use"] == "yes" and passed["license"]["card_commercial_use"] == "no"


def test_a_card_that_became_looser_is_said(hub: Hub, run: Runner) -> None:
    with Registry.open(None) as registry:
        judge = Judge(registry, PolicyChoice(("any",), None), Asker())
        facts = registry.facts(SLUG)
        assert facts is not None
        known = judge.known(facts)
        assert known.registry is not None
        before = replace(known, registry=replace(known.registry, commercial_use="conditional"))
        now = judge.live(Card(SOURCE, "apache-2.0"), before)
        assert any("looser" in note for note in now.notes) and now.verdict.commercial_use == "yes"
        copy = judge.live(Card("TheBloke/Qwen-GGUF", "apache-2.0"), known, facts)
        assert copy.verdict.commercial_use == "yes", "the registry says what it is a copy of"
        silent = judge.live(Card("somebody/copy", None), known)
        assert silent.verdict == known.registry and any("declares no licence" in note for note in silent.notes)
        assert judge.live(Card(SOURCE, "apache-2.0"), known).notes == ()


def test_of_a_service_no_weights_are_published(hub: Hub, run: Runner) -> None:
    done = run("download", "gpt-4", "--json", "--license", "any")
    assert done.code == 3 and "no weights are published" in error(done)["message"]
    assert not hub.log


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nobody/nothing",), 4),
        (("no-such-model-at-all",), 3),
        (("acme/tiny", "--quant", "Q3_K_S"), 3),
        (("acme/tiny", "--revision", "v9"), 3),
        (("acme/tiny", "--format", "gguf", "--format", "safetensors"), 2),
        (("acme/tiny", "--create"), 2),
        (("acme/tiny", "--format", "gguf", "--for", "vllm", "--dry-run"), 0),
    ],
)
def test_exit_statuses(words: tuple[str, ...], code: int, hub: Hub, run: Runner) -> None:
    small(hub)
    assert run("download", *words).code == code
    assert not hub.sent()


def test_a_gated_repository_says_where_to_agree(hub: Hub, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    small(hub, gated="manual", allowed_tokens=("hf_mine",))
    planned = run("download", "acme/tiny", "--dry-run", "--json").json("download")
    assert planned["plan"]["gated"] == "manual" and planned["plan"]["accessible"] is False
    refused = run("download", "acme/tiny", "--json")
    assert refused.code == 4 and f"{hub.endpoint}/acme/tiny" in error(refused)["hint"]
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    assert run("download", "acme/tiny").code == 0


def test_no_network_is_said_within_six_seconds(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        done = run("download", "acme/tiny", "--json")
        assert time.monotonic() - begun < 6.0, "the promise is six seconds"
    assert done.code == 5 and error(done)["code"] == "network"


def test_offline_what_was_fetched_before_is_found_and_checked(
    hub: Hub, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(hub)
    path = run("download", "acme/tiny", "--json").json("download")["artifact"]["path"]
    asked = len(hub.log)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = run("download", "acme/tiny", "--json", "--accept-license").json("download")
    assert found["artifact"]["path"] == path and found["plan"] is None
    assert run("download", "acme/tiny", "--quant", "Q8_0").code == 5
    blob = next(Path(path).iterdir()).resolve()
    blob.write_bytes(b"\0" + blob.read_bytes()[1:])
    assert run("download", "acme/tiny").code == 7
    assert len(hub.log) == asked, "nobody was asked"


def test_into_a_folder_for_a_program(hub: Hub, run: Runner, tmp_path: Path) -> None:
    small(hub)
    done = run("download", "acme/tiny", "--to", tmp_path / "models", "--for", "ollama", "--json").json("download")
    assert done["artifact"]["path"] == str(tmp_path / "models")
    assert done["handover"]["commands"][0][:2] == ["ollama", "create"]
    modelfile = Path(done["handover"]["written"][0]).read_text()
    assert modelfile == f"FROM {tmp_path}/models/m-Q4_K_M.gguf\n"
    assert run("verify", tmp_path / "models" / "m-Q4_K_M.gguf").code == 0


def test_damage_is_exit_7_and_fetched_again(hub: Hub, run: Runner, tmp_path: Path) -> None:
    small(hub)
    run("download", "acme/tiny", "--to", tmp_path / "models")
    weights = tmp_path / "models" / "m-Q4_K_M.gguf"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    broken = run("verify", tmp_path / "models", "--json")
    assert broken.code == 7 and broken.json("verify")["results"][0]["status"] == "damaged"
    assert run("download", "acme/tiny", "--to", tmp_path / "models").code == 0
    assert run("verify", tmp_path / "models").code == 0
    shutil.rmtree(tmp_path / "models")
    assert run("verify", tmp_path / "models", "--json").code == 3


def test_pickles_are_asked_for_by_name(hub: Hub, run: Runner) -> None:
    hub.add(Repo("acme/old", {"pytorch_model.bin": gguf(MIB), "config.json": b"{}"}, card={"license": "mit"}))
    refused = run("download", "acme/old", "--json")
    assert refused.code == 3 and "pickle" in error(refused)["message"]
    assert not hub.sent()
    assert run("download", "acme/old", "--allow-pickle").code == 0


def test_a_hostile_name_writes_nothing_outside(hub: Hub, run: Runner, tmp_path: Path) -> None:
    entries = tuple(
        {"type": "file", "oid": "0" * 40, "size": 3, "path": path}
        for path in ("../../evil-Q4_K_M.gguf", "C:\\evil-Q4_K_M.gguf", "x" * 4000 + "-Q4_K_M.gguf", "a\nb-Q4_K_M.gguf")
    )
    hub.add(Repo("acme/evil", {}, card={"license": "mit"}, extra_tree=entries))
    done = run("download", "acme/evil")
    assert done.code == 7 and "4 files were refused for their unsafe names" in done.err
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name]


def test_a_models_place_in_other_stores_is_listed(hub: Hub, run: Runner, tmp_path: Path) -> None:
    target = tmp_path / ".lmstudio/models" / COPY / "Qwen2.5-7B-Instruct-Q4_K_M.gguf"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"".join(gguf(MIB, architecture="qwen2").all()))
    (row,) = run("installed", "--store", "lmstudio", "--json").json("installed")["results"]
    assert (row["model"], row["commercial_use"], row["quantisation"]) == (SLUG, "yes", "Q4_K_M")
    assert run("installed", "--store", "ollama", "--json").json("installed")["count"] == 0
    ranked = run("recommend", "--installed", "--ram", "64GB", "--min-speed", "0", "--all-variants", "--json")
    assert {row["model"] for row in ranked.rows()} == {SLUG}


def test_recommending_from_an_empty_disk_says_so(run: Runner) -> None:
    done = run("recommend", "--installed", "--json")
    assert done.code == 3 and "on this disk" in error(done)["message"]


def test_an_address_of_the_hub_is_a_name_too(hub: Hub, run: Runner) -> None:
    small(hub)
    for name in ("hf.co/acme/tiny:Q8_0", "https://huggingface.co/acme/tiny"):
        assert run("download", name, "--dry-run", "--json").json("download")["plan"]["repo"] == "acme/tiny"


def test_a_place_that_cannot_be_written_is_said(hub: Hub, run: Runner, tmp_path: Path) -> None:
    small(hub)
    (tmp_path / "file").write_text("x")
    assert run("download", "acme/tiny", "--to", tmp_path / "file").code == 2
    done = run("download", "acme/tiny", "--to", tmp_path / "file" / "below", "--json")
    assert done.code == 2 and "cannot be written" in error(done)["message"]


def test_the_usual_output_holds_beside_the_weights_wanted(
    hub: Hub, run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(hub)
    asked = ("download", "acme/tiny", "--dry-run", "--format", "gguf")
    assert run(*asked, "--format", "json").json("download")["plan"]["format"] == "gguf"
    (tmp_path / "config.toml").write_text('format = "json"\n')
    monkeypatch.setenv("MODELPICK_CONFIG", str(tmp_path / "config.toml"))
    assert run(*asked).json("download")["dry_run"]
    monkeypatch.delenv("MODELPICK_CONFIG")
    monkeypatch.setenv("MODELPICK_FORMAT", "json")
    assert run(*asked).json("download")["dry_run"]


def test_a_registry_model_is_handed_over_with_its_placed_command(hub: Hub, run: Runner) -> None:
    params = 33_360_512  # bge-small-en-v1.5, the smallest there is
    name = "bge-small-en-v1.5-Q4_K_M.gguf"
    content = gguf(params // 256 * 144 + 400, architecture="bert")
    card = {"license": "mit", "base_model": "BAAI/bge-small-en-v1.5"}
    hub.add(Repo("unsloth/bge-small-en-v1.5-GGUF", {name: content}, card=card, gguf={"architecture": "bert"}))
    done = run("download", "bge-small-en-v1.5", "--for", "llama.cpp", "--json", "--ram", "32GB", "--gpu", "none")
    assert done.code == 0, done.err
    document = done.json("download")
    (command,) = document["handover"]["commands"]
    assert command[:2] == ["llama-server", "--model"] and command[2].endswith(name)
    assert "--ctx-size" in command
    (row,) = run("installed", "--json").json("installed")["results"]
    assert row["model"] == "bge-small-en-v1.5" and row["commercial_use"] == "yes"
