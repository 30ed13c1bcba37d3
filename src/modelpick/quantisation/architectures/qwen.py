"""Qwen 2, 2.5 and 3, dense and with experts; OLMo 2 keeps the same layout under other names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelpick.errors import NotFoundError
from modelpick.quantisation.architectures.base import Architecture, common_parameters
from modelpick.quantisation.architectures.config import Config

if TYPE_CHECKING:
    from gguf import GGUFWriter


class Qwen2(Architecture):
    """Qwen 2 and 2.5: biases on query, key and value; tied embeddings in the small ones."""

    hf_names = ("Qwen2ForCausalLM",)
    gguf_name = "qwen2"

    def check(self, config: Config) -> None:
        """Refuse sliding windows, which llama.cpp does not run for Qwen."""
        super().check(config)
        window, length = config.find("sliding_window"), config.find("max_position_embeddings", default=0)
        if config.find("use_sliding_window") and window and window < length:
            raise NotFoundError(f"a sliding window of {window} tokens is not run by llama.cpp for {self.gguf_name}")


class Qwen3(Qwen2):
    """Qwen 3: a head size of its own, norms on query and key."""

    hf_names = ("Qwen3ForCausalLM",)
    gguf_name = "qwen3"


class Qwen3Moe(Qwen2):
    """Qwen 3 with experts."""

    hf_names = ("Qwen3MoeForCausalLM",)
    gguf_name = "qwen3moe"

    def check(self, config: Config) -> None:
        """Refuse layers without experts, and routers that do not sum to one."""
        super().check(config)
        if config.find("mlp_only_layers") or config.find("decoder_sparse_step", default=1) != 1:
            raise NotFoundError("llama.cpp runs Qwen 3 MoE with experts in every layer, this one has dense layers")
        if config.find("norm_topk_prob", default=True) is not True:
            raise NotFoundError("llama.cpp runs Qwen 3 MoE with norm_topk_prob, this one has it off")

    def parameters(self, config: Config, writer: GGUFWriter) -> None:
        """The usual keys and the experts' width."""
        common_parameters(config, writer)
        writer.add_expert_feed_forward_length(config.count("moe_intermediate_size"))


class Olmo2(Architecture):
    """OLMo 2 and 3: norms after attention and feed-forward instead of before; OLMo 3 slides in 3 of 4 layers."""

    hf_names = ("Olmo2ForCausalLM", "Olmo3ForCausalLM")
    gguf_name = "olmo2"

    def parameters(self, config: Config, writer: GGUFWriter) -> None:
        """The usual keys and, where there is one, the sliding window with the layers that have it."""
        common_parameters(config, writer)
        if "sliding_window" not in config.values or config.values["sliding_window"] is None:
            return
        kinds = config.find("layer_types")
        pattern = (
            [kind == "sliding_attention" for kind in kinds]
            if kinds
            else [(index + 1) % 4 != 0 for index in range(config.layers)]
        )
        writer.add_sliding_window(config.count("sliding_window"))
        writer.add_sliding_window_pattern(pattern)
