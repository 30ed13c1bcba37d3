"""The tensors of one layer's parts, as llama.cpp names and shapes them."""

from __future__ import annotations

from collections.abc import Iterator

from modelpick.estimation.families import Family
from modelpick.estimation.interface import Experts, Mla, Recurrence, Shape

Dims = tuple[int, ...]


def norms(family: Family, hidden: int, name: str) -> Iterator[tuple[str, Dims]]:
    """The norms around attention and feed-forward."""
    names = {
        "pre": ("attn_norm", "ffn_norm"),
        "both": ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"),
        "post": ("post_attention_norm", "post_ffw_norm"),
        "parallel": ("attn_norm",),
    }[family.norms]
    if name in {"qwen3next", "qwen35", "qwen35moe", "gpt-oss", "glm4moe", "seed_oss"}:
        names = ("attn_norm", "post_attention_norm")
    elif name in {"bert", "nomic-bert"}:
        names = ("attn_output_norm", "layer_output_norm")
    elif name in {"mamba", "mamba2", "nemotron_h"}:
        names = ("attn_norm",)
    for norm in names:
        yield f"{norm}.weight", (hidden,)
        if family.norm_bias:
            yield f"{norm}.bias", (hidden,)


def latent_attention(shape: Shape, mla: Mla) -> Iterator[tuple[str, Dims]]:
    """Attention through a latent, in the absorbed form that llama.cpp stores."""
    hidden, heads, rank = shape.hidden, shape.heads, mla.kv_lora_rank
    query = heads * (mla.nope_dim + mla.rope_dim)
    if mla.query_lora_rank:
        yield "attn_q_a.weight", (hidden, mla.query_lora_rank)
        yield "attn_q_a_norm.weight", (mla.query_lora_rank,)
        yield "attn_q_b.weight", (mla.query_lora_rank, query)
    else:
        yield "attn_q.weight", (hidden, query)
    yield "attn_kv_a_mqa.weight", (hidden, rank + mla.rope_dim)
    yield "attn_kv_a_norm.weight", (rank,)
    yield "attn_k_b.weight", (mla.nope_dim, rank, heads)
    yield "attn_v_b.weight", (rank, mla.value_dim, heads)
    yield "attn_output.weight", (heads * mla.value_dim, hidden)


