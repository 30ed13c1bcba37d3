"""What must hold for the text of the models before anything is built from it."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from typing import Any

import pytest
from tests.data.parameters import totals

Models = dict[str, dict[str, Any]]

REQUIRED = {
    "slug": str, "name": str, "developer": str, "relation": str, "modality": str, "tasks": list, "access": str,
    "downloadable": bool, "confidence": str, "sources": list,
}  # fmt: skip
ORDER = [
    "slug", "name", "developer", "hf_repo", "hf_repo_note", "relation",
    "modality", "tasks", "released", "access", "downloadable", "gated",
    "params_total", "params_exact", "params_active", "params_source", "training_tokens", "training_tokens_status",
    "training_data_note", "datasets", "context_length", "languages", "capabilities", "license",
    "license_name", "license_note", "license_key", "commercial_use_first_reading", "commercial_use_why", "aliases",
    "ollama_tag", "era", "special", "limitations", "seed_discrepancy", "notes",
    "confidence", "sources", "read_on", "field_sources", "arch", "base",
    "variants", "vram", "benchmarks",
]  # fmt: skip
TASKS = {
    "chat", "completion", "code", "reasoning", "embedding", "rerank", "vision", "speech-to-text", "text-to-speech",
    "image", "video", "audio", "image-classification", "segmentation", "translation", "classification",
    "theorem-proving", "other",
}  # fmt: skip
RELATIONS = {"base", "instruct", "finetune", "adapter", "distilled", "quantized", "pruned", "merge", "adapted"}
ACCESS = {"open-weights", "weights-delta", "request", "api", "service", "closed"}
VARIANT = {"format", "quantisation", "repo", "publisher", "files", "bytes", "bytes_origin", "source"}
BENCHMARK = {"metric", "value", "value_text", "setting", "kind", "source", "date", "verified"}


def test_nothing_was_lost(models: Models) -> None:
    assert len(models) >= 1131


def test_slugs_are_unique_and_in_order(families: dict[str, dict[str, Any]]) -> None:
    slugs = Counter(model["slug"] for family in families.values() for model in family["model"])
    assert [slug for slug, count in slugs.items() if count > 1] == []
    for stem, family in families.items():
        listed = [model["slug"] for model in family["model"]]
        assert listed == sorted(listed), stem
        assert all(re.fullmatch(r"[a-z0-9][a-z0-9.+_-]*", slug) for slug in listed), stem


def test_a_file_is_named_after_its_family(families: dict[str, dict[str, Any]]) -> None:
    for stem, family in families.items():
        expected = re.sub(r"[^a-z0-9.]+", "-", family["family"].lower().replace("+", "plus")).strip("-")
        assert stem == expected


def test_required_fields_are_there_with_their_types(models: Models) -> None:
    for slug, model in models.items():
        for name, kind in REQUIRED.items():
            assert isinstance(model.get(name), kind), (slug, name)


def test_keys_are_known_and_stand_in_the_documented_order(models: Models) -> None:
    for slug, model in models.items():
        assert set(model) <= set(ORDER), (slug, set(model) - set(ORDER))
        written = [name for name in model if name in ORDER]
        assert written == sorted(written, key=ORDER.index), slug


def test_words_come_from_the_closed_lists(models: Models) -> None:
    for slug, model in models.items():
        assert model["tasks"] and set(model["tasks"]) <= TASKS, slug
        assert len(set(model["tasks"])) == len(model["tasks"]), slug
        assert model["relation"] in RELATIONS, slug
        assert model["access"] in ACCESS, slug
        assert model["confidence"] in {"high", "medium", "low"}, slug
        assert model.get("training_tokens_status") in {None, "confirmed", "single-source", "recalled"}, slug
        assert model.get("era") in {None, "before-public-awareness", "early", "current"}, slug


def test_a_row_has_a_source_or_says_that_it_has_none(models: Models) -> None:
    assert [slug for slug, model in models.items() if not model["sources"] and model["confidence"] != "low"] == []


def test_unknown_is_absent_never_zero_or_empty(models: Models) -> None:
    numbers = ("params_total", "params_active", "training_tokens", "context_length")
    for slug, model in models.items():
        assert all(model[name] > 0 for name in numbers if name in model), slug
        assert all(value not in ("", []) for name, value in model.items() if name != "sources"), slug


@pytest.mark.parametrize("name", ["released", "read_on"])
def test_dates_are_dates_and_not_in_the_future(models: Models, name: str) -> None:
    for slug, model in models.items():
        if name not in model:
            continue
        found = re.fullmatch(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?", model[name])
        assert found, slug
        read = date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
        assert date(2017, 1, 1) <= read <= date(2026, 11, 24), slug


def test_contexts_and_training_tokens_are_plausible(models: Models) -> None:
    for slug, model in models.items():
        assert 32 <= model.get("context_length", 4096) <= 20_000_000, slug
        assert 10**9 <= model.get("training_tokens", 10**12) <= 10**14, slug


def test_active_parameters_are_fewer_than_all(models: Models) -> None:
    for slug, model in models.items():
        if "params_active" in model and "params_total" in model:
            assert model["params_active"] <= model["params_total"], slug


def test_every_parent_is_a_row_or_a_repository_or_a_name(models: Models) -> None:
    by_repo = {model["hf_repo"].lower() for model in models.values() if "hf_repo" in model}
    for slug, model in models.items():
        for base in model.get("base", []):
            parent = base["parent"]
            assert set(base) <= {"parent", "relation", "source"}, slug
            assert base["relation"] in (RELATIONS | {"teacher"}) - {"base"}, slug
            assert parent != slug
            assert parent.lower() not in by_repo, f"{slug}: write the parent as its slug"
            known = parent in models or re.fullmatch(r"[\w.-]+/[\w.-]+", parent)
            assert known or parent == "nvidia-nemotron-3.5-lightning-30b-a3b-base", slug


def test_lineage_has_no_circle(models: Models) -> None:
    for slug in models:
        seen, todo = set(), [slug]
        while todo:
            here = todo.pop()
            assert here not in seen or here != slug, slug
            seen.add(here)
            todo += [base["parent"] for base in models.get(here, {}).get("base", []) if base["parent"] not in seen]
            assert not any(base["parent"] == slug for base in models.get(here, {}).get("base", [])), slug


def test_one_repository_belongs_to_one_row(models: Models) -> None:
    repos = Counter(model["hf_repo"].lower() for model in models.values() if "hf_repo" in model)
    # Koala's two sizes were published as weight differences in one repository.
    assert [repo for repo, count in repos.items() if count > 1] == ["young-geng/koala"]


def test_variants_are_complete_and_of_downloadable_models(models: Models) -> None:
    for slug, model in models.items():
        variants = model.get("variants", [])
        assert all(set(variant) <= VARIANT for variant in variants), slug
        assert all(re.fullmatch(r"[\w.-]+/[\w.+-]+", variant["repo"]) for variant in variants), slug
        assert all(variant["publisher"] in {"official", "community"} for variant in variants), slug
        keys = [(variant["repo"].lower(), variant["format"], variant.get("quantisation")) for variant in variants]
        assert len(set(keys)) == len(keys), slug
        if model["downloadable"] and "hf_repo" in model:
            assert any(variant["repo"] == model["hf_repo"] for variant in variants), slug
        if not model["downloadable"]:
            assert not any(variant["publisher"] == "official" for variant in variants), slug


def test_benchmarks_say_what_where_and_whether_anybody_looked(models: Models) -> None:
    count = 0
    for slug, model in models.items():
        for score in model.get("benchmarks", []):
            count += 1
            assert set(score) <= BENCHMARK, slug
            assert ("value" in score) != ("value_text" in score), slug
            assert score.get("kind") in {None, "third-party", "self-reported"}, slug
            assert isinstance(score["verified"], bool) and score["source"], slug
    assert count >= 3808


def test_arena_scores_carry_their_licence(models: Models) -> None:
    arena = [s for m in models.values() for s in m.get("benchmarks", []) if "lmarena-ai/leaderboard" in s["source"]]
    assert arena and all("CC BY 4.0" in score["source"] for score in arena)


def test_licence_keys_are_in_the_catalogue(models: Models, licenses: dict[str, dict[str, Any]]) -> None:
    assert [slug for slug, m in models.items() if m.get("license_key", "mit") not in licenses] == []


def test_a_downloadable_model_declares_a_licence_or_is_on_the_list(models: Models) -> None:
    silent = {slug for slug, model in models.items() if model["downloadable"] and "license" not in model}
    assert silent == {
        "codi", "flint", "inkling-2-small", "nemotron-3.5-asr-streaming-0.6b",
        "nvidia-nemotron-3.5-super-vl-120b-a12b", "vicuna-13b-v0", "vicuna-13b-v1.1", "vicuna-13b-v1.3",
        "vicuna-33b-v1.3", "vicuna-7b-v0", "vicuna-7b-v1.1", "vicuna-7b-v1.3",
    }  # fmt: skip


def test_totals_agree_with_the_architecture_or_the_notes_say_why(models: Models) -> None:
    checked, silent = 0, []
    for slug, model in models.items():
        if model["modality"] not in {"text", "code", "vision-language"} or not model["downloadable"]:
            continue
        counts = totals(model.get("arch", {}))
        if not counts or "params_total" not in model:
            continue
        checked += 1
        off = min(abs(count / model["params_total"] - 1) for count in counts)
        if off > 0.035 and "architecture numbers" not in model.get("notes", ""):
            silent.append((slug, round(off, 3)))
    assert checked > 500
    assert silent == []
