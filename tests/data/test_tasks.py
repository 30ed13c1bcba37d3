"""Tasks decide what is recommended for what: nobody wants to chat with a reward model or an adapter."""

from __future__ import annotations

import re
from typing import Any

Models = dict[str, dict[str, Any]]

_NO_CHAT = re.compile(
    r"guard|reward|-prm\b|-rm\b|eagle|draft|classif|embed|rerank|-step-|(^|-)base(-|$)|-pt$|-ocr|ocr-"
)


def test_what_its_name_says_is_no_assistant_is_not_offered_for_chat(models: Models) -> None:
    named = {slug for slug, model in models.items() if _NO_CHAT.search(slug) and "chat" in model["tasks"]}
    # Baidu's "-PT" is the PyTorch form of a chat model.
    assert {slug for slug in named if not slug.startswith("ernie-")} == set()


def test_adapters_and_bases_are_not_offered_for_chat(models: Models) -> None:
    for slug, model in models.items():
        if model["relation"] == "adapter":
            assert model["tasks"] == ["other"], slug
        if model["relation"] == "base" and model["downloadable"] and "chat" in model["tasks"]:
            assert slug in {"codestral-22b-v0.1", "mamba-codestral-7b-v0.1", "fastvlm-0.5b", "fastvlm-7b"}, slug


def test_instruct_text_models_are_offered_for_chat(models: Models) -> None:
    narrow = {
        slug
        for slug, model in models.items()
        if model["modality"] in {"text", "code"} and model["relation"] == "instruct" and "chat" not in model["tasks"]
    }
    assert narrow == {
        "deepseek-v3.2-speciale", "mobilellm-r1-950m", "qwen2.5-math-1.5b-instruct", "qwen2.5-math-7b-instruct",
    }  # fmt: skip


def test_the_modality_shows_in_the_tasks(models: Models) -> None:
    expected = {
        "embedding": "embedding", "reranker": "rerank", "speech-to-text": "speech-to-text", "text-to-image": "image",
        "text-to-speech": "text-to-speech", "text-to-video": "video", "mask-generation": "segmentation",
        "image-segmentation": "segmentation", "translation": "translation", "text-classification": "classification",
        "code": "code",
    }  # fmt: skip
    for slug, model in models.items():
        if task := expected.get(model["modality"]):
            # Proofs are written in code, but whoever asks for code wants none.
            assert task in model["tasks"] or (task == "code" and model["tasks"] == ["theorem-proving"]), slug
        if model["modality"] in {"embedding", "reranker", "text-to-image", "text-to-speech", "text-to-video"}:
            assert not {"chat", "completion", "code"} & set(model["tasks"]), slug


def test_a_weight_difference_is_no_file_to_run(models: Models) -> None:
    for slug, model in models.items():
        if model["access"] == "weights-delta":
            formats = {variant["format"] for variant in model.get("variants", []) if variant["publisher"] == "official"}
            assert formats <= {"delta"}, slug
