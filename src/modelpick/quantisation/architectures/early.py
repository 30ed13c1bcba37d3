"""The models of 2022 and 2023 that llama.cpp still runs: GPT-NeoX (Pythia, Dolly), Falcon and MPT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelpick.errors import IntegrityError, NotFoundError
from modelpick.quantisation.architectures.base import Architecture, Names
from modelpick.quantisation.architectures.config import Config
from modelpick.quantisation.interface import SourceTensor
from modelpick.quantisation.layout import Output, gathered, rows_of, whole

if TYPE_CHECKING:
    from gguf import GGUFWriter


class GptNeoX(Architecture):
    """Query, key and value alternate head by head in one matrix; ggml wants all queries, all keys, all values."""

    hf_names = ("GPTNeoXForCausalLM",)
    gguf_name = "gptneox"
    rope_types = frozenset({"default"})
    activations = frozenset({"gelu", "gelu_new", "gelu_fast"})

    def parameters(self, config: Config, writer: GGUFWriter) -> None:
        """GPT-NeoX's keys."""
        size = config.count("hidden_size") // config.heads
        partial = config.find("rotary_pct", default=config.rope.get("partial_rotary_factor", 0.25))
        writer.add_context_length(config.count("max_position_embeddings"))
        writer.add_embedding_length(config.count("hidden_size"))
        writer.add_block_count(config.layers)
        writer.add_feed_forward_length(config.count("intermediate_size"))
        writer.add_rope_dimension_count(int(partial * size))
        writer.add_head_count(config.heads)
        writer.add_parallel_residual(config.find("use_parallel_residual", default=True))
        writer.add_layer_norm_eps(config.need("layer_norm_eps"))

    def place(self, config: Config, names: Names, name: str, tensor: SourceTensor) -> list[Output]:
        """The fused matrix and its bias regrouped."""
        if ".query_key_value." not in name:
            return [whole(names.of(name), tensor.name, tensor.shape)]
        size = config.count("hidden_size") // config.heads
        runs = [((head * 3 + part) * size, size) for part in range(3) for head in range(config.heads)]
        return [_regrouped(names, name, tensor, runs)]


class Falcon(Architecture):
    """Groups of queries, each with its key and value, in one matrix; ggml wants queries, keys, values."""

    hf_names = ("FalconForCausalLM", "RWForCausalLM")
    gguf_name = "falcon"
    rope_types = frozenset({"default"})
    activations = frozenset()

    def check(self, config: Config) -> None:
        """Refuse Falcon-RW, which uses ALiBi and biases."""
        super().check(config)
        if config.find("alibi", default=False) or config.find("bias", default=False):
            raise NotFoundError("llama.cpp runs Falcon with rope and without biases, this one has ALiBi or biases")

    def parameters(self, config: Config, writer: GGUFWriter) -> None:
        """Falcon's keys; its context of 2,048 tokens stands in no config."""
        writer.add_context_length(2048)
        writer.add_tensor_data_layout("jploski")
        writer.add_embedding_length(config.count("hidden_size"))
        writer.add_feed_forward_length(4 * config.count("hidden_size"))
        writer.add_block_count(config.layers)
        writer.add_head_count(config.heads)
        writer.add_head_count_kv(_falcon_kv_heads(config))
        writer.add_layer_norm_eps(config.need("layer_norm_epsilon"))

    def place(self, config: Config, names: Names, name: str, tensor: SourceTensor) -> list[Output]:
        """The fused matrix regrouped."""
        if ".query_key_value." not in name:
            return [whole(names.of(name), tensor.name, tensor.shape)]
        size, groups = config.count("hidden_size") // config.heads, _falcon_kv_heads(config)
        queries = config.heads // groups
        stride = (queries + 2) * size
        runs = [(group * stride, queries * size) for group in range(groups)]
        runs += [(group * stride + (queries + part) * size, size) for part in (0, 1) for group in range(groups)]
        return [_regrouped(names, name, tensor, runs)]


class Mpt(Architecture):
    """MosaicML's MPT: fused projections, ALiBi."""

    hf_names = ("MPTForCausalLM", "MptForCausalLM")
    gguf_name = "mpt"
    activations = frozenset()

    def parameters(self, config: Config, writer: GGUFWriter) -> None:
        """MPT's keys."""
        attention = config.need("attn_config")
        writer.add_context_length(config.count("max_seq_len"))
        writer.add_embedding_length(config.count("d_model"))
        writer.add_block_count(config.layers)
        writer.add_feed_forward_length(config.find("expansion_ratio", default=4) * config.count("d_model"))
        writer.add_head_count(config.heads)
        if kv_heads := attention.get("kv_n_heads"):
            writer.add_head_count_kv(kv_heads)
        writer.add_layer_norm_eps(1e-5)
        if attention.get("clip_qkv") is not None:
            writer.add_clamp_kqv(attention["clip_qkv"])
        writer.add_max_alibi_bias(float(attention.get("alibi_bias_max", 8)) if attention.get("alibi", True) else 0.0)


def _falcon_kv_heads(config: Config) -> int:
    """One for multi-query models, whatever else the config says; the newer layout states its own number."""
    if config.find("new_decoder_architecture", default=False):
        return int(config.count("num_kv_heads", "n_head_kv"))
    if config.find("multi_query", default=True):
        return 1
    return int(config.find("num_kv_heads", "n_head_kv", default=config.heads))


def _regrouped(names: Names, name: str, tensor: SourceTensor, runs: list[tuple[int, int]]) -> Output:
    due, rows = sum(count for _, count in runs), rows_of(tensor.shape)[0]
    if due != rows:
        raise IntegrityError(f"{tensor.name} has {rows} rows, the config asks for {due}")
    return gathered(names.of(name), tensor.name, tensor.shape, runs)
