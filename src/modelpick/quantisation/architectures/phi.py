"""Phi-3, 3.5 and 4: fused projections, two sets of rope factors for long contexts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from modelpick.errors import IntegrityError, NotFoundError
from modelpick.quantisation.architectures.base import Architecture, floats
from modelpick.quantisation.architectures.config import Config
from modelpick.quantisation.layout import Output

if TYPE_CHECKING:
    from gguf import GGUFWriter


class Phi3(Architecture):
    """The fused query-key-value and gate-up matrices stay fused: llama.cpp splits them itself."""

    hf_names = ("Phi3ForCausalLM",)
    gguf_name = "phi3"
    rope_types = frozenset({"default", "longrope", "su", "yarn"})

    def parameters(self, config: Config, writer: GGUFWriter) -> None:
        """Phi's keys; a window of 0 says that there is none."""
        writer.add_context_length(config.count("max_position_embeddings"))
        writer.add_rope_scaling_orig_ctx_len(original_context(config))
        writer.add_embedding_length(config.count("hidden_size"))
        writer.add_feed_forward_length(config.count("intermediate_size"))
        writer.add_block_count(config.layers)
        writer.add_head_count(config.heads)
        writer.add_head_count_kv(config.kv_heads)
        writer.add_layer_norm_rms_eps(config.need("rms_norm_eps"))
        writer.add_rope_dimension_count(_rope_dimensions(config))
        if config.full_rope.get("rope_theta") is None:
            raise IntegrityError("config.json has no rope_theta")
        writer.add_rope_freq_base(config.full_rope["rope_theta"])
        writer.add_sliding_window(config.find("sliding_window", default=0))
        if _factors(config) is not None:
            writer.add_rope_scaling_attn_factors(_attention_factor(config))

    def extras(self, config: Config) -> list[Output]:
        """The two sets of rope factors."""
        factors = _factors(config)
        if factors is None:
            return []
        return [
            Output(f"rope_factors_{name}.weight", (len(values),), data=floats(values))
            for name, values in zip(("long", "short"), factors, strict=True)
        ]


def original_context(config: Config) -> int:
    """Tokens that the model was first trained with."""
    value = config.rope.get("original_max_position_embeddings")
    if type(value) is not int or value <= 1:
        raise IntegrityError("config.json has no original_max_position_embeddings")
    return value


def _rope_dimensions(config: Config) -> int:
    partial = float(config.rope.get("partial_rotary_factor", 1.0))
    return int(partial * config.count("hidden_size")) // config.heads


def _factors(config: Config) -> tuple[list[float], list[float]] | None:
    long, short = config.rope.get("long_factor"), config.rope.get("short_factor")
    if not long:
        return None
    due = _rope_dimensions(config) / 2
    if not short or len(long) != due or len(short) != due:
        raise IntegrityError(f"config.json: the rope factors are not {due:g} long ones and as many short ones")
    return long, short


def _attention_factor(config: Config) -> float:
    kind = str(config.rope.get("rope_type", "")).lower()
    original = original_context(config)
    scale = int(config.count("max_position_embeddings")) / original
    match kind:
        case "su" | "longrope":
            factor: Any = math.sqrt(1 + math.log(scale) / math.log(original)) if scale > 1 else 1.0
        case "yarn":
            factor = 0.1 * math.log(scale) + 1.0 if scale > 1 else 1.0
        case _:
            raise NotFoundError(f"rope scaling {kind!r} cannot be written for Phi-3")
    return float(factor)
