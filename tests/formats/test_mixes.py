from hypothesis import given
from hypothesis import strategies as st

from modelpick.formats.ggml import TYPES
from modelpick.formats.mixes import (
    BASE,
    MixContext,
    canonical,
    fallback,
    is_70b,
    more_bits,
    quantisable,
    role_of,
    tensor_type,
    tensor_types,
)


def context(**changes):
    fields = {"architecture": "llama", "layers": 32, "heads_per_kv_head": 4, "experts": 0, "tied": False, "values": 32}
    return MixContext(**{**fields, **changes})


def test_which_tensors_are_quantised():
    assert quantisable("blk.0.attn_q.weight", 2)
    assert not quantisable("blk.0.attn_norm.weight", 2)
    assert not quantisable("blk.0.attn_q.bias", 1)
    assert not quantisable("blk.0.ffn_gate_inp.weight", 2)
    assert not quantisable("blk.0.ssm_conv1d.weight", 2)
    assert not quantisable("position_embd.weight", 2)
    assert quantisable("output.weight", 2)


def test_roles():
    assert role_of("blk.3.attn_qkv.weight") == "attn_v"
    assert role_of("blk.3.ffn_down_exps.weight") == "ffn_down"
    assert role_of("per_layer_token_embd.weight") == "embedding"
    assert role_of("blk.3.attn_v_b.weight") is None


def test_the_ends_and_every_third_layer_get_more_bits():
    chosen = [layer for layer in range(32) if more_bits(layer, 32)]
    assert chosen == [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31]


def test_rows_that_do_not_divide_fall_back():
    assert fallback("Q4_K", 896) == "Q5_0"
    assert fallback("Q6_K", 896) == "Q8_0"
    assert fallback("IQ4_XS", 2880) == "IQ4_NL"
    assert fallback("Q3_K", 2880) == "Q4_0"
    assert fallback("Q4_K", 100) == "F16"
    assert fallback("Q4_K", 4096) == "Q4_K"


def test_the_output_and_a_tied_embedding():
    assert tensor_type("Q4_K_M", "output.weight", (4096, 32000), context()) == "Q6_K"
    assert tensor_type("Q4_K_M", "token_embd.weight", (4096, 32000), context()) == "Q4_K"
    assert tensor_type("Q4_K_M", "token_embd.weight", (4096, 32000), context(tied=True)) == "Q6_K"
    assert tensor_type("Q8_0", "output.weight", (4096, 32000), context()) == "Q8_0"
    assert tensor_type("Q4_K_M", "output.weight", (896, 32000), context()) == "Q8_0"
    assert tensor_type("MXFP4_MOE", "output.weight", (4096, 32000), context()) == "Q8_0"
    assert tensor_type("IQ2_M", "output.weight", (4096, 32000), context()) == "Q5_K"


def test_value_projections():
    name, shape = "blk.0.attn_v.weight", (8192, 1024)
    assert tensor_type("Q4_K_M", name, shape, context(), ordinal=0) == "Q6_K"
    assert tensor_type("Q4_K_M", name, shape, context(), ordinal=4) == "Q4_K"
    assert tensor_type("Q4_K_M", name, shape, context(is_70b=True), ordinal=4) == "Q5_K"
    assert tensor_type("Q4_K_M", name, shape, context(experts=8), ordinal=4) == "Q8_0"
    assert tensor_type("Q3_K_M", name, shape, context(), ordinal=1) == "Q5_K"
    assert tensor_type("Q3_K_M", name, shape, context(), ordinal=2) == "Q4_K"
    assert tensor_type("IQ3_XXS", name, shape, context(heads_per_kv_head=1, imatrix=True)) == "IQ3_XXS"
    assert tensor_type("IQ3_XXS", name, shape, context(heads_per_kv_head=1, imatrix=False)) == "IQ3_S"


def test_what_counts_as_70b():
    assert is_70b("llama", 80, 64, 8)
    assert not is_70b("llama", 80, 64, 64)
    assert is_70b("qwen2", 80, 64, 8)
    assert not is_70b("qwen3", 80, 64, 8)


def test_down_projections_of_a_mixture_count_by_layer_not_by_order():
    tensors = [(f"blk.{layer}.ffn_down_exps.weight", (1024, 2048, 64)) for layer in range(32)]
    tensors += [(f"blk.{layer}.ffn_down_shexp.weight", (1024, 2048)) for layer in range(32)]
    types = tensor_types("Q4_K_M", tensors, context(experts=64))
    for layer in range(32):
        expected = "Q6_K" if more_bits(layer, 32) else "Q4_K"
        assert types[f"blk.{layer}.ffn_down_exps.weight"] == expected
        assert types[f"blk.{layer}.ffn_down_shexp.weight"] == expected


def test_experts_of_mxfp4():
    assert tensor_type("MXFP4_MOE", "blk.0.ffn_up_exps.weight", (2880, 2880, 32), context(experts=32)) == "MXFP4"
    assert tensor_type("MXFP4_MOE", "blk.0.attn_q.weight", (2880, 4096), context(experts=32)) == "Q8_0"


def test_names_of_mixes():
    assert canonical("q4_k_m") == "Q4_K_M"
    assert canonical("MXFP4") == "MXFP4_MOE"
    assert canonical("UD-Q4_K_XL") is None


names = st.sampled_from(
    ["token_embd.weight", "output.weight"]
    + [f"blk.7.{part}.weight" for part in ("attn_q", "attn_k", "attn_v", "attn_qkv", "attn_output", "ssm_in")]
    + [f"blk.7.ffn_{part}.weight" for part in ("up", "gate", "down", "down_exps")]
)


@given(
    mix=st.sampled_from(sorted(BASE)),
    name=names,
    row=st.integers(1, 4096),
    layers=st.integers(8, 128),
    experts=st.sampled_from([0, 1, 4, 8, 64]),
    tied=st.booleans(),
    group=st.integers(0, 16),
    architecture=st.sampled_from(["llama", "falcon", "qwen2"]),
    imatrix=st.sampled_from([None, True, False]),
)
def test_every_choice_fits_its_rows(mix, name, row, layers, experts, tied, group, architecture, imatrix):
    made = MixContext(architecture, layers, group, experts, tied, layers, False, imatrix)
    chosen = tensor_type(mix, name, (row, 8), made, ordinal=3)
    assert row % TYPES[chosen].block == 0
