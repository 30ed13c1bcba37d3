"""Runs that the fit never sees: machines whose owner measured the same six models on each (geerlingguy, Ollama).

Each is simulated by name, placed by the program itself, and estimated with the constants as shipped. Left out: machines
whose processor or GPU the tables do not name, and clusters.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from speed_cases import Models, spec_of

from modelpick.estimation.interface import Misfit, Range, Settings, VariantSpec
from modelpick.estimation.plan import fit_with_speed
from modelpick.hardware.interface import AcceleratorSpec, Cpu, Hardware, MemoryPool, System
from modelpick.hardware.simulate import Wish, simulate
from modelpick.registry.reader import Registry
from modelpick.units import GIB

_MODELS = {
    "DeepSeek R1 14b": ("deepseek-r1-distill-qwen-14b", "Q4_K_M"), "gpt-oss 20b": ("gpt-oss-20b", "MXFP4"),
    "Llama 3.2:3b": ("llama-3.2-3b-instruct", "Q4_K_M"), "Llama 3.1:70b": ("llama-3.1-70b-instruct", "Q4_K_M"),
    "Llama 3.1:405b": ("llama-3.1-405b-instruct", "Q4_K_M"), "DeepSeek R1 671b": ("deepseek-r1", "Q4_K_M"),
}  # fmt: skip
_CARDS = {
    "Nvidia RTX 4090": "RTX 4090", "Nvidia 4090": "RTX 4090", "Nvidia 5090": "RTX 5090",
    "Nvidia RTX 3080 Ti": "GeForce RTX 3080 Ti", "Nvidia RTX 4070 Ti": "GeForce RTX 4070 Ti",
    "Nvidia RTX 2080 Ti": "RTX 2080 Ti", "Nvidia RTX A4000": "RTX A4000", "Nvidia A4000": "RTX A4000",
    "Nvidia RTX 3060": "RTX 3060 12GB", "Nvidia 4070 Ti Super": "GeForce RTX 4070 Ti SUPER",
    "Nvidia 4070": "GeForce RTX 4070", "AMD Radeon AI Pro R9700": "Radeon AI PRO R9700",
    "AMD Pro W7700": "Radeon PRO W7700", "AMD RX 9070 XT": "Radeon RX 9070 XT", "AMD RX 6700 XT": "Radeon RX 6700 XT",
    "AMD RX 7600": "Radeon RX 7600", "AMD RX 6500 XT": "Radeon RX 6500 XT", "Intel Arc B580": "Arc B580",
    "Intel Arc Pro B50": "Arc Pro B50", "Intel Arc A310 ECO": "Arc A310",
}  # fmt: skip
_UNIFIED = {
    "Mac Studio (M3 Ultra 512GB)": ("Apple M3 Ultra", 512), "M1 Max Mac Studio (10 core - 64GB)": ("Apple M1 Max", 64),
    "M4 Mac mini (10 core - 32GB)": ("Apple M4", 32), "Dell Pro Max with GB10 (Nvidia Spark)": ("GB10", 128),
    "M1 Ultra (48 GPU Core) 64GB": ("Apple M1 Ultra", 64),
    "Framework Mainboard (128GB)": ("Ryzen AI Max+ 395 (Radeon 8060S)", 128),
}  # fmt: skip
_NEON, _AVX2, _AVX512 = ("neon",), ("avx", "avx2"), ("avx", "avx2", "avx512f")
_PROCESSORS = {
    "Pi 5 -": ("Raspberry Pi 5", "aarch64", 4, _NEON, 16), "Pi 500": ("Raspberry Pi 5", "aarch64", 4, _NEON, 16),
    "Pi 400": ("Raspberry Pi 4", "aarch64", 4, _NEON, 4), "GMK": ("Intel N150", "x86_64", 4, _AVX2, 16),
    "AmpereOne": ("AmpereOne", "aarch64", 192, _NEON, 512),
    "Dell Optiplex": ("Intel Core2 Quad Q8400", "x86_64", 4, ("sse4_1",), 8),
    "Framework 13": ("AMD Ryzen AI 5 340", "x86_64", 6, _AVX512, 16),
    "Framework Mainboard": ("AMD Ryzen AI Max+ 395", "x86_64", 16, _AVX512, 128),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One run: what it ran on (``desktop``, ``board`` for a card on a single-board computer, ``cpu``) and how fast."""

    system: str
    model: str
    group: str
    measured: float
    estimated: Range


class _Table:
    def __init__(self, specs: tuple[AcceleratorSpec, ...]) -> None:
        self.specs = specs

    def accelerators(self) -> tuple[AcceleratorSpec, ...]:
        """All of them."""
        return self.specs


def held_out(folder: Path, registry: Registry) -> Iterator[HeldOut]:
    """All runs that could be simulated and fit."""
    table = _Table(tuple(spec_of(row) for row in registry.accelerators()))
    models = Models(registry)
    with (folder / "geerlingguy_ai_benchmarks.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            slug, mix = _MODELS[row["model"]]
            architecture = models.architecture(slug)
            hardware = _machine(row["system"], row["device"], table)
            if architecture is None or hardware is None:
                continue
            fit = fit_with_speed(architecture, VariantSpec("gguf", mix), Settings(context=4096), hardware)
            if isinstance(fit, Misfit) or fit.speed is None:
                continue
            board = "Pi" in row["system"] or "Radxa" in row["system"]
            group = "cpu" if row["device"] == "CPU" else "board" if board else "desktop"
            measured = float(row["decode_tps"])
            yield HeldOut(row["system"], row["model"], group, measured, fit.speed.decode_tokens_per_second)


def _machine(system: str, device: str, table: _Table) -> Hardware | None:
    base = _host("AMD Ryzen 9 7900X 12-Core Processor", "x86_64", 12, _AVX512, 64)
    card = re.search(r"\(((?:Nvidia|AMD|Intel Arc)[^)]*)\)", system)
    if device == "CPU":
        found = next((figures for part, figures in _PROCESSORS.items() if system.startswith(part)), None)
        return _host(*found) if found else None
    if system in _UNIFIED:
        name, memory = _UNIFIED[system]
        return simulate(base, Wish(gpus=(name,), ram_bytes=memory * GIB, assume_idle=True), table)
    if card and card[1] in _CARDS:
        return simulate(base, Wish(gpus=(_CARDS[card[1]],), assume_idle=True), table)
    return None


def _host(name: str, architecture: str, cores: int, features: tuple[str, ...], memory: int) -> Hardware:
    cpu = Cpu(name, architecture, 1, cores, cores, float(cores), features)
    pool = MemoryPool("host", memory * GIB, memory * GIB * 15 // 16)
    return Hardware(cpu, System("linux"), (pool,))
