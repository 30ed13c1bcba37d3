"""How good the memory estimates are, against recorded loads: ``python benchmarks/accuracy.py [FOLDER]``.

FOLDER (or MODELPICK_MEASUREMENTS) holds the readings: dryrun_memory.csv, ground_truth.csv,
ground_truth_offload.csv, published_memory.csv and ground_truth_shapes.json. Prints each bar with what was asked
and what was reached, and exits with 1 when one is missed.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from modelpick.estimation.architecture import from_config
from modelpick.estimation.buffers import cpu_compute_bytes, device_compute_bytes
from modelpick.estimation.cache import cache_bytes, state_bytes
from modelpick.estimation.interface import Architecture, Settings, Shape, VariantSpec
from modelpick.estimation.offload import gpu_part
from modelpick.estimation.process import cpu_buffers
from modelpick.estimation.torch_runtimes import transformers_cache_bytes, transformers_peak_bytes
from modelpick.estimation.weights import Weights, weights_of
from modelpick.units import GIB, MIB

Row = Mapping[str, str]
PRINT_ROUNDING = 0.006 * MIB
"""The readings give MiB with two or three digits."""

QWEN3_WORKSPACE = 40 * MIB
"""The table of Qwen3 shows the steady state: weights, cache and a constant of about this size."""

_PUBLISHED = {
    "Qwen2.5-3B": {"arch": "qwen2", "n_layers": 36, "hidden": 2048, "n_heads": 16, "n_kv_heads": 2, "head_dim": 128,
                   "ffn": 11008, "vocab": 151936, "tied_embeddings": 1},
    "Llama-3.1-405B": {"arch": "llama", "n_layers": 126, "hidden": 16384, "n_heads": 128, "n_kv_heads": 8,
                       "head_dim": 128, "ffn": 53248, "vocab": 128256, "tied_embeddings": 0, "has_rope_freqs": 1},
}  # fmt: skip
_SCHEMES = {
    "BF16": ("safetensors", "bf16"), "GPTQ-Int8": ("gptq", "int8"), "GPTQ-Int4": ("gptq", "int4"),
    "AWQ": ("awq", "int4"), "AWQ-INT4": ("awq", "int4"), "FP8": ("fp8", "fp8"),
}  # fmt: skip


class Errors:
    """Relative errors of one quantity, and the bars on them (as parts, not per cent)."""

    def __init__(self, name: str, **bars: float) -> None:
        self.name = name
        self.bars = bars
        self.values: list[float] = []

    def add(self, estimated: float, measured: float) -> None:
        """One comparison."""
        self.values.append(abs(estimated / measured - 1) if measured else float(abs(estimated) > PRINT_ROUNDING))

    def report(self) -> bool:
        """Print the line; whether all bars are met."""
        if not self.values:
            print(f"{self.name:52} no readings")
            return True
        ordered = sorted(self.values)
        last = len(ordered) - 1
        reached = {
            "median": ordered[len(ordered) // 2],
            "p95": ordered[min(last, int(0.95 * len(ordered)))],
            "max": ordered[-1],
        }
        met = all(reached[kind] <= bar for kind, bar in self.bars.items())
        asked = ", ".join(f"{kind} <= {bar:.2%}" for kind, bar in self.bars.items())
        got = ", ".join(f"{kind} {value:.3%}" for kind, value in reached.items())
        print(f"{self.name:52} n {len(ordered):6}  {got:46}  asked: {asked:40} {'met' if met else 'MISSED'}")
        return met


def rows(folder: Path, name: str) -> Iterator[Row]:
    """The rows of a file of readings."""
    with (folder / name).open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


def shapes(folder: Path) -> dict[str, Architecture]:
    """The architectures that the readings were taken on."""
    table = json.loads((folder / "ground_truth_shapes.json").read_text(encoding="utf-8"))
    named = table.items() if isinstance(table, dict) else ((entry["name"], entry) for entry in table)
    found = {str(name): from_config(entry) for name, entry in named}
    return {**{name: from_config(config) for name, config in _PUBLISHED.items()}, **found}


def known(architectures: Mapping[str, Architecture], name: str) -> tuple[Architecture, Shape] | None:
    """An architecture with its shape; None when the shapes do not have it."""
    found = architectures.get(name)
    return (found, found.shape) if found and found.shape else None


def gguf(architecture: Architecture, mix: str) -> Weights:
    """The weights of a GGUF mix."""
    weights = weights_of(architecture, VariantSpec("gguf", mix))
    assert weights is not None
    return weights


def settings_of(row: Row) -> Settings:
    """The settings of a simulated or real load."""
    kind = row.get("kv_type") or row["kv_type_k"]
    return Settings(
        context=int(row["ctx"]),
        cache_type_k=kind,
        cache_type_v=row.get("kv_type_v") or kind,
        flash_attention=row["flash_attn"] == "1",
        micro_batch=int(row["n_ubatch"]),
        slots=int(row.get("n_seq") or 1),
        unified_cache=row.get("kv_unified", "1") == "1",
        output_rows=int(row["n_outputs_max"]),
        full_window_cache=row.get("swa_full") == "1",
    )


def simulated(folder: Path, architectures: Mapping[str, Architecture]) -> list[Errors]:
    """llama.cpp's own dry runs."""
    weights = Errors("dry runs: GGUF weights", max=0.0001)
    cache = Errors("dry runs: cache and state (rows that differ)", max=0.0)
    compute = Errors("dry runs: compute buffer", median=0.001, p95=0.10)
    total = Errors("dry runs: device total", median=0.001, p95=0.005, max=0.03)
    for row in rows(folder, "dryrun_memory.csv"):
        found = known(architectures, row["shape"])
        if found is None:
            continue
        (architecture, shape), settings, on_cpu = found, settings_of(row), row["backend"] == "CPU"
        made = gguf(architecture, row["wtype"])
        held = made.total - (0 if on_cpu or made.tied else made.embedding)
        kept = cache_bytes(shape, settings) + state_bytes(shape, settings)
        buffer = (cpu_compute_bytes if on_cpu else device_compute_bytes)(shape, settings)
        measured = [float(row[key]) * MIB for key in ("dev_model_MiB", "kv_plus_rs_MiB", "dev_compute_MiB")]
        weights.add(held, measured[0])
        cache.values.append(float(abs(kept - measured[1]) > PRINT_ROUNDING))
        compute.add(buffer, measured[2])
        total.add(held + kept + buffer, sum(measured))
    return [weights, cache, compute, total]


