"""The command as a user runs it: plan, fit, result, manifest, errors; from this disk and straight from a Hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.hubserver import Hub, Repo
from tests.quantisation import models
from tests.quantisation.recorded import RECORDED
from tests.quantisation.results import digest, metadata

from modelpick.acquisition import manifest

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = models.build("odd", tmp_path_factory.mktemp("source") / "Odd-Model", shards=3)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\nbase_model:\n- org/Parent\n---\n# Odd\n")
    return folder


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The program in a process of its own, in an empty folder, with a home of its own."""

    def call(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        home = {"HOME": str(tmp_path / "home"), "HF_HOME": str(tmp_path / "hf"), "HF_TOKEN_PATH": str(tmp_path / "no")}
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, "-m", "modelpick", "quantise", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=work,
            env={**os.environ, **home, **environment},
            check=False,
        )

    return call


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout)
    jsonschema.validate(body, json.loads((SCHEMAS / "quantise.json").read_text()))
    return dict(body)


def test_a_dry_run_tells_the_size_to_the_byte(run: Run, source: Path, tmp_path: Path) -> None:
    planned = document(run(source, "--type", "q4_k_m", "--dry-run", "--json"))
    assert list((tmp_path / "work").iterdir()) == []
    assert planned["dry_run"] is True and planned["sha256"] is None
    made = document(run(source, "--type", "Q4_K_M", "--json"))
    assert made["bytes"] == planned["bytes"] == Path(made["target"]).stat().st_size
    assert made["results"] == planned["results"]
    assert sum(row["params"] for row in made["results"]) == made["params"]
    assert digest(Path(made["target"])) == RECORDED["odd"]["Q4_K_M"]


def test_the_manifest_says_what_was_made_of_what(run: Run, source: Path) -> None:
    made = document(run(source, "--type", "Q8_0", "--json"))
    target = Path(made["target"])
    (noted,) = list(manifest.all_of(target.parent))
    artifact = manifest.read(noted)
    assert artifact.files[0].sha256 == made["sha256"]
    assert [file.path for file in artifact.made_from] == sorted(path.name for path in source.glob("*.safetensors"))
    assert artifact.made_by is not None and "ggml" in artifact.made_by
    found = metadata(target)
    assert found["general.license"] == "apache-2.0"
    assert found["general.base_model.0.repo_url"] == "https://huggingface.co/org/Parent"
    assert found["general.name"] == "Odd-Model"
    verified = subprocess.run(
        [sys.executable, "-m", "modelpick", "verify", str(target.parent), "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert verified.returncode == 0, verified.stderr


def test_without_a_type_the_best_that_fits_is_chosen(run: Run, source: Path) -> None:
    roomy = document(run(source, "--dry-run", "--json", "--ram", "64GB", "--cpu-cores", "8"))
    assert roomy["type"] == "Q8_0" and "the best that fits" in roomy["type_reason"]
    tight = run(source, "--fit", "--dry-run", "--json", "--ram", "64MB", "--context", "100k")
    assert tight.returncode == 8
    assert "fits this machine at 100,000 tokens" in json.loads(tight.stderr)["error"]["message"]


def test_ollama_is_told_how_to_load_it(run: Run, source: Path) -> None:
    made = run(source, "--type", "Q6_K", "--for", "ollama")
    assert made.returncode == 0
    assert "Next: ollama create odd-model:q6_k -f " in made.stderr


def test_check_compares_with_the_source(run: Run, source: Path) -> None:
    checked = document(run(source, "--type", "Q6_K", "--check", "--json"))["check"]
    assert checked["tokens"] == 256
    assert 0 < checked["kl_mean"] < 0.01
    assert checked["top1_agreement"] > 0.5


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--type", "Q9_Z"), 2, "'Q9_Z' is not a type that can be made"),
        (("--type", "IQ1_S"), 2, "IQ1_S needs an importance matrix"),
        (("--type", "IQ1_S", "--imatrix", "missing.gguf"), 2, "no importance matrix at"),
        (("--type", "Q8_0", "--fit"), 2, "contradict"),
        (("--type", "Q8_0", "--stream"), 2, "on the disk already"),
        (("--type", "Q8_0", "--out", "missing/x.gguf"), 2, "there is no folder"),
    ],
)
def test_errors(arguments: tuple[str, ...], status: int, message: str, run: Run, source: Path, tmp_path: Path) -> None:
    done = run(source, *arguments, "--json")
    assert done.returncode == status
    assert done.stdout == ""
    assert message in json.loads(done.stderr)["error"]["message"]
    assert list((tmp_path / "work").iterdir()) == []


