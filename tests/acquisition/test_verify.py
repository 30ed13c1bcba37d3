"""What was fetched is checked again: whole, damaged, missing, moved; and handed over."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.acquisition.conftest import Planner
from tests.acquisition.weights import gguf, safetensors
from tests.hubserver import Hub, Repo

from modelpick.acquisition import manifest
from modelpick.acquisition.handover import create_in_ollama, handover
from modelpick.acquisition.interface import Artifact, ArtifactFile
from modelpick.acquisition.verify import verify
from modelpick.errors import IntegrityError, ModelpickError, NotFoundError, UsageError

MIB = 1 << 20


def nothing(path: Path, file: object) -> None:
    """No header is looked at."""


@pytest.fixture(params=["cache", "folder"])
def artifact(
    request: pytest.FixtureRequest, hub: Hub, plan: Planner, download: Callable[..., Artifact], tmp_path: Path
) -> Artifact:
    files = {f"sub/m-Q4_K_M-{n:05}-of-00002.gguf": gguf(MIB, seed=n) for n in (1, 2)}
    hub.add(Repo("org/model-GGUF", dict(files)))
    made = download(plan(folder=tmp_path / "to" if request.param == "folder" else None))
    made = replace(made, license_verdict="yes")
    manifest.write(made)
    return made


def test_the_manifest_says_where_from_what_and_when(artifact: Artifact) -> None:
    (path,) = manifest.all_of(Path(artifact.path))
    data = json.loads(path.read_text())
    assert data["schema"] == "modelpick.artifact/1"
    assert (data["repo"], data["commit"], data["license_verdict"]) == ("org/model-GGUF", artifact.commit, "yes")
    assert data["created"].endswith("+00:00")
    assert [file["sha256"] for file in data["files"]] == [file.sha256 for file in artifact.files]
    assert manifest.read(path) == artifact


def test_a_whole_artifact_by_folder_file_and_manifest(artifact: Artifact) -> None:
    (path,) = manifest.all_of(Path(artifact.path))
    for name in (Path(artifact.path), Path(artifact.path) / artifact.files[0].path, path):
        (check,) = verify(name, nothing)
        assert check.ok and len(check.files) == 2 and check.manifest == str(path)


def test_a_damaged_a_cut_and_a_missing_file(artifact: Artifact) -> None:
    first, second = (Path(artifact.path) / file.path for file in artifact.files)
    data = bytearray(first.read_bytes())
    data[-1] ^= 1
    first.write_bytes(data)
    second.write_bytes(second.read_bytes()[:-1])
    (check,) = verify(Path(artifact.path), nothing)
    assert not check.ok
    assert [(file.status, file.message) for file in check.files] == [
        ("damaged", "another sha256"),
        ("damaged", "another size"),
    ]
    second.resolve().unlink()
    (check,) = verify(Path(artifact.path), nothing)
    assert check.files[1].status == "missing"


def test_a_header_that_cannot_be_read_is_damage(artifact: Artifact) -> None:
    def refuse(path: Path, file: object) -> None:
        raise IntegrityError("no header")

    (check,) = verify(Path(artifact.path), refuse)
    assert [file.message for file in check.files] == ["no header", "no header"]


def test_a_folder_that_was_moved_is_still_verified(artifact: Artifact, tmp_path: Path) -> None:
    source = Path(artifact.path)
    if source.parent.name == "snapshots":
        source = source.parent.parent
    moved = tmp_path / "moved" / source.name
    shutil.move(source, moved)
    folder = moved / "snapshots" / str(artifact.commit) if (moved / "snapshots").exists() else moved
    (check,) = verify(folder, nothing)
    assert check.ok


def test_a_blob_is_checked_by_its_own_name(artifact: Artifact) -> None:
    blob = (Path(artifact.path) / artifact.files[0].path).resolve()
    if blob.parent.name != "blobs":
        pytest.skip("only the cache names files by their hash")
    (check,) = verify(blob, nothing)
    assert check.ok and check.manifest is None
    blob.write_bytes(b"x")
    (check,) = verify(blob, nothing)
    assert not check.ok


def test_what_nobody_described_cannot_be_verified(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"x")
    with pytest.raises(NotFoundError, match="no manifest"):
        verify(tmp_path / "m.gguf", nothing)
    with pytest.raises(NotFoundError, match="does not exist"):
        verify(tmp_path / "n.gguf", nothing)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": "modelpick.artifact/2"}',
        '{"schema":"modelpick.artifact/1","path":"/x","model":"m","format":"gguf","created":"","files":[{"path":"../../x","bytes":1,"sha256":"0"}]}',
        '{"schema":"modelpick.artifact/1","path":"/x","model":"m","format":"gguf","created":"","files":[3]}',
    ],
)
def test_a_manifest_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / ".modelpick" / "x.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(IntegrityError, match="manifest"):
        verify(path, nothing)


def test_a_users_own_file_is_not_overwritten(
    hub: Hub, plan: Planner, download: Callable[..., Artifact], tmp_path: Path
) -> None:
    hub.add(Repo("org/model-GGUF", {"m-Q4_K_M.gguf": gguf(MIB)}))
    mine = tmp_path / "to" / "m-Q4_K_M.gguf"
    mine.parent.mkdir()
    mine.write_bytes(b"my notes")
    with pytest.raises(IntegrityError, match="is there already"):
        download(plan(folder=mine.parent))
    assert mine.read_bytes() == b"my notes"


def test_a_newer_revision_replaces_what_modelpick_put_there(
    hub: Hub, plan: Planner, download: Callable[..., Artifact], tmp_path: Path
) -> None:
    hub.add(Repo("org/model-GGUF", {"m-Q4_K_M.gguf": gguf(MIB)}, commit="1" * 40))
    manifest.write(download(plan(folder=tmp_path / "to")))
    newer = hub.add(Repo("org/model-GGUF", {"m-Q4_K_M.gguf": gguf(MIB, seed=2)}, commit="2" * 40))
    artifact = download(plan(folder=tmp_path / "to"))
    assert artifact.files[0].sha256 == hub.facts(newer.files["m-Q4_K_M.gguf"])[1]


# -- handing over ------------------------------------------------------------------------------------------------


def test_for_llama_cpp_the_command_names_the_first_part(artifact: Artifact) -> None:
    made = handover(artifact, "llama.cpp", {})
    assert made.commands[0][:2] == ("llama-server", "-m")
    assert made.commands[0][2].endswith("00001-of-00002.gguf") and Path(made.commands[0][2]).exists()


def test_for_lm_studio_the_files_are_linked_into_its_layout(artifact: Artifact, tmp_path: Path) -> None:
    environment = {"LMSTUDIO_MODELS": str(tmp_path / "lms")}
    made = handover(artifact, "lmstudio", environment)
    folder = tmp_path / "lms" / "org" / "model-GGUF"
    assert sorted(made.written) == sorted(str(path) for path in folder.iterdir())
    for file in artifact.files:
        there = folder / Path(file.path).name
        assert os.path.samefile(there, Path(artifact.path) / file.path), "a hard link takes no room"
    assert not handover(artifact, "lmstudio", environment).written, "a second time there is nothing to do"


def test_for_ollama_a_modelfile_and_the_command(artifact: Artifact) -> None:
    made = handover(artifact, "ollama", {})
    text = Path(made.written[0]).read_text()
    assert text.startswith("FROM /") and text.splitlines()[0].endswith(".gguf")
    assert made.commands == (("ollama", "create", "a-model:q4_k_m", "-f", made.written[0]),)
    assert any("split" in note for note in made.notes)


def test_ollama_is_run_when_it_is_there(artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = handover(artifact, "ollama", {})
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(ModelpickError, match="not installed"):
        create_in_ollama(made)
    program = tmp_path / "bin" / "ollama"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\n[ "$1" = create ] && echo "success: $2" || exit 3\n')
    program.chmod(0o755)
    assert create_in_ollama(made) == "success: a-model:q4_k_m"
    program.write_text("#!/bin/sh\necho 'no room' >&2\nexit 1\n")
    with pytest.raises(ModelpickError, match="ended with 1: no room"):
        create_in_ollama(made)
    assert subprocess.run([program], check=False, capture_output=True).returncode == 1


def test_source_weights_go_to_the_programs_that_run_them(tmp_path: Path) -> None:
    made = Artifact(str(tmp_path), "m", "org/m", "1" * 40, "safetensors", None, (), None, "")
    assert handover(made, "vllm", {}).commands[0][:2] == ("vllm", "serve")
    assert handover(made, "transformers", {}).commands
    with pytest.raises(UsageError, match="GGUF") as caught:
        handover(made, "lmstudio", {})
    assert caught.value.hint and "quantise" in caught.value.hint
    vision = replace(
        made,
        format="gguf",
        files=(ArtifactFile("mmproj-f16.gguf", 1, "0"), ArtifactFile("z-Q4_K_M.gguf", 1, "0")),
    )
    command = handover(vision, "llama.cpp", {}).commands[0]
    assert command[2].endswith("z-Q4_K_M.gguf") and command[3] == "--mmproj"


def test_safetensors_make_a_manifest_too(hub: Hub, plan: Planner, download: Callable[..., Artifact]) -> None:
    hub.add(Repo("org/source", {"model.safetensors": safetensors(), "config.json": b"{}", "tokenizer.json": b"{}"}))
    made = download(plan("org/source", format="safetensors"))
    manifest.write(made)
    (check,) = verify(Path(made.path), nothing)
    assert check.ok and [file.path for file in check.files] == ["config.json", "model.safetensors", "tokenizer.json"]


def test_on_another_disk_the_files_are_copied_whole(artifact: Artifact, tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    folder = other / f"modelpick-test-{os.getpid()}"
    try:
        made = handover(artifact, "lmstudio", {"LMSTUDIO_MODELS": str(folder)})
        assert any("copied" in note for note in made.notes)
        assert all(Path(path).read_bytes() for path in made.written) and len(made.written) == 2
        assert not list(folder.rglob("*.part"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
