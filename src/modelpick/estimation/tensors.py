"""The list of tensors that a model of a given shape consists of, as llama.cpp names and shapes them.

Equal tensors of many layers are one :class:`TensorGroup`, so that summing a model takes a few dozen steps.
Source: llama.cpp b10605 ``src/models``; parameter and tensor counts were compared with 44 published models.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from modelpick.estimation.families import GENERIC, Family, family_of
from modelpick.estimation.interface import Experts, Mla, Recurrence, Shape

Dims = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TensorGroup:
    """Tensors of one name and shape. ``name`` has ``{}`` for the layer; ``layers`` is empty for a single one."""

    name: str
    shape: Dims
    layers: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many tensors the group has."""
        return len(self.layers) or 1

    def names(self) -> Iterator[str]:
        """Each tensor's name."""
        if not self.layers:
            yield self.name
        for layer in self.layers:
            yield self.name.format(layer)


def tensor_groups(shape: Shape) -> tuple[TensorGroup, ...]:
    """All tensors of a model, grouped."""
    family = family_of(shape.name) or GENERIC
    groups = list(_outer(shape, family))
    for places in _alike(shape):
        for name, dims in _block(shape, family, places[0]):
            groups.append(TensorGroup("blk.{}." + name, dims, places))
    return tuple(groups)


def parameter_count(shape: Shape) -> int:
    """Elements of all tensors, tied weights once."""
    family = family_of(shape.name) or GENERIC
    total = sum(prod(group.shape) for group in _outer(shape, family))
    for places in _alike(shape):
        total += len(places) * sum(prod(dims) for _, dims in _block(shape, family, places[0]))
    return total


def _alike(shape: Shape) -> list[tuple[int, ...]]:
    """The layers, those that consist of the same tensors together."""
    uneven = shape.recurrent or shape.kv_heads_by_layer or shape.head_dim_by_layer or shape.ffn_by_layer
    experts = shape.experts
    if not uneven and shape.name != "nemotron_h" and (experts is None or experts.every == 1):
        dense = min(experts.leading_dense, shape.layers) if experts else 0
        parts = (tuple(range(dense)), tuple(range(dense, shape.layers)))
        return [part for part in parts if part]
    kinds: dict[tuple[object, ...], list[int]] = {}
    for layer in range(shape.layers):
        kinds.setdefault(_signature(shape, layer), []).append(layer)
    return [tuple(layers) for layers in kinds.values()]


def kv_heads_of(shape: Shape, layer: int) -> int:
    """Key-value heads of one layer."""
    return shape.kv_heads_by_layer[layer] if shape.kv_heads_by_layer else shape.kv_heads


def head_dim_of(shape: Shape, layer: int) -> int:
    """Head size of one layer's keys."""
    return shape.head_dim_by_layer[layer] if shape.head_dim_by_layer else shape.head_dim


def value_dim_of(shape: Shape, layer: int) -> int:
    """Head size of one layer's values."""
    return shape.head_dim_by_layer[layer] if shape.head_dim_by_layer else shape.value_dim


def is_recurrent(shape: Shape, layer: int) -> bool:
    """Whether the layer carries a recurrent state."""
    return bool(shape.recurrent) and shape.recurrent[layer]


def has_attention(shape: Shape, layer: int) -> bool:
    """Whether the layer has attention weights (a layer without a cache of its own may share another's)."""
    kind = shape.attention[layer]
    return kind != "none" or (not shape.recurrent and shape.name != "nemotron_h")


def routes(experts: Experts | None, layer: int) -> bool:
    """Whether the layer's feed-forward is a mixture of experts."""
    if experts is None or layer < experts.leading_dense:
        return False
    return (layer + 1) % experts.every == 0


def _signature(shape: Shape, layer: int) -> tuple[object, ...]:
    return (
        has_attention(shape, layer),
        is_recurrent(shape, layer),
        routes(shape.experts, layer),
        shape.kv_heads_by_layer[layer] if shape.kv_heads_by_layer else 0,
        shape.head_dim_by_layer[layer] if shape.head_dim_by_layer else 0,
        shape.ffn_by_layer[layer] if shape.ffn_by_layer else 0,
    )


