"""CTranslate2's engine, for real where its packages are installed: a decoder model and a Whisper model."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.quantisation import models
from tests.quantisation.words import bpe_tokenizer

from modelpick.errors import UsageError
from modelpick.quantisation.ctranslate2_engine import Ctranslate2Engine
from modelpick.quantisation.interface import Recipe

INSTALLED = Ctranslate2Engine().available() is None
needs_packages = pytest.mark.skipif(not INSTALLED, reason="ctranslate2, torch and transformers are not installed")


def quantise(source: Path, target: Path, kind: str = "int8", **more: Any) -> Any:
    return Ctranslate2Engine().quantise(source, target, Recipe(kind, 2, **more), lambda done, total: None)


def test_what_is_missing_is_said() -> None:
    install = Ctranslate2Engine().available()
    if all(find_spec(name) for name in ("ctranslate2", "torch", "transformers")):
        assert install is None
    else:
        assert install is not None and install.startswith("pip install ")


def test_unknown_kinds_and_targets_are_refused(built: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'q4_k_m' is no type of CTranslate2"):
        quantise(built("odd"), tmp_path / "out", "q4_k_m")
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="exists"):
        quantise(built("odd"), tmp_path / "out")
    with pytest.raises(UsageError, match="not a folder"):
        quantise(built("odd") / "config.json", tmp_path / "other")
    with pytest.raises(UsageError, match="no folder"):
        quantise(built("odd"), tmp_path / "missing" / "out")
    for held in (built("odd"), built("odd").parent):
        with pytest.raises(UsageError, match="source itself or holds it"):
            quantise(built("odd"), held, overwrite=True)


@needs_packages
@pytest.mark.filterwarnings("default")
def test_a_decoder_in_int8_chooses_as_the_source_does(built: Callable[[str], Path], tmp_path: Path) -> None:
    import ctranslate2
    import torch
    from transformers import AutoModelForCausalLM

    made = quantise(built("llama"), tmp_path / "ct2")
    assert made.bytes == sum(path.stat().st_size for path in made.path.rglob("*") if path.is_file())
    tokens = [1, *np.random.default_rng(3).integers(3, 500, 30).tolist()]
    source = AutoModelForCausalLM.from_pretrained(built("llama"), dtype=torch.float32)
    with torch.no_grad():
        expected = source(torch.tensor([tokens])).logits[0].numpy()
    whole = quantise(built("llama"), tmp_path / "whole", "float32")
    assert whole.bytes > 2.5 * made.bytes
    names = json.loads((made.path / "vocabulary.json").read_text())
    difference = {}
    for result in (made, whole):
        generator = ctranslate2.Generator(str(result.path), device="cpu")
        logits = np.array(generator.forward_batch([[names[token] for token in tokens]]))[0]
        difference[result.path.name] = np.abs(logits[:, : expected.shape[1]] - expected)
    assert difference["whole"].max() < 1e-3
    assert difference["ct2"].mean() < 0.15
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@needs_packages
@pytest.mark.filterwarnings("default")
def test_a_whisper_model(tmp_path: Path) -> None:
    import ctranslate2
    import torch
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    torch.manual_seed(0)
    size = 512
    config = WhisperConfig(
        vocab_size=size,
        num_mel_bins=80,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        d_model=64,
        encoder_ffn_dim=128,
        decoder_ffn_dim=128,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    folder = tmp_path / "whisper"
    WhisperForConditionalGeneration(config).save_pretrained(folder)
    tokenizer = bpe_tokenizer(size - 8, "gpt2")
    words = "endoftext startoftranscript en transcribe translate notimestamps nospeech 0.00"
    for number, word in enumerate(words.split()):
        text = f"<|{word}|>"
        tokenizer["added_tokens"].append(
            {"id": size - 9 + number, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True}
        )  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 80})
    )
    made = quantise(folder, tmp_path / "ct2")
    model = ctranslate2.models.Whisper(str(made.path), device="cpu")
    features = ctranslate2.StorageView.from_array(np.zeros((1, 80, 3000), np.float32))
    assert model.encode(features).shape == [1, 1500, 64]


@needs_packages
@pytest.mark.filterwarnings("default")
def test_a_model_it_does_not_know_leaves_nothing(tmp_path: Path) -> None:
    from modelpick.errors import ModelpickError

    folder = models.build("odd", tmp_path / "odd")
    path = folder / "config.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"model_type": "olmo2", "architectures": ["Olmo2ForCausalLM"]})
    )
    with pytest.raises(ModelpickError, match="CTranslate2 does not convert this model"):
        quantise(folder, tmp_path / "ct2")
    assert [item.name for item in tmp_path.iterdir()] == ["odd"]
