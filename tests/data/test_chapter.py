"""Every system the book chapter names is a row, found by the name the chapter uses."""

from __future__ import annotations

import re
from typing import Any

import pytest

Models = dict[str, dict[str, Any]]

CHAPTER = {
    "PaLM 2": "palm-2", "PaLM-2": "palm-2", "ChatGPT": "chatgpt", "ChatGPT (GPT-3.5)": "chatgpt", "GPT-3.5": "gpt-3.5",
    "GPT-4": "gpt-4", "GPT-3": "gpt-3", "text-davinci-003": "text-davinci-003", "Bard": "bard", "Claude": "claude-1",
    "Claude 2": "claude-2", "StableAudio": "stable-audio-1.0", "Midjourney": "midjourney-v5.2",
    "Midjourney v5.1": "midjourney-v5.1", "DALL-E": "dall-e-1", "DALL·E": "dall-e-1", "GPT-J 6B": "gpt-j-6b",
    "GPT-NeoX 20B": "gpt-neox-20b", "GPT-NewX 20B": "gpt-neox-20b", "BLOOM": "bloom-176b", "OPT": "opt-175b",
    "Stable Diffusion": "stable-diffusion-v1-4", "LLaMA": "llama-7b", "LLaMA 7B": "llama-7b",
    "LLaMA 13B": "llama-13b", "LLaMA 33B": "llama-33b", "LLaMA 65B": "llama-65b", "Alpaca 7B": "alpaca-7b",
    "Alpaca-LoRA": "alpaca-lora-7b", "Vicuna": "vicuna-13b-v0", "Vicuna 13B": "vicuna-13b-v1.5",
    "LLaMA-Adapter": "llama-adapter-v1-7b", "Koala": "koala-13b", "Open Assistant": "oasst-sft-4-pythia-12b",
    "WizardLM": "wizardlm-30b-v1.0", "WizardLM 7B": "wizardlm-7b-v1.0", "WizardLM 13B": "wizardlm-13b-v1.2",
    "OpenLLaMA": "open-llama-7b-v1", "MPT": "mpt-7b", "MPT 7B": "mpt-7b", "MPT 30B": "mpt-30b",
    "MPT 7B-StoryWriter-65k+": "mpt-7b-storywriter", "Falcon": "falcon-40b", "Falcon 7B": "falcon-7b",
    "Falcon 40B": "falcon-40b", "Falcon 180B": "falcon-180b", "LLaMA-2": "llama-2-7b", "LLaMA 2": "llama-2-70b",
    "LLaMA-2 7B": "llama-2-7b", "llama2 7b": "llama-2-7b", "LLaMA-2 13B": "llama-2-13b", "LLaMA-2 70B": "llama-2-70b",
    "LLaMA-2 13B-Chat": "llama-2-13b-chat", "Stable Diffusion XL": "sdxl-base-1.0", "SDXL": "sdxl-base-1.0",
    "SDXL 0.9 base": "sdxl-base-0.9", "SDXL 0.9 refiner": "sdxl-refiner-0.9", "SDXL 1.0 base": "sdxl-base-1.0",
    "SDXL 1.0 refiner": "sdxl-refiner-1.0", "WizardCoder": "wizardcoder-15b-v1.0", "StarCoder": "starcoder",
    "Code LLaMA": "codellama-7b", "Persimmon 8B": "persimmon-8b-base", "Mistral 7B": "mistral-7b-v0.1",
    "Mistral 7B Instruct": "mistral-7b-instruct-v0.1", "XGen": "xgen-7b-8k-base", "OpenMoE": "openmoe-8b",
    "Whisper": "whisper-large-v2", "wav2vec": "wav2vec", "Wave2vec": "wav2vec", "Bark": "bark",
    "ViT": "vit-base-patch16-224", "SAM": "sam-vit-huge", "Imagen": "imagen", "Chinchilla 70B": "chinchilla-70b",
    "PaLM 540B": "palm-540b", "Flamingo": "flamingo-80b", "ViT 22B": "vit-22b", "ViT-L/14": "clip-vit-large-patch14",
}  # fmt: skip
CHAPTER |= {
    f"Code LLaMA {size}B{variant}": f"codellama-{size}b{variant.lower().replace(' ', '-')}"
    for size in (7, 13, 34)
    for variant in ("", " Python", " Instruct")
}


def normal_form(text: str) -> str:
    return re.sub(r"[^a-z0-9.+]+", "-", text.lower()).strip("-")


