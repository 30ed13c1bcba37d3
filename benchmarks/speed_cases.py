"""Runs become cases: the accelerator's figures from the registry, the model's work from its shape."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from speed_cpus import cores_of, features_of
from speed_runs import Run, without_outrun

from modelpick.estimation.architecture import from_config
from modelpick.estimation.interface import Architecture, Settings, VariantSpec
from modelpick.estimation.speed_machine import card_of, generation_of, host_of
from modelpick.estimation.speed_work import Work, work_of
from modelpick.estimation.tensors import parameter_count
from modelpick.estimation.weights import weights_of
from modelpick.formats.mixes import canonical
from modelpick.hardware.apple_chips import chip_of
from modelpick.hardware.cards import card_pool, device_of
from modelpick.hardware.catalogue import find_reported
from modelpick.hardware.interface import AcceleratorSpec, Cpu, Device, Hardware, MemoryPool, System
from modelpick.registry.reader import Registry

_LEAST_PARAMS = 250e6
_MEMORY = {"RTX 3060": 12, "RTX 3050": 8, "RTX 4060 Ti": 16, "RTX 5060 Ti": 16, "GTX 1060": 6}
"""GiB of the version that is meant when a run names only the series."""


@dataclass(frozen=True, slots=True)
class Case:
    """One accepted run with all that the laws need; see ``speed_work.Work`` and ``speed_machine`` for the names."""

    run: Run
    work: Work
    hardware: Hardware
    source: str
    accelerator: str
    processor: bool
    family: str
    generation: str
    instructions: str
    old: bool
    plain: bool
    total: float
    kernel: int
    kernel_name: str
    routed: bool
    recurrent: bool
    weight_bytes: float
    all_bytes: float
    cache_bytes: float
    params: float
    active: float
    layers: float
    attention: float
    window_attention: float
    window: float
    bandwidth: float
    shader: float
    matrix: float
    cores: float
    low_power: bool
    decode: float | None
    prompt: float | None
    prompts: tuple[float, ...]


def cases_of(runs: Iterable[Run], registry: Registry) -> list[Case]:
    """The cases of all runs whose model and accelerator the registry knows, without those that were outrun."""
    specs = tuple(spec_of(row) for row in registry.accelerators())
    models = Models(registry)
    cases = []
    for run in runs:
        known = models.work(run)
        if known is None or known[0] < _LEAST_PARAMS:
            continue
        case = _on_processor(run, *known) if run.processor else _on_card(run, *known, specs)
        if case is not None:
            cases.append(case)
    kept = set(map(id, without_outrun([(case.run, case.weight_bytes, case.routed) for case in cases])))
    return [case for case in cases if id(case.run) in kept]


class Models:
    """The registry's models by the names that people write in reports."""

    def __init__(self, registry: Registry) -> None:
        self._forms = {form.model.slug: form for form in registry.candidates()}
        self._slugs = {key_of(slug): slug for slug in reversed(self._forms)}
        self._architectures: dict[str, Architecture | None] = {}

    def work(self, run: Run) -> tuple[float, Work] | None:
        """Total parameters and the work of a run's model at its quantisation; None where unknown."""
        slug = self._slug(run.model)
        mix = _mix(run.quantisation)
        if slug is None or mix is None:
            return None
        arch = self.architecture(slug)
        if arch is None or arch.shape is None:
            return None
        variant = VariantSpec("gguf", mix)
        weights = weights_of(arch, variant)
        work = None if weights is None else work_of(arch, variant, Settings(), weights.file)
        return None if work is None else (float(arch.params_total or parameter_count(arch.shape)), work)

    def _slug(self, name: str) -> str | None:
        key = key_of(name)
        tries = (key, f"{key}-instruct", key.removesuffix("-instruct"), f"{key}-it", key.replace("it-qat", "it"),
                 key.removesuffix("-uncensored"), key.removesuffix("-abliterated"), f"nvidia-{key}",
                 key.replace(".1-coder", "-coder"))  # fmt: skip
        return next((self._slugs[attempt] for attempt in tries if attempt in self._slugs), None)

    def architecture(self, slug: str) -> Architecture | None:
        """The structure of a model of the registry; None where it is not known."""
        if slug not in self._architectures:
            self._architectures[slug] = self._architecture(slug)
        return self._architectures[slug]

    def _architecture(self, slug: str) -> Architecture | None:
        form = self._forms[slug]
        if form.architecture is None:
            return None
        model = form.model
        return from_config(
            json.loads(form.architecture.config),
            params_total=model.params_total,
            params_active=model.params_active,
            modality=model.modality,
        )


def _mix(name: str) -> str | None:
    """The mix of llama.cpp nearest to a reported one: dynamic and extra-large variants as what they are based on."""
    text = name.upper().removeprefix("UD-")
    for ending in ("_XL", "_P"):
        if text.endswith(ending):
            text = text.removesuffix(ending) + "_M"
    return canonical(text) or canonical(text.removesuffix("_M"))


def key_of(name: str) -> str:
    """A model's name without publisher, quantisation and file endings."""
    text = name.lower().split("/")[-1].removesuffix(".gguf")
    text = re.sub(r"(-|_|\.)(ud-)?(iq|q)\d.*$", "", text)
    text = re.sub(r"-(mxfp4|fp16|bf16|f16)$", "", text)
    text = re.sub(
        r"^(nvidia|microsoft|baidu|ibm-granite|thudm|mistralai|qwen|deepseek-ai|huggingfacetb|arcee-ai)_", "", text
    )
    text = text.replace("meta-llama-3.1", "llama-3.1").replace("meta llama 3.1", "llama 3.1")
    text = re.sub(r"-(gguf|mtp-gguf|bf16)$", "", text)
    return re.sub(r"[^a-z0-9.]+", "-", text).strip("-")


