"""What every architecture shares: naming tensors, stacking experts, writing the usual parameters.

Names come from the ``gguf`` package's map. A tensor without a name there, a rope scaling that llama.cpp does not
know or an activation it would not run is refused: a guess would give a file that loads and talks nonsense.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from modelpick.errors import IntegrityError, NotFoundError
from modelpick.quantisation.architectures.config import Config
from modelpick.quantisation.interface import SourceTensor
from modelpick.quantisation.layout import Output, gathered, stacked, whole

if TYPE_CHECKING:
    from gguf import GGUFWriter

Tensors = Mapping[str, SourceTensor]

_UNUSED = (".attention.masked_bias", ".attention.bias", ".rotary_emb.inv_freq")
_OTHER_SENSES = ("vision_tower.", "vision_model.", "multi_modal_projector.", "audio_tower.", "embed_vision.")
_EXPERT = re.compile(
    r"(?P<head>.*\.layers\.(?P<layer>\d+)\.(?:mlp|block_sparse_moe)\.experts)\.(?P<expert>\d+)\.(?P<part>\w+)\.weight"
)
_MIXTRAL_PARTS = {"w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"}


class Architecture:
    """One architecture: the names it goes by, how its parameters are written and its tensors are laid out."""

    hf_names: tuple[str, ...] = ()
    gguf_name: str = ""
    rope_types: frozenset[str] = frozenset({"default", "linear", "yarn"})
    activations: frozenset[str] = frozenset({"silu", "swish"})
    space_prefix: bool | None = None
    """Whether SentencePiece puts a space in front; None leaves llama.cpp's own default."""

    defaults: ClassVar[Mapping[str, Any]] = {}
    """What published configs of this architecture leave out because its makers' code has it."""

    def check(self, config: Config) -> None:
        """Refuse what this architecture cannot express."""
        kind = str(config.full_rope.get("rope_type", "default")).lower()
        if kind not in self.rope_types:
            known = ", ".join(sorted(self.rope_types))
            raise NotFoundError(f"rope scaling {kind!r} cannot be written for {config.architecture} (known: {known})")
        activation = config.find("hidden_activation", "hidden_act", "activation_function", default="silu")
        if self.activations and activation not in self.activations:
            raise NotFoundError(f"activation {activation!r} is not what llama.cpp runs for {self.gguf_name}")
        if "mrope_section" in config.rope:
            raise NotFoundError("multimodal rope sections cannot be written")

    def parameters(self, config: Config, writer: GGUFWriter) -> None:
        """Write the architecture's own keys."""
        common_parameters(config, writer)

    def outputs(self, config: Config, tensors: Tensors) -> list[Output]:
        """Every tensor of the result.

        :raises NotFoundError: for a tensor that has no place.
        """
        names = self.names(config)
        experts: dict[tuple[str, str], dict[int, SourceTensor]] = {}
        outputs: list[Output] = []
        for tensor in tensors.values():
            name = self.canonical(tensor.name)
            if name is None:
                continue
            if found := _EXPERT.fullmatch(name):
                part = _MIXTRAL_PARTS.get(found["part"], found["part"])
                experts.setdefault((f"model.layers.{found['layer']}.mlp.experts", part), {})[int(found["expert"])] = (
                    tensor
                )
            elif re.search(r"\.mlp\.experts\.(gate_up_proj|down_proj)(\.weight)?$", name):
                outputs += fused_experts(names, name, tensor)
            else:
                outputs += self.place(config, names, name, tensor)
        for (head, part), found_experts in experts.items():
            outputs.append(stack(names, f"{head}.{part}.weight", found_experts, config))
        outputs += self.extras(config)
        return sorted(outputs, key=_file_order)

    def canonical(self, name: str) -> str | None:
        """The tensor's name without the wrapper of a multimodal model; None for what is not taken over."""
        if name.endswith(_UNUSED) or any(part in name for part in _OTHER_SENSES):
            return None
        return name.replace("language_model.", "")

    def place(self, config: Config, names: Names, name: str, tensor: SourceTensor) -> list[Output]:
        """Where one ordinary tensor goes."""
        return [whole(names.of(name), tensor.name, tensor.shape)]

    def extras(self, config: Config) -> list[Output]:
        """Tensors that are computed rather than read."""
        return []

    def names(self, config: Config) -> Names:
        """The name map for this many layers."""
        return Names(self.gguf_name, config.layers)


class Names:
    """The ``gguf`` package's map from published tensor names to those of GGUF."""

    def __init__(self, gguf_name: str, layers: int) -> None:
        import gguf

        number = next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == gguf_name)
        self._map = gguf.get_tensor_name_map(number, layers)
        self._gguf_name = gguf_name

    def of(self, name: str) -> str:
        """GGUF's name.

        :raises NotFoundError: when the architecture has no such tensor.
        """
        found = self._map.get_name(name, try_suffixes=(".weight", ".bias"))
        if found is None:
            raise NotFoundError(f"tensor {name} has no place in architecture {self._gguf_name}")
        return str(found)