def loaded(folder: Path, architectures: Mapping[str, Architecture]) -> list[Errors]:
    """Real loads on a processor."""
    buffers = Errors("real loads: sum of buffers", median=0.003, p95=0.025)
    process = Errors("real loads: process memory", median=0.01, p95=0.04)
    for row in rows(folder, "ground_truth.csv"):
        found = known(architectures, row["shape-name"])
        if found is None:
            continue
        made = cpu_buffers(
            found[1],
            gguf(found[0], row["quant"]),
            settings_of(row),
            mapped=row["load_mode"] == "mmap",
            prompt=int(row["prompt_tokens"]),
        )
        measured = sum(float(row[key]) for key in ("model_buffer_MiB", "kv_MiB", "compute_MiB", "rs_MiB"))
        buffers.add(made.model + made.cache + made.state + made.compute, measured * MIB)
        process.add(made.resident, float(row["rss_MiB"]) * MIB)
    return [buffers, process]


def offloaded(folder: Path, architectures: Mapping[str, Architecture]) -> list[Errors]:
    """Partial offload. Rows whose output matrix did not fit the test device are shown apart, without it."""
    clean = Errors("offload, rows without caveat: device total", median=0.01, p95=0.04)
    kept_back = Errors("offload, output matrix kept back: device total", median=0.01, p95=0.04)
    cache = Errors("offload: cache on the device (rows that differ)", max=0.0)
    for row in rows(folder, "ground_truth_offload.csv"):
        found = known(architectures, row["shape"])
        if found is None:
            continue
        settings = replace(settings_of(row), unified_cache=True)
        made = gguf(found[0], row["quant"])
        part = gpu_part(found[1], made, settings, int(row["ngl"]))
        cache.values.append(float(abs(part.cache + part.state - float(row["gpu_kv_MiB"]) * MIB) > 0.02 * MIB))
        measured = sum(float(row[key]) for key in ("gpu_model_MiB", "gpu_kv_MiB", "gpu_compute_MiB")) * MIB
        if not row["caveat"]:
            clean.add(part.total, measured)
        elif row["caveat"].startswith("output.weight"):
            absent = made.output if part.has_output and made.output > 128 * MIB else 0
            kept_back.add(part.total - absent, measured)
    return [cache, clean, kept_back]


def published(folder: Path, architectures: Mapping[str, Architecture]) -> list[Errors]:
    """Sizes and memory that others published."""
    files = Errors("published: GGUF file sizes", median=0.003, p95=0.02)
    plain = Errors("published: transformers BF16, Qwen2.5 and Qwen3", median=0.015, p95=0.05)
    quantised = Errors("published: transformers quantised", median=0.03)
    for row in rows(folder, "published_memory.csv"):
        found = known(architectures, row["model"].removesuffix("-Instruct"))
        if found is None:
            continue
        if row["kind"] == "file_size":
            scale = GIB if row["unit"] == "GiB" else 1e9
            files.add(gguf(found[0], row["quant"]).total, float(row["value_gb"]) * scale)
        elif row["quant"] in _SCHEMES and row["model"].startswith(("Qwen2.5", "Qwen3")):
            (plain if row["quant"] == "BF16" else quantised).add(_torch(row, *found), float(row["value_gb"]) * GIB)
    return [files, plain, quantised]


def _torch(row: Row, architecture: Architecture, shape: Shape) -> float:
    weights = weights_of(architecture, VariantSpec(*_SCHEMES[row["quant"]]))
    assert weights is not None
    prompt, answer = int(row["input_len"]), int(row["gen_len"])
    if row["model"].startswith("Qwen3"):
        return weights.total + transformers_cache_bytes(shape, prompt + answer) + QWEN3_WORKSPACE
    return weights.total + sum(transformers_peak_bytes(shape, prompt, answer))


def main() -> int:
    """Print all bars; 1 when one is missed."""
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("MODELPICK_MEASUREMENTS")
    if not given or not Path(given).is_dir():
        print("give the folder of readings, or set MODELPICK_MEASUREMENTS")
        return 2
    folder = Path(given)
    architectures = shapes(folder)
    results = [
        errors.report() for part in (simulated, loaded, offloaded, published) for errors in part(folder, architectures)
    ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
