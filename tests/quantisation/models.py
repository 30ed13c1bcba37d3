"""Small models with real shapes, written on the spot: safetensors, config and tokenizer, the same on every machine.

Weights come from NumPy's PCG64 with a seed made of the tensor's name, so a tensor does not change when another is
added. The recorded hashes of the reference (see ``reference.py``) rest on that.
"""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
from tests.quantisation.words import bpe_tokenizer, sentencepiece_model

VOCABULARY = 512

Shapes = dict[str, tuple[int, ...]]


def weights(name: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Weights of a tensor as float32: small for matrices, around one for norms."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    random = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "little")))
    if len(shape) == 1 and "norm" in name:
        return (1 + 0.1 * random.standard_normal(shape)).astype(np.float32)
    return (0.05 * random.standard_normal(shape)).astype(np.float32)


def filled(config: dict[str, object], name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Weights as the model's files hold them: Gemma multiplies by one more than what is published as norm."""
    values = weights(name, shape)
    if str(config["model_type"]).startswith("gemma") and len(shape) == 1 and "norm" in name:
        return values - np.float32(1)
    return values


def bf16(values: np.ndarray) -> bytes:
    bits = values.astype("<f4").view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()


def encode(values: np.ndarray, dtype: str) -> bytes:
    match dtype:
        case "BF16":
            return bf16(values)
        case "F16":
            return values.astype("<f2").tobytes()
        case "F32":
            return values.astype("<f4").tobytes()
    raise ValueError(dtype)


def write_safetensors(path: Path, tensors: dict[str, tuple[str, tuple[int, ...], bytes]]) -> None:
    """One shard: name -> (dtype, shape, data)."""
    header, at = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            file.write(data)


def write_model(
    folder: Path,
    config: dict[str, object],
    shapes: Shapes,
    *,
    tokenizer: str = "bpe",
    dtype: str = "BF16",
    shards: int = 1,
) -> Path:
    """A model folder as published."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    write_tokenizer(folder, tokenizer)
    encoded = {name: (dtype, shape, encode(filled(config, name, shape), dtype)) for name, shape in shapes.items()}
    write_shards(folder, encoded, shards)
    return folder


def write_shards(folder: Path, tensors: dict[str, tuple[str, tuple[int, ...], bytes]], shards: int) -> None:
    if shards == 1:
        write_safetensors(folder / "model.safetensors", tensors)
        return
    names = list(tensors)
    places = {}
    for index in range(shards):
        mine = names[index * len(names) // shards : (index + 1) * len(names) // shards]
        file = f"model-{index + 1:05}-of-{shards:05}.safetensors"
        write_safetensors(folder / file, {name: tensors[name] for name in mine})
        places.update(dict.fromkeys(mine, file))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))


def write_tokenizer(folder: Path, kind: str) -> None:
    if kind.startswith("bpe"):
        style = kind.partition(":")[2] or "qwen2"
        (folder / "tokenizer.json").write_text(json.dumps(bpe_tokenizer(VOCABULARY, style)))
        (folder / "tokenizer_config.json").write_text(
            json.dumps(
                {
                    "tokenizer_class": "PreTrainedTokenizerFast",
                    "bos_token": "<|begin|>",
                    "eos_token": "<|end|>",
                    "chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}",
                }
            )
        )
    elif kind == "sentencepiece":
        (folder / "tokenizer.model").write_bytes(sentencepiece_model(VOCABULARY))
        (folder / "tokenizer_config.json").write_text(
            json.dumps({"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>"})
        )


def decoder(
    layers: int,
    hidden: int,
    ffn: int,
    heads: int,
    kv_heads: int,
    size: int,
    *,
    tied: bool = False,
    bias: bool = False,
    head_norms: bool = False,
    norms: tuple[str, ...] = ("input_layernorm", "post_attention_layernorm"),
    experts: int = 0,
    moe: str = "mlp",
    wide_norms: bool = False,
) -> Shapes:
    """The tensors of a Llama-like decoder."""
    shapes: Shapes = {"model.embed_tokens.weight": (VOCABULARY, hidden)}
    for layer in range(layers):
        head = f"model.layers.{layer}."
        shapes[head + "self_attn.q_proj.weight"] = (heads * size, hidden)
        shapes[head + "self_attn.k_proj.weight"] = (kv_heads * size, hidden)
        shapes[head + "self_attn.v_proj.weight"] = (kv_heads * size, hidden)
        shapes[head + "self_attn.o_proj.weight"] = (hidden, heads * size)
        if bias:
            shapes[head + "self_attn.q_proj.bias"] = (heads * size,)
            shapes[head + "self_attn.k_proj.bias"] = (kv_heads * size,)
            shapes[head + "self_attn.v_proj.bias"] = (kv_heads * size,)
        if head_norms:
            shapes[head + "self_attn.q_norm.weight"] = (heads * size if wide_norms else size,)
            shapes[head + "self_attn.k_norm.weight"] = (kv_heads * size if wide_norms else size,)
        for norm in norms:
            shapes[f"{head}{norm}.weight"] = (hidden,)
        if experts and moe == "mlp":
            shapes[head + "mlp.gate.weight"] = (experts, hidden)
            for expert in range(experts):
                shapes[f"{head}mlp.experts.{expert}.gate_proj.weight"] = (ffn, hidden)
                shapes[f"{head}mlp.experts.{expert}.up_proj.weight"] = (ffn, hidden)
                shapes[f"{head}mlp.experts.{expert}.down_proj.weight"] = (hidden, ffn)
        elif experts:
            shapes[head + "block_sparse_moe.gate.weight"] = (experts, hidden)
            for expert in range(experts):
                shapes[f"{head}block_sparse_moe.experts.{expert}.w1.weight"] = (ffn, hidden)
                shapes[f"{head}block_sparse_moe.experts.{expert}.w2.weight"] = (hidden, ffn)
                shapes[f"{head}block_sparse_moe.experts.{expert}.w3.weight"] = (ffn, hidden)
        else:
            shapes[head + "mlp.gate_proj.weight"] = (ffn, hidden)
            shapes[head + "mlp.up_proj.weight"] = (ffn, hidden)
            shapes[head + "mlp.down_proj.weight"] = (hidden, ffn)
    shapes["model.norm.weight"] = (hidden,)
    if not tied:
        shapes["lm_head.weight"] = (VOCABULARY, hidden)
    return shapes


def config(
    architecture: str, model_type: str, layers: int, hidden: int, ffn: int, heads: int, kv: int, size: int
) -> dict:
    return {
        "architectures": [architecture],
        "model_type": model_type,
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "intermediate_size": ffn,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "head_dim": size,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "torch_dtype": "bfloat16",
    }


NORMS4 = (
    "input_layernorm",
    "post_attention_layernorm",
    "pre_feedforward_layernorm",
    "post_feedforward_layernorm",
)


def build(name: str, folder: Path, *, dtype: str = "BF16", shards: int = 1) -> Path:
    """The model of that name in the folder."""
    values, shapes, tokenizer = MODELS[name]()
    return write_model(folder, values, shapes, tokenizer=tokenizer, dtype=dtype, shards=shards)


def _llama() -> tuple[dict, Shapes, str]:
    return config("LlamaForCausalLM", "llama", 9, 256, 512, 4, 2, 64), decoder(9, 256, 512, 4, 2, 64), "sentencepiece"


def _llama3() -> tuple[dict, Shapes, str]:
    values = config("LlamaForCausalLM", "llama", 2, 256, 512, 4, 1, 64) | {
        "rope_theta": 500000.0,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 256,
        },
        "tie_word_embeddings": True,
    }
    return values, decoder(2, 256, 512, 4, 1, 64, tied=True), "bpe:llama3"


def _odd() -> tuple[dict, Shapes, str]:
    values = config("LlamaForCausalLM", "llama", 3, 192, 416, 3, 3, 64) | {"tie_word_embeddings": True}
    return values, decoder(3, 192, 416, 3, 3, 64, tied=True), "bpe:smollm"


def _mistral() -> tuple[dict, Shapes, str]:
    values = config("MistralForCausalLM", "mistral", 3, 256, 768, 4, 2, 32) | {"sliding_window": None}
    return values, decoder(3, 256, 768, 4, 2, 32), "sentencepiece"


def _mixtral() -> tuple[dict, Shapes, str]:
    values = config("MixtralForCausalLM", "mixtral", 2, 256, 256, 4, 2, 64) | {
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
        "sliding_window": None,
    }
    return values, decoder(2, 256, 256, 4, 2, 64, experts=8, moe="sparse"), "sentencepiece"


def _qwen2() -> tuple[dict, Shapes, str]:
    values = config("Qwen2ForCausalLM", "qwen2", 3, 256, 640, 4, 2, 64) | {"tie_word_embeddings": True}
    return values, decoder(3, 256, 640, 4, 2, 64, tied=True, bias=True), "bpe"


def _qwen3() -> tuple[dict, Shapes, str]:
    values = config("Qwen3ForCausalLM", "qwen3", 3, 256, 512, 4, 2, 128) | {"rope_theta": 1000000.0}
    return values, decoder(3, 256, 512, 4, 2, 128, head_norms=True), "bpe"


def _qwen3moe() -> tuple[dict, Shapes, str]:
    values = config("Qwen3MoeForCausalLM", "qwen3_moe", 2, 256, 512, 4, 2, 64) | {
        "num_experts": 6,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 256,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "norm_topk_prob": True,
    }
    return values, decoder(2, 256, 256, 4, 2, 64, head_norms=True, experts=6), "bpe"


def _gemma2() -> tuple[dict, Shapes, str]:
    values = config("Gemma2ForCausalLM", "gemma2", 2, 256, 512, 4, 2, 64) | {
        "hidden_activation": "gelu_pytorch_tanh",
        "attn_logit_softcapping": 5.0,
        "final_logit_softcapping": 10.0,
        "sliding_window": 16,
        "query_pre_attn_scalar": 64,
        "tie_word_embeddings": True,
    }
    return values, decoder(2, 256, 512, 4, 2, 64, tied=True, norms=NORMS4), "sentencepiece"


def _gemma3() -> tuple[dict, Shapes, str]:
    values = config("Gemma3ForCausalLM", "gemma3_text", 6, 192, 384, 2, 1, 64) | {
        "hidden_activation": "gelu_pytorch_tanh",
        "sliding_window": 16,
        "query_pre_attn_scalar": 64,
        "rope_theta": 1000000.0,
        "rope_local_base_freq": 10000.0,
        "sliding_window_pattern": 6,
        "tie_word_embeddings": True,
    }
    return values, decoder(6, 192, 384, 2, 1, 64, tied=True, norms=NORMS4, head_norms=True), "sentencepiece"


def _phi3() -> tuple[dict, Shapes, str]:
    values = config("Phi3ForCausalLM", "phi3", 2, 256, 512, 4, 4, 64) | {
        "max_position_embeddings": 4096,
        "original_max_position_embeddings": 2048,
        "sliding_window": 2048,
        "rope_scaling": {
            "type": "longrope",
            "long_factor": [1.0 + 0.25 * index for index in range(32)],
            "short_factor": [1.0 + 0.01 * index for index in range(32)],
        },
        "pad_token_id": 0,
    }
    del values["head_dim"]
    shapes: Shapes = {"model.embed_tokens.weight": (VOCABULARY, 256)}
    for layer in range(2):
        head = f"model.layers.{layer}."
        shapes |= {
            head + "self_attn.qkv_proj.weight": (768, 256),
            head + "self_attn.o_proj.weight": (256, 256),
            head + "mlp.gate_up_proj.weight": (1024, 256),
            head + "mlp.down_proj.weight": (256, 512),
            head + "input_layernorm.weight": (256,),
            head + "post_attention_layernorm.weight": (256,),
        }
    return values, shapes | {"model.norm.weight": (256,), "lm_head.weight": (VOCABULARY, 256)}, "sentencepiece"


def _granite() -> tuple[dict, Shapes, str]:
    values = config("GraniteForCausalLM", "granite", 2, 256, 512, 4, 2, 64) | {
        "attention_multiplier": 0.015625,
        "embedding_multiplier": 12.0,
        "residual_multiplier": 0.22,
        "logits_scaling": 8.0,
        "tie_word_embeddings": True,
    }
    del values["head_dim"]
    return values, decoder(2, 256, 512, 4, 2, 64, tied=True), "bpe:smollm"


def _olmo2() -> tuple[dict, Shapes, str]:
    values = config("Olmo2ForCausalLM", "olmo2", 2, 256, 512, 4, 4, 64)
    del values["head_dim"]
    norms = ("post_attention_layernorm", "post_feedforward_layernorm")
    return values, decoder(2, 256, 512, 4, 4, 64, norms=norms, head_norms=True, wide_norms=True), "bpe:dbrx"


def _neox() -> tuple[dict, Shapes, str]:
    values = {
        "architectures": ["GPTNeoXForCausalLM"],
        "model_type": "gpt_neox",
        "num_hidden_layers": 2,
        "hidden_size": 256,
        "intermediate_size": 1024,
        "num_attention_heads": 4,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 512,
        "layer_norm_eps": 1e-5,
        "rotary_pct": 0.25,
        "rotary_emb_base": 10000,
        "hidden_act": "gelu",
        "use_parallel_residual": True,
        "tie_word_embeddings": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "torch_dtype": "bfloat16",
    }
    shapes: Shapes = {"gpt_neox.embed_in.weight": (VOCABULARY, 256)}
    for layer in range(2):
        head = f"gpt_neox.layers.{layer}."
        for part, shape in {
            "attention.query_key_value": (768, 256),
            "attention.dense": (256, 256),
            "mlp.dense_h_to_4h": (1024, 256),
            "mlp.dense_4h_to_h": (256, 1024),
            "input_layernorm": (256,),
            "post_attention_layernorm": (256,),
        }.items():
            shapes[f"{head}{part}.weight"] = shape
            shapes[f"{head}{part}.bias"] = shape[:1]
    shapes |= {
        "gpt_neox.final_layer_norm.weight": (256,),
        "gpt_neox.final_layer_norm.bias": (256,),
        "embed_out.weight": (VOCABULARY, 256),
    }
    return values, shapes, "bpe:gpt2"


def _falcon() -> tuple[dict, Shapes, str]:
    values = {
        "architectures": ["FalconForCausalLM"],
        "model_type": "falcon",
        "num_hidden_layers": 4,
        "hidden_size": 256,
        "num_attention_heads": 4,
        "num_kv_heads": 2,
        "new_decoder_architecture": True,
        "vocab_size": VOCABULARY,
        "layer_norm_epsilon": 1e-5,
        "bias": False,
        "alibi": False,
        "parallel_attn": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "torch_dtype": "bfloat16",
        "tie_word_embeddings": False,
    }
    shapes: Shapes = {"transformer.word_embeddings.weight": (VOCABULARY, 256)}
    for layer in range(4):
        head = f"transformer.h.{layer}."
        shapes |= {
            head + "self_attention.query_key_value.weight": (2 * (2 + 2) * 64, 256),
            head + "self_attention.dense.weight": (256, 256),
            head + "mlp.dense_h_to_4h.weight": (1024, 256),
            head + "mlp.dense_4h_to_h.weight": (256, 1024),
        }
        for norm in ("ln_attn", "ln_mlp"):
            shapes |= {f"{head}{norm}.weight": (256,), f"{head}{norm}.bias": (256,)}
    shapes |= {"transformer.ln_f.weight": (256,), "transformer.ln_f.bias": (256,), "lm_head.weight": (VOCABULARY, 256)}
    return values, shapes, "bpe:falcon"


def _mpt() -> tuple[dict, Shapes, str]:
    values = {
        "architectures": ["MPTForCausalLM"],
        "model_type": "mpt",
        "n_layers": 2,
        "d_model": 256,
        "n_heads": 4,
        "expansion_ratio": 4,
        "max_seq_len": 512,
        "vocab_size": VOCABULARY,
        "attn_config": {"alibi": True, "alibi_bias_max": 8, "clip_qkv": None},
        "no_bias": True,
        "torch_dtype": "bfloat16",
    }
    shapes: Shapes = {"transformer.wte.weight": (VOCABULARY, 256)}
    for layer in range(2):
        head = f"transformer.blocks.{layer}."
        shapes |= {
            head + "norm_1.weight": (256,),
            head + "attn.Wqkv.weight": (768, 256),
            head + "attn.out_proj.weight": (256, 256),
            head + "norm_2.weight": (256,),
            head + "ffn.up_proj.weight": (1024, 256),
            head + "ffn.down_proj.weight": (256, 1024),
        }
    return values, shapes | {"transformer.norm_f.weight": (256,)}, "bpe:gpt2"


MODELS = {
    "llama": _llama,
    "llama3": _llama3,
    "odd": _odd,
    "mistral": _mistral,
    "mixtral": _mixtral,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "qwen3moe": _qwen3moe,
    "gemma2": _gemma2,
    "gemma3": _gemma3,
    "phi3": _phi3,
    "granite": _granite,
    "olmo2": _olmo2,
    "neox": _neox,
    "falcon": _falcon,
    "mpt": _mpt,
}
