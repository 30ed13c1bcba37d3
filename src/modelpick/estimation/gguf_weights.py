"""The types and bytes of every tensor of a GGUF file of a given shape and mix."""

from __future__ import annotations

from modelpick.estimation.interface import Shape
from modelpick.estimation.memo import remembered
from modelpick.estimation.tensors import TensorGroup, tensor_groups
from modelpick.formats.ggml import TYPES, tensor_bytes
from modelpick.formats.mixes import (
    BASE,
    MixContext,
    Role,
    is_70b,
    quantisable,
    role_of,
    typed,
    types_in_order,
    varies,
)

REPACKED = frozenset({"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"})
"""Types that llama.cpp lays out anew on x86 with AVX2."""

Sizes = list[tuple[TensorGroup, tuple[int, ...]]]
"""Each group with the bytes of each of its tensors, or one figure where they are equal."""


def groups_of(shape: Shape) -> tuple[TensorGroup, ...]:
    """The shape's tensor groups, remembered."""
    return remembered("groups", shape, None, lambda: tensor_groups(shape))


def mix_context(shape: Shape, imatrix: bool | None = None) -> MixContext:
    """What the mix's rules need to know of the model."""
    heads = shape.kv_heads_by_layer[0] if shape.kv_heads_by_layer else shape.kv_heads
    if shape.mla:
        heads = 1
    if shape.attention[0] == "none" and shape.recurrent:
        heads = 0
    values = sum(group.count for group in groups_of(shape) if role_of(group.name) == "attn_v")
    return MixContext(
        architecture=shape.name,
        layers=shape.layers,
        heads_per_kv_head=shape.heads // heads if heads else 0,
        experts=shape.experts.count if shape.experts else 0,
        tied=shape.tied,
        values=values,
        is_70b=is_70b(shape.name, shape.layers, shape.heads, heads),
        imatrix=imatrix,
    )


def gguf_types(shape: Shape, mix: str, imatrix: bool | None = None) -> list[tuple[TensorGroup, tuple[str, ...]]]:
    """The type of every tensor of a GGUF file of that mix: one a layer, or a single one for all of a group."""
    context = mix_context(shape, imatrix)
    base = BASE[mix]
    plain = not TYPES[base].quantised
    types: list[tuple[TensorGroup, tuple[str, ...]]] = []
    for group in groups_of(shape):
        if not quantisable(group.name, len(group.shape)):
            types.append((group, ("F32",)))
            continue
        role = role_of(group.name)
        if plain:
            types.append((group, (base,)))
        elif role is None or not varies(mix, role):
            types.append((group, (typed(mix, role, group.shape, context, 0, -1),)))
        else:
            types.append((group, _by_layer(shape, mix, role, group, context)))
    return types


def _by_layer(shape: Shape, mix: str, role: Role, group: TensorGroup, context: MixContext) -> tuple[str, ...]:
    """The types of a role that varies: by place among its kind, or by layer where the mix counts so."""
    same = [other for other in groups_of(shape) if role_of(other.name) == role and quantisable(other.name, 2)]
    if len(same) == 1:
        row = group.shape[0]
        in_order = types_in_order(mix, role, row, context, shape.layers)
        if len(group.layers) == shape.layers:
            return in_order
        if role == "attn_v" or context.experts <= 1:
            return in_order[: len(group.layers)]
        return tuple(in_order[layer] for layer in group.layers)
    order = remembered("order", shape, role, lambda: _order(same))
    return tuple(typed(mix, role, group.shape, context, order[group.name, layer], layer) for layer in group.layers)


def _order(groups: list[TensorGroup]) -> dict[tuple[str, int], int]:
    """The place of each tensor among those of its role, by layer and then name, as llama.cpp counts."""
    places = sorted((layer, group.name) for group in groups for layer in group.layers)
    return {(name, layer): index for index, (layer, name) in enumerate(places)}


def gguf_sizes(shape: Shape, mix: str) -> tuple[Sizes, int]:
    """The bytes of every tensor, and of those that AVX2 lays out anew."""
    sizes: Sizes = []
    repacked = 0
    for group, types in gguf_types(shape, mix):
        if len(types) == 1:
            size = tensor_bytes(types[0], group.shape)
            sizes.append((group, (size,)))
            if types[0] in REPACKED and _repacks(group, shape):
                repacked += size * group.count
            continue
        by_type = {type_: tensor_bytes(type_, group.shape) for type_ in set(types)}
        sizes.append((group, tuple([by_type[type_] for type_ in types])))
        if _repacks(group, shape):
            repacked += sum(by_type[type_] for type_ in types if type_ in REPACKED)
    return sizes, repacked


def header_bytes(shape: Shape, tensors: int) -> int:
    """The metadata before the tensors, nearly all of it the tokenizer."""
    return (36 if shape.byte_pair else 28) * shape.vocab + 64 * tensors + 4096


def _repacks(group: TensorGroup, shape: Shape) -> bool:
    """Whether llama.cpp may lay the matrix out anew: matrix products only, rows in eights."""
    name = group.name
    if len(group.shape) < 2 or group.shape[1] % 8 or not quantisable(name, len(group.shape)):
        return False
    return name != "per_layer_token_embd.weight" and (name != "token_embd.weight" or shape.tied)
