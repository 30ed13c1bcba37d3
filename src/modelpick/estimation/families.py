"""What the families of models have in common beyond their numbers: names, biases, norms, fused matrices.

A family is one line here. Names follow llama.cpp; the tensor lists they lead to are in :mod:`.tensors`.
Source: llama.cpp b10605 ``src/models`` and transformers' configuration classes.
"""

from __future__ import annotations

from typing import Literal

from modelpick.estimation.interface import ModelKind
from modelpick.values import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """The traits of one architecture; the defaults are Llama's."""

    name: str
    kind: ModelKind = "decoder"
    tied: bool = False
    """What a configuration that does not say ``tie_word_embeddings`` means."""
    gated: bool = True
    fused_qkv: bool = False
    fused_gate_up: bool = False
    qkv_bias: bool = False
    all_bias: bool = False
    qk_norm: Literal["", "head", "width"] = ""
    norms: Literal["pre", "both", "post", "parallel"] = "pre"
    norm_bias: bool = False
    window_period: int = 0
    """Every how many layers one sees everything; 0: the family has no windows that llama.cpp keeps."""
    full_period: int = 0
    """Every how many layers one is attention, the others recurrent; 0: not that kind of hybrid."""
    sentencepiece: bool = False
    embedding_norm: bool = False
    query_gate: bool = False
    """The query projection carries a gate of the same width (Qwen3-Next and later)."""


_LLAMA = Family("llama")
_DEEPSEEK = Family("deepseek2")
_BERT = Family("bert", kind="encoder", gated=False, all_bias=True, norm_bias=True, tied=True, embedding_norm=True)

