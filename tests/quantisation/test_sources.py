"""Other sources: FP8 with scales, fused experts, GGUF files, multimodal wrappers; and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.quantisation import models
from tests.quantisation.recorded import RECORDED
from tests.quantisation.results import digest, metadata

from modelpick.errors import IntegrityError, NotFoundError, UsageError
from modelpick.quantisation import floats
from modelpick.quantisation.architectures import registry
from modelpick.quantisation.architectures.config import parse_config

Built = Callable[[str], Path]


def quantised_weights(config: dict, block: list[int] | None) -> dict:
    return config | {"quantization_config": {"quant_method": "fp8", "weight_block_size": block}}


@pytest.mark.parametrize("how", ["tensor", "row", "block"])
def test_fp8_weights_are_scaled(how: str, tmp_path: Path, quantise: Callable) -> None:
    """The same numbers written as FP8 and scale, and as the F32 product of both, give the same file."""
    config, shapes, _ = models.MODELS["odd"]()
    block = [128, 64] if how == "block" else None
    random = np.random.default_rng(3)
    eight, plain = {}, {}
    for name, shape in shapes.items():
        if "proj" not in name:
            data = models.encode(models.weights(name, shape), "F32")
            eight[name] = plain[name] = ("F32", shape, data)
            continue
        codes = random.integers(0, 120, shape).astype(np.uint8) | (random.integers(0, 2, shape).astype(np.uint8) << 7)
        rows, columns = shape
        factors = {"tensor": (1,), "row": (rows, 1), "block": (-(-rows // 128), -(-columns // 64))}[how]
        scale = (random.random(factors) * 0.01 + 0.001).astype(np.float32)
        values = np.empty(codes.size, np.float32)
        floats.decode("F8_E4M3", codes.reshape(-1), values)
        wide = np.broadcast_to(scale, shape) if how != "block" else scale.repeat(128, 0).repeat(64, 1)[:rows, :columns]
        eight[name] = ("F8_E4M3", shape, codes.tobytes())
        eight[name + "_scale_inv"] = ("F32", factors, scale.tobytes())
        plain[name] = ("F32", shape, (values.reshape(shape) * wide).astype("<f4").tobytes())
    made = []
    for kind, weights, values in (("eight", eight, quantised_weights(config, block)), ("plain", plain, config)):
        folder = tmp_path / kind
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(values))
        models.write_tokenizer(folder, "bpe:smollm")
        models.write_safetensors(folder / "model.safetensors", weights)
        made.append(digest(quantise(folder, "Q6_K", tmp_path / f"{kind}.gguf").path))
    assert made[0] == made[1]


def test_fp8_values() -> None:
    codes = np.arange(256, dtype=np.uint8)
    four, five = np.empty(256, np.float32), np.empty(256, np.float32)
    floats.decode("F8_E4M3", codes, four)
    floats.decode("F8_E5M2", codes, five)
    assert [float(four[code]) for code in (0x00, 0x01, 0x08, 0x38, 0x7E, 0xBE)] == [0, 2**-9, 2**-6, 1, 448, -1.75]
    assert np.isnan(four[[0x7F, 0xFF]]).all() and np.isfinite(np.delete(four, [0x7F, 0xFF])).all()
    assert [float(five[code]) for code in (0x01, 0x3C, 0x7B, 0xBC)] == [2**-16, 1, 57344, -1]
    assert np.isinf(five[[0x7C, 0xFC]]).all()


def test_fp8_without_a_scale_is_refused(tmp_path: Path, quantise: Callable) -> None:
    folder = models.build("odd", tmp_path / "odd")
    _, shapes, _ = models.MODELS["odd"]()
    weights = {n: ("BF16", s, models.bf16(models.weights(n, s))) for n, s in shapes.items()}
    name = "model.layers.0.mlp.up_proj.weight"
    weights[name] = ("F8_E4M3", shapes[name], bytes(int(np.prod(shapes[name]))))
    models.write_safetensors(folder / "model.safetensors", weights)
    with pytest.raises(IntegrityError, match="has no scale"):
        quantise(folder)


@pytest.mark.parametrize("method", ["gptq", "awq", "bitsandbytes", "compressed-tensors", "mxfp4"])
def test_weights_quantised_another_way_are_refused(method: str, tmp_path: Path, quantise: Callable) -> None:
    folder = models.build("odd", tmp_path / "odd")
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"quantization_config": {"quant_method": method}}))
    with pytest.raises(NotFoundError, match=rf"already quantised \({method}\)"):
        quantise(folder)


def test_experts_that_come_stacked(tmp_path: Path, quantise: Callable) -> None:
    """Gate and up in one tensor, all experts in one: the same rows in the end."""
    config, shapes, _ = models.MODELS["qwen3moe"]()
    weights = {}
    for layer in range(2):
        head = f"model.layers.{layer}.mlp.experts."
        part = {
            kind: np.stack(
                [
                    models.weights(f"{head}{expert}.{kind}_proj.weight", shapes[f"{head}{expert}.{kind}_proj.weight"])
                    for expert in range(6)
                ]
            )
            for kind in ("gate", "up", "down")
        }
        both = np.concatenate([part["gate"], part["up"]], axis=1)
        weights[head + "gate_up_proj"] = ("BF16", both.shape, models.bf16(both))
        weights[head + "down_proj"] = ("BF16", part["down"].shape, models.bf16(part["down"]))
    for name, shape in shapes.items():
        if ".experts." not in name:
            weights[name] = ("BF16", shape, models.bf16(models.weights(name, shape)))
    folder = tmp_path / "fused"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    models.write_tokenizer(folder, "bpe")
    models.write_safetensors(folder / "model.safetensors", weights)
    assert digest(quantise(folder, "Q4_K_M").path) == RECORDED["qwen3moe"]["Q4_K_M"]


def test_a_missing_expert_is_named(tmp_path: Path, quantise: Callable) -> None:
    folder = models.build("mixtral", tmp_path / "mixtral")
    _, shapes, _ = models.MODELS["mixtral"]()
    gone = "model.layers.1.block_sparse_moe.experts.5.w2.weight"
    weights = {n: ("BF16", s, models.bf16(models.weights(n, s))) for n, s in shapes.items() if n != gone}
    models.write_safetensors(folder / "model.safetensors", weights)
    with pytest.raises(IntegrityError, match=r"layers\.1.*down_proj.* has 7 of 8 experts"):
        quantise(folder)


@pytest.mark.parametrize("model", ["llama", "mixtral", "gemma2", "odd", "falcon"])
def test_a_gguf_of_higher_precision(model: str, built: Built, quantise: Callable, tmp_path: Path) -> None:
    middle = quantise(built(model), "BF16", tmp_path / "middle.gguf").path
    made = quantise(middle, "Q4_K_M", license="apache-2.0").path
    assert digest(made) == RECORDED[model]["Q4_K_M"]
    before, after = metadata(middle), metadata(made)
    assert after["general.file_type"] == 15
    assert after["general.license"] == "apache-2.0"
    assert {k: v for k, v in after.items() if k.startswith("tokenizer.")} == {
        k: v for k, v in before.items() if k.startswith("tokenizer.")
    }


def test_a_quantised_gguf_is_not_quantised_again(built: Built, quantise: Callable, tmp_path: Path) -> None:
    middle = quantise(built("odd"), "Q8_0", tmp_path / "middle.gguf").path
    with pytest.raises(UsageError, match="quantised already"):
        quantise(middle, "Q4_K_M")


@pytest.mark.parametrize("cut", [3, 100, 5000, 900_000])
def test_a_truncated_gguf(cut: int, built: Built, quantise: Callable, tmp_path: Path) -> None:
    middle = quantise(built("odd"), "BF16", tmp_path / "middle.gguf").path
    middle.write_bytes(middle.read_bytes()[:cut])
    with pytest.raises(IntegrityError):
        quantise(middle, "Q4_K_M")


def test_the_text_part_of_a_multimodal_gemma(built: Built, tmp_path: Path, quantise: Callable) -> None:
    """Another prefix, a text_config with gaps, and vision tensors that are left out."""
    config, shapes, _ = models.MODELS["gemma3"]()
    own = {
        key: value
        for key, value in config.items()
        if key not in ("rope_theta", "rope_local_base_freq", "architectures", "max_position_embeddings")
    }
    folder = tmp_path / "multimodal"
    folder.mkdir()
    outer = {"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "text_config": own}
    (folder / "config.json").write_text(json.dumps(outer))
    models.write_tokenizer(folder, "sentencepiece")
    weights = {
        name.replace("model.", "language_model.model."): (
            "BF16",
            shape,
            models.bf16(models.filled(config, name, shape)),
        )
        for name, shape in shapes.items()
    }
    weights["vision_tower.vision_model.embeddings.patch_embedding.weight"] = ("BF16", (4, 4), bytes(32))
    weights["multi_modal_projector.mm_input_projection_weight"] = ("BF16", (4, 4), bytes(32))
    models.write_safetensors(folder / "model.safetensors", weights)
    made = quantise(folder, "Q6_K").path
    assert digest(made) == RECORDED["gemma3"]["Q6_K"]
    assert metadata(made)["gemma3.rope.freq_base"] == 1_000_000.0
    assert metadata(made)["gemma3.context_length"] == 131072


def test_an_unknown_architecture_is_refused_with_those_that_work(tmp_path: Path, quantise: Callable) -> None:
    folder = models.build("odd", tmp_path / "odd")
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"architectures": ["GPTJForCausalLM"]}))
    with pytest.raises(NotFoundError, match=r"GPTJForCausalLM is not converted here; these are: LlamaForCausalLM.*"):
        quantise(folder)


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("odd", {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}, "rope scaling 'dynamic'"),
        ("qwen2", {"rope_scaling": {"type": "llama3", "factor": 2.0}}, "rope scaling 'llama3'"),
        ("odd", {"hidden_act": "relu"}, "activation 'relu'"),
        ("qwen2", {"use_sliding_window": True, "sliding_window": 64}, "sliding window of 64"),
        ("qwen3moe", {"mlp_only_layers": [0]}, "dense layers"),
        ("falcon", {"alibi": True}, "ALiBi"),
        ("gemma3", {"layer_types": ["full_attention"] * 6}, "every 6th layer"),
        ("qwen3", {"rope_scaling": {"rope_type": "default", "mrope_section": [1, 2]}}, "multimodal rope"),
    ],
)
def test_what_llama_cpp_would_not_run_the_same_is_refused(
    model: str, changes: dict, message: str, built: Built
) -> None:
    config = json.loads((built(model) / "config.json").read_text())
    with pytest.raises(NotFoundError, match=message):
        registry.find(parse_config(config | changes))


def test_a_tensor_without_a_place_is_refused(tmp_path: Path, quantise: Callable) -> None:
    config, shapes, tokenizer = models.MODELS["odd"]()
    shapes = {**shapes, "model.layers.0.self_attn.strange.weight": (64, 64)}
    folder = models.write_model(tmp_path / "odd", config, shapes, tokenizer=tokenizer)
    with pytest.raises(NotFoundError, match=r"strange\.weight has no place in architecture llama"):
        quantise(folder)


def test_a_block_that_lacks_a_tensor_is_damage(tmp_path: Path, quantise: Callable) -> None:
    config, shapes, tokenizer = models.MODELS["odd"]()
    del shapes["model.layers.1.mlp.up_proj.weight"]
    folder = models.write_model(tmp_path / "odd", config, shapes, tokenizer=tokenizer)
    with pytest.raises(IntegrityError, match=r"block 1 of 3 lacks ffn_up\.weight"):
        quantise(folder)


def test_who_and_whose_stands_in_the_file(built: Built, quantise: Callable) -> None:
    made = quantise(
        built("odd"),
        license="llama3.2",
        license_link="https://x.org/l",
        source_repo="org/Base",
        source_commit="ab" * 20,
        model_name="Odd",
    )
    found = metadata(made.path)
    assert found["general.license"] == "llama3.2"
    assert found["general.license.link"] == "https://x.org/l"
    assert found["general.base_model.0.repo_url"] == "https://huggingface.co/org/Base"
    assert found["general.source.commit"] == "ab" * 20
    assert found["general.quantized_by"].startswith("modelpick ")
    assert found["general.name"] == "Odd"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.floats(width=32, allow_nan=False, allow_infinity=False, max_value=2.0**127, min_value=-(2.0**127)),
        min_size=1,
    )
)
def test_rounding_to_bf16_is_to_the_nearest(values: list[float]) -> None:
    exact = np.array(values, np.float32)
    rounded = exact.copy()
    floats.round_to_bf16(rounded)
    assert (rounded.view(np.uint32) & 0xFFFF == 0).all()
    assert (floats.to_bf16(exact).astype(np.uint32) << 16 == rounded.view(np.uint32)).all()
    step = np.maximum(np.abs(exact.astype(np.float64)) * 2.0**-8, 2.0**-133)
    assert (np.abs(rounded.astype(np.float64) - exact.astype(np.float64)) <= step).all()
    again = rounded.copy()
    floats.round_to_bf16(again)
    assert (again == rounded).all()