def spec_of(row: Any) -> AcceleratorSpec:
    """A row of the registry's table as the hardware folder wants it."""
    return AcceleratorSpec(
        name=row.name, vendor=row.vendor, segment=row.segment, memory_bytes=row.memory_bytes,
        bandwidth_bytes_per_second=row.bandwidth_bytes_per_second, fp16_flops=row.fp16_flops,
        compute_capability=row.compute_capability, gfx=row.gfx, architecture=row.architecture, unified=row.unified,
        release_year=row.release_year, fp32_flops=row.fp32_flops,
    )  # fmt: skip


def _on_card(run: Run, total: float, work: Work, specs: tuple[AcceleratorSpec, ...]) -> Case | None:
    spec, cores = _accelerator(run, specs)
    if spec is None or spec.bandwidth_bytes_per_second is None:
        return None
    needed = work.all_weight_bytes + work.output_bytes + work.cache_bytes(run.tokens)
    if not spec.unified and needed > 0.88 * (spec.memory_bytes or 0):
        return None
    device = device_of(spec, 0, "gpu0")
    if cores:
        flops = (device.fp16_flops or 0) * cores / _full_cores(spec.name)
        device = replace(device, fp16_flops=flops)
    hardware = _alone(device, card_pool("gpu0", spec))
    card = card_of(device, hardware)
    if (run.decode or 0) * (work.weight_bytes + work.output_bytes) > card.bandwidth:
        return None
    if (run.prompt or 0) * 2 * work.params > 2 * card.matrix:
        return None
    name = f"{spec.name} {cores or ''}".strip()
    return _case(run, total, work, name, device.vendor, generation_of(device) or "", hardware,
                 bandwidth=card.bandwidth, shader=card.shader, matrix=card.matrix)  # fmt: skip


def _accelerator(run: Run, specs: tuple[AcceleratorSpec, ...]) -> tuple[AcceleratorSpec | None, int | None]:
    """The table's accelerator, and the GPU cores of an Apple chip where the run says them."""
    name = re.sub(r"\s+", " ", run.accelerator).strip()
    apple = re.match(r"(Apple M\d(?: \w+)?)(?: \d+P\+\d+E(?:\+(\d+)GPU)?)?$", name)
    if apple:
        cores = int(apple[2]) if apple[2] else None
        same = [spec for spec in specs if spec.name == apple[1] or spec.name.startswith(f"{apple[1]} (")]
        said = [spec for spec in same if cores and f"{cores}-core GPU" in spec.name]
        return next(iter(said or same[-1:]), None), cores
    series = _MEMORY.get(name.removeprefix("NVIDIA ").removeprefix("GeForce "))
    memory = round((series or run.memory_gib or 0) * 2**30) or None
    return find_reported(name, memory, specs) or find_reported(name, None, specs), None


def _full_cores(name: str) -> int:
    chip = chip_of(name)
    return chip.gpu_cores if chip and chip.gpu_cores else 10


def _on_processor(run: Run, total: float, work: Work) -> Case | None:
    cores = cores_of(run.accelerator)
    if cores is None:
        return None
    architecture, features = features_of(run.accelerator)
    cpu = Cpu(run.accelerator, architecture, 1, cores, cores, float(cores), features)
    hardware = Hardware(cpu, System("linux"), (MemoryPool("host", None, None),))
    host = host_of(hardware)
    if not host.known:
        return None
    return _case(run, total, work, run.accelerator, "cpu", "", hardware, instructions=host.instructions,
                 bandwidth=host.bandwidth, cores=host.cores, low_power=host.low_power)  # fmt: skip


def _alone(device: Device, pool: MemoryPool) -> Hardware:
    cpu = Cpu(None, "x86_64", 1, 8, 16, 8.0, ("avx2",))
    return Hardware(cpu, System("linux"), (MemoryPool("host", None, None), pool), (device,))


def _case(
    run: Run,
    total: float,
    work: Work,
    accelerator: str,
    family: str,
    generation: str,
    hardware: Hardware,
    *,
    bandwidth: float,
    shader: float = 1.0,
    matrix: float = 1.0,
    instructions: str = "",
    cores: float = 1.0,
    low_power: bool = False,
) -> Case:
    return Case(
        run=run,
        work=work,
        hardware=hardware,
        source=run.source,
        accelerator=accelerator,
        processor=run.processor,
        family=family,
        generation=generation,
        instructions=instructions,
        old=run.source == "localscore",
        plain=run.source == "llama-bench",
        total=total,
        kernel=work.kernel,
        kernel_name=("f16", "byte", "packed")[work.kernel],
        routed=work.routed,
        recurrent=work.recurrent,
        weight_bytes=work.weight_bytes + work.output_bytes,
        all_bytes=work.all_weight_bytes,
        cache_bytes=work.cache_bytes(run.tokens),
        params=work.params + work.output_params,
        active=work.params,
        layers=float(work.layers),
        attention=work.attention,
        window_attention=work.window_attention,
        window=float(work.window),
        bandwidth=bandwidth,
        shader=shader,
        matrix=matrix,
        cores=cores,
        low_power=low_power,
        decode=run.decode,
        prompt=run.prompt,
        prompts=run.prompts or (512.0,),
    )
