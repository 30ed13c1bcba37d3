"""The estimates against recorded sizes. The whole set of readings is what ``benchmarks/accuracy.py`` is for."""

import pytest
from tests.estimation.recorded import DRY_RUNS, LOADS, OFFLOADS, PUBLISHED_BITS, SHAPES, TORCH

from modelpick.estimation.architecture import from_config
from modelpick.estimation.buffers import cpu_compute_bytes, device_compute_bytes
from modelpick.estimation.cache import cache_bytes, layer_cache_bytes, state_bytes
from modelpick.estimation.interface import Settings, VariantSpec
from modelpick.estimation.offload import gpu_part
from modelpick.estimation.process import cpu_buffers
from modelpick.estimation.tensors import parameter_count, tensor_groups
from modelpick.estimation.torch_runtimes import transformers_cache_bytes
from modelpick.estimation.weights import weights_of
from modelpick.units import GIB, MIB

ARCHITECTURES = {name: from_config(config) for name, config in SHAPES.items()}


def gguf(name, mix):
    return weights_of(ARCHITECTURES[name], VariantSpec("gguf", mix))


@pytest.mark.parametrize("name", SHAPES)
def test_parameters_and_tensors_are_counted_exactly(name):
    architecture = ARCHITECTURES[name]
    assert architecture.missing == ()
    groups = tensor_groups(architecture.shape)
    assert parameter_count(architecture.shape) == SHAPES[name]["n_params"]
    assert sum(group.count for group in groups) == SHAPES[name]["n_tensors"]
    assert sum(len(list(group.names())) for group in groups) == SHAPES[name]["n_tensors"]


@pytest.mark.parametrize("row", DRY_RUNS, ids=lambda row: f"{row[0]}-{row[1]}-{row[2]}-{row[3]}")
def test_dry_runs(row):
    name, on, context, slots, unified, kind, flash, rows, model, cache, compute = row
    shape, weights = ARCHITECTURES[name].shape, gguf(name, "Q8_0")
    settings = Settings(
        context=context,
        cache_type_k=kind,
        cache_type_v=kind,
        flash_attention=bool(flash),
        slots=slots,
        unified_cache=bool(unified),
        output_rows=rows,
    )
    held = weights.total - (0 if on == "cpu" or weights.tied else weights.embedding)
    assert held / MIB == pytest.approx(model, rel=1e-4)
    kept = cache_bytes(shape, settings) + state_bytes(shape, settings)
    assert kept / MIB == pytest.approx(cache, abs=0.006)
    assert sum(layer_cache_bytes(shape, settings)) == cache_bytes(shape, settings)
    buffer = (cpu_compute_bytes if on == "cpu" else device_compute_bytes)(shape, settings)
    assert (held + kept + buffer) / MIB == pytest.approx(model + cache + compute, rel=0.03)
    assert buffer / MIB == pytest.approx(compute, rel=0.16)


def test_most_compute_buffers_are_met_to_a_thousandth():
    close = 0
    for name, on, context, slots, unified, kind, flash, rows, *_, compute in DRY_RUNS:
        settings = Settings(context=context, cache_type_k=kind, cache_type_v=kind, flash_attention=bool(flash),
                            slots=slots, unified_cache=bool(unified), output_rows=rows)  # fmt: skip
        buffer = (cpu_compute_bytes if on == "cpu" else device_compute_bytes)(ARCHITECTURES[name].shape, settings)
        close += abs(buffer / MIB / compute - 1) < 0.001
    assert close > 0.7 * len(DRY_RUNS)


@pytest.mark.parametrize("row", LOADS, ids=lambda row: f"{row[0]}-{row[1]}-{row[2]}")
def test_real_loads(row):
    name, mix, context, kind, flash, rows, mapped, prompt, model, cache, compute, state, resident = row
    settings = Settings(
        context=context, cache_type_k=kind, cache_type_v=kind, flash_attention=bool(flash), output_rows=rows
    )
    made = cpu_buffers(ARCHITECTURES[name].shape, gguf(name, mix), settings, mapped=mapped, prompt=prompt)
    assert (made.buffers - made.output) / MIB == pytest.approx(model + cache + compute + state, rel=0.031)
    assert made.resident / MIB == pytest.approx(resident, rel=0.04)


@pytest.mark.parametrize("row", OFFLOADS, ids=lambda row: f"{row[0]}-{row[2]}-{row[3]}")
def test_partial_offload(row):
    name, mix, gpu_layers, context, with_output, model, cache, compute = row
    weights = gguf(name, mix)
    part = gpu_part(ARCHITECTURES[name].shape, weights, Settings(context=context, output_rows=1), gpu_layers)
    held = part.weights - (0 if with_output else weights.output)
    assert held / MIB == pytest.approx(model, rel=0.001)
    assert part.cache / MIB == pytest.approx(cache, abs=0.02)
    assert (held + part.cache + part.compute) / MIB == pytest.approx(model + cache + compute, rel=0.03)


@pytest.mark.parametrize(("mix", "bits"), PUBLISHED_BITS)
def test_published_bits_of_llama_3_1_8b(mix, bits):
    assert 8 * gguf("Llama-3.1-8B", mix).total / SHAPES["Llama-3.1-8B"]["n_params"] == pytest.approx(bits, abs=6e-5)


@pytest.mark.parametrize("row", TORCH, ids=lambda row: f"{row[0]}-{row[1]}-{row[2]}")
def test_transformers(row):
    name, kind, prompt, answer, allocated = row
    formats = {"BF16": ("safetensors", "bf16"), "FP8": ("fp8", None), "GPTQ-Int8": ("gptq", "int8")}
    weights = weights_of(ARCHITECTURES[name], VariantSpec(*formats[kind]))
    cache = transformers_cache_bytes(ARCHITECTURES[name].shape, prompt + answer)
    assert (weights.total + cache + 40 * MIB) / GIB == pytest.approx(allocated, rel=0.06)