FAMILIES: dict[str, Family] = {
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "mixtral": _LLAMA,
    "mistral3": Family("mistral3"),
    "ministral3": Family("mistral3"),
    "llava": _LLAMA,
    "internlm2": Family("internlm2"),
    "qwen2": Family("qwen2", qkv_bias=True),
    "qwen2_vl": Family("qwen2vl", qkv_bias=True),
    "qwen2_5_vl": Family("qwen2vl", qkv_bias=True),
    "qwen2vl": Family("qwen2vl", qkv_bias=True),
    "qwen2_moe": Family("qwen2moe", qkv_bias=True),
    "qwen3": Family("qwen3", qk_norm="head"),
    "qwen3_vl": Family("qwen3vl", qk_norm="head"),
    "qwen3_moe": Family("qwen3moe", qk_norm="head"),
    "qwen3_vl_moe": Family("qwen3vlmoe", qk_norm="head"),
    "qwen3_next": Family("qwen3next", qk_norm="head", full_period=4, query_gate=True),
    "qwen3_5": Family("qwen35", qk_norm="head", full_period=4, query_gate=True),
    "qwen3_5_moe": Family("qwen35moe", qk_norm="head", full_period=4, query_gate=True),
    "qwen3_5_moe_text": Family("qwen35moe", qk_norm="head", full_period=4, query_gate=True),
    "gemma": Family("gemma", tied=True, sentencepiece=True),
    "gemma2": Family("gemma2", tied=True, norms="both", window_period=2, sentencepiece=True),
    "gemma3": Family("gemma3", tied=True, norms="both", qk_norm="head", window_period=6, sentencepiece=True),
    "gemma3_text": Family("gemma3", tied=True, norms="both", qk_norm="head", window_period=6, sentencepiece=True),
    "gemma3n": Family("gemma3n", tied=True, norms="both", qk_norm="head", window_period=5, sentencepiece=True),
    "gemma4": Family("gemma4", tied=True, norms="both", qk_norm="head", window_period=6, sentencepiece=True),
    "phi3": Family("phi3", fused_qkv=True, fused_gate_up=True),
    "phi": Family("phi2", gated=False, all_bias=True, norms="parallel", norm_bias=True),
    "phimoe": Family("phimoe", all_bias=True, norm_bias=True),
    "olmo": Family("olmo"),
    "olmo2": Family("olmo2", qk_norm="width", norms="post"),
    "olmo3": Family("olmo2", qk_norm="width", norms="post", window_period=4),
    "olmoe": Family("olmoe", qk_norm="width"),
    "granite": Family("granite", tied=True),
    "granitemoe": Family("granitemoe", tied=True),
    "granitemoehybrid": Family("granitehybrid", tied=True),
    "granitehybrid": Family("granitehybrid", tied=True),
    "falcon_h1": Family("falcon-h1"),
    "falcon_mamba": Family("mamba", tied=True),
    "mamba": Family("mamba", tied=True),
    "mamba2": Family("mamba2", tied=True),
    "jamba": Family("jamba"),
    "nemotron_h": Family("nemotron_h", gated=False),
    "nemotron": Family("nemotron", gated=False, norm_bias=True),
    "lfm2": Family("lfm2", tied=True, qk_norm="head"),
    "lfm2_vl": Family("lfm2", tied=True, qk_norm="head"),
    "lfm2_moe": Family("lfm2moe", tied=True, qk_norm="head"),
    "deepseek": Family("deepseek"),
    "deepseek_v2": _DEEPSEEK,
    "deepseek_v3": _DEEPSEEK,
    "deepseek2": _DEEPSEEK,
    "deepseek_v32": _DEEPSEEK,
    "kimi_k2": _DEEPSEEK,
    "kimi_k25": _DEEPSEEK,
    "glm4_moe_lite": _DEEPSEEK,
    "glm_moe_dsa": Family("glm-dsa"),
    "mistral4": Family("mistral4"),
    "kimi_linear": Family("kimi-linear", full_period=4),
    "gpt_oss": Family("gpt-oss", all_bias=True, window_period=2),
    "cohere": Family("command-r", tied=True, norms="parallel"),
    "cohere2": Family("cohere2", tied=True, norms="parallel", window_period=4),
    "exaone": Family("exaone"),
    "exaone4": Family("exaone4", qk_norm="head", norms="post", window_period=4),
    "smollm3": Family("smollm3", tied=True),
    "starcoder2": Family("starcoder2", gated=False, all_bias=True, norm_bias=True, tied=True),
    "gpt_bigcode": Family("starcoder", gated=False, fused_qkv=True, all_bias=True, norm_bias=True, tied=True),
    "stablelm": Family("stablelm", norm_bias=True),
    "bloom": Family(
        "bloom", gated=False, fused_qkv=True, all_bias=True, norm_bias=True, tied=True, embedding_norm=True
    ),
    "falcon": Family("falcon", gated=False, fused_qkv=True, norms="parallel", norm_bias=True, tied=True),
    "gpt2": Family("gpt2", gated=False, fused_qkv=True, all_bias=True, norm_bias=True, tied=True),
    "opt": Family("opt", gated=False, all_bias=True, norm_bias=True, tied=True),
    "gpt_neox": Family("gptneox", gated=False, fused_qkv=True, all_bias=True, norm_bias=True),
    "mpt": Family("mpt", gated=False, fused_qkv=True, tied=True),
    "glm4": Family("glm4", fused_gate_up=True, qkv_bias=True, norms="both"),
    "chatglm": Family("chatglm", fused_qkv=True, fused_gate_up=True, qkv_bias=True),
    "glm4_moe": Family("glm4moe", qkv_bias=True),
    "hunyuan_v1_dense": Family("hunyuan-dense", qk_norm="head", tied=True),
    "hunyuan_v1_moe": Family("hunyuan-moe", qk_norm="head", tied=True),
    "ernie4_5": Family("ernie4_5", tied=True),
    "ernie4_5_moe": Family("ernie4_5-moe", tied=True),
    "llama4": Family("llama4", window_period=4),
    "llama4_text": Family("llama4", window_period=4),
    "minimax_m2": Family("minimax-m2", qk_norm="width"),
    "seed_oss": Family("seed_oss", qkv_bias=True),
    "bailing_moe": Family("bailingmoe2", fused_qkv=True, qk_norm="head"),
    "minicpm": Family("minicpm", tied=True),
    "arcee": Family("arcee", gated=False),
    "apertus": Family("apertus", gated=False, qk_norm="head"),
    "bitnet": Family("bitnet", tied=True),
    "bert": _BERT,
    "mpnet": _BERT,
    "xlm-roberta": _BERT,
    "roberta": _BERT,
    "nomic_bert": Family("nomic-bert", kind="encoder", fused_qkv=True, norm_bias=True, embedding_norm=True, tied=True),
    "modernbert": Family("modern-bert", kind="encoder", fused_qkv=True, fused_gate_up=True, tied=True),
}
"""By transformers' ``model_type``."""

_CLASSES = {
    "LlamaForCausalLM": "llama",
    "MistralForCausalLM": "mistral",
    "MixtralForCausalLM": "mixtral",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
    "GPTBigCodeForCausalLM": "gpt_bigcode",
    "BloomForCausalLM": "bloom",
    "FalconForCausalLM": "falcon",
    "RWForCausalLM": "falcon",
    "GPT2LMHeadModel": "gpt2",
    "GPTNeoXForCausalLM": "gpt_neox",
    "MPTForCausalLM": "mpt",
    "OPTForCausalLM": "opt",
    "StableLmForCausalLM": "stablelm",
    "Starcoder2ForCausalLM": "starcoder2",
    "BertModel": "bert",
    "XLMRobertaModel": "xlm-roberta",
}
_BY_GGUF = {family.name: family for family in FAMILIES.values()}
_BY_GGUF["olmo2"] = FAMILIES["olmo2"]


def family_of(model_type: str | None, classes: str | None = None) -> Family | None:
    """The family by ``model_type``, llama.cpp's name or the class name; None when not in the table."""
    if model_type:
        found = FAMILIES.get(model_type) or FAMILIES.get(model_type.replace("-", "_")) or _BY_GGUF.get(model_type)
        if found:
            return found
    return FAMILIES.get(_CLASSES.get(classes or "", ""))


GENERIC = _LLAMA
"""What an unknown family is taken for; the estimate then says so."""
