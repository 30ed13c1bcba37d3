"""The right files of the right repository, pinned, with what this disk says of them."""

from pathlib import Path

import pytest
from tests.acquisition.conftest import QUICK, Planner
from tests.acquisition.weights import gguf, safetensors
from tests.hubserver import Hub, Repo

from modelpick.acquisition.interface import HubSettings, Source, Wish
from modelpick.acquisition.plan import make_plan, ordered
from modelpick.errors import AccessError, IntegrityError, NotFoundError


def many(*quantisations: str) -> dict[str, object]:
    return {f"m-{name}.gguf": gguf(seed=number) for number, name in enumerate(quantisations)}


def test_the_asked_quantisation_in_any_spelling(hub: Hub, plan: Planner) -> None:
    repo = hub.add(Repo("org/model-GGUF", many("Q4_K_M", "Q8_0", "UD-Q4_K_XL"), card={"license": "mit"}))  # type: ignore[arg-type]
    for spelling in ("q4-k-m", "Q4_K_M"):
        made = plan(quantisation=spelling)
        assert [file.path for file in made.files] == ["m-Q4_K_M.gguf"]
    assert made.commit == repo.commit and made.repo == "org/model-GGUF"
    assert made.alternatives == ("Q8_0", "UD-Q4_K_XL")
    assert made.card and made.card.license == "mit"
    size, sha, _ = hub.facts(repo.files["m-Q4_K_M.gguf"])
    assert (made.files[0].bytes, made.files[0].sha256) == (size, sha)
    assert made.total_bytes == made.missing_bytes == size
    assert made.disk_free_bytes and made.disk_free_bytes > 0
    assert [file.path for file in plan(quantisation="ud-q4_k_xl").files] == ["m-UD-Q4_K_XL.gguf"]


def test_without_a_wish_the_middle_road_and_not_the_largest(hub: Hub, plan: Planner) -> None:
    hub.add(Repo("org/model-GGUF", many("BF16", "Q2_K", "Q4_K_M", "Q8_0")))  # type: ignore[arg-type]
    assert plan().quantisation == "Q4_K_M"


def test_all_parts_of_a_split_in_a_subfolder_and_the_projector(hub: Hub, plan: Planner) -> None:
    parts = {f"Q4_K_M/m-Q4_K_M-{n:05}-of-00003.gguf": gguf(seed=n) for n in (1, 2, 3)}
    others = {f"Q8_0/m-Q8_0-{n:05}-of-00002.gguf": gguf(seed=9 + n) for n in (1, 2)}
    eyes = {"mmproj-m-f16.gguf": gguf(seed=20), "mmproj-m-f32.gguf": gguf(seed=21), "m.imatrix.gguf": gguf(seed=22)}
    hub.add(Repo("org/model-GGUF", {**parts, **others, **eyes, "run.py": b"print()"}))
    made = plan(quantisation="q4_k_m")
    assert [file.path for file in made.files] == [*parts, "mmproj-m-f16.gguf"]
    assert any("projector" in note for note in made.notes)


def test_half_of_a_split_model_is_refused(hub: Hub, plan: Planner) -> None:
    hub.add(Repo("org/model-GGUF", {f"m-Q4_K_M-{n:05}-of-00003.gguf": gguf(seed=n) for n in (1, 3)}))
    with pytest.raises(IntegrityError, match="part 2 of 3"):
        plan()


def test_an_absent_quantisation_names_what_is_there(hub: Hub, plan: Planner) -> None:
    hub.add(Repo("org/model-GGUF", many("Q4_K_M", "Q8_0")))  # type: ignore[arg-type]
    with pytest.raises(NotFoundError, match="Q4_K_M, Q8_0") as caught:
        plan(quantisation="Q3_K_S")
    assert caught.value.hint and "quantise" in caught.value.hint


def test_source_weights_without_code_pickles_or_copies(hub: Hub, plan: Planner) -> None:
    wanted = {
        "model-00001-of-00002.safetensors": safetensors(seed=1),
        "model-00002-of-00002.safetensors": safetensors(seed=2),
        "model.safetensors.index.json": b"{}",
        "config.json": b"{}",
        "tokenizer.json": b"{}",
        "tokenizer.model": b"sp",
        "merges.txt": b"m",
        "chat_template.jinja": b"{{ x }}",
        "LICENSE": b"MIT",
        "1_Pooling/config.json": b"{}",
    }
    others = {
        "modeling_evil.py": b"import os",
        "pytorch_model.bin": gguf(seed=3),
        "pytorch_model.bin.index.json": b"{}",
        "consolidated.safetensors": safetensors(seed=4),
        "model.fp16-00001-of-00002.safetensors": safetensors(seed=5),
        "onnx/model.onnx": gguf(seed=6),
        "onnx/config.json": b"{}",
        "README.md": b"# x",
        ".gitattributes": b"*",
        "training_args.bin": b"x",
        "tf_model.h5": gguf(seed=7),
    }
    hub.add(Repo("org/source", {**wanted, **others}))
    made = plan("org/source", format="safetensors")
    assert sorted(file.path for file in made.files) == sorted(wanted)
    again = plan("org/source", format="safetensors", allow_pickle=True)
    assert again.files == made.files, "never a pickle when safetensors exist"


