"""Which class converts which published architecture."""

from __future__ import annotations

from modelpick.errors import NotFoundError
from modelpick.quantisation.architectures.base import Architecture
from modelpick.quantisation.architectures.config import Config
from modelpick.quantisation.architectures.early import Falcon, GptNeoX, Mpt
from modelpick.quantisation.architectures.gemma import Gemma, Gemma2, Gemma3
from modelpick.quantisation.architectures.llama import Granite, Llama, SmolLM3
from modelpick.quantisation.architectures.phi import Phi3
from modelpick.quantisation.architectures.qwen import Olmo2, Qwen2, Qwen3, Qwen3Moe

ARCHITECTURES: tuple[Architecture, ...] = (
    Llama(),
    Granite(),
    SmolLM3(),
    Qwen2(),
    Qwen3(),
    Qwen3Moe(),
    Olmo2(),
    Gemma(),
    Gemma2(),
    Gemma3(),
    Phi3(),
    GptNeoX(),
    Falcon(),
    Mpt(),
)


def supported() -> list[str]:
    """The published names that can be converted."""
    return [name for architecture in ARCHITECTURES for name in architecture.hf_names]


def find(config: Config) -> tuple[Architecture, Config]:
    """The class for this config, and the config with what it leaves out.

    :raises NotFoundError: for an architecture that is not converted here, with the list of those that are.
    """
    for architecture in ARCHITECTURES:
        if config.architecture in architecture.hf_names:
            completed = config.completed(architecture.defaults)
            architecture.check(completed)
            return architecture, completed
    raise NotFoundError(
        f"architecture {config.architecture} is not converted here; these are: {', '.join(supported())}",
        hint="modelpick quantise --converter PATH/convert_hf_to_gguf.py SOURCE   (llama.cpp's own converter)",
    )
