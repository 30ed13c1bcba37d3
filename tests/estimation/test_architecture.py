import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.estimation.recorded import SHAPES

from modelpick.estimation.architecture import from_config
from modelpick.estimation.gguf_metadata import from_gguf
from modelpick.estimation.tensors import parameter_count

LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "rope_scaling": {"rope_type": "llama3"},
}
LLAMA_PARAMS = 8_030_261_248


def test_a_real_configuration():
    found = from_config(LLAMA, params_total=LLAMA_PARAMS)
    assert found.missing == ()
    assert found.shape.head_dim == 128
    assert not found.shape.tied
    assert found.shape.rope_freqs


def test_ties_are_told_from_the_parameter_count():
    tied = {**LLAMA, "hidden_size": 2048, "num_hidden_layers": 16, "intermediate_size": 8192, "head_dim": 64}
    assert from_config(tied, params_total=1_235_814_400).shape.tied
    assert not from_config(LLAMA, params_total=LLAMA_PARAMS).shape.tied
    assert from_config({**LLAMA, "tie_word_embeddings": True}, params_total=LLAMA_PARAMS).shape.tied


def test_an_absent_width_is_solved_for_and_named():
    absent = {key: value for key, value in LLAMA.items() if key != "intermediate_size"}
    found = from_config({**absent, "tie_word_embeddings": False}, params_total=LLAMA_PARAMS)
    assert found.missing == ("intermediate_size",)
    assert found.shape.ffn == 14336


def test_absent_dimensions_leave_no_shape():
    found = from_config({"model_type": "llama", "hidden_size": 4096}, params_total=LLAMA_PARAMS)
    assert found.shape is None
    assert set(found.missing) == {"num_hidden_layers", "vocab_size"}


def test_an_unknown_architecture_says_what_it_was_taken_for():
    found = from_config({**LLAMA, "model_type": "marvel9"}, params_total=LLAMA_PARAMS)
    assert "model_type" in found.missing
    assert "marvel9" in found.notes[0]


def test_a_count_that_does_not_fit_is_told():
    found = from_config(LLAMA, params_total=9_000_000_000)
    assert "params_total" in found.missing
    assert "9,000,000,000" in found.notes[0]


@pytest.mark.parametrize(
    ("changes", "full"),
    [
        ({"model_type": "gemma2"}, [1, 3, 5, 7, 9, 11]),
        ({"model_type": "gemma3_text"}, [5, 11]),
        ({"model_type": "gpt_oss"}, [1, 3, 5, 7, 9, 11]),
        ({"model_type": "cohere2", "sliding_window_pattern": "3 local : 1 global (NoPE)"}, [3, 7, 11]),
        ({"model_type": "gemma3", "swa_pattern_period": 4}, [3, 7, 11]),
        ({"model_type": "olmo3", "layer_types": ["sliding_attention"] * 11 + ["full_attention"]}, [11]),
        ({"model_type": "olmo3", "layer_types": {"sliding_attention": 9, "full_attention": 3}}, [3, 7, 11]),
        ({"model_type": "mistral"}, list(range(12))),
        ({"model_type": "phi3"}, list(range(12))),
    ],
)
def test_windows(changes, full):
    found = from_config({**LLAMA, "num_hidden_layers": 12, "sliding_window": 4096, **changes})
    assert [layer for layer, kind in enumerate(found.shape.attention) if kind == "full"] == full


def test_gemma_3n_shares_caches_after_twenty_layers():
    found = from_config({**LLAMA, "model_type": "gemma3n", "num_hidden_layers": 30, "sliding_window": 512})
    assert found.shape.attention[20:] == ("none",) * 10
    assert "none" not in found.shape.attention[:20]


def test_granite_4_with_and_without_state_space_layers():
    base = {"model_type": "granitemoehybrid", "num_hidden_layers": 40, "num_attention_heads": 32,
            "num_key_value_heads": 8, "head_dim": 64, "hidden_size": 2048, "vocab_size": 100352,
            "intermediate_size": 8192}  # fmt: skip
    hybrid = from_config(base, params_total=3_191_396_096)
    plain = from_config({**base, "hidden_size": 2560, "num_attention_heads": 40}, params_total=3_402_836_480)
    assert sum(hybrid.shape.recurrent) == 36
    assert plain.shape.recurrence is None


def test_nemotron_patterns():
    config = {**LLAMA, "model_type": "nemotron_h", "num_hidden_layers": 6, "hybrid_override_pattern": "M-M*-M",
              "mamba_num_heads": 64, "mamba_head_dim": 64, "ssm_state_size": 128, "n_groups": 8}  # fmt: skip
    shape = from_config(config).shape
    assert shape.attention == ("none", "none", "none", "full", "none", "none")
    assert shape.recurrent == (True, False, True, False, False, True)


def test_nested_language_configuration():
    found = from_config({"model_type": "llava", "text_config": LLAMA, "vision_config": {"hidden_size": 1024}})
    assert found.shape.layers == 32
    assert found.shape.hidden == 4096
    assert found.vision is not None


def test_a_tower_is_what_the_language_model_is_not():
    found = from_config(LLAMA, params_total=LLAMA_PARAMS + 400_000_000, modality="vision-language")
    assert found.vision.params == pytest.approx(400_000_000, rel=0.01)