def test_pickles_only_when_allowed(hub: Hub, plan: Planner) -> None:
    hub.add(Repo("org/old", {"pytorch_model.bin": gguf(), "config.json": b"{}", "optimizer.pt": gguf(seed=2)}))
    with pytest.raises(NotFoundError, match="pickle") as caught:
        plan("org/old", format="safetensors")
    assert caught.value.hint and "--allow-pickle" in caught.value.hint
    made = plan("org/old", format="safetensors", allow_pickle=True)
    assert made.format == "pickle"
    assert [file.path for file in made.files] == ["config.json", "pytorch_model.bin"]
    assert any("code" in note for note in made.notes)


def test_hostile_names_are_left_out_and_said(hub: Hub, plan: Planner) -> None:
    entries = tuple(
        {"type": "file", "oid": "0" * 40, "size": 3, "path": path}
        for path in ("../../x-Q4_K_M.gguf", "C:\\x-Q4_K_M.gguf", "y" * 4000 + "-Q4_K_M.gguf", "a\x1b[2J-Q4_K_M.gguf")
    )
    hub.add(Repo("org/model-GGUF", many("Q4_K_M"), extra_tree=entries))  # type: ignore[arg-type]
    made = plan()
    assert [file.path for file in made.files] == ["m-Q4_K_M.gguf"]
    assert any("4 files with unsafe names" in note for note in made.notes)
    assert all(note.isprintable() for note in made.notes)


def test_a_listing_of_100_000_files(hub: Hub, plan: Planner) -> None:
    entries = tuple({"type": "file", "oid": "0" * 40, "size": 3, "path": f"shards/{n:06}.txt"} for n in range(100_000))
    hub.add(Repo("org/model-GGUF", many("Q4_K_M"), extra_tree=entries))  # type: ignore[arg-type]
    assert [file.path for file in plan().files] == ["m-Q4_K_M.gguf"]
    assert len(hub.requests("/tree/")) == 101, "one request a page, and no page twice"


def test_a_renamed_repository_is_followed_and_said(hub: Hub, plan: Planner) -> None:
    hub.add(Repo("new/model-GGUF", many("Q4_K_M")))  # type: ignore[arg-type]
    hub.renamed["org/model-GGUF"] = "new/model-GGUF"
    made = plan()
    assert (made.repo, made.renamed_from) == ("new/model-GGUF", "org/model-GGUF")
    assert any("now called" in note for note in made.notes)


def test_the_publisher_first_then_known_repackagers_then_source(
    hub: Hub, settings: HubSettings, environment: dict[str, str]
) -> None:
    sources = (
        Source("maker/m", "safetensors", True),
        Source("somebody/m-GGUF", "gguf", False),
        Source("TheBloke/m-GGUF", "gguf", False),
        Source("bartowski/m-GGUF", "gguf", False),
        Source("maker/m-GGUF", "gguf", True),
    )
    names = [source.repo for source in ordered(sources)]
    assert names == ["maker/m-GGUF", "bartowski/m-GGUF", "TheBloke/m-GGUF", "somebody/m-GGUF", "maker/m"]
    hub.add(Repo("bartowski/m-GGUF", many("Q4_K_M")))  # type: ignore[arg-type]
    hub.add(Repo("maker/m", {"model.safetensors": safetensors(), "config.json": b"{}"}))
    first = make_plan(Wish("m", sources), settings, environment, patience=QUICK)
    assert first.repo == "bartowski/m-GGUF"
    assert any("passed over" in note and "maker/m-GGUF" in note for note in first.notes)
    del hub.repos["bartowski/m-GGUF"]
    last = make_plan(Wish("m", sources), settings, environment, patience=QUICK)
    assert (last.repo, last.format) == ("maker/m", "safetensors")
    assert any("source weights" in note for note in last.notes)


def test_a_gated_repository_is_planned_with_its_gate(hub: Hub, plan: Planner) -> None:
    hub.add(Repo("org/model-GGUF", many("Q4_K_M"), gated="manual"))  # type: ignore[arg-type]
    made = plan()
    assert made.gated == "manual" and not made.accessible
    assert any("agree" in note for note in made.notes)


def test_a_private_repository_wants_a_token(hub: Hub, plan: Planner) -> None:
    hub.add(Repo("org/model-GGUF", many("Q4_K_M"), private=True, allowed_tokens=("hf_x",)))  # type: ignore[arg-type]
    with pytest.raises(AccessError, match="401"):
        plan()


def test_a_revision_is_pinned_to_its_commit(hub: Hub, plan: Planner) -> None:
    old = hub.add(Repo("org/model-GGUF", many("Q4_K_M"), commit="1" * 40))  # type: ignore[arg-type]
    hub.add(Repo("org/model-GGUF", many("Q4_K_M", "Q8_0"), commit="2" * 40))  # type: ignore[arg-type]
    assert plan().commit == "2" * 40
    assert plan(revision=old.commit).commit == "1" * 40
    with pytest.raises(NotFoundError, match="revision"):
        plan(revision="no-such-branch")


def test_the_license_text_comes_with_the_card(hub: Hub, plan: Planner) -> None:
    hub.add(Repo("org/model-GGUF", {**many("Q4_K_M"), "LICENSE": b"Permission is hereby granted"}))  # type: ignore[dict-item]
    made = plan()
    assert made.card and made.card.license_text == "Permission is hereby granted"


def test_what_is_here_is_seen(hub: Hub, plan: Planner, download: object, tmp_path: Path) -> None:
    hub.add(Repo("org/model-GGUF", many("Q4_K_M")))  # type: ignore[arg-type]
    made = plan()
    download(made)  # type: ignore[operator]
    again = plan()
    assert again.files[0].present and again.missing_bytes == 0
    elsewhere = plan(folder=tmp_path / "dir")
    assert not elsewhere.files[0].present
    assert elsewhere.layout == "folder"