def _outer(shape: Shape, family: Family) -> Iterator[TensorGroup]:
    hidden, vocab = shape.hidden, shape.vocab
    yield TensorGroup("token_embd.weight", (hidden, vocab))
    if family.kind != "encoder":
        final = "token_embd_norm" if shape.name.startswith("lfm2") else "output_norm"
        yield TensorGroup(f"{final}.weight", (hidden,))
        if family.norm_bias:
            yield TensorGroup(f"{final}.bias", (hidden,))
    if family.embedding_norm:
        yield TensorGroup("token_embd_norm.weight", (hidden,))
        yield TensorGroup("token_embd_norm.bias", (hidden,))
    if shape.positions:
        yield TensorGroup("position_embd.weight", (hidden, shape.positions))
    if shape.name in {"bert", "nomic-bert"}:
        yield TensorGroup("token_types.weight", (hidden, 2))
    if not shape.tied:
        yield TensorGroup("output.weight", (hidden, vocab))
    if shape.rope_freqs:
        yield TensorGroup("rope_freqs.weight", (shape.head_dim // 2,))
    if shape.per_layer_input:
        width = shape.per_layer_input * shape.layers
        yield TensorGroup("per_layer_token_embd.weight", (width, vocab))
        yield TensorGroup("per_layer_model_proj.weight", (hidden, width))
        yield TensorGroup("per_layer_proj_norm.weight", (shape.per_layer_input,))


def _block(shape: Shape, family: Family, layer: int) -> Iterator[tuple[str, Dims]]:
    hidden = shape.hidden
    yield from _norms(family, hidden, shape.name)
    if has_attention(shape, layer):
        if shape.mla:
            yield from _latent_attention(shape, shape.mla)
        else:
            yield from _attention(shape, family, layer)
    if is_recurrent(shape, layer) and shape.recurrence:
        yield from _recurrent(shape, shape.recurrence)
    if shape.name == "nemotron_h" and (has_attention(shape, layer) or is_recurrent(shape, layer)):
        return
    if routes(shape.experts, layer) and shape.experts:
        yield from _experts(shape, family, shape.experts)
    else:
        yield from _feed_forward(shape, family, layer)
    if shape.per_layer_input:
        yield "inp_gate.weight", (hidden, shape.per_layer_input)
        yield "proj.weight", (shape.per_layer_input, hidden)
        yield "post_norm.weight", (hidden,)


def _norms(family: Family, hidden: int, name: str) -> Iterator[tuple[str, Dims]]:
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


def _attention(shape: Shape, family: Family, layer: int) -> Iterator[tuple[str, Dims]]:
    hidden, kv_heads = shape.hidden, kv_heads_of(shape, layer)
    size, value_size = head_dim_of(shape, layer), value_dim_of(shape, layer)
    query, keys, values = shape.heads * size, kv_heads * size, kv_heads * value_size
    wide = query * 2 if family.query_gate else query
    biased = family.qkv_bias or family.all_bias
    if family.fused_qkv:
        yield "attn_qkv.weight", (hidden, query + keys + values)
        if biased:
            yield "attn_qkv.bias", (query + keys + values,)
    else:
        for part, width in (("q", wide), ("k", keys), ("v", values)):
            yield f"attn_{part}.weight", (hidden, width)
            if biased:
                yield f"attn_{part}.bias", (width,)
    yield "attn_output.weight", (shape.heads * value_size, hidden)
    if family.all_bias:
        yield "attn_output.bias", (hidden,)
    if family.qk_norm:
        full = family.qk_norm == "width"
        yield "attn_q_norm.weight", (query if full else size,)
        yield "attn_k_norm.weight", (keys if full else size,)
    if shape.name == "gpt-oss":
        yield "attn_sinks.weight", (shape.heads,)


def _latent_attention(shape: Shape, mla: Mla) -> Iterator[tuple[str, Dims]]:
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


def _recurrent(shape: Shape, rec: Recurrence) -> Iterator[tuple[str, Dims]]:
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


def _experts(shape: Shape, family: Family, experts: Experts) -> Iterator[tuple[str, Dims]]:
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


def _feed_forward(shape: Shape, family: Family, layer: int) -> Iterator[tuple[str, Dims]]:
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
