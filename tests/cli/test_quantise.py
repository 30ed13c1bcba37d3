"""The command as a user runs it: plan, fit, result, manifest, errors; from this disk and straight from a Hub."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.hubserver import Fault, Hub, Repo
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
    """The program in a process of its own, in an empty folder, with a home of its own; ``then`` acts on it."""

    def call(
        *arguments: object, then: Callable[[subprocess.Popen[str]], None] | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        home = {"HOME": str(tmp_path / "home"), "HF_HOME": str(tmp_path / "hf"), "HF_TOKEN_PATH": str(tmp_path / "no")}
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        child = subprocess.Popen(
            [sys.executable, "-m", "modelpick", "quantise", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=work,
            env={**os.environ, **home, **environment},
        )
        if then:
            then(child)
        out, errors = child.communicate()
        return subprocess.CompletedProcess(child.args, child.returncode, out, errors)

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


def streamed(run: Run, hub: Hub, **more: Any) -> subprocess.CompletedProcess[str]:
    arguments = ("org/Odd-Model", "--stream", "--type", "Q6_K", "--out", "odd.gguf", "--json")
    return run(*arguments, HF_ENDPOINT=hub.endpoint, **more)


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


SHARDS = tuple(f"model-{number:05}-of-00003.safetensors" for number in (1, 2, 3))
HEADER_BYTES = 256 * 1024
"""What is read of a shard to know its tensors."""


def away(shard: str) -> Fault:
    """The Hub has no answer for this shard; it says that it may be asked again at once, so that no test waits."""
    return Fault("cdn", path=f".*{shard}", status=503, headers={"Retry-After": "0"}, times=99)


@pytest.mark.parametrize("broken", [1, 2, 3])
def test_a_second_run_fetches_the_shard_that_was_open_and_those_after_it(
    broken: int, run: Run, hub: Hub, source: Path, tmp_path: Path
) -> None:
    name = SHARDS[broken - 1]
    hub.fault("cdn", path=f".*{name}")  # the header comes
    hub.fault("cdn", path=f".*{name}", after=600_000, truncate=True)
    hub.faults.append(gone := away(name))
    assert streamed(run, hub).returncode == 5
    assert not (tmp_path / "work" / "odd.gguf").exists()
    hub.faults.remove(gone)
    before = {shard: hub.sent(shard) for shard in SHARDS}
    made = document(streamed(run, hub))
    assert digest(Path(made["target"])) == RECORDED["odd"]["Q6_K"]
    assert (made["resumed_tensors"] > 0) == (broken > 1)
    for number, shard in enumerate(SHARDS, 1):
        again = hub.sent(shard) - before[shard]
        size = (source / shard).stat().st_size
        assert again == (HEADER_BYTES if number < broken else HEADER_BYTES + size)


def test_what_came_before_a_break_counts_only_if_its_shard_is_what_the_hub_lists(
    run: Run, hub: Hub, source: Path
) -> None:
    """A bit flips in a tensor that was then written, and the connection breaks before the hash could tell."""
    hub.fault("cdn", path=f".*{SHARDS[1]}")
    hub.fault("cdn", path=f".*{SHARDS[1]}", corrupt=100_001, after=600_000, truncate=True)
    hub.faults.append(gone := away(SHARDS[1]))
    assert streamed(run, hub).returncode == 5
    hub.faults.remove(gone)
    assert digest(Path(document(streamed(run, hub))["target"])) == RECORDED["odd"]["Q6_K"]


def test_a_killed_stream_fetches_the_open_shard_again_and_no_other(run: Run, hub: Hub, tmp_path: Path) -> None:
    journal = tmp_path / "work" / ".odd.gguf.journal"
    hub.fault("cdn", path=f".*{SHARDS[2]}")
    hub.faults.append(stalled := Fault("cdn", path=f".*{SHARDS[2]}", after=300_000, stall=30, times=99))
    killed: list[int] = []

    def kill(child: subprocess.Popen[str]) -> None:
        while not (journal.exists() and len(json.loads(journal.read_text())["marks"]) == 2):
            assert child.poll() is None
            time.sleep(0.01)
        child.kill()
        killed.append(child.wait())

    streamed(run, hub, then=kill)
    assert killed == [-signal.SIGKILL]
    hub.faults.remove(stalled)
    before = {shard: hub.sent(shard) for shard in SHARDS}
    assert digest(Path(document(streamed(run, hub))["target"])) == RECORDED["odd"]["Q6_K"]
    assert [hub.sent(shard) - before[shard] for shard in SHARDS[:2]] == [HEADER_BYTES] * 2
    assert not journal.exists()


def test_a_dry_run_of_a_model_of_the_hub_downloads_no_weights(run: Run, hub: Hub, source: Path) -> None:
    planned = document(run("org/Odd-Model", "--type", "Q6_K", "--dry-run", "--json", HF_ENDPOINT=hub.endpoint))
    assert planned["bytes"] > 0
    total = sum(path.stat().st_size for path in source.glob("*.safetensors"))
    assert sum(hub.sent(path.name) for path in source.glob("*.safetensors")) < total / 2


def test_a_model_is_fetched_and_quantised(run: Run, hub: Hub) -> None:
    made = document(run("org/Odd-Model", "--type", "Q6_K", "--json", HF_ENDPOINT=hub.endpoint))
    assert digest(Path(made["target"])) == RECORDED["odd"]["Q6_K"]
    assert made["source"]["repo"] == "org/Odd-Model"


def installed(engine: str) -> bool:
    from modelpick.quantisation.ctranslate2_engine import Ctranslate2Engine
    from modelpick.quantisation.mlx_engine import MlxEngine

    return {"ctranslate2": Ctranslate2Engine, "mlx": MlxEngine}[engine]().available() is None


@pytest.mark.parametrize(("engine", "usual"), [("ctranslate2", "int8"), ("mlx", "4bit")])
def test_a_folder_for_another_runtime(engine: str, usual: str, run: Run, source: Path, tmp_path: Path) -> None:
    arguments = (source, "--engine", engine, "--json")
    if not installed(engine):
        done = run(*arguments)
        assert done.returncode == 1 and "pip install" in json.loads(done.stderr)["error"]["hint"]
        return
    planned, made = (run(*arguments, *more) for more in (("--dry-run",), ()))
    schema = json.loads((SCHEMAS / "quantise-folder.json").read_text())
    for done, dry in ((planned, True), (made, False)):
        assert done.returncode == 0, done.stderr
        body = json.loads(done.stdout)
        jsonschema.validate(body, schema)
        assert (body["dry_run"], body["type"], body["license"]) == (dry, usual, "apache-2.0")
    target = Path(body["target"])
    assert target.name == f"Odd-Model-{engine}-{usual}"
    assert {file["path"] for file in body["results"]} <= {path.name for path in target.iterdir()}
    (noted,) = [manifest.read(path) for path in manifest.all_of(target)]
    assert (noted.format, noted.quantisation) == (engine, usual)
    assert len(noted.made_from) == 3
    assert run(*arguments).returncode == 2, "it exists"


@pytest.mark.parametrize("option", [("--stream",), ("--check",), ("--imatrix", "x.gguf")])
def test_options_of_the_gguf_engine_are_refused_with_another(option: tuple[str, ...], run: Run, source: Path) -> None:
    done = run(source, "--engine", "mlx", *option)
    assert done.returncode == 2 and f"{option[0]} belongs to --engine gguf" in done.stderr
