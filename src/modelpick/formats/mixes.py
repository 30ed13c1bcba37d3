"""Which type every tensor of a GGUF file gets when a model is quantised to a mix such as Q4_K_M.

A mix is a name for many decisions: the output matrix, the value projections and the down projections of some
layers get more bits, rows that do not divide into a type's block get another type. These are the decisions of
llama.cpp's ``llama-quant.cpp`` as of b10605, without command-line overrides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from modelpick.formats.ggml import TYPES

Role = Literal["output", "embedding", "attn_v", "attn_k", "attn_q", "attn_output", "ffn_down", "ffn_gate", "ffn_up"]

BASE: dict[str, str] = {
    "F32": "F32", "F16": "F16", "BF16": "BF16",
    "Q4_0": "Q4_0", "Q4_1": "Q4_1", "Q5_0": "Q5_0", "Q5_1": "Q5_1", "Q8_0": "Q8_0",
    "Q2_K_S": "Q2_K", "Q2_K": "Q2_K", "Q3_K_S": "Q3_K", "Q3_K_M": "Q3_K", "Q3_K_L": "Q3_K",
    "Q4_K_S": "Q4_K", "Q4_K_M": "Q4_K", "Q5_K_S": "Q5_K", "Q5_K_M": "Q5_K", "Q6_K": "Q6_K",
    "IQ1_S": "IQ1_S", "IQ1_M": "IQ1_M", "IQ2_XXS": "IQ2_XXS", "IQ2_XS": "IQ2_XS", "IQ2_S": "IQ2_XS",
    "IQ2_M": "IQ2_S", "IQ3_XXS": "IQ3_XXS", "IQ3_XS": "IQ3_S", "IQ3_S": "IQ3_S", "IQ3_M": "IQ3_S",
    "IQ4_XS": "IQ4_XS", "IQ4_NL": "IQ4_NL", "TQ1_0": "TQ1_0", "TQ2_0": "TQ2_0",
    "Q1_0": "Q1_0", "Q2_0": "Q2_0", "MXFP4_MOE": "MXFP4",
}  # fmt: skip
"""The mixes, and the type most of their tensors get."""

ALIASES = {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M", "MXFP4": "MXFP4_MOE", "FP16": "F16"}
"""Other names by which people and files call a mix."""

NEEDS_IMATRIX = frozenset({"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "Q2_K_S"})
"""Mixes that llama.cpp refuses to write without an importance matrix."""

_USUALLY_IMATRIX = NEEDS_IMATRIX | {"IQ2_M", "IQ3_XXS"}
_LOW = frozenset({"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M"})
_FALLBACK = {
    **dict.fromkeys(("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_XS"), "IQ4_NL"),
    **dict.fromkeys(("Q2_0", "Q2_K", "Q3_K", "TQ1_0", "TQ2_0"), "Q4_0"),
    "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0",
}  # fmt: skip
_NEVER = (
    "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel",
    "per_layer_model_proj",
    "ssm_conv1d", "shortconv.conv.weight", "indexer.k_proj.weight", "indexer.q_proj.weight",
    "time_mix_first.weight", "time_mix_w0.weight", "time_mix_w1.weight", "time_mix_w2.weight",
    "time_mix_v0.weight", "time_mix_v1.weight", "time_mix_v2.weight", "time_mix_a0.weight",
    "time_mix_a1.weight",
    "time_mix_a2.weight", "time_mix_g1.weight", "time_mix_g2.weight", "time_mix_decay_w1.weight",
    "time_mix_decay_w2.weight", "time_mix_lerp_fused.weight", "attn_rel_b.weight", ".position_embd",
    "sam.pos_embd", "sam.neck.", "sam.net_", ".rel_pos", ".patch_embd", ".patch_merger", "a.rvq.codebook",
    "mm.a.code_embd",
)  # fmt: skip
_POSITIONS = frozenset({"position_embd.weight", "token_types.weight"})
_ROLES: tuple[tuple[str, Role], ...] = (
    ("attn_qkv.weight", "attn_v"), ("attn_kv_b.weight", "attn_v"), ("attn_v.weight", "attn_v"),
    ("attn_k.weight", "attn_k"), ("attn_q.weight", "attn_q"), ("attn_output.weight", "attn_output"),
    ("ffn_up", "ffn_up"), ("ffn_gate", "ffn_gate"), ("ffn_down", "ffn_down"),
)  # fmt: skip
_RAISED_BY_EIGHT_EXPERTS = frozenset({
    "Q2_K", "IQ3_XS", "IQ3_XXS", "Q3_K_S", "Q3_K_M", "IQ4_NL", "Q4_K_S", "Q4_K_M", "IQ3_S", "IQ3_M", "IQ4_XS",
})  # fmt: skip
_ATTENTION_OUTPUT = {"Q2_K": "Q3_K", "IQ3_XXS": "IQ3_S", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K", "IQ3_M": "Q4_K"}
_BLOCK = re.compile(r"blk\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class MixContext:
    """What the choice of types depends on besides the tensor itself.

    ``values`` counts the tensors that llama.cpp treats as value projections (``attn_v``, ``attn_qkv``,
    ``attn_kv_b``). ``imatrix`` None means the mix's custom: with one where it is required or usual.
    """

    architecture: str
    layers: int
    heads_per_kv_head: int
    """Query heads per key-value head in layer 0; 0 where layer 0 has no key-value heads."""
    experts: int
    tied: bool
    values: int
    is_70b: bool = False
    imatrix: bool | None = None


def canonical(mix: str) -> str | None:
    """The mix's own name, or None when it is not one of llama.cpp's (``UD-`` and ``_XL`` are not)."""
    upper = mix.upper().replace("-", "_")
    upper = ALIASES.get(upper, upper)
    return upper if upper in BASE else None


def is_70b(architecture: str, layers: int, heads: int, kv_heads: int) -> bool:
    """Whether llama.cpp calls the model a 70B, which gives its value projections more bits."""
    if architecture == "jais2":
        return layers == 68
    if architecture == "llama":
        return layers == 80 and heads != kv_heads
    return layers == 80 and architecture in {"qwen2", "deci", "olmo"}


@lru_cache(maxsize=4096)
def quantisable(name: str, dimensions: int) -> bool:
    """Whether llama.cpp quantises a tensor of that name at all; the others keep the type they came with."""
    if dimensions < 2 or not name.endswith("weight") or name in {"position_embd.weight", "token_types.weight"}:
        return False
    return not any(part in name for part in _NEVER)


@lru_cache(maxsize=4096)
def role_of(name: str) -> Role | None:
    """What a tensor is to the mix; None for those that simply get the base type."""
    if name == "output.weight":
        return "output"
    if name in {"token_embd.weight", "per_layer_token_embd.weight"}:
        return "embedding"
    return next((role for part, role in _ROLES if part in name), None)


def more_bits(index: int, count: int) -> bool:
    """Whether layer ``index`` of ``count`` is one that gets more bits: the ends and every third between."""
    return index < count // 8 or index >= 7 * count // 8 or (index - count // 8) % 3 == 2


def tensor_type(
    mix: str,
    name: str,
    shape: Sequence[int],
    context: MixContext,
    *,
    ordinal: int = 0,
    layer: int | None = None,
) -> str:
    """The type that a tensor gets.

    ``shape`` is in ggml order, row length first. ``ordinal`` is the tensor's place among those of its role,
    in the order of blocks and then names; ``layer`` its block, read from the name when not given. Tensors
    that are not quantised get F32, which is what llama.cpp's converter writes for them.

    :raises KeyError: when ``mix`` is not one of :data:`BASE`.
    """
    base = BASE[mix]
    if not quantisable(name, len(shape)):
        return "F32"
    if not TYPES[base].quantised:
        return base
    return typed(mix, role_of(name), shape, context, ordinal, _layer(name) if layer is None else layer)


def typed(mix: str, role: Role | None, shape: Sequence[int], context: MixContext, ordinal: int, layer: int) -> str:
    """As :func:`tensor_type`, for a tensor known to be quantisable and a quantised mix."""
    return fallback(_choose(mix, role, shape, context, ordinal, layer), shape[0])


_VARYING: dict[Role, frozenset[str]] = {
    "attn_v": frozenset({"Q3_K_M", "Q4_K_M", "Q5_K_M", "Q4_K_S"}),
    "ffn_down": frozenset(
        {"Q2_K_S", "IQ3_XXS", "Q3_K_M", "IQ3_M", "Q4_K_M", "Q5_K_M", "IQ4_NL", "IQ4_XS", "Q4_K_S", "Q4_0", "Q5_0"}
    )
    | _LOW,
    "ffn_gate": frozenset({"IQ3_XS"}),
    "ffn_up": frozenset({"IQ3_XS"}),
}


def varies(mix: str, role: Role | None) -> bool:
    """Whether tensors of one role get different types in different layers."""
    return role is not None and mix in _VARYING.get(role, ())


@lru_cache(maxsize=8192)
def types_in_order(mix: str, role: Role, row: int, context: MixContext, count: int) -> tuple[str, ...]:
    """The types of ``count`` tensors of one role, for places 0, 1 ... (ordinals and layers alike)."""
    return tuple(typed(mix, role, (row,), context, place, place) for place in range(count))


def tensor_types(mix: str, tensors: Iterable[tuple[str, Sequence[int]]], context: MixContext) -> dict[str, str]:
    """The type of every tensor of a model, by name, counting as llama.cpp counts."""
    ordered = sorted(tensors, key=lambda tensor: (_layer(tensor[0]), tensor[0]))
    seen: dict[Role | None, int] = {}
    types = {}
    for name, shape in ordered:
        role = role_of(name)
        types[name] = tensor_type(mix, name, shape, context, ordinal=seen.get(role, 0))
        if quantisable(name, len(shape)):
            seen[role] = seen.get(role, 0) + 1
    return types


def fallback(type_name: str, row: int) -> str:
    """The type itself, or what llama.cpp takes instead where such rows do not divide into its block."""
    if row % TYPES[type_name].block == 0:
        return type_name
    other = _FALLBACK.get(type_name, "F16")
    return other if row % TYPES[other].block == 0 else "F16"


def _layer(name: str) -> int:
    found = _BLOCK.match(name)
    return int(found[1]) if found else -1


def _choose(mix: str, role: Role | None, shape: Sequence[int], context: MixContext, ordinal: int, layer: int) -> str:
    base = BASE[mix]
    if role == "output" or (role == "embedding" and context.tied):
        return _output(mix, base, shape[0], context)
    if mix == "MXFP4_MOE":
        return "MXFP4" if len(shape) > 2 and shape[2] > 1 else "Q8_0"
    if role is None:
        return base
    if role == "embedding":
        return _embedding(mix, base)
    imatrix = mix in _USUALLY_IMATRIX if context.imatrix is None else context.imatrix
    index = layer if context.experts > 1 else ordinal
    if mix in _LOW:
        return _low(mix, base, role, context, ordinal)
    match role:
        case "attn_v":
            return _value(mix, base, context, ordinal, imatrix)
        case "attn_k" if context.experts == 8:
            return "Q8_0"
        case "attn_k" | "attn_q":
            return {"IQ3_XS": "IQ3_XXS", "IQ3_XXS": "IQ2_S"}.get(mix, base)
        case "attn_output":
            return _attention_output(mix, base, context)
        case "ffn_down":
            return _down(mix, base, context, index, imatrix)
        case _:
            middle = context.layers // 8 <= index < 7 * context.layers // 8
            return "IQ3_XXS" if mix == "IQ3_XS" and middle else base


def _output(mix: str, base: str, row: int, context: MixContext) -> str:
    if mix == "MXFP4_MOE" or context.architecture == "falcon" or row % TYPES[base].block:
        return "Q8_0"
    if mix in _LOW or mix == "IQ3_XXS":
        return "Q5_K"
    return base if base == "Q8_0" else "Q6_K"


def _embedding(mix: str, base: str) -> str:
    if mix in {"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS"}:
        return "Q2_K"
    if mix in {"IQ2_S", "IQ2_M", "IQ3_XXS"}:
        return "IQ3_S"
    return "Q4_K" if mix in {"TQ1_0", "TQ2_0", "Q2_0"} else base


def _low(mix: str, base: str, role: Role, context: MixContext, ordinal: int) -> str:
    better = "IQ3_S" if mix in {"IQ2_S", "IQ2_M"} else "Q2_K"
    match role:
        case "attn_v":
            return "Q4_K" if context.heads_per_kv_head >= 4 or context.experts >= 4 else better
        case "attn_k" if context.experts == 8:
            return "Q4_K"
        case "ffn_down" if ordinal < context.layers // 8:
            return better
        case "attn_output" if context.experts == 8:
            return "Q5_K"
        case "attn_output" if mix in {"IQ1_S", "IQ1_M"}:
            return "IQ2_XXS"
        case "attn_output" if mix in {"IQ2_S", "IQ2_M"}:
            return "IQ3_S"
    return base


def _value(mix: str, base: str, context: MixContext, ordinal: int, imatrix: bool) -> str:
    grouped = context.heads_per_kv_head >= 4
    chosen = base
    match mix:
        case "Q2_K":
            chosen = "Q4_K" if grouped else "Q3_K"
        case "Q2_K_S" | "IQ3_XS" | "IQ3_S" if grouped:
            chosen = "Q4_K"
        case "IQ3_XXS":
            chosen = "Q4_K" if grouped else "IQ3_XXS" if imatrix else "IQ3_S"
        case "IQ3_M":
            chosen = "Q4_K"
        case "Q3_K_M":
            chosen = "Q5_K" if ordinal < 2 else "Q4_K"
        case "Q3_K_L":
            chosen = "Q5_K"
        case "IQ4_NL" | "IQ4_XS" if grouped:
            chosen = "Q5_K"
        case "Q4_K_M" | "Q5_K_M" if more_bits(ordinal, context.values):
            chosen = "Q6_K"
        case "Q4_K_S" if ordinal < 4:
            chosen = "Q5_K"
    if context.is_70b and chosen in {"Q3_K", "Q4_K"}:
        chosen = "Q5_K"
    return "Q8_0" if context.experts == 8 else chosen


def _attention_output(mix: str, base: str, context: MixContext) -> str:
    if context.architecture == "falcon":
        return "Q4_K" if mix == "Q3_K_L" else base
    if context.experts == 8:
        return "Q5_K" if mix in _RAISED_BY_EIGHT_EXPERTS else base
    return {"Q2_K": "Q3_K", "IQ3_XXS": "IQ3_S", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K", "IQ3_M": "Q4_K"}.get(mix, base)


def _down(mix: str, base: str, context: MixContext, index: int, imatrix: bool) -> str:
    count = context.layers
    falcon = context.architecture == "falcon"
    early = index < count // 8
    match mix:
        case "Q2_K":
            return "Q3_K"
        case "Q2_K_S" | "IQ3_M" if early:
            return "Q4_K"
        case "IQ3_M" if context.experts == 8 and more_bits(index, count):
            return "Q4_K"
        case "IQ3_XXS" if not imatrix:
            return "Q4_K" if early else "Q3_K"
        case "Q3_K_M":
            if index < count // 16:
                return "Q5_K"
            return "Q4_K" if not falcon or more_bits(index, count) else "Q3_K"
        case "Q3_K_L":
            return "Q4_K" if falcon else "Q5_K"
        case "Q4_K_M" if falcon:
            return "Q6_K" if index < count // 16 else "Q5_K" if more_bits(index, count) else "Q4_K"
        case "Q4_K_M" | "Q5_K_M" if more_bits(index, count):
            return "Q6_K"
        case "IQ4_NL" | "IQ4_XS" if early and not imatrix:
            return "Q5_K"
        case "Q4_K_S" if early and not falcon:
            return "Q5_K"
        case "Q4_0" | "Q5_0" if early and imatrix:
            return "Q4_1" if mix == "Q4_0" else "Q5_1"
    return base
