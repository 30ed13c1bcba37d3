"""``registry`` and its commands as a user runs them, and what start-up loads."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.cli.running import Runner
from tests.registry.asking import ask

from modelpick.registry.export import toml_of
from modelpick.registry.locations import VARIABLE

BLOCK = {
    "slug": "mine", "family": "Mine", "name": "Mine", "developer": "me", "relation": "finetune", "modality": "text",
    "tasks": ["chat"], "access": "open-weights", "downloadable": True, "confidence": "high", "sources": ["here"],
    "license": "mit", "base": [{"parent": "llama-2-7b", "relation": "finetune"}],
}  # fmt: skip
HEAVY = {
    "sqlmodel", "sqlalchemy", "pydantic", "rich", "huggingface_hub", "httpx", "httpx2", "psutil", "pynvml",
    "importlib.metadata", "platformdirs", "numpy",
}  # fmt: skip


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home" / "own.sqlite"))
    monkeypatch.setenv("MODELPICK_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text("")
    return tmp_path / "home" / "own.sqlite"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], own: Path) -> Runner:
    return Runner(capsys)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "mine.toml"
    file.write_text(toml_of([BLOCK]))
    return file


def test_a_models_life_in_the_users_registry(run: Runner, own: Path, mine: Path, tmp_path: Path) -> None:
    assert run("registry", "path", "--json").json("registry")["results"] == [
        {"path": str(own), "origin": "user", "exists": False}
    ]
    assert run("registry", "path").out.strip() == str(own)
    assert run("registry", "add", mine, "--json").json("registry")["results"] == [{"slug": "mine", "change": "added"}]
    row = run("show", "mine", "--json").json("show")["results"][0]
    assert row["origin"] == "user"
    # Its card says MIT, but it comes from Llama 2: the verdict is the lineage's.
    assert (row["license"], row["commercial_use"], row["verdict_status"]) == ("mit", "conditional", "mismatch")
    assert run("registry", "verify", own, "--json").json("registry")["ok"] is True
    exported = tmp_path / "exported.toml"
    exported.write_text(run("registry", "export").out)
    assert run("registry", "add", exported).code == 2
    assert run("registry", "add", exported, "--replace").code == 0
    assert run("registry", "export").out == exported.read_text()
    files = run("registry", "info", "--json").json("registry")["results"]
    assert [(file["origin"], file["models"]) for file in files] == [("bundled", files[0]["models"]), ("user", 1)]
    assert run("registry", "remove", "mine", "--json").json("registry")["results"][0]["change"] == "removed"
    assert run("show", "mine").code == 3


def test_a_model_of_ones_own_is_placed_among_all_the_others(run: Runner, own: Path, tmp_path: Path) -> None:
    (block,) = run("registry", "export", "gemma-4-26b-a4b-it", "--json").json("registry")["model"]
    scores = block.pop("benchmarks")
    tuned = block | {"family": "Mine", "hf_repo": "me/tuned", "ollama_tag": None, "aliases": []}
    blocks = [
        tuned | {"slug": "mine-scored", "name": "Mine Scored", "benchmarks": scores},
        tuned | {"slug": "mine-plain", "name": "Mine Plain", "relation": "finetune", "training_data_note": None},
    ]
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"model": blocks}))
    question = ("recommend", "--machine", "MacBook Pro M4 Max 64GB", "--all-variants", "--limit", "60", "--json")

    def qualities() -> dict[str, dict[str, object]]:
        rows = run(*question).json("recommend")["results"]
        return {row["model"]: row["quality"] | {"basis": row["quality_basis"]} for row in reversed(rows)}

    before = qualities()
    assert run("registry", "add", file).code == 0
    after = qualities()
    original, scored = after["gemma-4-26b-a4b-it"], after["mine-scored"]
    assert abs(scored["likely"] - original["likely"]) < 2 and scored["basis"] == original["basis"] != "predicted"
    assert original == before["gemma-4-26b-a4b-it"]
    abilities = {row[0]: row[1:] for row in ask(own, "SELECT model, basis, low FROM ability WHERE task = 'general'")}
    assert abilities["mine-plain"][0] == "predicted" and abilities["mine-plain"][1] < abilities["mine-scored"][1]


def test_json_that_is_exported_can_be_added(run: Runner, mine: Path, tmp_path: Path) -> None:
    run("registry", "add", mine)
    answer = run("registry", "export", "--json")
    assert answer.json("registry")["model"][0]["slug"] == "mine"
    file = tmp_path / "exported.json"
    file.write_text(answer.out)
    assert run("registry", "add", file, "--registry", tmp_path / "other.sqlite").code == 0
    assert run("registry", "export", "--json", "--registry", tmp_path / "other.sqlite").out == answer.out


def test_a_bundled_model_can_be_exported_as_a_template(run: Runner) -> None:
    text = run("registry", "export", "mistral-7b-v0.1").out
    assert text.startswith("[[model]]\n") and "7241732096" in text


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b"", 7, "is empty"),
        (b"hello", 7, "not a modelpick registry"),
        (None, 2, "is a directory"),
    ],
)
@pytest.mark.parametrize("command", [("list",), ("show", "gpt-4"), ("registry", "info"), ("registry", "export")])
def test_a_bad_registry_is_an_error_of_its_own_code(  # type: ignore[no-untyped-def]
    run: Runner, tmp_path: Path, command, content: bytes | None, code: int, said: str
) -> None:
    path = tmp_path / "bad.sqlite"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    answer = run(*command, "--registry", path, "--json")
    assert (answer.code, answer.out) == (code, "")
    error = json.loads(answer.err)["error"]
    assert said in error["message"] and error["hint"]


def test_wrong_text_exits_2_with_file_line_and_field(run: Runner, mine: Path, own: Path) -> None:
    mine.write_text(mine.read_text().replace('developer = "me"\n', ""))
    answer = run("registry", "add", mine)
    assert answer.code == 2
    assert f"{mine}, line 1: field 'developer' is missing" in answer.err
    assert not own.exists()


def test_a_target_that_cannot_be_written_exits_4(run: Runner, mine: Path, tmp_path: Path) -> None:
    answer = run("registry", "add", mine, "--registry", tmp_path / "config.toml" / "own.sqlite")
    assert answer.code == 4 and "registry" in answer.err


def test_build_writes_what_it_is_told_to_and_verify_agrees(run: Runner, tmp_path: Path) -> None:
    data = tmp_path / "data"
    source = Path(__file__).parents[2] / "data"
    (data / "models").mkdir(parents=True)
    for name in ("models/gpt-j.toml", "licenses.toml", "accelerators.toml", "lineage_rules.toml"):
        (data / name).write_bytes((source / name).read_bytes())
    built = run("registry", "build", "--data", data, "--json")
    assert built.code == 0, built.err
    assert built.json("registry")["path"] == str(data / "registry.sqlite")
    checked = run("registry", "verify", "--data", data, "--json")
    assert checked.code == 0 and checked.json("registry")["rebuilt"] is True
    (data / "registry.sqlite").write_bytes((data / "registry.sqlite").read_bytes()[:-1] + b"x")
    assert run("registry", "verify", "--data", data, "--json").code == 7


def test_build_without_sources_says_what_is_missing(run: Runner, tmp_path: Path) -> None:
    answer = run("registry", "build", "--data", tmp_path, "--output", tmp_path / "r.sqlite")
    assert answer.code == 2 and "there are no models" in answer.err
    assert not (tmp_path / "r.sqlite").exists()


def test_an_installed_package_answers_from_a_read_only_directory(own: Path, tmp_path: Path) -> None:
    """The package laid out as pyproject.toml says the wheel is, every file and directory read-only."""
    root = Path(__file__).resolve().parents[2]
    wheel = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    site = tmp_path / "site"
    shutil.copytree(root / "src", site, ignore=shutil.ignore_patterns("__pycache__"))
    bundled = site / wheel["force-include"]["data/registry.sqlite"]
    bundled.parent.mkdir()
    shutil.copy(root / "data" / "registry.sqlite", bundled)
    everything = [site, *site.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
        for arguments, said in (
            (["registry", "path", "--bundled"], str(bundled)),
            (["show", "gpt-j-6b", "--fields", "slug"], "gpt-j-6b"),
            (["registry", "verify", str(bundled)], "integrity_check"),
        ):
            command = [sys.executable, "-m", "modelpick", *arguments]
            ran = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=60)
            assert ran.returncode == 0, ran.stderr
            assert said in ran.stdout
        assert [site, *site.rglob("*")] == everything
    finally:
        for path in everything:
            path.chmod(0o755)


LOADED = """
import sys, io
from modelpick.__main__ import main
sys.argv = ["modelpick", *sys.argv[1:]]
out, sys.stdout = sys.stdout, io.StringIO()
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
out.write(" ".join(sorted(sys.modules)))
"""
TAB = {"_MODELPICK_COMPLETE": "bash_complete", "COMP_WORDS": "modelpick show qwen", "COMP_CWORD": "2"}


def loaded(arguments: list[str], variables: dict[str, str]) -> set[str]:
    """The modules in memory at the end of a run."""
    ran = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{LOADED}", *arguments],
        capture_output=True, text=True, check=True, timeout=60, env={**os.environ, **variables},
    )  # fmt: skip
    return set(ran.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "variables", "more"),
    [
        (["--version"], {}, {"click", "sqlite3", "dataclasses", "pathlib", "re"}),
        ([], TAB, {"click", "dataclasses", "pathlib", "json"}),
        (["list", "--json"], {}, {"modelpick.registry.interface", "modelpick.registry.migrations", "csv"}),
        (["show", "gpt-4", "--json"], {}, {"modelpick.registry.migrations", "csv"}),
    ],
)
def test_start_up_loads_nothing_heavy(
    own: Path, arguments: list[str], variables: dict[str, str], more: set[str]
) -> None:
    modules = loaded(arguments, variables)
    assert "modelpick" in modules
    assert modules & (HEAVY | more) == set()
