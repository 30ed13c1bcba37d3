"""How many footprints and placements one core makes a minute: ``python benchmarks/footprints.py [SECONDS]``.

Cold: each architecture is read and weighed for the first time. Warm: the tensor sums are remembered, as when one
model is asked for many contexts. The bar is 100,000 footprints a minute.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle

from modelpick.estimation.architecture import from_config
from modelpick.estimation.footprint import footprint
from modelpick.estimation.interface import Settings, VariantSpec
from modelpick.estimation.placement import place
from modelpick.hardware.interface import Cpu, Device, Hardware, MemoryPool, System
from modelpick.units import GIB

BAR = 100_000
MIXES = ("Q4_K_M", "Q8_0", "Q6_K", "IQ4_XS", "Q3_K_M")


def configs() -> Iterator[dict[str, object]]:
    """Dense, windowed and routed models of many depths."""
    for layers in range(16, 96, 2):
        dense = {"model_type": "qwen2", "num_hidden_layers": layers, "hidden_size": 4096, "num_attention_heads": 32,
                 "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 152064,
                 "tie_word_embeddings": False}  # fmt: skip
        yield dense
        yield {**dense, "model_type": "gemma3", "sliding_window": 1024, "head_dim": 256}
        yield {**dense, "model_type": "qwen3_moe", "num_experts": 128, "num_experts_per_tok": 8,
               "moe_intermediate_size": 768, "hidden_size": 2048, "head_dim": 128}  # fmt: skip


def machine() -> Hardware:
    """One GPU of 24 GiB in a host of 64."""
    pools = (MemoryPool("host", 64 * GIB, 60 * GIB), MemoryPool("gpu0", 24 * GIB, 23 * GIB))
    device = Device(0, "GPU", "nvidia", "cuda", "gpu0")
    return Hardware(Cpu(None, "x86_64", 1, 8, 16, 16.0), System("linux"), pools, (device,))


def per_minute(task: Callable[[], None], seconds: float) -> float:
    """How often a task runs in a minute, from so many seconds of processor time: other programs do not count."""
    start, count = time.process_time(), 0
    while time.process_time() - start < seconds:
        for _ in range(20):
            task()
        count += 20
    return 60 * count / (time.process_time() - start)


def main() -> int:
    """Print the rates; 1 when the bar is missed."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    fresh = cycle([(config, mix) for config in configs() for mix in MIXES])
    known = cycle(
        [(from_config(config), VariantSpec("gguf", mix), length)
         for config in configs() for mix in MIXES for length in (4096, 32768)]
    )  # fmt: skip
    hardware = machine()

    def cold() -> None:
        config, mix = next(fresh)
        footprint(from_config(config), VariantSpec("gguf", mix), Settings())

    def warm() -> None:
        architecture, variant, length = next(known)
        footprint(architecture, variant, Settings(context=length))

    def placed() -> None:
        architecture, variant, length = next(known)
        place(architecture, variant, Settings(context=length), hardware)

    rates = {}
    for name, task in (("cold", cold), ("warm", warm), ("placed", placed)):
        rates[name] = per_minute(task, seconds)
        print(f"footprints, {name:6} {rates[name]:12,.0f} a minute, {60e6 / rates[name]:7.0f} microseconds each")
    met = min(rates["cold"], rates["warm"]) >= BAR
    print(f"asked: {BAR:,} a minute  {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
