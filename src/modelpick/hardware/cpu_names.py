"""What the kernel calls processors and their instruction sets, and what people call them."""

from __future__ import annotations

_FEATURES = {
    "sse4_2": "sse4_2", "avx": "avx", "avx2": "avx2", "fma": "fma", "f16c": "f16c", "avx_vnni": "avx_vnni",
    "avx512f": "avx512f", "avx512bw": "avx512bw", "avx512vl": "avx512vl", "avx512_vnni": "avx512_vnni",
    "avx512_bf16": "avx512_bf16", "avx512_fp16": "avx512_fp16",
    "amx_tile": "amx_tile", "amx_int8": "amx_int8", "amx_bf16": "amx_bf16",
    "asimd": "neon", "neon": "neon", "asimdhp": "fp16", "asimddp": "dotprod", "i8mm": "i8mm", "bf16": "bf16",
    "sve": "sve", "sve2": "sve2", "sme": "sme",
}  # fmt: skip
"""The kernel's word to ours: those that llama.cpp and its like have kernels for."""

# https://gitlab.com/util-linux/util-linux/-/blob/master/sys-utils/lscpu-arm.c
_ARM_CORES = {
    ("0x41", "0xd03"): "Cortex-A53", ("0x41", "0xd05"): "Cortex-A55", ("0x41", "0xd07"): "Cortex-A57",
    ("0x41", "0xd08"): "Cortex-A72", ("0x41", "0xd0b"): "Cortex-A76", ("0x41", "0xd0c"): "Neoverse-N1",
    ("0x41", "0xd40"): "Neoverse-V1", ("0x41", "0xd41"): "Cortex-A78", ("0x41", "0xd42"): "Cortex-A78AE",
    ("0x41", "0xd49"): "Neoverse-N2", ("0x41", "0xd4f"): "Neoverse-V2", ("0x41", "0xd80"): "Cortex-A520",
    ("0x41", "0xd81"): "Cortex-A720", ("0x41", "0xd83"): "Neoverse-V3AE", ("0x41", "0xd84"): "Neoverse-V3",
    ("0x41", "0xd85"): "Cortex-X925", ("0x41", "0xd87"): "Cortex-A725", ("0x41", "0xd8e"): "Neoverse-N3",
    ("0xc0", "0xac3"): "Ampere-1", ("0xc0", "0xac4"): "Ampere-1a", ("0x51", "0x001"): "Oryon",
}  # fmt: skip


def features(words: str) -> tuple[str, ...]:
    """Our names, sorted, of the instruction sets in the kernel's list of words."""
    return tuple(sorted({_FEATURES[word] for word in words.split() if word in _FEATURES}))


def arm_core(implementer: str, part: str) -> str | None:
    """The core that an ARM implementer and part number stand for, or None."""
    return _ARM_CORES.get((implementer.lower(), part.lower()))


def told_by_archspec() -> tuple[str | None, tuple[str, ...]]:
    """This processor's microarchitecture as archspec names it (``zen3``, ``neoverse_v1``), and its instruction sets.

    It takes some 25 ms, so only commands that show the machine ask.
    """
    try:
        import archspec.cpu

        target = archspec.cpu.host()
        return str(target) or None, features(" ".join(target.features))
    except Exception:  # it parses files of the system and runs sysctl; whatever goes wrong is "unknown" here
        return None, ()