def test_whisper_and_diffusion():
    whisper = {"model_type": "whisper", "hidden_size": 1280, "num_attention_heads": 20, "intermediate_size": 5120,
               "vocab_size": 51866, "encoder_layers": 32, "decoder_layers": 32, "num_mel_bins": 128}  # fmt: skip
    assert from_config(whisper).speech.source_positions == 1500
    found = from_config({"pipeline": "X", "unet_params": 100, "text_encoder_params": 10, "vae_params": 1})
    assert (found.kind, found.params_total, found.diffusion.resolution) == ("diffusion", 111, 1024)


def test_a_pipeline_is_as_large_as_its_parts_and_says_how_often_it_draws():
    parts = {"pipeline": "X", "transformer_params": 100, "text_encoder_params": 80, "vae_params": 1}
    found = from_config({**parts, "steps": 4, "passes": 1}, params_total=100)
    assert found.params_total == found.diffusion.params == 181
    assert (found.diffusion.steps, found.diffusion.passes) == (4, 1)
    assert from_config(parts, params_total=500).params_total == 500


def metadata_of(name, architecture):
    shape = SHAPES[name]
    prefix = f"{architecture}."
    return {
        "general.architecture": architecture,
        prefix + "block_count": shape["n_layers"],
        prefix + "embedding_length": shape["hidden"],
        prefix + "feed_forward_length": shape["ffn"],
        prefix + "attention.head_count": shape["n_heads"],
        prefix + "attention.head_count_kv": shape["n_kv_heads"],
        prefix + "attention.key_length": shape.get("head_dim", 128),
    }


def test_gguf_metadata_of_a_plain_model():
    tensors = {"token_embd.weight": (1024, 151936), "output_norm.weight": (1024,)}
    found = from_gguf(metadata_of("Qwen3-0.6B", "qwen3"), tensors)
    assert found.shape == from_config(SHAPES["Qwen3-0.6B"]).shape


def test_gguf_metadata_of_a_hybrid():
    name = "Granite-4.0-H-Tiny"
    metadata = metadata_of(name, "granitehybrid") | {
        "granitehybrid.attention.head_count_kv": [4 if layer in (5, 15, 25, 35) else 0 for layer in range(40)],
        "granitehybrid.expert_count": 64,
        "granitehybrid.expert_used_count": 6,
        "granitehybrid.expert_shared_feed_forward_length": 1024,
        "granitehybrid.ssm.conv_kernel": 4,
        "granitehybrid.ssm.inner_size": 3072,
        "granitehybrid.ssm.state_size": 128,
        "granitehybrid.ssm.time_step_rank": 48,
        "granitehybrid.ssm.group_count": 1,
    }
    found = from_gguf(metadata, {"token_embd.weight": (1536, 100352)})
    assert parameter_count(found.shape) == SHAPES[name]["n_params"]


def test_gguf_metadata_of_latent_attention():
    name = "DeepSeek-V2-Lite"
    metadata = metadata_of(name, "deepseek2") | {
        "deepseek2.attention.key_length": 576,
        "deepseek2.attention.key_length_mla": 192,
        "deepseek2.attention.value_length_mla": 128,
        "deepseek2.attention.kv_lora_rank": 512,
        "deepseek2.rope.dimension_count": 64,
        "deepseek2.expert_count": 64,
        "deepseek2.expert_used_count": 6,
        "deepseek2.expert_feed_forward_length": 1408,
        "deepseek2.expert_shared_count": 2,
        "deepseek2.leading_dense_block_count": 1,
    }
    tensors = {"token_embd.weight": (2048, 102400), "output.weight": (2048, 102400)}
    assert from_gguf(metadata, tensors).shape == from_config(SHAPES[name]).shape


values = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 2**70), st.floats(allow_nan=True), st.text(max_size=9),
    st.lists(st.integers(-1, 300), max_size=5), st.dictionaries(st.text(max_size=4), st.integers(), max_size=3),
)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from([*LLAMA, "layer_types", "mla", "ssm", "num_experts", "moe_intermediate_size", "head_dim",
                         "sliding_window", "architectures", "text_config", "tie_word_embeddings"]),
        values,
    )
)  # fmt: skip
def test_any_configuration_is_read_without_a_crash(changes):
    small = {"num_hidden_layers": 4, **{key: value for key, value in LLAMA.items() if key != "num_hidden_layers"}}
    config = {**small, **changes}
    if isinstance(config["num_hidden_layers"], int) and config["num_hidden_layers"] > 500:
        config["num_hidden_layers"] = 4
    found = from_config(config)
    assert found.shape is None or len(found.shape.attention) == found.shape.layers


def test_a_count_of_layers_of_a_kind_beyond_all_is_all():
    # Spread one by one, 2^60 of them would never end.
    found = from_config({**LLAMA, "layer_types": {"full_attention": 2**60}})
    assert found.shape.attention == from_config({**LLAMA, "layer_types": {"full_attention": 32}}).shape.attention


def test_a_layer_count_that_cannot_be_is_refused():
    assert from_config({**LLAMA, "num_hidden_layers": 2**60}).shape is None
