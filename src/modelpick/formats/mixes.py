"""Which type every tensor of a GGUF file gets when a model is quantised to a mix such as Q4_K_M.

A mix is a name for many decisions: the output matrix, the value projections and the down projections of some
layers get more bits, rows that do not divide into a type's block get another type. These are the decisions of
llama.cpp's ``llama-quant.cpp`` as of b10605, without command-line overrides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from modelpick.formats.ggml import TYPES
from modelpick.formats.mix_rules import BASE, LOW, NEEDS_IMATRIX, MixContext, Role, choose, is_70b, more_bits

ALIASES = {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M", "MXFP4": "MXFP4_MOE", "FP16": "F16"}
"""Other names by which people and files call a mix."""

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
_BLOCK = re.compile(r"blk\.(\d+)\.")


def canonical(mix: str) -> str | None:
    """The mix's own name, or None when it is not one of llama.cpp's (``UD-`` and ``_XL`` are not)."""
    upper = mix.upper().replace("-", "_")
    upper = ALIASES.get(upper, upper)
    return upper if upper in BASE else None


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
    return fallback(choose(mix, role, shape, context, ordinal, layer), shape[0])


_VARYING: dict[Role, frozenset[str]] = {
    "attn_v": frozenset({"Q3_K_M", "Q4_K_M", "Q5_K_M", "Q4_K_S"}),
    "ffn_down": frozenset(
        {"Q2_K_S", "IQ3_XXS", "Q3_K_M", "IQ3_M", "Q4_K_M", "Q5_K_M", "IQ4_NL", "IQ4_XS", "Q4_K_S", "Q4_0", "Q5_0"}
    )
    | LOW,
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


__all__ = [
    "ALIASES",
    "BASE",
    "NEEDS_IMATRIX",
    "MixContext",
    "Role",
    "canonical",
    "fallback",
    "is_70b",
    "more_bits",
    "quantisable",
    "role_of",
    "tensor_type",
    "tensor_types",
    "typed",
    "types_in_order",
    "varies",
]