def test_a_damaged_source_ends_with_7_and_an_unknown_one_with_3(run: Run, source: Path, tmp_path: Path) -> None:
    import shutil

    broken = Path(shutil.copytree(source, tmp_path / "broken"))
    os.truncate(broken / "model-00003-of-00003.safetensors", 5000)
    assert run(broken, "--type", "Q8_0").returncode == 7
    (broken / "config.json").write_text('{"architectures": ["StrangeForCausalLM"]}')
    unknown = run(broken, "--type", "Q8_0")
    assert unknown.returncode == 3
    assert "StrangeForCausalLM is not converted here; these are: LlamaForCausalLM" in unknown.stderr
    assert "--converter" in unknown.stderr


@pytest.fixture
def hub(source: Path) -> Iterator[Hub]:
    with Hub() as server:
        files = {path.name: path.read_bytes() for path in source.iterdir()}
        server.add(Repo("org/Odd-Model", files, card={"license": "apache-2.0"}))
        yield server


def streamed(run: Run, hub: Hub, *more: object) -> subprocess.CompletedProcess[str]:
    return run(
        "org/Odd-Model", "--stream", "--type", "Q6_K", "--out", "odd.gguf", "--json", *more, HF_ENDPOINT=hub.endpoint
    )


def test_straight_from_the_hub(run: Run, hub: Hub, source: Path, tmp_path: Path) -> None:
    made = document(streamed(run, hub))
    assert digest(Path(made["target"])) == RECORDED["odd"]["Q6_K"]
    assert made["source"]["streamed"] is True and made["source"]["repo"] == "org/Odd-Model"
    assert made["license_verdict"] == "yes"
    artifact = made["artifact"]
    assert artifact["commit"] == hub.repos["org/Odd-Model"].commit
    weights = sorted(source.glob("*.safetensors"))
    assert [file["path"] for file in artifact["made_from"]] == [path.name for path in weights]
    assert not list(tmp_path.rglob("*.safetensors"))
    for path in weights:
        assert hub.sent(path.name) < 1.5 * path.stat().st_size + 300_000, "each shard is read once"


def test_a_connection_that_breaks_is_taken_up_again(run: Run, hub: Hub) -> None:
    hub.fault("cdn", path=".*00001-of.*", after=300_000, truncate=True, times=3)
    made = document(streamed(run, hub))
    assert digest(Path(made["target"])) == RECORDED["odd"]["Q6_K"]


def test_a_bit_that_flips_on_the_way_is_found_before_the_rename(run: Run, hub: Hub, tmp_path: Path) -> None:
    hub.fault("cdn", path=".*00002-of.*", corrupt=500_000, times=9)
    done = streamed(run, hub)
    assert done.returncode == 7
    assert "has the sha256" in json.loads(done.stderr)["error"]["message"]
    assert not (tmp_path / "work" / "odd.gguf").exists()


@pytest.mark.slow
def test_the_hub_goes_away_and_a_second_run_goes_on(run: Run, hub: Hub, source: Path, tmp_path: Path) -> None:
    hub.rate = 1_500_000
    size, armed = (source / "model-00001-of-00003.safetensors").stat().st_size, []

    def arm() -> None:
        while hub.sent("model-00002-of-00003.safetensors") < size // 2:
            time.sleep(0.005)
        armed.append(hub.fault("cdn", path=".*00003-of.*", status=503, times=99))

    threading.Thread(target=arm, daemon=True).start()
    done = streamed(run, hub)
    assert done.returncode == 5, done.stderr
    (fault,) = armed
    hub.rate = None
    assert not (tmp_path / "work" / "odd.gguf").exists()
    hub.faults.remove(fault)
    made = document(streamed(run, hub))
    assert digest(Path(made["target"])) == RECORDED["odd"]["Q6_K"]
    assert made["resumed_tensors"] > 0


def test_a_dry_run_of_a_model_of_the_hub_downloads_no_weights(run: Run, hub: Hub, source: Path) -> None:
    planned = document(run("org/Odd-Model", "--type", "Q6_K", "--dry-run", "--json", HF_ENDPOINT=hub.endpoint))
    assert planned["bytes"] > 0
    total = sum(path.stat().st_size for path in source.glob("*.safetensors"))
    assert sum(hub.sent(path.name) for path in source.glob("*.safetensors")) < total / 2


def test_a_model_is_fetched_and_quantised(run: Run, hub: Hub) -> None:
    made = document(run("org/Odd-Model", "--type", "Q6_K", "--json", HF_ENDPOINT=hub.endpoint))
    assert digest(Path(made["target"])) == RECORDED["odd"]["Q6_K"]
    assert made["source"]["repo"] == "org/Odd-Model"
