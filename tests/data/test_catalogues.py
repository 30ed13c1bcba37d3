"""Licences, accelerators and collections."""

from __future__ import annotations

from collections import Counter
from typing import Any


def test_the_catalogue_of_licences_is_whole(licenses: dict[str, dict[str, Any]]) -> None:
    assert len(licenses) >= 154
    for key, entry in licenses.items():
        for name in ("name", "family", "commercial_use", "derivative_rule", "source_url", "confidence"):
            assert entry.get(name), (key, name)
        assert entry["commercial_use"] in {"yes", "conditional", "no", "unknown"}, key
        assert isinstance(entry["osi_approved"], bool) and isinstance(entry["default_for_hf_tag"], bool), key
        for condition in entry.get("conditions", []):
            assert set(condition) <= {"kind", "value", "unit", "text"} and condition["text"], key


def test_one_entry_speaks_for_each_hub_key(licenses: dict[str, dict[str, Any]]) -> None:
    tags = Counter(entry["hf_tag"] for entry in licenses.values() if entry["default_for_hf_tag"] and "hf_tag" in entry)
    assert [tag for tag, count in tags.items() if count > 1] == []
    assert {"apache-2.0", "mit", "llama3.1", "gemma", "openrail++", "cc-by-nc-4.0", "other", "unknown"} <= set(tags)


def test_conditions_carry_their_figures(licenses: dict[str, dict[str, Any]]) -> None:
    limits = {c["kind"]: c for c in licenses["llama3.1"]["conditions"]}
    assert limits["mau-limit"]["value"] == 700_000_000


def test_accelerators_are_all_there_with_sane_figures(accelerators: list[dict[str, Any]]) -> None:
    assert len(accelerators) >= 254
    names = Counter((entry["vendor"], entry["name"]) for entry in accelerators)
    assert max(names.values()) == 1
    for entry in accelerators:
        assert 0.5 <= entry.get("memory_gb", 8) <= 1024, entry["name"]
        assert 10 <= entry.get("memory_bandwidth_gb_s", 100) <= 30_000, entry["name"]
        assert 2008 <= entry["release_year"] <= 2027, entry["name"]
        assert isinstance(entry["unified"], bool), entry["name"]


def test_a_known_card_reads_as_printed(accelerators: list[dict[str, Any]]) -> None:
    card = next(entry for entry in accelerators if entry["name"] == "GeForce RTX 4090")
    assert (card["memory_gb"], card["compute_capability"], card["unified"]) == (24.0, "8.9", False)
    assert round(card["memory_bandwidth_gb_s"]) == 1008


def test_the_books_table_is_kept_as_printed(
    collections: dict[str, dict[str, Any]], models: dict[str, dict[str, Any]]
) -> None:
    table = collections["book-table-5"]
    assert [row["name"] for row in table["rows"]] == [
        "Mistral 7B", "LLaMA-2 13B", "LLaMA-2 7B", "Persimmon 8B", "WizardLM 13B", "WizardLM 7B", "Falcon 7B", "MPT 7B",
    ]  # fmt: skip
    assert table["members"] == [row["slug"] for row in table["rows"]]
    assert all(slug in models for slug in table["members"])
    assert [row["vram_gb"] for row in table["rows"]] == ["17+", "29+", "15.8+", "20.8+", "30+", "15.8+", "16+", "15.5+"]
    assert [row["commercial_use"] for row in table["rows"]].count("❌") == 1
    assert all(row["check"] for row in table["rows"])
