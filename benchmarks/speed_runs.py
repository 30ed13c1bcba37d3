"""Reads the runs that people reported, as values the speed laws can be fitted on, and drops the broken ones.

What is dropped, by rules that never look at an estimate:

1. LocalScore runs on NVIDIA cards whose host is a Zen 4, Zen 5 or Sapphire Rapids processor. The same card in
   another host is 2 to 4 times as fast (RTX 6000 Ada 131 and 416 tokens/s, RTX 5090 102 and 275, RTX 3090 115 and
   331 on the same model): a fault of that runner on those processors.
2. Of several runs of one accelerator and model, those slower than the fastest by more than 1.6: a machine can be
   slower than its card for many reasons and never faster. What is left is represented by its median.
3. A LocalScore run that is 1.5 times slower than a dense model 1.25 times as large on the same accelerator.
4. Community runs with speculative decoding or batches, models under 250 million parameters, models that would not
   fit the card, and runs of any source that read more bytes than the card's memory can deliver or multiply more
   than twice its half-precision rate: their label names another model, or another column, than the one that ran.
5. Processors in shared virtual machines, whose name says nothing of their share (cloud instances).
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

LOCALSCORE_PROMPTS = (1024, 4096, 2048, 2048, 1024, 1280, 384, 64, 16)
"""The prompts of LocalScore's suite; its prompt speed is the mean over them (localscore.ai/about)."""
LOCALSCORE_TOKENS = 1837.0
"""Mean number of tokens in the cache while its suite decodes."""
_SAME = 1.6
_HOSTS = re.compile(
    r"znver4|sapphirerapids|epyc 9|ryzen \d 9\d{3}|ryzen \d 7[6-9]\d\dx?3?d?\b|ryzen ai|xeon platinum 8[45]\d\d"
    r"|threadripper pro 7"
)
_SHARED = re.compile(r"DO-Premium|8259CL|no TSX|EPYC 7352")
_QUANT = re.compile(r"((?:UD-)?(?:IQ|Q)\d\w*|F16|BF16|MXFP4)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Run:
    """One accelerator, model and quantisation: median decode and prompt speed, tokens per second.

    ``tokens`` stood in the cache on average; ``prompts`` are the prompt lengths that the prompt speed averages.
    """

    source: str
    accelerator: str
    processor: bool
    model: str
    quantisation: str
    tokens: float
    decode: float | None
    prompt: float | None = None
    prompts: tuple[float, ...] = ()
    memory_gib: float | None = None


def load(folder: Path) -> list[Run]:
    """All accepted runs of the folder's files."""
    runs = [*_localscore(folder), *_llama_bench(folder), *_localmaxxing(folder), *_community(folder)]
    return [run for run in runs if run.accelerator and run.quantisation]


def _table(path: Path, delimiter: str = ",") -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream, delimiter=delimiter)


def best_half(values: Iterable[float]) -> float:
    """The median of the values that are within 1.6 of the largest (rule 2)."""
    found = sorted(values)
    return median(value for value in found if value * _SAME >= found[-1])


def _localscore(folder: Path) -> Iterator[Run]:
    groups: dict[tuple[bool, str, str, str], list[dict[str, str]]] = defaultdict(list)
    for row in _table(folder / "localscore_results.tsv", "\t"):
        name = row["accel_name"].strip()
        if row["accel_group"] == "NVIDIA GPU" and _HOSTS.search(row["system_cpu"].lower()):
            continue
        if row["accel_type"] == "CPU" and _SHARED.search(name):
            continue
        groups[row["accel_type"] == "CPU", name, row["model_name"], _mix(row["model_quant"])].append(row)
    for (processor, name, model, quantisation), rows in groups.items():
        yield Run(
            source="localscore",
            accelerator=name,
            processor=processor,
            model=model,
            quantisation=quantisation,
            tokens=LOCALSCORE_TOKENS,
            decode=best_half(float(row["gen_tps"]) for row in rows),
            prompt=best_half(float(row["prompt_tps"]) for row in rows) or None,
            prompts=LOCALSCORE_PROMPTS,
            memory_gib=None if processor else float(rows[0]["accel_ram"]),
        )


def _mix(name: str) -> str:
    return name.replace(" - Medium", "_M").replace(" - Large", "_L").replace(" - Small", "_S").replace("Q2_K_M", "Q2_K")


