"""Machines and uses as people have them, and what a good engineer would never propose on them.

On structure, not on names: a new model may win tomorrow, a draft head or a model that does not fit never.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import pytest
from tests.cli.running import Runner

from modelpick.cli.asker_options import PolicyChoice
from modelpick.cli.deciding import Decider
from modelpick.cli.hardware_options import HardwareOptions, resolve_hardware
from modelpick.cli.needs_options import NeedsOptions
from modelpick.estimation.interface import Misfit
from modelpick.hardware.interface import Hardware
from modelpick.licensing.interface import Asker
from modelpick.pick import GGUF_TYPES, Machine, recommend
from modelpick.quality.loss import quality_loss
from modelpick.registry.layers import Layers
from modelpick.registry.shelf import RegistryShelf
from modelpick.selection.filters import context_for, first_rejection
from modelpick.selection.interface import RUNTIMES, Answer, Candidate, Entry, Needs, Recommendation
from modelpick.selection.options import options_for
from modelpick.selection.scoring import pace_of, quality_of

MACHINES = {
    "2 cores, 24 GiB": {"gpus": ("none",), "ram": "24GiB", "cpu_cores": "2", "memory_bandwidth": "40GB"},
    "Raspberry Pi 5 8GB": {"machine": "Raspberry Pi 5 8GB"},
    "8 GB card": {"gpus": ("RTX 3060 Ti",), "ram": "32GB", "cpu_cores": "8"},
    "12 GB card": {"gpus": ("RTX 3060 12GB",), "ram": "32GB", "cpu_cores": "8"},
    "16 GB card": {"gpus": ("RTX 4080",), "ram": "32GB", "cpu_cores": "8"},
    "24 GB card": {"gpus": ("RTX 4090",), "ram": "64GB", "cpu_cores": "16"},
    "48 GB card": {"gpus": ("RTX 6000 Ada",), "ram": "128GB", "cpu_cores": "16"},
    "80 GB card": {"gpus": ("H100 SXM",), "ram": "256GB", "cpu_cores": "32"},
    "2 x 24 GB": {"gpus": ("2x RTX 3090",), "ram": "64GB", "cpu_cores": "16"},
    "MacBook 16 GB": {"machine": "MacBook Air M4 16GB"},
    "MacBook 36 GB": {"machine": "MacBook Pro M4 Max 36GB"},
    "MacBook 128 GB": {"machine": "MacBook Pro M4 Max 128GB"},
    "Strix Halo 128 GB": {"machine": "Strix Halo 128GB"},
    "8 x H100": {"gpus": ("8x H100 SXM",), "ram": "2TB", "cpu_cores": "96"},
}
TASKS = ("chat", "code", "embedding", "speech-to-text", "vision", "image")
NO_ROOM = {("Raspberry Pi 5 8GB", "image"), ("MacBook 16 GB", "image")}
"""Where nothing permissive fits: a pipeline's parts are 16 GB together at the least, before they work."""
CASES = [(machine, task) for machine in MACHINES for task in TASKS if (machine, task) not in NO_ROOM]

# Parts of a model, steps on the way to one, and models for another purpose than to answer.
NOT_A_MODEL = re.compile(
    r"(draft|eagle|medusa|dflash|speculator|\bmtp\b|lora|adapter|checkpoint|step-?\d{4}|-base\b|-pt\b)"
)
NOT_FOR_CHAT = re.compile(
    r"(\bocr\b|ocr$|-mt\b|translat|guard|safety|embed|rerank|reward|\bprm\b|classif|\btts\b|whisper)"
)
NEEDS_TENSOR_CORES = {"awq", "gptq", "fp8", "nvfp4", "mlx", "bnb"}
SLACK = 0.5
"""Index points: far within every interval."""


