"""Accelerators by name: what a person typed and what a driver reports, matched against the registry's table.

A typed name is never guessed at: either one accelerator answers to it, or the choices are shown. A reported name
comes with its memory, which settles most doubts; where it does not, there is no match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from modelpick.errors import UsageError
from modelpick.hardware.interface import AcceleratorSpec
from modelpick.units import GIB, format_bytes

_MEMORY = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)\s*g(?:i?b)?(?![a-z0-9])", re.ASCII)
_TOKEN = re.compile(r"\d+|[a-z]+", re.ASCII)
_SAME = {"mobile": "laptop", "notebook": "laptop"}
_MAKERS = ("nvidia", "amd", "intel", "apple", "geforce", "radeon", "arc", "tesla", "instinct")
_NOISE = frozenset((*_MAKERS, "graphics", "gpu", "core", "cpu", "workstation", "edition", "generation", "corporation"))
_SERIES = frozenset(("rtx", "gtx", "rx"))
"""Left out of short names such as ``3090`` or ``7900 XTX``, when nothing answers to the fuller reading."""

ALIASES = {
    "strix halo": "Ryzen AI Max+ 395 (Radeon 8060S)",
    "dgx spark": "GB10",
    "jetson orin nano": "Jetson Orin Nano 8GB",
    "jetson agx orin": "Jetson AGX Orin 64GB",
    "jetson thor": "Jetson AGX Thor T5000",
}
"""Product names people use for what the table calls otherwise."""

_REPORTED = {
    "nvidia a2": "A2 PCIe",
    "nvidia a10": "A10 PCIe",
    "nvidia a16": "A16 PCIe",
    "nvidia a30": "A30 PCIe",
    "nvidia a40": "A40 PCIe",
    "nvidia h100 80gb hbm3": "H100 SXM5 80 GB",
    "nvidia h100 pcie": "H100 PCIe 80 GB",
    "nvidia h100 nvl": "H100 NVL 94 GB",
    "nvidia h200": "H200 SXM 141 GB",
    "nvidia h800": "H800 SXM5",
    "nvidia gh200 480gb": "GH200 Grace Hopper (96 GB)",
    "nvidia thor": "Jetson AGX Thor T5000",
    "orin (nvgpu)": "Jetson AGX Orin 64GB",
}
"""Names the NVIDIA driver uses that are not made of the table's own words."""


def memory_in(text: str) -> int | None:
    """Bytes of a memory size inside a name (``RTX 3060 12GB``), or None. GB reads as GiB."""
    found = _MEMORY.search(text.lower())
    return round(float(found[1]) * GIB) if found else None


def words_of(name: str) -> tuple[str, ...]:
    """The words and numbers of a name that tell it from others, without its memory size."""
    text = _MEMORY.sub(" ", re.sub(r"\((?:r|tm)\)", " ", name.lower()))
    words = (_SAME.get(word, word) for word in _TOKEN.findall(text))
    return tuple(word for word in words if word not in _NOISE)


def find_typed(text: str, specs: Sequence[AcceleratorSpec]) -> AcceleratorSpec:
    """The one accelerator that ``text`` names.

    :raises UsageError: if none or several answer to it; the choices are in the message and in ``details``.
    """
    wanted = " ".join(text.split()).casefold()
    for spec in specs:
        if wanted in (spec.name.casefold(), label(spec).casefold()):
            return spec
    alias = ALIASES.get(" ".join(_MEMORY.sub(" ", wanted).split()))
    if alias:
        return find_typed(alias, specs)
    memory = memory_in(text)
    named = _answering(words_of(text), specs)
    if not named:
        raise UsageError(
            f"no accelerator is called {text!r}",
            hint=_suggestion(text, specs),
            details={"choices": [label(spec) for spec in _nearest(text, specs)]},
        )
    fitting = [spec for spec in named if memory is None or _same_size(spec, memory)]
    if not fitting and memory is not None:
        # "RTX 3060 6GB" can only be the laptop's.
        fitting = [spec for spec in _laptops(named, specs) if _same_size(spec, memory)]
    if len(fitting) == 1:
        return fitting[0]
    raise _ambiguous(text, fitting or named, memory, specs)


