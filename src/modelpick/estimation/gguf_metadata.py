"""From a GGUF file's metadata to an architecture: the same fields under other names.

Key names: ``gguf-py`` constants of llama.cpp b10605. Nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from modelpick.estimation.architecture import from_config
from modelpick.estimation.interface import Architecture
from modelpick.values import replace

_PLAIN = {
    "n_layers": "block_count",
    "hidden": "embedding_length",
    "max_position_embeddings": "context_length",
    "sliding_window": "attention.sliding_window",
    "n_experts": "expert_count",
    "n_experts_used": "expert_used_count",
    "expert_ffn": "expert_feed_forward_length",
    "shared_expert_ffn": "expert_shared_feed_forward_length",
    "n_shared_experts": "expert_shared_count",
    "leading_dense_layers": "leading_dense_block_count",
    "decoder_sparse_step": "interleave_moe_layer_step",
    "kv_lora_rank": "attention.kv_lora_rank",
    "q_lora_rank": "attention.q_lora_rank",
    "shortconv_l_cache": "shortconv.l_cache",
    "full_attention_interval": "full_attention_interval",
    "num_kv_shared_layers": "attention.shared_kv_layers",
    "hidden_size_per_layer_input": "embedding_length_per_layer_input",
}
_SSM = {
    "conv": "ssm.conv_kernel",
    "inner": "ssm.inner_size",
    "state": "ssm.state_size",
    "dt": "ssm.time_step_rank",
    "group": "ssm.group_count",
}


def from_gguf(
    metadata: Mapping[str, object], tensors: Mapping[str, tuple[int, ...]], params_total: int | None = None
) -> Architecture:
    """The architecture that a GGUF file describes.

    ``tensors`` maps names to shapes (ggml order): whether the output is tied and how large the vocabulary is, a
    file says only there. ``params_total`` is the sum of their elements; with it, what does not add up is told.
    """
    name = metadata.get("general.architecture")
    if not isinstance(name, str) or not name:
        return Architecture("other", None, params_total=params_total, missing=("general.architecture",))
    config = _config(name, metadata, tensors)
    found = from_config(config, params_total=params_total)
    if metadata.get("general.type") == "mmproj" or name == "clip":
        return replace(found, kind="other", name=name, shape=None)
    return found


def _config(name: str, metadata: Mapping[str, object], tensors: Mapping[str, tuple[int, ...]]) -> dict[str, object]:
    def value(key: str) -> object:
        return metadata.get(f"{name}.{key}")

    config: dict[str, object] = {field: value(key) for field, key in _PLAIN.items() if value(key) is not None}
    config["arch"] = name
    _heads(config, value)
    config["intermediate_size"] = _list_or_number(value("feed_forward_length"))
    embedding = tensors.get("token_embd.weight")
    if embedding and len(embedding) == 2:
        config["vocab"] = embedding[1]
        config["hidden"] = embedding[0]
    elif value("vocab_size") is not None:
        config["vocab"] = value("vocab_size")
    config["tied_embeddings"] = int("output.weight" not in tensors)
    config["has_rope_freqs"] = int("rope_freqs.weight" in tensors)
    config["probs_b"] = int(any(key.endswith("exp_probs_b.bias") for key in tensors))
    config["spm_tokenizer"] = int(metadata.get("tokenizer.ggml.model") == "llama")
    ssm = {field: value(key) for field, key in _SSM.items() if value(key) is not None}
    if ssm:
        config["ssm"] = ssm
    _windows(config, value("attention.sliding_window_pattern"))
    return config


def _heads(config: dict[str, object], value: Callable[[str], object]) -> None:
    kv_heads = _list_or_number(value("attention.head_count_kv"))
    heads = _list_or_number(value("attention.head_count"))
    config["n_heads"] = max(heads) if isinstance(heads, list) and heads else heads
    key_length, rope = value("attention.key_length"), value("rope.dimension_count")
    if config.get("kv_lora_rank") is not None:
        whole = value("attention.key_length_mla")
        config["qk_rope_head_dim"] = rope
        config["v_head_dim"] = value("attention.value_length_mla")
        if isinstance(whole, int) and isinstance(rope, int):
            config["qk_nope_head_dim"] = whole - rope
        config["n_kv_heads"] = 1
        return
    if key_length is not None:
        config["head_dim"] = key_length
    if isinstance(kv_heads, list):
        config["attention_layer_indices"] = [index for index, count in enumerate(kv_heads) if count]
        config["num_key_value_heads"] = kv_heads
    elif kv_heads is not None:
        config["n_kv_heads"] = kv_heads


def _windows(config: dict[str, object], pattern: object) -> None:
    """A pattern is a number, or one truth a layer: whether the layer slides."""
    if isinstance(pattern, (list, tuple)):
        config["layer_types"] = ["sliding_attention" if slides else "full_attention" for slides in pattern]
    elif pattern is not None:
        config["sliding_window_pattern"] = pattern


def _list_or_number(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return list(value)
    return value
