"""How fast and in how much memory a model is quantised, beside the official converter and llama-quantize.

    python benchmarks/quantise.py --make /tmp/big [--layers 16]
    python benchmarks/quantise.py --run /tmp/big --types Q8_0,Q6_K,Q4_K_M [--reference /path/to/python --converter FILE]

``--make`` writes a random model of Llama-3.2-1B's shape (16 layers: 2.0 GB). ``--reference`` is a Python that has
torch, transformers and cyllama (``model_quantize``); ``--converter`` llama.cpp's ``convert_hf_to_gguf.py``. Both
sides run alternately in this process's children, the fastest of ``--runs`` counts, and the load is reported.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

VOCABULARY, HIDDEN, FFN, HEADS, KV_HEADS, HEAD = 128_256, 2048, 8192, 32, 8, 64
FILE_TYPES = {"Q8_0": 7, "Q6_K": 18, "Q4_K_M": 15, "IQ4_XS": 30, "Q5_K_M": 17}
BARS = {"Q8_0": 3.5, "Q6_K": 1.5, "Q4_K_M": 1.35}

OURS = """
import sys
from pathlib import Path
from modelpick.quantisation.gguf_engine import GgufEngine
from modelpick.quantisation.interface import Recipe
source, target, kind, threads = sys.argv[1:]
recipe = Recipe(type=kind, threads=int(threads), overwrite=True)
GgufEngine().quantise(Path(source), Path(target), recipe, lambda done, total: None)
"""
CONVERT = """
import runpy, sys
from pathlib import Path
converter, source, target = sys.argv[1:]
folder = Path(converter).parent
sys.path[:0] = [str(folder), str(folder / "gguf-py")]
import conversion.base
conversion.base.TextModel.get_vocab_base_pre = lambda self, tokenizer: "llama-bpe"
sys.argv = [converter, source, "--outtype", "bf16", "--outfile", target]
runpy.run_path(converter, run_name="converter")["main"]()
"""
QUANTISE = """
import sys
from cyllama.llama import llama_cpp
source, target, kind, threads = sys.argv[1:]
params = llama_cpp.LlamaModelQuantizeParams()
params.ftype, params.nthread = int(kind), int(threads)
llama_cpp.model_quantize(source, target, params)
"""


def main() -> None:
    """Make the model, or run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--make", type=Path)
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--types", default="Q8_0,Q6_K,Q4_K_M")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--reference")
    parser.add_argument("--converter")
    options = parser.parse_args()
    if options.make:
        make(options.make, options.layers)
    if options.run:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Run both sides for each type and print a table."""
    source, work = options.run, options.run.parent
    size = sum(path.stat().st_size for path in source.glob("*.safetensors"))
    print(f"{source}: {size / 1e9:.2f} GB, {options.threads} threads, load {os.getloadavg()[0]:.1f}")
    print(f"{platform.machine()}, Python {platform.python_version()}")
    print("| type | ours s | CPU s | MB resident | reference s (convert + quantise) | CPU s | times faster | bar |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in options.types.split(","):
        ours = best(options.runs, sys.executable, OURS, source, work / "ours.gguf", kind, options.threads)
        reference = None
        if options.reference:
            middle = work / "middle.gguf"
            first = best(options.runs, options.reference, CONVERT, options.converter, source, middle)
            number = FILE_TYPES[kind]
            second = best(
                options.runs, options.reference, QUANTISE, middle, work / "reference.gguf", number, options.threads
            )
            reference = (first, second)
        print(row(kind, ours, reference), flush=True)
    print(f"load at the end {os.getloadavg()[0]:.1f}")


Run = tuple[float, float, int]
"""Seconds, CPU seconds, peak resident bytes."""


def row(kind: str, ours: Run, reference: tuple[Run, Run] | None) -> str:
    """One line of the table."""
    line = f"| {kind} | {ours[0]:.1f} | {ours[1]:.1f} | {ours[2] / 1e6:.0f} "
    if reference is None:
        return line + f"| - | - | - | {BARS.get(kind, '-')} |"
    first, second = reference
    total, cpu = first[0] + second[0], first[1] + second[1]
    return (
        line + f"| {total:.1f} ({first[0]:.1f} + {second[0]:.1f}) | {cpu:.1f} "
        f"| {total / ours[0]:.2f} | {BARS.get(kind, '-')} |"
    )


def best(runs: int, python: str, code: str, *arguments: object) -> Run:
    """The fastest of so many runs of a script."""
    return min(run(python, code, *arguments) for _ in range(runs))


def run(python: str, code: str, *arguments: object) -> Run:
    """One run in a child process."""
    started = time.perf_counter()
    child = subprocess.Popen(
        [python, "-c", code, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert child.stderr is not None
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(errors.decode(errors="replace")[-2000:])
    return wall, usage.ru_utime + usage.ru_stime, resident(usage)


def resident(usage: resource.struct_rusage) -> int:
    """Peak resident bytes; Linux counts in KiB, macOS in bytes."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def make(folder: Path, layers: int) -> None:
    """Write a random model of Llama-3.2-1B's shape in shards of eight layers, with a tokenizer of its size."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config(layers)))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin|>", "eos_token": "<|end|>"})
    )
    random = np.random.default_rng(7)
    pool = (random.standard_normal(1 << 24, dtype=np.float32) * 0.02).view(np.uint32)
    bits = (pool >> 16).astype("<u2")
    places = {}
    groups = list(shards(layers))
    for index, group in enumerate(groups):
        name = f"model-{index + 1:05}-of-{len(groups):05}.safetensors"
        write(folder / name, group, bits, random)
        places.update(dict.fromkeys(group, name))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    print(f"{folder}: {sum(path.stat().st_size for path in folder.iterdir()) / 1e9:.2f} GB")


def shards(layers: int) -> Iterator[dict[str, tuple[int, ...]]]:
    """The tensors' shapes by shard."""
    group: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN)}
    for layer in range(layers):
        head = f"model.layers.{layer}."
        group |= {
            head + "self_attn.q_proj.weight": (HEADS * HEAD, HIDDEN),
            head + "self_attn.k_proj.weight": (KV_HEADS * HEAD, HIDDEN),
            head + "self_attn.v_proj.weight": (KV_HEADS * HEAD, HIDDEN),
            head + "self_attn.o_proj.weight": (HIDDEN, HEADS * HEAD),
            head + "mlp.gate_proj.weight": (FFN, HIDDEN),
            head + "mlp.up_proj.weight": (FFN, HIDDEN),
            head + "mlp.down_proj.weight": (HIDDEN, FFN),
            head + "input_layernorm.weight": (HIDDEN,),
            head + "post_attention_layernorm.weight": (HIDDEN,),
        }
        if layer % 8 == 7 and layer + 1 < layers:
            yield group
            group = {}
    yield group | {"model.norm.weight": (HIDDEN,)}


