"""A second, independent count of a decoder's weights from its config.json-style numbers, for the tests.

It covers what most text models are: grouped-query or latent attention, gated feed-forward layers, experts with
shared experts and leading dense layers. ``None`` where the numbers describe something else.
"""

from __future__ import annotations

from typing import Any

Arch = dict[str, Any]

_PLAIN_FEED_FORWARD = {
    "apertus", "arcee", "bloom", "falcon", "gpt_bigcode", "gpt_neox", "gptj", "jais2", "mpt", "nemotron", "opt",
    "persimmon", "phi", "starcoder2",
}  # fmt: skip
_PLAIN_CLASSES = {
    "BloomForCausalLM", "FalconForCausalLM", "GPTBigCodeForCausalLM", "GPTJForCausalLM", "GPTNeoXForCausalLM",
    "MPTForCausalLM", "MptForCausalLM", "OPTForCausalLM", "PersimmonForCausalLM", "Starcoder2ForCausalLM",
}  # fmt: skip
_OTHER = {
    "bailing_hybrid", "falcon_h1", "falcon_mamba", "gemma3n", "gemma4", "granitemoehybrid", "jamba", "kimi_linear",
    "mamba2", "minimax_m1", "minimax_text_01", "nemotron-nas", "nemotron_h", "nemotron_h_puzzle", "phi4flash", "zaya",
}  # fmt: skip


def attention(arch: Arch, hidden: int, heads: int) -> int:
    """Weights of one attention layer."""
    if mla := arch.get("mla"):
        nope, rope, value, rank = (
            mla[name] for name in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "kv_lora_rank")
        )
        low = mla.get("q_lora_rank")
        width = heads * (nope + rope)
        query = hidden * low + low * width if low else hidden * width
        return int(query + hidden * (rank + rope) + rank * heads * (nope + value) + heads * value * hidden)
    size = arch.get("head_dim") or hidden // heads
    kv_heads = arch.get("num_key_value_heads") or heads
    return int(2 * hidden * heads * size + 2 * hidden * kv_heads * size)


def feed_forward(arch: Arch, hidden: int, layers: int) -> int | None:
    """Weights of all feed-forward layers together."""
    plain = arch.get("model_type") in _PLAIN_FEED_FORWARD or arch.get("architectures") in _PLAIN_CLASSES
    matrices = 2 if plain else 3
    dense = matrices * hidden * arch.get("intermediate_size", 0)
    experts = arch.get("num_experts", 0)
    if experts <= 1:
        return layers * dense or None
    width = arch.get("moe_intermediate_size")
    if width is None:
        return None
    shared = arch.get("shared_expert_intermediate_size") or arch.get("n_shared_experts", 0) * width
    mixture = matrices * hidden * (experts * width + shared) + hidden * experts
    step = arch.get("interleave_moe_layer_step", 1)
    leading = arch.get("first_k_dense_replace", arch.get("num_dense_layers", 0)) if dense else 0
    sparse = layers // step if step > 1 else layers - leading
    return int(sparse * mixture + (layers - sparse) * dense)


def totals(arch: Arch) -> tuple[int, ...]:
    """What the weights come to, with tied and with untied embeddings where the numbers do not say which."""
    names = ("num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size")
    if arch.get("model_type") in _OTHER or "ssm" in arch or any(not arch.get(name) for name in names):
        return ()
    layers, hidden, heads, vocabulary = (int(arch[name]) for name in names)
    rest = feed_forward(arch, hidden, layers)
    if rest is None:
        return ()
    body = layers * (attention(arch, hidden, heads) + 2 * hidden) + hidden + rest
    tied = arch.get("tie_word_embeddings")
    copies = (1, 2) if tied is None else (1,) if tied else (2,)
    narrow = arch.get("word_embed_proj_dim", hidden)
    if narrow != hidden:
        body += 2 * narrow * hidden
    return tuple(body + count * vocabulary * narrow for count in copies)