@pytest.fixture(scope="module", autouse=True)
def alone(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELPICK_REGISTRY", str(tmp_path_factory.mktemp("none") / "own.sqlite"))
        yield


@pytest.fixture(scope="module")
def registry(alone) -> Iterator[Layers]:
    with Layers.open(None) as opened:
        yield opened


@cache
def _hardware(machine: str) -> Hardware:
    return resolve_hardware(HardwareOptions(**MACHINES[machine]), None)  # type: ignore[arg-type]


def _needs(task: str, **changes: object) -> Needs:
    plain = {
        "task": task, "context": None, "min_speed": None, "prefer": "balanced", "runtimes": (), "quantisations": (),
        "languages": (), "capabilities": (), "released_after": None, "max_download_bytes": None, "users": 1,
    }  # fmt: skip
    return NeedsOptions({**plain, **changes}).needs("permissive")


@pytest.fixture(scope="module")
def answered(registry):
    decider = Decider(registry, PolicyChoice(("permissive",), None), Asker())

    @cache
    def answer(machine: str, task: str) -> Answer:
        return decider.with_clauses(recommend(registry, _hardware(machine), _needs(task), decider))

    return answer


@pytest.mark.parametrize("machine", ["2 cores, 24 GiB", "24 GB card", "MacBook 16 GB"])
@pytest.mark.parametrize("task", ["chat", "embedding"])
def test_looking_at_each_of_those_alike_finds_the_same(registry, answered, machine, task):
    decider = Decider(registry, PolicyChoice(("permissive",), None), Asker())
    each = decider.with_clauses(recommend(registry, _hardware(machine), _needs(task, by_name=True), decider))
    assert each.picks == answered(machine, task).picks


def _pace(pick: Recommendation) -> float | None:
    pace = pace_of(pick.fit)
    return pace.value if pace else None


@pytest.mark.parametrize(("machine", "task"), CASES)
def test_the_first_pick_fits_may_be_used_and_is_of_its_kind(answered, machine, task):
    answer = answered(machine, task)
    assert answer.picks, answer.counts
    for pick in answer.picks:
        for use in pick.fit.placement.uses:
            assert 0 <= use.required_bytes <= use.available_bytes
        assert pick.decision.allowed and pick.decision.commercial_use == "yes"
        entry = pick.candidate.entry
        assert entry.relation not in ("adapter", "draft")
        name = f"{entry.slug} {entry.name} {pick.candidate.option.source.repo}".lower()
        if task in ("chat", "code", "vision"):
            assert entry.relation != "base"
        if task in ("chat", "code"):
            assert not NOT_A_MODEL.search(name) and not NOT_FOR_CHAT.search(name), name
            assert {"chat", "code"} & set(entry.tasks)
        else:
            assert task in entry.tasks
    scores = [pick.score for pick in answer.picks]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(("machine", "task"), CASES)
def test_nothing_else_that_fits_is_as_fast_and_better(answered, registry, machine, task):
    """Tried one by one, without the bounds that the search stops at."""
    first = answered(machine, task).picks[0]
    if first.quality is None:
        pytest.skip("no comparable score is published for this task")
    assert first.candidate.entry.ability is not None
    wanted, hardware = _needs(task), _hardware(machine)
    here = Machine(hardware)
    speed, low = _pace(first), first.quality.index.low
    better = []
    for entry in _at_least(registry, task, low):
        for option in options_for(entry, hardware, wanted, GGUF_TYPES):
            candidate = Candidate(entry, option, context_for(entry, wanted))
            quality = quality_of(candidate, quality_loss(option.quantisation, entry.params_total))
            if quality is None or quality.index.low <= low:
                continue
            fit = here.assess(candidate)
            if isinstance(fit, Misfit):
                continue
            pace = pace_of(fit)
            if speed is None or (pace is not None and pace.value >= speed):
                better.append((entry.slug, option.quantisation, quality.index.low, pace))
    assert not better, f"{first.candidate.entry.slug} {first.quality.index} at {speed}"


def _at_least(registry: Layers, task: str, low: float) -> Iterator[Entry]:
    shelf = RegistryShelf(registry)
    decider = Decider(registry, PolicyChoice(("permissive",), None), Asker())
    for size_class, _ in shelf.size_classes(task, "permissive"):
        for place in shelf.places(task, "permissive", size_class, each=True):
            entry = shelf.entry(task, place.slug)
            if entry.ability is None or entry.ability.low <= low:
                break
            if first_rejection(entry, _needs(task), lambda one: decider.decision(one.slug))[0] is None:
                yield entry


@pytest.mark.parametrize("machine", MACHINES)
def test_no_form_is_proposed_that_the_machine_cannot_run(registry, machine):
    hardware = _hardware(machine)
    backend = hardware.usable_devices[0].backend if hardware.usable_devices else "cpu"
    seen = set()
    for task in ("chat", "embedding"):
        shelf = RegistryShelf(registry)
        for size_class, _ in shelf.size_classes(task, "any"):
            for place in shelf.places(task, "any", size_class, each=True):
                entry = shelf.entry(task, place.slug)
                for option in options_for(entry, hardware, _needs(task, runtimes=RUNTIMES), GGUF_TYPES):
                    seen.add((option.runtime, option.format, option.quantisation))
    runtimes = {runtime for runtime, _, _ in seen}
    assert ("mlx" in runtimes) == (backend == "metal")
    assert "vllm" not in runtimes or backend in ("cuda", "rocm")
    if backend == "cpu":
        low_bit = {
            (form, name) for _, form, name in seen if form in NEEDS_TENSOR_CORES or name in ("NVFP4", "FP8", "AWQ")
        }
        assert not low_bit


@pytest.mark.parametrize("machine", [name for name in MACHINES if "card" in name or "x" in name.split()])
@pytest.mark.parametrize("task", ["embedding", "speech-to-text"])
def test_a_card_is_not_left_idle_by_a_model_that_could_use_it(answered, machine, task):
    assert answered(machine, task).picks[0].fit.placement.kind in ("gpu", "multi-gpu")


@pytest.mark.parametrize("task", ["chat", "code", "vision"])
def test_a_larger_machine_of_a_kind_never_has_a_worse_answer(answered, task):
    cards = ("8 GB card", "12 GB card", "16 GB card", "24 GB card", "48 GB card", "80 GB card", "8 x H100")
    books = ("MacBook 16 GB", "MacBook 36 GB", "MacBook 128 GB")
    for line in (cards, books):
        scores = [round(answered(machine, task).picks[0].score, 1) for machine in line]
        # Bandwidth differs a little between neighbours (a 48 GB card is slower than a 24 GB one)
        assert all(later >= earlier - SLACK for earlier, later in pairwise(scores)), scores


@pytest.mark.parametrize("machine", MACHINES)
def test_the_command_line_says_the_same(answered, capsys, machine):
    words = {"gpus": "--gpu", "ram": "--ram", "cpu_cores": "--cpu-cores", "memory_bandwidth": "--memory-bandwidth"}
    arguments = []
    for name, value in MACHINES[machine].items():
        arguments += [words.get(name, "--machine"), value[0] if isinstance(value, tuple) else value]
    rows = Runner(capsys)("recommend", *arguments, "--json").json("recommend")["results"]
    picks = answered(machine, "chat").picks
    assert [(row["model"], row["quantisation"]) for row in rows] == [
        (pick.candidate.entry.slug, pick.candidate.option.quantisation) for pick in picks
    ]
    for row in rows:
        assert row["required_bytes"] <= row["available_bytes"]
