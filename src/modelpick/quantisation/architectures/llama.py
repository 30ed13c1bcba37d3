"""Llama 1 to 3, and what llama.cpp runs as Llama: Mistral, Mixtral, SmolLM. Granite and SmolLM 3 differ in keys."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from modelpick.errors import IntegrityError, NotFoundError
from modelpick.quantisation.architectures.base import Architecture, Names, common_parameters, floats
from modelpick.quantisation.architectures.config import Config
from modelpick.quantisation.interface import SourceTensor
from modelpick.quantisation.layout import Output, rotary, whole

if TYPE_CHECKING:
    from gguf import GGUFWriter

_QUERY = ("q_proj.weight", "q_proj.bias")
_KEY = ("k_proj.weight", "k_proj.bias")


class Llama(Architecture):
    """ggml's rope works on neighbouring pairs, the published one on halves: query and key rows are interleaved."""

    hf_names: tuple[str, ...] = ("LlamaForCausalLM", "LLaMAForCausalLM", "MistralForCausalLM", "MixtralForCausalLM")
    gguf_name = "llama"
    rope_types = frozenset({"default", "linear", "yarn", "llama3"})

    def parameters(self, config: Config, writer: GGUFWriter) -> None:
        """The usual keys, vocabulary size and rope dimensions."""
        common_parameters(config, writer)
        writer.add_vocab_size(config.count("vocab_size"))
        writer.add_rope_dimension_count(head_size(config))

    def place(self, config: Config, names: Names, name: str, tensor: SourceTensor) -> list[Output]:
        """Query and key projections interleaved, the rest as it is."""
        if name.endswith((*_QUERY, *_KEY)):
            heads = config.heads if name.endswith(_QUERY) else config.kv_heads
            try:
                return [rotary(names.of(name), tensor.name, tensor.shape, heads)]
            except ValueError as error:
                raise IntegrityError(str(error)) from error
        return [whole(names.of(name), tensor.name, tensor.shape)]

    def extras(self, config: Config) -> list[Output]:
        """Llama 3's frequency factors, one for each pair of a head."""
        if str(config.full_rope.get("rope_type", "")).lower() != "llama3":
            return []
        factors = floats(llama3_factors(config.full_rope, head_size(config)))
        return [Output("rope_freqs.weight", factors.shape, data=factors)]


class Granite(Llama):
    """IBM Granite: Llama with multipliers."""

    hf_names: tuple[str, ...] = ("GraniteForCausalLM",)
    gguf_name = "granite"

    def parameters(self, config: Config, writer: GGUFWriter) -> None:
        """Llama's keys without a head size, and the four multipliers."""
        values = {key: value for key, value in config.values.items() if key != "head_dim"}
        super().parameters(Config(config.architecture, values, config.rope), writer)
        for name, add in (
            ("attention_multiplier", writer.add_attention_scale),
            ("embedding_multiplier", writer.add_embedding_scale),
            ("residual_multiplier", writer.add_residual_scale),
            ("logits_scaling", writer.add_logit_scale),
        ):
            if config.find(name):
                add(config.find(name))


class SmolLM3(Llama):
    """SmolLM 3: Llama whose every fourth layer has no rope, a pattern that llama.cpp has built in."""

    hf_names: tuple[str, ...] = ("SmolLM3ForCausalLM",)
    gguf_name = "smollm3"

    def check(self, config: Config) -> None:
        """Refuse another pattern."""
        super().check(config)
        pattern = config.find("no_rope_layers")
        due = [int((index + 1) % 4 != 0) for index in range(config.layers)]
        if pattern is not None and list(pattern) != due:
            raise NotFoundError(f"llama.cpp runs SmolLM 3 without rope on every 4th layer, not on {pattern}")


def head_size(config: Config) -> int:
    """Elements of a head: the config's own, else hidden size by heads."""
    own = config.find("head_dim")
    return int(own) if own is not None else int(config.count("hidden_size")) // config.heads


def llama3_factors(rope: Any, size: int) -> list[float]:
    """The divisors of the rope frequencies, in float32, step by step as the official converter computes them."""
    import numpy as np

    base, factor = float(rope.get("rope_theta", 10000.0)), float(rope.get("factor", 8.0))
    low, high = float(rope.get("low_freq_factor", 1.0)), float(rope.get("high_freq_factor", 4.0))
    context = float(rope.get("original_max_position_embeddings", 8192))
    if high == low:
        raise IntegrityError("config.json: low_freq_factor and high_freq_factor are equal")
    single = np.float32
    exponents = np.arange(0, size, 2, dtype=single) / single(size)
    frequencies = single(1) / (base ** exponents.astype(np.float64)).astype(single)
    factors = []
    for frequency in frequencies:
        # PyTorch divides a number by a tensor as reciprocal times number; the last bit depends on it.
        wave = (single(1) / frequency) * single(2 * math.pi)
        if wave < context / high:
            factors.append(1.0)
        elif wave > context / low:
            factors.append(factor)
        else:
            smooth = ((single(1) / wave) * single(context) - single(low)) / single(high - low)
            factors.append(float(single(1) / ((single(1) - smooth) / single(factor) + smooth)))
    return factors
