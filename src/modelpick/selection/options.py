"""Which forms of a model can really run here: format, quantisation and runtime for a backend.

No MLX on CUDA, no NVFP4, FP8 or AWQ on a CPU: an option is only made where a runtime reads that format on that
backend.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelpick.estimation.interface import Runtime
from modelpick.hardware.interface import Hardware
from modelpick.selection.interface import Entry, Needs, Option, Source

GGUF_RUNTIMES: tuple[Runtime, ...] = ("llama.cpp", "ollama", "lmstudio")
LADDER = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS", "Q3_K_M")
"""The mixes that publishers of GGUF files offer and that stay useful, best first."""
_PROPOSED = frozenset({*LADDER, "MXFP4", "MXFP4_MOE"})
_ON_REQUEST = ("F16", "BF16", "Q5_K_S", "Q5_0", "Q4_K_S", "IQ4_NL", "Q4_0", "Q3_K_L", "Q3_K_S", "Q2_K")
"""Mixes that are offered too, but are larger, older or lose too much to be proposed unasked."""

_BY_BACKEND: dict[str, tuple[Runtime, ...]] = {
    "cuda": ("llama.cpp", "ollama", "lmstudio", "vllm", "transformers"),
    "rocm": ("llama.cpp", "ollama", "lmstudio", "vllm", "transformers"),
    "vulkan": ("llama.cpp", "ollama", "lmstudio"),
    "sycl": ("llama.cpp", "ollama", "lmstudio", "transformers"),
    "metal": ("llama.cpp", "ollama", "lmstudio", "mlx", "transformers"),
    "cpu": ("llama.cpp", "ollama", "lmstudio", "transformers"),
}
_LOW_BIT = {"awq", "gptq", "bnb", "compressed-tensors"}
_FP8_CAPABILITY, _FP4_CAPABILITY = 8.9, 10.0
# What llama.cpp cannot run is run by the library its makers published it for.
_GGUF_MODALITIES = {"text", "code", "vision-language", "any-to-any", "embedding", "reranker"}
_VLLM_MODALITIES = _GGUF_MODALITIES | {"speech-to-text"}
"""What ``vllm serve`` serves: https://docs.vllm.ai/en/latest/models/supported_models.html"""
_NOT_FROM_GGUF = frozenset({"text-to-speech", "image"})
"""What a model of several kinds cannot do under llama.cpp: it reads sounds and pictures, and writes text."""
_16_BIT = {"BF16", "F16", "F32", None}


def backend_of(hardware: Hardware) -> str:
    """The backend of the first usable device, or ``cpu``."""
    devices = hardware.usable_devices
    return devices[0].backend if devices else "cpu"


def runtimes_for(hardware: Hardware, needs: Needs) -> tuple[Runtime, ...]:
    """The runtimes the user allows that exist on this backend; llama.cpp and transformers if none is named."""
    possible = _BY_BACKEND[backend_of(hardware)]
    if needs.runtimes:
        return tuple(runtime for runtime in needs.runtimes if runtime in possible)
    return tuple(runtime for runtime in possible if runtime in ("llama.cpp", "transformers"))


def options_for(entry: Entry, hardware: Hardware, needs: Needs, gguf_types: frozenset[str]) -> list[Option]:
    """All options of an entry, best quantisation first within each runtime; empty when nothing runs it here.

    :param gguf_types: ``model_type`` values that can be converted to GGUF here when nobody publishes one.
    """
    found: list[Option] = []
    for runtime in runtimes_for(hardware, needs):
        if runtime in GGUF_RUNTIMES:
            found += _gguf(entry, runtime, needs, gguf_types)
        elif runtime == "mlx":
            found += _of_format(entry, runtime, {"mlx"})
        else:
            found += _weights(entry, runtime, hardware)
    if not needs.runtimes and any(option.format == "gguf" for option in found):
        # llama.cpp's quantised forms dominate 16-bit weights wherever both run, unless those were asked for.
        found = [option for option in found if option.format == "gguf"]
    return [option for option in found if _wanted(option, needs)]


def _wanted(option: Option, needs: Needs) -> bool:
    if not needs.quantisations:
        return True
    names = {name.upper().replace("-", "_") for name in needs.quantisations}
    return (option.quantisation or "").upper().replace("-", "_") in names or option.format.upper() in names


def _gguf(entry: Entry, runtime: Runtime, needs: Needs, gguf_types: frozenset[str]) -> list[Option]:
    if entry.modality not in _GGUF_MODALITIES or needs.task in _NOT_FROM_GGUF:
        return []
    published = [source for source in entry.sources if source.format == "gguf"]
    published.sort(key=lambda source: source.publisher != "official")
    listed = [source for source in published if source.quantisation]
    unlisted = [source for source in published if not source.quantisation]
    if listed and (not unlisted or any(source.quantisation in _PROPOSED for source in listed)):
        rungs = {name: place for place, name in enumerate(LADDER)}
        listed.sort(key=lambda source: rungs.get(str(source.quantisation), len(rungs)))
        proposed = [source for source in listed if needs.quantisations or source.quantisation in _PROPOSED]
        return [Option("gguf", source.quantisation, runtime, source) for source in proposed or listed]
    originals = _originals(entry)
    ladder = _native_ladder(originals, needs)
    if published:
        # One odd form whose bytes were read (a maker's own Q4_0) does not hide the repository with all the others.
        known = {source.quantisation: source for source in listed}
        names = dict.fromkeys((*ladder, *known))
        return [Option("gguf", name, runtime, known.get(name) or unlisted[0]) for name in names]
    if originals and entry.model_type in gguf_types and runtime == "llama.cpp":
        return [Option("gguf", name, runtime, originals[0], made_here=True) for name in ladder]
    return []


def _native_ladder(originals: Sequence[Source], needs: Needs) -> tuple[str, ...]:
    """Weights that were trained in MXFP4 are published as such; other mixes of them are no better."""
    if any(source.quantisation == "MXFP4" for source in originals):
        return ("MXFP4_MOE",)
    return (*LADDER, *_ON_REQUEST) if needs.quantisations else LADDER


def _originals(entry: Entry) -> list[Source]:
    return [source for source in entry.sources if source.format == "safetensors"]


def _of_format(entry: Entry, runtime: Runtime, formats: set[str]) -> list[Option]:
    return [
        Option(source.format, source.quantisation, runtime, source)
        for source in entry.sources
        if source.format in formats
    ]


def _weights(entry: Entry, runtime: Runtime, hardware: Hardware) -> list[Option]:
    """Safetensors at 16 bit everywhere; low-bit formats only where the GPU has the instructions."""
    if runtime == "vllm" and entry.modality not in _VLLM_MODALITIES:
        return []
    devices = hardware.usable_devices
    found = []
    for source in _originals(entry):
        if source.quantisation in _16_BIT:
            name = source.quantisation or "BF16"
            found.append(Option("safetensors", name, runtime, source))
        elif source.quantisation == "MXFP4" and devices:
            found.append(Option("safetensors", source.quantisation, runtime, source))
    if devices and devices[0].backend == "cuda":
        capability = min(float(device.compute_capability or 0) for device in devices)
        formats = set(_LOW_BIT) if capability >= 7.5 else set()
        if capability >= _FP8_CAPABILITY:
            formats.add("fp8")
        if capability >= _FP4_CAPABILITY:
            formats.add("nvfp4")
        found += _of_format(entry, runtime, formats)
    return found
