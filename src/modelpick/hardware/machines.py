"""Whole machines by name: ``MacBook Pro M4 Max 64GB``, ``Raspberry Pi 5 8GB``, ``DGX Spark``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from modelpick.errors import UsageError
from modelpick.hardware.apple_chips import CHIPS
from modelpick.hardware.catalogue import memory_in, words_of
from modelpick.units import GIB, format_bytes
from modelpick.values import dataclass


@dataclass(frozen=True, slots=True)
class MachineModel:
    """A machine on sale. ``accelerator`` names its row of the registry; bandwidth there wins over the one here.

    ``memory_gib`` are the sizes it is sold with, empty where unknown.
    """

    name: str
    words: frozenset[str]
    accelerator: str | None
    cpu: str
    architecture: str
    cores: int | None
    features: tuple[str, ...]
    memory_gib: tuple[int, ...]
    os: Literal["linux", "macos"] = "linux"
    memory_kind: str | None = None
    bandwidth_bytes_per_second: int | None = None


_ARM = ("dotprod", "fp16", "neon")
_ARM_I8MM = ("bf16", "dotprod", "fp16", "i8mm", "neon")
_ZEN5 = ("avx", "avx2", "avx512_bf16", "avx512_vnni", "avx512f", "avx_vnni", "f16c", "fma")
_STRIX = "Ryzen AI Max+ 395 (Radeon 8060S)"
_STRIX_CPU = "AMD Ryzen AI Max+ 395"


def _machine(name: str, *rest: object, **more: object) -> MachineModel:
    return MachineModel(name, frozenset(words_of(name)), *rest, **more)  # type: ignore[arg-type]


_APPLE = tuple(
    MachineModel(
        name=chip.accelerator,
        words=frozenset(words_of(chip.accelerator)),
        accelerator=chip.accelerator,
        cpu=chip.accelerator.split(" (")[0],
        architecture="aarch64",
        cores=chip.cpu_cores,
        features=_ARM if chip.accelerator.startswith("Apple M1") else _ARM_I8MM,
        memory_gib=chip.memory_gib,
        os="macos",
        memory_kind="LPDDR",
    )
    for chip in CHIPS
)

MACHINES: tuple[MachineModel, ...] = (
    *_APPLE,
    _machine("Strix Halo", _STRIX, _STRIX_CPU, "x86_64", 16, _ZEN5, (32, 64, 96, 128), memory_kind="LPDDR5X"),
    _machine("Framework Desktop", _STRIX, _STRIX_CPU, "x86_64", 16, _ZEN5, (32, 64, 128), memory_kind="LPDDR5X"),
    _machine("Ryzen AI Max 385", "Ryzen AI Max 385 (Radeon 8050S)", "AMD Ryzen AI Max 385", "x86_64", 8, _ZEN5,
             (32, 64, 128), memory_kind="LPDDR5X"),
    _machine("DGX Spark", "GB10", "NVIDIA GB10", "aarch64", 20, (*_ARM_I8MM, "sve"), (128,), memory_kind="LPDDR5X"),
    _machine("Jetson Orin Nano", "Jetson Orin Nano 8GB", "Cortex-A78AE", "aarch64", 6, _ARM, (8,)),
    _machine("Jetson AGX Orin", "Jetson AGX Orin 64GB", "Cortex-A78AE", "aarch64", 12, _ARM, (64,)),
    _machine("Jetson AGX Thor", "Jetson AGX Thor T5000", "Neoverse-V3AE", "aarch64", 14, _ARM_I8MM, (128,)),
    # LPDDR4X-4267 and LPDDR4-3200 on 32 bits: https://www.raspberrypi.com/documentation/computers/processors.html
    _machine("Raspberry Pi 5", None, "Cortex-A76", "aarch64", 4, _ARM, (2, 4, 8, 16),
             memory_kind="LPDDR4X", bandwidth_bytes_per_second=17_068_000_000),
    _machine("Raspberry Pi 4", None, "Cortex-A72", "aarch64", 4, ("neon",), (1, 2, 4, 8),
             memory_kind="LPDDR4", bandwidth_bytes_per_second=12_800_000_000),
)  # fmt: skip

_SCREEN = re.compile(r"""\d+\s?(?:["”]|''|-?\s?inch\b)""")
_PRODUCT = re.compile(r"\b(?:macbook|mac|imac|pro(?=\s+m\d)|air|mini|studio|laptop|desktop(?=\s+m\d))\b")
_TIERS = frozenset(("pro", "max", "ultra"))


def machine_names() -> tuple[str, ...]:
    """Every machine with every size of memory, as ``--machine`` takes them."""
    return tuple(
        name
        for model in MACHINES
        for name in ([f"{model.name} {size}GB" for size in model.memory_gib] or [f"{model.name} 64GB"])
    )


def find_machine(text: str) -> tuple[MachineModel, int]:
    """The machine that ``text`` names, and its memory in bytes.

    :raises UsageError: for an unknown machine, a missing or impossible size of memory, or a doubtful name.
    """
    memory = memory_in(text)
    words = frozenset(words_of(_PRODUCT.sub(" ", _SCREEN.sub("", text.lower()))))
    exact = [model for model in MACHINES if model.name.casefold() == text.strip().casefold()]
    named = exact or [model for model in MACHINES if words and words == model.words] or _containing(words)
    if not named:
        raise UsageError(
            f"no machine is called {text!r}",
            hint="write a machine with its memory, such as 'MacBook Pro M4 Max 64GB', 'Strix Halo 128GB', "
            "'Raspberry Pi 5 8GB' or 'DGX Spark'; or describe one with --gpu and --ram",
            details={"choices": [model.name for model in MACHINES]},
        )
    if memory is None:
        sizes = {size for model in named for size in model.memory_gib}
        if len(named) == 1 and len(sizes) == 1:
            return named[0], sizes.pop() * GIB
        raise _doubtful(text, named, f"how much memory has {text!r}?")
    fitting = [model for model in named if not model.memory_gib or memory / GIB in model.memory_gib]
    if len(fitting) == 1:
        return fitting[0], memory
    what = f"{text!r} may be any of {len(fitting)}" if fitting else f"no {named[0].name} has {format_bytes(memory)}"
    raise _doubtful(text, fitting or named, what)


def _containing(words: frozenset[str]) -> list[MachineModel]:
    """Those with these words and perhaps core counts beside; an M4 is not an M4 Max, nor 5 a Pi 4."""
    if len(words) < 2:
        return []
    return [m for m in MACHINES if words <= m.words and words & _TIERS == m.words & _TIERS]


def _doubtful(text: str, models: Sequence[MachineModel], what: str) -> UsageError:
    choices = [f"{m.name} {size}GB" for m in models for size in m.memory_gib]
    if not choices:
        return UsageError(what, hint=f'say how much memory it has: --machine "{text.strip()} 64GB"')
    return UsageError(
        f"{what} Choices: {', '.join(choices)}",
        hint=f'choose one, for example --machine "{choices[-1]}"',
        details={"choices": choices},
    )
