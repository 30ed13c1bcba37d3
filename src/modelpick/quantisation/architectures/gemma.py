"""Gemma 1, 2 and 3 (text): the published norms are one less than what is multiplied with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from modelpick.errors import NotFoundError
from modelpick.quantisation.architectures.base import Architecture, Names, common_parameters
from modelpick.quantisation.architectures.config import Config
from modelpick.quantisation.interface import SourceTensor
from modelpick.quantisation.layout import Output, whole

if TYPE_CHECKING:
    from gguf import GGUFWriter


class Gemma(Architecture):
    """Gemma 1. The output matrix is the embedding, whatever the files hold."""

    hf_names: tuple[str, ...] = ("GemmaForCausalLM",)
    gguf_name = "gemma"
    rope_types = frozenset({"default"})
    activations = frozenset({"gelu_pytorch_tanh", "gelu"})
    space_prefix = False

    def canonical(self, name: str) -> str | None:
        """As everywhere, without the output matrix."""
        found = super().canonical(name)
        return None if found == "lm_head.weight" else found

    def parameters(self, config: Config, writer: GGUFWriter) -> None:
        """Gemma's keys; the rope base is llama.cpp's default."""
        writer.add_context_length(config.count("max_position_embeddings"))
        writer.add_embedding_length(config.count("hidden_size"))
        writer.add_block_count(config.layers)
        writer.add_feed_forward_length(config.count("intermediate_size"))
        writer.add_head_count(config.heads)
        writer.add_head_count_kv(config.kv_heads)
        writer.add_layer_norm_rms_eps(config.need("rms_norm_eps"))
        writer.add_key_length(config.count("head_dim"))
        writer.add_value_length(config.count("head_dim"))

    def place(self, config: Config, names: Names, name: str, tensor: SourceTensor) -> list[Output]:
        """Norms with one added."""
        add = 1.0 if name.endswith("norm.weight") else 0.0
        return [whole(names.of(name), tensor.name, tensor.shape, add=add)]


class Gemma2(Gemma):
    """Gemma 2: soft caps and a sliding window in every second layer."""

    hf_names: tuple[str, ...] = ("Gemma2ForCausalLM",)
    gguf_name = "gemma2"

    def parameters(self, config: Config, writer: GGUFWriter) -> None:
        """Gemma's keys, the two caps and the window."""
        super().parameters(config, writer)
        writer.add_attn_logit_softcapping(config.need("attn_logit_softcapping"))
        writer.add_final_logit_softcapping(config.need("final_logit_softcapping"))
        writer.add_sliding_window(config.count("sliding_window"))


class Gemma3(Gemma):
    """Gemma 3: two rope bases, five sliding layers to one full; the text part of the multimodal ones."""

    hf_names: tuple[str, ...] = ("Gemma3ForCausalLM", "Gemma3ForConditionalGeneration")
    gguf_name = "gemma3"
    rope_types = frozenset({"default", "linear"})
    defaults: ClassVar[Mapping[str, Any]] = {
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "max_position_embeddings": 131072,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1_000_000.0,
        "rope_local_base_freq": 10_000.0,
        "hidden_activation": "gelu_pytorch_tanh",
    }

    def check(self, config: Config) -> None:
        """Refuse another pattern of sliding layers than the one llama.cpp has built in."""
        super().check(config)
        kinds = config.find("layer_types")
        due = ["full_attention" if (index + 1) % 6 == 0 else "sliding_attention" for index in range(config.layers)]
        if kinds is not None and list(kinds) != due:
            raise NotFoundError("llama.cpp runs Gemma 3 with full attention in every 6th layer, this one differs")
        if config.find("attn_logit_softcapping") is not None:
            raise NotFoundError("llama.cpp runs Gemma 3 without a cap on attention, this one has one")

    def parameters(self, config: Config, writer: GGUFWriter) -> None:
        """The usual keys, and the window unless every layer is full."""
        common_parameters(config, writer)
        if cap := config.find("final_logit_softcapping"):
            writer.add_final_logit_softcapping(cap)
        if config.find("sliding_window_pattern", default=6) != 1:
            writer.add_sliding_window(config.count("sliding_window"))
