"""What was written is run by llama.cpp: logits as transformers', and as close to them as the type allows."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tests.quantisation import models
from tests.quantisation.logits import IDS, LOGITS, POSITIONS, TOKENS

from modelpick.errors import IntegrityError
from modelpick.quantisation.check import check, compare, run
from modelpick.quantisation.interface import Recipe

TOLERANCE = 0.01
"""What the engine's own half-precision arithmetic takes of logits that spread by about one: 0.007 at most here."""
KL_BOUNDS = {
    "Q8_0": 5e-4,
    "Q6_K": 3e-3,
    "Q5_K_M": 8e-3,
    "Q4_K_M": 3.2e-2,
    "IQ4_XS": 4e-2,
    "Q3_K_M": 8e-2,
    "Q2_K": 3e-1,
}
"""Mean KL in nats on random weights, where every token counts alike; a trained model stays far below."""


def logits_of(model: Path, work: Path) -> np.ndarray:
    answer = run(model, {"tokens": TOKENS}, work / "logits.f32")
    return np.fromfile(work / "logits.f32", "<f4").reshape(len(TOKENS), answer["vocabulary"])


@pytest.mark.parametrize("model", LOGITS)
def test_f16_gives_the_logits_of_transformers(
    model: str, built: Callable[[str], Path], quantise: Callable, tmp_path: Path
) -> None:
    made = quantise(built(model), "F16", model_name="small")
    found = logits_of(made.path, tmp_path)[POSITIONS][:, IDS]
    assert np.abs(found - np.array(LOGITS[model])).max() < TOLERANCE


@pytest.mark.skipif(not all(map(find_spec, ("torch", "transformers"))), reason="torch, transformers not installed")
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("model", LOGITS)
def test_every_logit_is_that_of_transformers(
    model: str, built: Callable[[str], Path], quantise: Callable, tmp_path: Path
) -> None:
    """The whole rows, beside the numbers that were recorded from them."""
    import torch
    from transformers import AutoModelForCausalLM

    source = AutoModelForCausalLM.from_pretrained(built(model), dtype=torch.float32, attn_implementation="eager")
    with torch.no_grad():
        due = source.eval()(torch.tensor([TOKENS])).logits[0].numpy()
    assert np.abs(due[POSITIONS][:, IDS] - np.array(LOGITS[model])).max() < 1e-4
    made = quantise(built(model), "F16", model_name="small")
    assert np.abs(logits_of(made.path, tmp_path) - due).max() < TOLERANCE


@pytest.mark.parametrize("part", ["norms", "window", "rope"])
def test_what_is_converted_wrongly_shows(
    part: str, copied: Callable[[str], Path], quantise: Callable, tmp_path: Path
) -> None:
    """The bound is tight enough to see a window one too wide, norms without the one, the local rope base everywhere."""
    folder = copied("gemma3")
    config = json.loads((folder / "config.json").read_text())
    if part == "norms":
        shapes = models.MODELS["gemma3"]()[1]
        weights = {name: ("BF16", shape, models.bf16(models.weights(name, shape))) for name, shape in shapes.items()}
        models.write_safetensors(folder / "model.safetensors", weights)
    elif part == "window":
        config["sliding_window"] += 1
    else:
        config["rope_theta"] = config["rope_local_base_freq"]
    (folder / "config.json").write_text(json.dumps(config))
    found = logits_of(quantise(folder, "F16").path, tmp_path)[POSITIONS][:, IDS]
    assert np.abs(found - np.array(LOGITS["gemma3"])).max() > 2 * TOLERANCE


def test_every_type_stays_close_to_the_source(built: Callable[[str], Path], quantise: Callable, tmp_path: Path) -> None:
    quantise(built("qwen3"), "F16", tmp_path / "f16.gguf")
    vocabulary = logits_of(tmp_path / "f16.gguf", tmp_path).shape[1]
    (tmp_path / "logits.f32").rename(tmp_path / "source.f32")
    found = {}
    for kind in KL_BOUNDS:
        quantise(built("qwen3"), kind, tmp_path / f"{kind}.gguf")
        logits_of(tmp_path / f"{kind}.gguf", tmp_path)
        found[kind] = compare(tmp_path / "source.f32", tmp_path / "logits.f32", vocabulary)[0]
    assert {kind: value for kind, value in found.items() if value > KL_BOUNDS[kind]} == {}
    assert found["Q8_0"] < found["Q6_K"] < found["Q5_K_M"] < found["Q4_K_M"] < found["Q3_K_M"] < found["Q2_K"]


def test_bf16_against_itself_differs_in_nothing(built: Callable[[str], Path], quantise: Callable) -> None:
    made = quantise(built("odd"), "BF16")
    checked = check(built("odd"), made.path, Recipe("BF16", 2))
    assert (checked.kl_mean, checked.kl_max, checked.top1_agreement) == (0, 0, 1)


def test_a_file_that_the_engine_refuses_is_damage(
    built: Callable[[str], Path], quantise: Callable, tmp_path: Path
) -> None:
    made = quantise(built("odd"), "Q8_0")
    made.path.write_bytes(made.path.read_bytes().replace(b"llama.block_count", b"llama.block_xxxxx"))
    with pytest.raises(IntegrityError, match="does not load"):
        run(made.path, {"tokens": [1, 2]}, tmp_path / "logits.f32")


def test_kl_of_known_distributions(tmp_path: Path) -> None:
    p, q = np.log([[0.5, 0.25, 0.25]]), np.log([[0.25, 0.5, 0.25]])
    p.astype("<f4").tofile(tmp_path / "p")
    q.astype("<f4").tofile(tmp_path / "q")
    mean, largest, same = compare(tmp_path / "p", tmp_path / "q", 3)
    assert mean == pytest.approx(0.25 * np.log(2), rel=1e-5) == largest
    assert same == 0