_BENCH_CARDS = {
    "3080_v3": "RTX 3080", "3080Ti_v3": "RTX 3080 Ti", "3090_v3": "RTX 3090", "4070Ti_v3": "RTX 4070 Ti",
    "4080_v3": "RTX 4080", "4090_v3": "RTX 4090", "5000_Ada_v3": "RTX 5000 Ada Generation", "A40_v3": "NVIDIA A40",
    "A6000_v3": "RTX A6000", "A100_PCIe_v3": "A100 PCIe 80 GB", "A100_SXM_v3": "A100 SXM4 80 GB",
    "H100_PCIe_v3": "H100 PCIe 80 GB", "L40S_v3": "L40S", "M1_8GB": "Apple M1 4P+4E+8GPU",
    "M1max_64GB": "Apple M1 Max 8P+2E+32GPU", "M2ultra_192GB": "Apple M2 Ultra 16P+8E+76GPU",
    "M3max_64GB": "Apple M3 Max 12P+4E+40GPU",
}  # fmt: skip


def _llama_bench(folder: Path) -> Iterator[Run]:
    for row in _table(folder / "xiongjiedai_llama_bench.csv"):
        card = _BENCH_CARDS.get(row["hw"])
        test = row["test"].replace(" ", "")
        if card is None or "+" in test or not row["tps"]:
            continue
        size = "8b" if " 8B " in row["model"] else "70b"
        length = float(test[2:])
        speed = float(row["tps"])
        yield Run(
            source="llama-bench",
            accelerator=card,
            processor=False,
            model=f"Meta-Llama-3-{size}-Instruct",
            quantisation="F16" if "F16" in row["model"] else "Q4_K_M",
            tokens=length / 2,
            decode=speed if test.startswith("tg") else None,
            prompt=speed if test.startswith("pp") else None,
            prompts=(length,),
        )


def _localmaxxing(folder: Path) -> Iterator[Run]:
    groups: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
    for row in _table(folder / "localmaxxing_via_llmfit.csv"):
        alone = row["engine"] == "llama.cpp" and row["batch"] in {"1", ""} and row["gpu_count"] in {"1", ""}
        drafted = "True" in (row["spec_decoding"], row["mtp"])
        if not alone or drafted or not row["decode_tps"]:
            continue
        processor = row["hw_class"] == "CPU_ONLY"
        if processor and (row["backend"] != "cpu" or row["gpu_layers"] not in {"", "0"}):
            continue
        name = row["cpu"] if processor else row["gpu"] or "Apple " + re.sub(r"^M\d (?=M\d)", "", row["chip"])
        key = (name, str(processor), row["model"], row["quant"], row["prompt_tokens"] or "512")
        groups[key].append(row)
    for (name, on_processor, model, quantisation, prompt), rows in groups.items():
        yield from _by_depth(name, on_processor == "True", model, quantisation, float(prompt), rows)


def _by_depth(
    name: str, processor: bool, model: str, quantisation: str, prompt: float, rows: list[dict[str, str]]
) -> Iterator[Run]:
    """Where one prompt length comes with three or more contexts, the context is the depth the run was made at."""
    depths = {row["context"] for row in rows}
    swept = len(depths) >= 3 and prompt == 512
    for depth in sorted(depths) if swept else [""]:
        chosen = [row for row in rows if not swept or row["context"] == depth]
        behind = float(depth or 0) if swept else prompt
        prefills = [float(row["prefill_tps"]) for row in chosen if row["prefill_tps"]]
        counted = bool(prefills) and prompt >= 512 and not swept
        yield Run(
            source="localmaxxing",
            accelerator=name,
            processor=processor,
            model=model,
            quantisation=quantisation,
            tokens=behind + float(chosen[0]["output_tokens"] or 128) / 2,
            decode=best_half(float(row["decode_tps"]) for row in chosen),
            prompt=best_half(prefills) if counted else None,
            prompts=(prompt,) if counted else (),
            memory_gib=float(chosen[0]["vram_gb"]) if chosen[0]["vram_gb"] else None,
        )


def _community(folder: Path) -> Iterator[Run]:
    for row in _table(folder / "llmfit_community.csv"):
        quantisation = _QUANT.search(row["model"])
        if row["provider"] != "llamacpp" or quantisation is None:
            continue
        yield Run(
            source="llmfit",
            accelerator=row["hardwareName"],
            processor=False,
            model=row["model"],
            quantisation=quantisation[1].upper(),
            tokens=200.0,
            decode=float(row["avgTps"]),
            memory_gib=float(row["vramGb"]) if row["vramGb"] else None,
        )


def without_outrun(runs: list[tuple[Run, float, bool]]) -> list[Run]:
    """Rule 3. Each run comes with the bytes it reads per token and whether it is a mixture of experts."""
    kept = []
    for run, read, _ in runs:
        beaten = run.source == "localscore" and any(
            other.source == run.source
            and other.accelerator == run.accelerator
            and other.processor == run.processor
            and not routed
            and larger > 1.25 * read
            and (other.decode or 0) > 1.5 * (run.decode or 0)
            for other, larger, routed in runs
        )
        if not beaten:
            kept.append(run)
    return kept