def recurrent(shape: Shape, rec: Recurrence) -> Iterator[tuple[str, Dims]]:
    """The state-space, convolution or linear-attention part of a layer."""
    hidden, inner = shape.hidden, rec.inner
    if rec.kind == "short-conv":
        yield "shortconv.conv.weight", (rec.conv_kernel, hidden)
        yield "shortconv.in_proj.weight", (hidden, 3 * hidden)
        yield "shortconv.out_proj.weight", (hidden, hidden)
    elif rec.kind == "gated-delta-net":
        yield from _delta(shape, rec)
    elif rec.kind == "kda":
        yield from _kda(shape, rec)
    elif rec.kind == "mamba":
        yield "ssm_in.weight", (hidden, 2 * inner)
        yield "ssm_conv1d.weight", (rec.conv_kernel, inner)
        yield "ssm_conv1d.bias", (inner,)
        yield "ssm_x.weight", (inner, rec.heads + 2 * rec.state)
        yield "ssm_dt.weight", (rec.heads, inner)
        yield "ssm_dt.bias", (inner,)
        yield "ssm_a", (rec.state, inner)
        yield "ssm_d", (inner,)
        yield "ssm_out.weight", (inner, hidden)
    else:
        conv = inner + 2 * rec.groups * rec.state
        yield "ssm_in.weight", (hidden, inner + conv + rec.heads)
        yield "ssm_conv1d.weight", (rec.conv_kernel, conv)
        yield "ssm_conv1d.bias", (conv,)
        yield "ssm_dt.bias", (rec.heads,)
        yield "ssm_a", (1, rec.heads)
        yield "ssm_d", (1, rec.heads)
        yield "ssm_norm.weight", (inner // (rec.groups or 1), rec.groups or 1)
        yield "ssm_out.weight", (inner, hidden)


def _delta(shape: Shape, rec: Recurrence) -> Iterator[tuple[str, Dims]]:
    hidden, inner = shape.hidden, rec.inner
    conv = 2 * rec.key_width + inner
    yield "attn_qkv.weight", (hidden, conv)
    yield "attn_gate.weight", (hidden, inner)
    yield "ssm_conv1d.weight", (rec.conv_kernel, conv)
    yield "ssm_dt.bias", (rec.heads,)
    yield "ssm_a", (rec.heads,)
    if shape.name == "qwen3next":
        yield "ssm_ba.weight", (hidden, 2 * rec.heads)
    else:
        yield "ssm_beta.weight", (hidden, rec.heads)
        yield "ssm_alpha.weight", (hidden, rec.heads)
    yield "ssm_norm.weight", (inner // (rec.heads or 1),)
    yield "ssm_out.weight", (inner, hidden)


def _kda(shape: Shape, rec: Recurrence) -> Iterator[tuple[str, Dims]]:
    hidden, inner, size = shape.hidden, rec.inner, rec.state
    for part in ("q", "k", "v"):
        yield f"attn_{part}.weight", (hidden, inner)
        yield f"ssm_conv1d_{part}.weight", (rec.conv_kernel, 1, inner)
    for part in ("f", "g"):
        yield f"ssm_{part}_a.weight", (hidden, size)
        yield f"ssm_{part}_b.weight", (size, inner)
    yield "ssm_beta.weight", (hidden, rec.heads)
    yield "ssm_a", (1, rec.heads)
    yield "ssm_dt.bias", (inner,)
    yield "ssm_norm.weight", (size,)
    yield "attn_output.weight", (inner, hidden)


def routed_experts(shape: Shape, family: Family, experts: Experts) -> Iterator[tuple[str, Dims]]:
    """Router, experts and shared experts."""
    hidden, width, count = shape.hidden, experts.ffn, experts.count
    biased = shape.name == "gpt-oss"
    yield "ffn_gate_inp.weight", (hidden, count)
    if biased:
        yield "ffn_gate_inp.bias", (count,)
    if experts.router_bias:
        yield "exp_probs_b.bias", (count,)
    for part in ("gate", "up") if family.gated else ("up",):
        yield f"ffn_{part}_exps.weight", (hidden, width, count)
        if biased:
            yield f"ffn_{part}_exps.bias", (width, count)
    yield "ffn_down_exps.weight", (width, hidden, count)
    if biased:
        yield "ffn_down_exps.bias", (hidden, count)
    if experts.shared_ffn:
        if shape.name in {"qwen2moe", "qwen3next", "qwen35moe"}:
            yield "ffn_gate_inp_shexp.weight", (hidden,)
        for part in ("gate", "up") if family.gated else ("up",):
            yield f"ffn_{part}_shexp.weight", (hidden, experts.shared_ffn)
        yield "ffn_down_shexp.weight", (experts.shared_ffn, hidden)


def feed_forward(shape: Shape, family: Family, layer: int) -> Iterator[tuple[str, Dims]]:
    """The plain feed-forward; nothing for layers without one."""
    hidden = shape.hidden
    width = shape.ffn_by_layer[layer] if shape.ffn_by_layer else shape.ffn
    if not width or shape.name in {"mamba", "mamba2"}:
        return
    up = 2 * width if family.fused_gate_up else width
    if family.gated and not family.fused_gate_up:
        yield "ffn_gate.weight", (hidden, width)
    yield "ffn_up.weight", (hidden, up)
    yield "ffn_down.weight", (width, hidden)
    if family.all_bias and shape.name != "gpt-oss":
        yield "ffn_up.bias", (up,)
        yield "ffn_down.bias", (hidden,)