def stack(names: Names, name: str, experts: Mapping[int, SourceTensor], config: Config) -> Output:
    """The experts of one layer and part as one tensor."""
    due = config.count("num_local_experts", "num_experts", "n_routed_experts")
    if sorted(experts) != list(range(due)):
        raise IntegrityError(f"{name} has {len(experts)} of {due} experts")
    shapes = {tensor.shape for tensor in experts.values()}
    if len(shapes) != 1:
        raise IntegrityError(f"the experts of {name} have different shapes: {sorted(shapes)}")
    return stacked(names.of(name), [experts[index].name for index in range(due)], shapes.pop())


def fused_experts(names: Names, name: str, tensor: SourceTensor) -> list[Output]:
    """Experts that come stacked: gate and up in one tensor, or down."""
    head = name.removesuffix(".weight")
    if head.endswith("down_proj"):
        return [whole(names.of(f"{head}.weight"), tensor.name, tensor.shape)]
    if len(tensor.shape) != 3 or tensor.shape[1] % 2:
        raise IntegrityError(f"{tensor.name} has the shape {list(tensor.shape)}")
    experts, twice, width = tensor.shape
    half, base = twice // 2, head.removesuffix("gate_up_proj")
    return [
        gathered(
            names.of(f"{base}{part}_proj.weight"),
            tensor.name,
            (experts, half, width),
            [(expert * twice + start, half) for expert in range(experts)],
        )
        for part, start in (("gate", 0), ("up", half))
    ]


def common_parameters(config: Config, writer: GGUFWriter) -> None:
    """The keys that most decoder-only models share."""
    writer.add_block_count(config.layers)
    for names, add in (
        (("max_position_embeddings", "n_ctx", "n_positions"), writer.add_context_length),
        (("hidden_size", "n_embd"), writer.add_embedding_length),
        (("intermediate_size", "n_inner"), writer.add_feed_forward_length),
        (("num_attention_heads", "n_head"), writer.add_head_count),
        (("num_key_value_heads",), writer.add_head_count_kv),
        (("rms_norm_eps",), writer.add_layer_norm_rms_eps),
        (("layer_norm_eps", "layer_norm_epsilon"), writer.add_layer_norm_eps),
        (("num_local_experts", "num_experts"), writer.add_expert_count),
        (("num_experts_per_tok",), writer.add_expert_used_count),
        (("head_dim",), writer.add_key_length),
        (("head_dim",), writer.add_value_length),
    ):
        value = config.find(*names)
        if value is not None:
            add(value)
    rope_parameters(config, writer)


def rope_parameters(config: Config, writer: GGUFWriter) -> None:
    """Rope base and the scalings that are numbers; those that are tensors come from ``extras``."""
    import gguf

    rope = config.full_rope
    kind, factor = str(rope.get("rope_type", "default")).lower(), rope.get("factor")
    if kind == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(_number(factor, "factor"))
    elif kind == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(_number(factor, "factor"))
        writer.add_rope_scaling_orig_ctx_len(int(_number(rope.get("original_max_position_embeddings"), "original")))
        for names, add in (
            (("extrapolation_factor",), writer.add_rope_scaling_yarn_ext_factor),
            (("attention_factor", "attn_factor"), writer.add_rope_scaling_yarn_attn_factor),
            (("beta_fast",), writer.add_rope_scaling_yarn_beta_fast),
            (("beta_slow",), writer.add_rope_scaling_yarn_beta_slow),
        ):
            value = next((rope[name] for name in names if rope.get(name) is not None), None)
            if value is not None:
                add(value)
    if rope.get("rope_theta") is not None:
        writer.add_rope_freq_base(rope["rope_theta"])
    local = config.rope.get("sliding_attention")
    if isinstance(local, Mapping) and local.get("rope_theta") is not None:
        writer.add_rope_freq_base_swa(local["rope_theta"])


def floats(values: Sequence[float]) -> Any:
    """Numbers as a float32 array."""
    import numpy as np

    return np.asarray(values, dtype=np.float32)


def _number(value: Any, what: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        raise IntegrityError(f"config.json: the rope scaling's {what} is {value!r}")
    return float(value)


def _file_order(output: Output) -> tuple[int, int, str]:
    """Embedding, rope factors, blocks in order, then what comes after the blocks."""
    found = re.match(r"blk\.(\d+)\.", output.name)
    if found:
        return 1, int(found[1]), output.name
    return (0 if output.name.startswith(("token_embd", "rope_", "position_embd")) else 2), 0, output.name
