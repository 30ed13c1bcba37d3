"""Single dimensions of a model out of its configuration: heads, latent attention, experts."""

from __future__ import annotations

from modelpick.estimation.families import Family
from modelpick.estimation.fields import Fields
from modelpick.estimation.interface import Experts, Mla


def positions_of(family: Family, fields: Fields) -> int:
    """How many learned positions the family stores; 0 for those that have none."""
    usual = {"bert": 512, "gpt2": 1024, "starcoder": 8192, "opt": 2050, "nomic-bert": 0}
    if family.name not in usual:
        return 0
    return fields.number("n_positions", "max_position_embeddings") or usual[family.name]


def kv_heads_in(fields: Fields, heads: int) -> int:
    """Key-value heads; where layers differ, the most of any layer; without the field, all heads."""
    if fields.truth("multi_query") and not fields.truth("new_decoder_architecture"):
        return 1
    by_layer = fields.values("num_key_value_heads")
    if by_layer:
        return max(by_layer)
    return fields.number("num_key_value_heads", "n_kv_heads", "num_kv_heads", "multi_query_group_num") or heads


def head_dims_in(family: Family, fields: Fields, attention: tuple[str, ...]) -> tuple[int, ...]:
    """Head sizes layer by layer, for the families whose full layers have wider heads; else empty."""
    wide, narrow = fields.number("global_head_dim"), fields.number("head_dim")
    if not wide or not narrow or family.name != "gemma4":
        return ()
    return tuple(wide if kind == "full" else narrow for kind in attention)


def mla_in(fields: Fields) -> Mla | None:
    """The dimensions of latent attention; None where any of them is absent."""
    inner = fields.inner("mla")
    rank = inner.number("kv_lora_rank", "mla_kv_lora_rank")
    rope = inner.number("qk_rope_head_dim", "mla_rope_dim")
    nope = inner.number("qk_nope_head_dim", "mla_nope_dim")
    value = inner.number("v_head_dim", "mla_v_head_dim")
    if not rank or rope is None or not nope or not value:
        return None
    return Mla(rank, rope, nope, value, inner.number("q_lora_rank", "mla_q_lora_rank") or 0)


def experts_in(family: Family, fields: Fields, layers: int, missing: list[str]) -> Experts | None:
    """The mixture of experts, with what was absent added to ``missing``; None for a dense model."""
    count = fields.number("num_experts", "n_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
    if not count or count <= 1:
        return None
    ffn = fields.number("moe_intermediate_size", "expert_ffn", "intermediate_size", "ffn", "ffn_dim")
    used = fields.number(
        "num_experts_per_tok", "n_experts_used", "experts_per_token", "num_experts_per_token", "moe_topk", "moe_k"
    )
    if not ffn:
        missing.append("moe_intermediate_size")
    if not used:
        missing.append("num_experts_per_tok")
    width = ffn or 0
    shared = fields.number("shared_expert_intermediate_size", "shared_expert_ffn", "shared_intermediate_size")
    if shared is None:
        shared = (fields.number("n_shared_experts", "num_shared_experts", "moe_num_shared_experts") or 0) * width
    deep = family.name in {"deepseek2", "deepseek", "glm4moe", "kimi-linear", "glm-dsa", "bailingmoe2"}
    leading = fields.number("leading_dense_layers", "first_k_dense_replace", "num_dense_layers")
    if leading is None:
        leading = _usual_leading(layers, fields) if deep else 0
        if deep:
            missing.append("first_k_dense_replace")
            if not fields.number("n_shared_experts") and not shared:
                shared = width
    bias = bool(fields.number("probs_b")) or family.name in {"lfm2moe", "minimax-m2", "glm4moe", "ernie4_5-moe"}
    return Experts(
        count,
        used or 1,
        width,
        shared,
        leading,
        fields.number("decoder_sparse_step", "moe_layer_interval", "interleave_moe_layer_step") or 1,
        bias,
        gated=family.gated,
    )


def _usual_leading(layers: int, fields: Fields) -> int:
    """DeepSeek's 61-layer models start with three dense layers, the rest with one."""
    return 3 if layers == 61 and (fields.number("num_experts") or 0) == 256 else 1
