"""Which layers attend to what: sliding windows, hybrids, recurrent state, layers that share a cache."""

from __future__ import annotations

import re

from modelpick.estimation.families import Family
from modelpick.estimation.fields import Fields
from modelpick.estimation.interface import AttentionKind, Recurrence

_RATIO = r"(\d+)\s*local\s*:\s*(\d+)\s*global"
FULL: AttentionKind = "full"
SLIDING: AttentionKind = "sliding"
NONE: AttentionKind = "none"
_FULL = ("full", "global", "attention", "hybrid")
_STATES = ("conv", "linear", "recurrent", "mamba")
_SLIDING = ("sliding", "local", "chunked")
Plan = tuple[tuple[AttentionKind, ...], tuple[bool, ...], int, list[str]]


def attention_plan(family: Family, fields: Fields, layers: int, recurrence: Recurrence | None) -> Plan:
    """What each layer keeps per token, which layers are recurrent, the window, and the fields that were absent."""
    if recurrence is not None or family.full_period:
        kinds, recurrent, missing = _hybrid(family, fields, layers)
        return kinds, recurrent, 0, missing
    window = fields.number("sliding_window", "attention_chunk_size") or 0
    kinds = _windows(family, fields, layers)
    missing = []
    if "sliding" in kinds and not window:
        missing.append("sliding_window")
        kinds = (FULL,) * layers
    shared = _shared(family, fields, layers)
    if shared:
        kinds = (*kinds[: layers - shared], *((NONE,) * shared))
    return kinds, (), window if "sliding" in kinds else 0, missing


def _shared(family: Family, fields: Fields, layers: int) -> int:
    """The last layers of Gemma 3n and 4 use the cache of earlier ones."""
    shared = fields.number("num_kv_shared_layers", "shared_kv_layers")
    if shared is None and family.name == "gemma3n":
        shared = max(0, layers - 20)
    return min(shared or 0, layers)


def _windows(family: Family, fields: Fields, layers: int) -> tuple[AttentionKind, ...]:
    if not family.window_period and not _explicit(fields):
        return (FULL,) * layers
    types = fields.texts("layer_types")
    if len(types) == layers:
        return tuple(SLIDING if item.startswith(_SLIDING) else FULL for item in types)
    counts = {str(key): value for key, value in fields.mapping("layer_types").items() if isinstance(value, int)}
    if counts:
        full = sum(value for key, value in counts.items() if not any(word in key for word in (*_SLIDING, *_STATES)))
        return _spread(layers, full)
    period = _period(family, fields)
    return tuple(FULL if index % period == period - 1 else SLIDING for index in range(layers))


def _explicit(fields: Fields) -> bool:
    return bool(fields.texts("layer_types") or fields.mapping("layer_types")) or (
        fields.has("sliding_window_pattern") or fields.has("swa_pattern_period")
    )


def _period(family: Family, fields: Fields) -> int:
    number = fields.number("swa_pattern_period", "sliding_window_pattern", "_sliding_window_pattern")
    if number:
        return number
    found = re.search(_RATIO, fields.text("sliding_window_pattern") or "")
    if found:
        return int(found[1]) + int(found[2])
    return family.window_period or 1


def _spread(layers: int, full: int) -> tuple[AttentionKind, ...]:
    """``full`` layers spread evenly, the last of each stretch: the counts are known, the places are not."""
    full = min(full, layers)  # a configuration may claim any number
    places = {round((index + 1) * layers / full) - 1 for index in range(full)} if full else set()
    return tuple(FULL if index in places else SLIDING for index in range(layers))


def _hybrid(
    family: Family, fields: Fields, layers: int
) -> tuple[tuple[AttentionKind, ...], tuple[bool, ...], list[str]]:
    if family.name == "falcon-h1":
        return (FULL,) * layers, (True,) * layers, []
    if family.name in {"mamba", "mamba2"}:
        return (NONE,) * layers, (True,) * layers, []
    pattern = fields.text("hybrid_override_pattern")
    if pattern and len(pattern) == layers:
        return (
            tuple(FULL if letter == "*" else NONE for letter in pattern),
            tuple(letter == "M" for letter in pattern),
            [],
        )
    places, missing = _attention_places(family, fields, layers)
    kinds: tuple[AttentionKind, ...] = tuple(FULL if index in places else NONE for index in range(layers))
    return kinds, tuple(kind == "none" for kind in kinds), missing


