"""The list of tensors that a model of a given shape consists of, as llama.cpp names and shapes them.

Equal tensors of many layers are one :class:`TensorGroup`, so that summing a model takes a few dozen steps.
Source: llama.cpp b10605 ``src/models``; parameter and tensor counts were compared with 44 published models.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from modelpick.estimation.families import GENERIC, Family, family_of
from modelpick.estimation.interface import Experts, Shape
from modelpick.estimation.layer_tensors import Dims, feed_forward, latent_attention, norms, recurrent, routed_experts
from modelpick.values import dataclass


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
    yield from norms(family, hidden, shape.name)
    if has_attention(shape, layer):
        if shape.mla:
            yield from latent_attention(shape, shape.mla)
        else:
            yield from _attention(shape, family, layer)
    if is_recurrent(shape, layer) and shape.recurrence:
        yield from recurrent(shape, shape.recurrence)
    if shape.name == "nemotron_h" and (has_attention(shape, layer) or is_recurrent(shape, layer)):
        return
    if routes(shape.experts, layer) and shape.experts:
        yield from routed_experts(shape, family, shape.experts)
    else:
        yield from feed_forward(shape, family, layer)
    if shape.per_layer_input:
        yield "inp_gate.weight", (hidden, shape.per_layer_input)
        yield "proj.weight", (shape.per_layer_input, hidden)
        yield "post_norm.weight", (hidden,)


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
