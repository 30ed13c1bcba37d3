"""The bound is a promise to the search: no estimate may beat it."""

from itertools import islice

import pytest

from modelpick.cli.hardware_options import HardwareOptions, resolve_hardware
from modelpick.estimation.speed_bound import most_tokens_per_second
from modelpick.estimation.speed_machine import machine_of
from modelpick.pick import Machine
from modelpick.registry.layers import Layers
from modelpick.registry.shelf import RegistryShelf
from modelpick.selection.bounds import bound_of
from modelpick.selection.filters import context_for
from modelpick.selection.interface import Candidate, Needs
from modelpick.selection.options import LADDER, options_for

MACHINES = [
    HardwareOptions(machine="Raspberry Pi 5 8GB"),
    HardwareOptions(gpus=("none",), ram="64GB", cpu_cores="8", memory_bandwidth="80GB"),
    HardwareOptions(gpus=("RTX 4090",), ram="64GB"),
    HardwareOptions(gpus=("2x RTX 3090",), ram="64GB"),
    HardwareOptions(gpus=("RX 7900 XTX",), ram="32GB"),
    HardwareOptions(machine="MacBook Pro M4 Max 64GB"),
    HardwareOptions(machine="Strix Halo 128GB"),
]


@pytest.mark.parametrize("options", MACHINES, ids=lambda o: o.machine or " ".join(o.gpus))
def test_no_estimate_beats_its_bound(options: HardwareOptions) -> None:
    hardware = resolve_hardware(options)
    machine, needs, checked = Machine(hardware), Needs(), 0
    with Layers.open() as registry:
        shelf = RegistryShelf(registry)
        for size_class, _ in shelf.size_classes("chat", "any"):
            for place in islice(shelf.places("chat", "any", size_class, each=True), 8):
                entry = shelf.entry("chat", place.slug)
                for option in options_for(entry, hardware, needs, frozenset()):
                    if option.quantisation not in (LADDER[0], LADDER[3], LADDER[-1]):
                        continue
                    bound = bound_of(entry, option, machine.fastest, needs, lambda *_: 0.0)
                    fit = machine.assess(Candidate(entry, option, context_for(entry, needs)))
                    speed = getattr(fit, "speed", None)
                    if speed and bound.fastest is not None:
                        checked += 1
                        assert speed.decode_tokens_per_second.likely <= bound.fastest, (entry.slug, option.quantisation)
                    if speed and fit.footprint.exact:
                        assert fit.footprint.weights >= bound.least_bytes, (entry.slug, option.quantisation)
    assert checked > 20


def test_fewer_bytes_and_weights_are_never_slower() -> None:
    machine = machine_of(resolve_hardware(MACHINES[2]))
    assert most_tokens_per_second(machine, 1e9, 1e9) > most_tokens_per_second(machine, 2e9, 1e9)
    assert most_tokens_per_second(machine, 1e9, 1e9) > most_tokens_per_second(machine, 1e9, 2e9)