def write(path: Path, shapes: dict[str, tuple[int, ...]], bits: np.ndarray, random: np.random.Generator) -> None:
    """One shard: every tensor a stretch of the pool from a random place."""
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for shape in shapes.values():
            left = int(np.prod(shape))
            while left:
                start = int(random.integers(bits.size))
                chunk = bits[start : start + left]
                file.write(chunk.tobytes())
                left -= chunk.size


def config(layers: int) -> dict[str, object]:
    """config.json."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "num_hidden_layers": layers,
        "hidden_size": HIDDEN,
        "intermediate_size": FFN,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 131072,
        "rms_norm_eps": 1e-5,
        "rope_theta": 500000.0,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 32.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
    }


def tokenizer() -> dict[str, object]:
    """tokenizer.json with as many tokens and merges as the model has rows: every pair of the first tokens."""
    letters = [chr(code) for code in (*range(33, 127), *range(161, 173), *range(174, 256), *range(256, 324))]
    tokens = ["<|begin|>", "<|end|>", *letters]
    seen, merges = set(tokens), []
    for left in letters + [a + b for a in letters[:110] for b in letters[:1]]:
        for right in letters + [a + b for a in letters[:110] for b in letters[:1]]:
            if len(tokens) == VOCABULARY:
                break
            if left + right not in seen:
                seen.add(left + right)
                tokens.append(left + right)
                merges.append(f"{left} {right}")
    split = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    return {
        "version": "1.0",
        "added_tokens": [
            {"id": index, "content": tokens[index], "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True}
            for index in (0, 1)
        ],
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": split}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
            ],
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE", "ignore_merges": True, "byte_fallback": False,
            "vocab": {token: index for index, token in enumerate(tokens)}, "merges": merges,
        },
    }  # fmt: skip


if __name__ == "__main__":
    main()