@pytest.fixture(scope="module")
def names(models: Models) -> list[dict[str, set[str]]]:
    """Names by kind, in the order in which the registry asks them: slug, repository, name, Ollama tag, alias."""
    kinds: list[dict[str, set[str]]] = [{}, {}, {}, {}, {}]
    for slug, model in models.items():
        own = [[slug], [model.get("hf_repo")], [model["name"]], [model.get("ollama_tag")], model.get("aliases", [])]
        for kind, given in zip(kinds, own, strict=True):
            for name in filter(None, given):
                kind.setdefault(normal_form(name), set()).add(slug)
    return kinds


@pytest.mark.parametrize(("name", "slug"), CHAPTER.items())
def test_the_chapters_names_find_their_row(names: list[dict[str, set[str]]], name: str, slug: str) -> None:
    key = normal_form(name)
    found = next((kind[key] for kind in names if key in kind), set())
    assert slug in found


def test_proprietary_systems_are_listed_and_never_downloadable(models: Models) -> None:
    closed = re.compile(
        r"palm-|chatgpt|gpt-3|gpt-4|claude-|stable-audio-1|midjourney|dall-e|bard|codex|imagen|text-davin"
    )
    listed = [model for slug, model in models.items() if closed.match(slug)]
    assert len(listed) >= 38
    assert not any(model["downloadable"] for model in listed)


def test_what_the_chapter_discusses_says_what_is_special_and_what_is_not(models: Models) -> None:
    discussed = [
        "palm-2", "chatgpt", "gpt-4", "claude-2", "stable-audio-1.0", "midjourney-v5.2", "gpt-j-6b",
        "stable-diffusion-v1-5", "llama-7b", "alpaca-7b", "vicuna-13b-v0", "wizardlm-13b-v1.2", "open-llama-7b-v1",
        "mpt-7b", "falcon-40b", "llama-2-70b", "sdxl-base-1.0", "codellama-7b", "persimmon-8b-base",
        "mistral-7b-v0.1",
    ]  # fmt: skip
    for slug in discussed:
        assert models[slug]["special"] and models[slug]["limitations"] and models[slug]["era"], slug


@pytest.mark.parametrize(
    ("slug", "era"),
    [
        ("gpt-j-6b", "before-public-awareness"), ("bloom-176b", "before-public-awareness"),
        ("opt-13b", "before-public-awareness"), ("gpt-neox-20b", "before-public-awareness"),
        ("stable-diffusion-v1-4", "early"), ("llama-65b", "early"), ("alpaca-7b", "current"),
        ("mistral-7b-v0.1", "current"), ("sdxl-base-1.0", "current"), ("codellama-34b", "current"),
    ],
)  # fmt: skip
def test_eras_follow_the_chapter(models: Models, slug: str, era: str) -> None:
    assert models[slug]["era"] == era


def test_figures_that_differ_from_the_source_are_kept_beside_it(models: Models) -> None:
    assert "1.4 trillion" in models["llama-7b"]["seed_discrepancy"]
    assert models["llama-7b"]["training_tokens"] == 10**12
    assert sum("seed_discrepancy" in model for model in models.values()) >= 59


@pytest.mark.parametrize(
    "name",
    [
        "PaLM-2", "ChatGPT", "GPT-4", "Claude", "Claude 2", "StableAudio", "Midjourney", "DALL-E", "GPT-J 6B",
        "GPT-NeoX 20B", "BLOOM", "Stable Diffusion", "LLaMA 7B", "Alpaca 7B", "Alpaca-LoRA", "LLaMA-Adapter",
        "WizardLM 7B", "WizardLM 13B", "MPT 7B", "MPT 30B", "Falcon 7B", "Falcon 40B", "Falcon 180B", "LLaMA-2 7B",
        "LLaMA-2 13B", "LLaMA-2 70B", "Stable Diffusion XL", "SDXL 0.9", "SDXL 1.0", "WizardCoder", "StarCoder",
        "Code LLaMA 7B", "Code LLaMA 34B Instruct", "Persimmon 8B", "Mistral 7B", "wav2vec", "Wave2vec", "Bark",
    ],
)  # fmt: skip
def test_a_name_of_one_system_means_one_row(names: list[dict[str, set[str]]], name: str) -> None:
    key = normal_form(name)
    found = next((kind[key] for kind in names if key in kind), set())
    assert len(found) == 1