def find_reported(
    name: str, memory_bytes: int | None, specs: Iterable[AcceleratorSpec], gfx: str | None = None
) -> AcceleratorSpec | None:
    """The accelerator a driver means by ``name``, or None where it is not certain.

    ``memory_bytes`` is what the driver reports, a few per cent less than the size on the box.
    """
    table = [spec for spec in specs if gfx is None or spec.gfx in (None, gfx)]
    alias = _REPORTED.get(name.strip().casefold())
    if alias:
        return next((spec for spec in table if spec.name == alias), None)
    memory = memory_bytes if memory_bytes is not None else memory_in(name)
    words = words_of(name)
    for chosen in ([spec for spec in table if words_of(spec.name) == words], _containing(words, table)):
        near = [spec for spec in chosen if memory is None or _about(spec, memory)]
        if len(near) == 1:
            return near[0]
        if near:
            return None
    return None


def label(spec: AcceleratorSpec) -> str:
    """A name that names only this accelerator: with the memory where the table's name has none."""
    if spec.memory_bytes is None or spec.unified or memory_in(spec.name) is not None:
        return spec.name
    return f"{spec.name} {spec.memory_bytes / GIB:g}GB"


def _answering(words: tuple[str, ...], specs: Sequence[AcceleratorSpec]) -> list[AcceleratorSpec]:
    """Those with exactly these words; else exactly these beside the series; else all that contain them."""
    if not words:
        return []
    exact = [spec for spec in specs if words_of(spec.name) == words]
    if exact:
        return exact
    short = [spec for spec in specs if tuple(w for w in words_of(spec.name) if w not in _SERIES) == words]
    return short or _containing(words, specs)


def _containing(words: tuple[str, ...], specs: Iterable[AcceleratorSpec]) -> list[AcceleratorSpec]:
    wanted = set(words)
    return [spec for spec in specs if wanted and wanted <= set(words_of(spec.name))]


def _laptops(found: Sequence[AcceleratorSpec], specs: Iterable[AcceleratorSpec]) -> list[AcceleratorSpec]:
    """The laptop versions of those found."""
    names = {frozenset(words_of(spec.name)) | {"laptop"} for spec in found}
    return [spec for spec in specs if frozenset(words_of(spec.name)) in names]


def _same_size(spec: AcceleratorSpec, memory: int) -> bool:
    """A unified chip is sold with up to the table's size, or any where the table has none."""
    if spec.unified:
        return spec.memory_bytes is None or memory <= spec.memory_bytes
    return spec.memory_bytes is not None and abs(spec.memory_bytes - memory) < GIB / 2


def _about(spec: AcceleratorSpec, memory: int) -> bool:
    """A driver keeps up to a tenth for itself (ECC on a Tesla K80 or T4 takes a sixteenth)."""
    return spec.unified or spec.memory_bytes is None or 0.9 <= memory / spec.memory_bytes <= 1.02


def _ambiguous(
    text: str, found: Sequence[AcceleratorSpec], memory: int | None, specs: Sequence[AcceleratorSpec]
) -> UsageError:
    every = [*found, *(spec for spec in _laptops(found, specs) if spec not in found)]
    choices = [label(spec) for spec in every]
    if memory is not None and not any(_same_size(spec, memory) for spec in every):
        what = f"no {text!r} has {format_bytes(memory)}"
        hint = f'choose one of these, or give another size by hand: --gpu "{choices[0]}" --vram {memory / GIB:g}GB'
    else:
        what = f"{text!r} may be any of {len(choices)} accelerators"
        hint = f'choose one, for example --gpu "{choices[0]}"'
    return UsageError(f"{what}: {', '.join(choices)}", hint=hint, details={"choices": choices})


def _nearest(text: str, specs: Sequence[AcceleratorSpec]) -> list[AcceleratorSpec]:
    """Up to five with a number in common, else those difflib finds alike."""
    from difflib import get_close_matches

    numbers = {word for word in words_of(text) if word.isdigit() and len(word) > 2}
    alike = [spec for spec in specs if numbers & set(words_of(spec.name))]
    if alike:
        return alike[:5]
    by_words = {" ".join(words_of(spec.name)): spec for spec in specs}
    near = get_close_matches(" ".join(words_of(text)), by_words, n=5, cutoff=0.6)
    return [by_words[name] for name in near]


def _suggestion(text: str, specs: Sequence[AcceleratorSpec]) -> str:
    if not specs:
        return "the registry holds no accelerators: modelpick registry verify"
    near = [label(spec) for spec in _nearest(text, specs)]
    return (f"did you mean {', '.join(near)}? " if near else "") + "All of them: modelpick hardware list"
