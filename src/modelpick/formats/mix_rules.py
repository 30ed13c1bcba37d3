"""The rules by which a mix gives some tensors more bits than its base type.

Each function is one kind of tensor. Source: llama.cpp b10605, ``llama_tensor_get_type_impl``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from modelpick.formats.ggml import TYPES
from modelpick.values import dataclass

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

NEEDS_IMATRIX = frozenset({"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "Q2_K_S"})
"""Mixes that llama.cpp refuses to write without an importance matrix."""

_USUALLY_IMATRIX = NEEDS_IMATRIX | {"IQ2_M", "IQ3_XXS"}
LOW = frozenset({"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M"})
_RAISED_BY_EIGHT_EXPERTS = frozenset({
    "Q2_K", "IQ3_XS", "IQ3_XXS", "Q3_K_S", "Q3_K_M", "IQ4_NL", "Q4_K_S", "Q4_K_M", "IQ3_S", "IQ3_M", "IQ4_XS",
})  # fmt: skip
_ATTENTION_OUTPUT = {"Q2_K": "Q3_K", "IQ3_XXS": "IQ3_S", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K", "IQ3_M": "Q4_K"}


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


def is_70b(architecture: str, layers: int, heads: int, kv_heads: int) -> bool:
    """Whether llama.cpp calls the model a 70B, which gives its value projections more bits."""
    if architecture == "jais2":
        return layers == 68
    if architecture == "llama":
        return layers == 80 and heads != kv_heads
    return layers == 80 and architecture in {"qwen2", "deci", "olmo"}


def more_bits(index: int, count: int) -> bool:
    """Whether layer ``index`` of ``count`` is one that gets more bits: the ends and every third between."""
    return index < count // 8 or index >= 7 * count // 8 or (index - count // 8) % 3 == 2


def choose(mix: str, role: Role | None, shape: Sequence[int], context: MixContext, ordinal: int, layer: int) -> str:
    """The type a quantisable tensor gets before rows that do not divide into its block are looked at."""
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
    if mix in LOW:
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
    if mix in LOW or mix == "IQ3_XXS":
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