def _attention_places(family: Family, fields: Fields, layers: int) -> tuple[set[int], list[str]]:
    for name in ("attention_layer_indices", "full_attn_idxs", "attn_layer_indices", "full_attention_idxs"):
        if places := fields.values(name):
            return set(places), []
    types = fields.texts("layer_types")
    if len(types) == layers:
        return {index for index, item in enumerate(types) if item.startswith(_FULL)}, []
    kda = fields.mapping("linear_attn_config").get("full_attn_layers")
    if isinstance(kda, list):
        return {item - 1 for item in kda if isinstance(item, int)}, []
    period = fields.inner("ssm").number("full_attention_every", "full_attention_interval") or family.full_period
    if period:
        return {index for index in range(layers) if index % period == period - 1}, []
    if family.name == "granitehybrid":
        return set(range(5, layers, 10)), ["layer_types"]
    if family.name == "jamba":
        return set(range(4, layers, 8)), ["attn_layer_period"]
    if family.name.startswith("lfm2"):
        late = {index for index in range(10, layers) if index % 2 == 0}
        return {index for index in range(layers) if index % 3 == 2} | late, ["layer_types"]
    return {index for index in range(layers) if index % 8 == 7}, ["layer_types"]


def recurrence_of(family: Family, fields: Fields, hidden: int, heads: int) -> tuple[Recurrence | None, list[str]]:
    """The recurrent layers' dimensions, and the fields that were absent; None for models without such layers."""
    inner = fields.inner("ssm")
    if inner.has("inner") and inner.has("state"):
        return _from_shape_table(family, inner), []
    conv = inner.number("shortconv_l_cache", "conv_L_cache", "conv_l_cache")
    if family.name.startswith("lfm2") or conv:
        return Recurrence("short-conv", conv or 3, hidden, 0, 0, 0), [] if conv else ["conv_L_cache"]
    if family.full_period and family.name != "kimi-linear":
        return _delta(inner, hidden)
    if family.name == "kimi-linear":
        size = 128
        return Recurrence("kda", 4, heads * size, size, heads, heads, heads * size), ["linear_attn_config"]
    if family.name in {"falcon-h1", "granitehybrid", "nemotron_h", "mamba", "mamba2", "jamba"}:
        return _mamba(family, inner, hidden)
    return None, []


def _from_shape_table(family: Family, inner: Fields) -> Recurrence:
    state, groups = inner.number("state") or 0, inner.number("group") or 1
    delta = family.full_period > 0
    return Recurrence(
        "gated-delta-net" if delta else "mamba2",
        inner.number("conv") or 4,
        inner.number("inner") or 0,
        state,
        groups,
        inner.number("dt") or 1,
        groups * state,
    )


def _delta(inner: Fields, hidden: int) -> tuple[Recurrence, list[str]]:
    keys, values = inner.number("linear_num_key_heads"), inner.number("linear_num_value_heads")
    missing = [
        name for name, value in (("linear_num_key_heads", keys), ("linear_num_value_heads", values)) if value is None
    ]
    key_dim = inner.number("linear_key_head_dim") or 128
    value_dim = inner.number("linear_value_head_dim") or 128
    groups = keys or 16
    count = values or (16 if hidden <= 2048 else 32 if hidden <= 4096 else 48)
    conv = inner.number("linear_conv_kernel_dim", "conv_kernel") or 4
    return Recurrence("gated-delta-net", conv, count * value_dim, key_dim, groups, count, groups * key_dim), missing


def _mamba(family: Family, inner: Fields, hidden: int) -> tuple[Recurrence | None, list[str]]:
    missing = []
    conv = inner.number("mamba_d_conv", "conv_kernel", "d_conv") or 4
    state = inner.number("mamba_d_state", "ssm_state_size", "state_size", "d_state")
    if state is None:
        missing.append("mamba_d_state")
        state = {"mamba": 16, "jamba": 16}.get(family.name, 256 if family.name == "falcon-h1" else 128)
    heads = inner.number("mamba_n_heads", "mamba_num_heads")
    head = inner.number("mamba_d_head", "mamba_head_dim") or 64
    width = inner.number("mamba_d_ssm") or (heads * head if heads else None)
    expand = inner.number("mamba_expand", "expand")
    if width is None:
        if expand is None:
            missing.append("mamba_d_ssm")
        width = (expand or 2) * hidden
    if family.name == "granitehybrid" and not inner.has("mamba_n_heads") and not inner.has("layer_types"):
        missing.append("mamba_n_heads")
    if family.name in {"mamba", "jamba"}:
        rank = inner.number("mamba_dt_rank", "time_step_rank") or -(-hidden // 16)
        return Recurrence("mamba", conv, width, state, 0, rank), missing
    groups = inner.number("mamba_n_groups", "n_groups")
    if groups is None:
        groups = 8 if family.name == "nemotron_h" else 1
    return Recurrence("mamba2", conv, width, state, groups, heads or width // head), missing
