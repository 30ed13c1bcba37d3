"""What is on a disk already: found in every store, and taken over by its hash."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.acquisition.conftest import Events, Planner
from tests.acquisition.weights import gguf, safetensors
from tests.hubserver import Generated, Hub, Repo

from modelpick.acquisition.interface import Artifact, Installed
from modelpick.acquisition.settings import hub_settings
from modelpick.acquisition.stores import installed

MIB = 1 << 20


def write(path: Path, content: Generated | bytes) -> str:
    """Write a content, and its sha256."""
    data = content if isinstance(content, bytes) else b"".join(content.all())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def ollama(
    root: Path, place: str, content: Generated, file_type: str = "Q4_K_M", projector: Generated | None = None
) -> str:
    """A model in an Ollama store; the hash of its weights."""
    layers = []
    for kind, part in (("model", content), ("projector", projector)):
        if part is not None:
            data = b"".join(part.all())
            digest = hashlib.sha256(data).hexdigest()
            write(root / "blobs" / f"sha256-{digest}", data)
            layers.append(
                {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": f"sha256:{digest}", "size": len(data)}
            )
    config = json.dumps({"model_format": "gguf", "model_family": "llama", "file_type": file_type}).encode()
    digest = write(root / "blobs" / "config", config)
    (root / "blobs" / "config").rename(root / "blobs" / f"sha256-{digest}")
    manifest = {"schemaVersion": 2, "config": {"digest": f"sha256:{digest}"}, "layers": layers}
    write(root / "manifests" / place, json.dumps(manifest).encode())
    return str(layers[0]["digest"]).removeprefix("sha256:")


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "OLLAMA_MODELS": str(tmp_path / "ollama"), "HF_HOME": str(tmp_path / "hf")}


def by_name(environment: dict[str, str]) -> dict[str, Installed]:
    return {model.name: model for model in installed(environment)}


def test_nothing_is_found_on_an_empty_disk(home: dict[str, str]) -> None:
    assert installed(home) == ()


def test_ollamas_store(tmp_path: Path, home: dict[str, str]) -> None:
    root = tmp_path / "ollama"
    digest = ollama(root, "registry.ollama.ai/library/llama3.2/1b", gguf(MIB), projector=gguf(MIB, seed=2))
    ollama(root, "registry.ollama.ai/someone/tuned/latest", gguf(MIB, seed=3), file_type="Q8_0")
    ollama(root, "hf.co/bartowski/Some-GGUF/Q5_K_M", gguf(MIB, seed=4), file_type="unknown")
    write(root / "manifests/registry.ollama.ai/library/broken/latest", b"{not json")
    found = by_name(home)
    assert set(found) == {"llama3.2:1b", "someone/tuned:latest", "hf.co/bartowski/Some-GGUF:Q5_K_M"}
    model = found["llama3.2:1b"]
    assert (model.store, model.format, model.quantisation, model.complete) == ("ollama", "gguf", "Q4_K_M", True)
    assert model.sha256[0] == digest and len(model.files) == 2
    assert model.bytes == sum(Path(file).stat().st_size for file in model.files)
    assert found["hf.co/bartowski/Some-GGUF:Q5_K_M"].repo == "bartowski/Some-GGUF"


def test_an_ollama_model_with_a_cut_blob_is_not_whole(tmp_path: Path, home: dict[str, str]) -> None:
    digest = ollama(tmp_path / "ollama", "registry.ollama.ai/library/m/latest", gguf(MIB))
    blob = tmp_path / "ollama/blobs" / f"sha256-{digest}"
    blob.write_bytes(blob.read_bytes()[:1000])
    assert not by_name(home)["m:latest"].complete


def test_lm_studios_folder_wherever_it_is(tmp_path: Path, home: dict[str, str]) -> None:
    models = tmp_path / "elsewhere"
    write(tmp_path / ".lmstudio/settings.json", json.dumps({"downloadsFolder": str(models)}).encode())
    write(models / "bartowski/M-GGUF/M-Q4_K_M-00001-of-00002.gguf", gguf(MIB))
    write(models / "bartowski/M-GGUF/M-Q4_K_M-00002-of-00002.gguf", gguf(MIB, seed=2))
    write(models / "bartowski/M-GGUF/mmproj-M-f16.gguf", gguf(MIB, seed=3))
    write(models / "mlx-community/M-4bit/model.safetensors", safetensors(MIB))
    write(models / "half/M-GGUF/M-Q8_0-00001-of-00002.gguf", gguf(MIB, seed=4))
    found = by_name(home)
    assert set(found) == {"bartowski/M-GGUF:Q4_K_M", "mlx-community/M-4bit", "half/M-GGUF:Q8_0"}
    assert len(found["bartowski/M-GGUF:Q4_K_M"].files) == 3
    assert found["mlx-community/M-4bit"].format == "safetensors"
    assert not found["half/M-GGUF:Q8_0"].complete
    override = home | {"LMSTUDIO_MODELS": str(tmp_path / "none")}
    assert not by_name(override)


def test_llama_cpps_cache(tmp_path: Path, home: dict[str, str]) -> None:
    cache = tmp_path / "llama"
    digest = write(cache / "org_M-GGUF_M-Q4_K_M.gguf", gguf(MIB))
    notes = {"url": "https://huggingface.co/org/M-GGUF/resolve/main/M-Q4_K_M.gguf", "etag": f'"{digest}"'}
    write(cache / "org_M-GGUF_M-Q4_K_M.gguf.json", json.dumps(notes).encode())
    write(cache / "lonely.gguf", gguf(MIB, seed=2))
    found = by_name(home | {"LLAMA_CACHE": str(cache)})
    assert set(found) == {"org/M-GGUF:Q4_K_M", "lonely"}
    assert found["org/M-GGUF:Q4_K_M"].sha256 == (digest,)


def test_the_hubs_cache(
    hub: Hub, plan: Planner, download: Callable[..., Artifact], settings: Any, home: dict[str, str]
) -> None:
    hub.add(Repo("org/model-GGUF", {"m-Q4_K_M.gguf": gguf(MIB), "m-Q8_0.gguf": gguf(MIB, seed=2)}))
    hub.add(Repo("org/source", {"model.safetensors": safetensors(MIB), "config.json": b"{}"}))
    for made in (plan(quantisation="Q4_K_M"), plan(quantisation="Q8_0"), plan("org/source", format="safetensors")):
        download(made)
    found = by_name(home | {"HF_HUB_CACHE": str(settings.cache)})
    assert set(found) == {"org/model-GGUF:Q4_K_M", "org/model-GGUF:Q8_0", "org/source"}
    model = found["org/model-GGUF:Q4_K_M"]
    assert model.sha256 == (hub.facts(hub.repos["org/model-GGUF"].files["m-Q4_K_M.gguf"])[1],)
    assert model.commit == hub.repos["org/model-GGUF"].commit and model.complete
    Path(found["org/source"].files[0]).resolve().unlink()
    assert not by_name(home | {"HF_HUB_CACHE": str(settings.cache)})["org/source"].complete


def test_the_settings_follow_the_librarys_variables(tmp_path: Path) -> None:
    assert hub_settings({"HOME": "/x"}).endpoint == "https://huggingface.co"
    settings = hub_settings(
        {"HF_ENDPOINT": "https://mirror.example/", "HF_HOME": str(tmp_path), "HF_TOKEN": "hf_a", "HF_HUB_OFFLINE": "1"}
    )
    assert (settings.endpoint, settings.token, settings.offline) == ("https://mirror.example", "hf_a", True)
    assert settings.cache == tmp_path / "hub"
    (tmp_path / "token").write_text("hf_kept\n")
    assert hub_settings({"HF_HOME": str(tmp_path)}).token == "hf_kept"
    assert hub_settings({"HF_HOME": str(tmp_path), "HF_HUB_CACHE": "/c"}).cache == Path("/c")


@pytest.mark.parametrize("store", ["ollama", "lmstudio", "llama.cpp", "another repository"])
@pytest.mark.parametrize("layout", ["cache", "folder"])
def test_a_file_that_is_here_is_not_fetched_again(
    store: str,
    layout: str,
    hub: Hub,
    plan: Planner,
    download: Callable[..., Artifact],
    environment: dict[str, str],
    settings: Any,
    tmp_path: Path,
) -> None:
    content = gguf(2 * MIB)
    hub.add(Repo("org/model-GGUF", {"m-Q4_K_M.gguf": content}))
    sha = hub.facts(content)[1]
    environment["LLAMA_CACHE"] = str(tmp_path / "llama")
    match store:
        case "ollama":
            ollama(tmp_path / "ollama", "registry.ollama.ai/library/m/latest", content)
        case "lmstudio":
            write(Path(environment["HOME"]) / ".lmstudio/models/org/m/m-Q4_K_M.gguf", content)
        case "llama.cpp":
            write(tmp_path / "llama/org_m_m-Q4_K_M.gguf", content)
        case _:
            write(settings.cache / "models--other--copy/blobs" / sha, content)
    made = plan(folder=tmp_path / "to" if layout == "folder" else None)
    assert made.files[0].reuse_from and made.missing_bytes == 0
    events = Events()
    artifact = download(made, events)
    assert hub.sent() == 0
    assert artifact.files[0].sha256 == sha
    assert "reuse" in events.kinds()


def test_a_file_elsewhere_that_only_claims_the_hash_is_fetched(
    hub: Hub, plan: Planner, download: Callable[..., Artifact], settings: Any
) -> None:
    content = gguf(2 * MIB)
    hub.add(Repo("org/model-GGUF", {"m-Q4_K_M.gguf": content}))
    size, sha, _ = hub.facts(content)
    liar = settings.cache / "models--other--copy/blobs" / sha
    write(liar, b"\0" * size)
    artifact = download(plan())
    assert artifact.files[0].sha256 == sha and hub.sent() == size
    assert liar.read_bytes() == b"\0" * size, "another's file is not touched"


def test_a_liar_elsewhere_does_not_cost_what_was_fetched_before(
    hub: Hub, plan: Planner, download: Callable[..., Artifact], settings: Any
) -> None:
    content = gguf(2 * MIB)
    hub.add(Repo("org/model-GGUF", {"m-Q4_K_M.gguf": content}))
    size, sha, _ = hub.facts(content)
    from modelpick.acquisition.store import place

    made = plan()
    write(place(made, made.files[0]).partial, b"".join(content.pieces(0, MIB)))
    write(settings.cache / "models--other--copy/blobs" / sha, b"\0" * size)
    download(plan())
    assert hub.sent() == size - MIB
