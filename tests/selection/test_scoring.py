import pytest
from tests.selection.world import assess_on, entry, machine

from modelpick.selection.interface import Candidate, Needs, Option, Source
from modelpick.selection.scoring import least_quality, quality_of, score

NEEDS = Needs()
HERE = machine(24)


def _parts(quantisation, loss, low):
    candidate = Candidate(
        entry("model", low=low), Option("gguf", quantisation, "llama.cpp", Source("gguf", "r", "m")), 8192
    )
    fit = assess_on(HERE)(candidate)
    total, parts = score(candidate, fit, quality_of(candidate, loss), NEEDS, loss)
    assert total == pytest.approx(sum(part.points for part in parts), abs=1e-3)
    return {part.name: part for part in parts}


@pytest.mark.parametrize("low", [None, 50.0])
@pytest.mark.parametrize(("quantisation", "loss"), [("Q8_0", 0.0), ("Q4_K_M", 0.5), ("Q3_K_M", 1.5), ("Q2_K", 5.0)])
def test_what_a_quantisation_costs_is_taken_off_measured_or_not(low, quantisation, loss):
    quality = _parts(quantisation, loss, low)["quality"]
    assert quality.points == pytest.approx(least_quality(low) - loss)
    assert (quantisation in quality.reason) == (loss > 0)


@pytest.mark.parametrize("low", [None, 50.0])
def test_an_unknown_cost_is_doubt(low):
    quality = _parts("Q4_K_M", 1.0, low)["quality"]
    unknown = _parts("Q4_K_M", None, low)["quality"]
    assert unknown.points == pytest.approx(least_quality(low) - 3.0) and unknown.points < quality.points


def test_size_and_speed_do_not_know_of_it():
    small, none = _parts("Q4_K_M", 4.0, None), _parts("Q4_K_M", 0.0, None)
    assert small["size"] == none["size"] and small["speed"] == none["speed"]
