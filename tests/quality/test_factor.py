"""The latent-ability fit against worlds whose truth is known."""

import random

import pytest

from modelpick.quality.factor import fit, ridge
from modelpick.quality.metrics import Observation

SLOPES = {"easy": (1.0, 0.8), "hard": (-1.0, 1.4), "votes": (11.0, 1.2)}


def world(seed: int, models: int = 60, noise: float = 0.3):
    """Models with known abilities, seen by three benchmarks that cover overlapping parts of them."""
    chance = random.Random(seed)
    truth = {f"m{number:02}": chance.gauss(0, 1) for number in range(models)}
    seen = [
        Observation(model, metric, offset + slope * ability + chance.gauss(0, noise), metric, 1.0, False)
        for model, ability in truth.items()
        for metric, (offset, slope) in SLOPES.items()
        if chance.random() < 0.6
    ]
    features = {model: [1.0, ability + chance.gauss(0, 1), 0.0] for model, ability in truth.items()}
    kin = {model: (f"family{number % 12}", f"maker{number % 4}") for number, model in enumerate(truth)}
    return truth, seen, features, kin


def rank_correlation(left: list[float], right: list[float]) -> float:
    def ranks(values: list[float]) -> list[int]:
        order = sorted(range(len(values)), key=values.__getitem__)
        return [order.index(place) for place in range(len(values))]

    a, b = ranks(left), ranks(right)
    n = len(a)
    return 1 - 6 * sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) / (n * (n * n - 1))


@pytest.mark.parametrize("seed", range(4))
def test_known_abilities_are_found_again(seed: int) -> None:
    truth, seen, features, kin = world(seed)
    found = fit(seen, features, kin)
    assert rank_correlation(list(truth.values()), [found.mean[model] for model in truth]) > 0.9


def test_models_without_scores_are_predicted_and_less_certain() -> None:
    _truth, seen, features, kin = world(5)
    scored = {one.model for one in seen}
    features["unseen"] = [1.0, 2.0, 0.0]
    kin["unseen"] = ("nobody", "nobody")
    found = fit(seen, features, kin)
    assert found.variance["unseen"] > max(found.variance[model] for model in scored)
    assert found.mean["unseen"] > 0.5


def test_more_scores_mean_less_variance() -> None:
    _truth, seen, features, kin = world(6)
    found = fit(seen, features, kin)
    count = {model: sum(one.model == model for one in seen) for model in features}
    one = [found.variance[model] for model in features if count[model] == 1]
    three = [found.variance[model] for model in features if count[model] == 3]
    assert max(three) < min(one)


def test_one_absurd_figure_does_not_move_a_model_far() -> None:
    _truth, seen, features, kin = world(7)
    clean = fit(seen, features, kin)
    victim = next(model for model in features if sum(one.model == model for one in seen) == 3)
    spoiled = [
        Observation(one.model, one.metric, one.value + 12, one.source, one.trust, one.human)
        if one.model == victim and one.metric == "easy"
        else one
        for one in seen
    ]
    assert abs(fit(spoiled, features, kin).mean[victim] - clean.mean[victim]) < 1.0


def test_the_same_scores_give_the_same_answer_to_the_last_bit() -> None:
    _truth, seen, features, kin = world(8)
    assert fit(seen, features, kin) == fit(list(seen), dict(features), dict(kin))


def test_abilities_are_standardised_over_the_scored() -> None:
    _truth, seen, features, kin = world(9)
    found = fit(seen, features, kin)
    scored = sorted({one.model for one in seen})
    values = [found.mean[model] for model in scored]
    mean = sum(values) / len(values)
    assert abs(mean) < 1e-9
    assert abs(sum((value - mean) ** 2 for value in values) / len(values) - 1) < 1e-9


def test_ridge_solves_what_can_be_checked_by_hand() -> None:
    rows = [[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]
    assert ridge(rows, [1.0, 3.0, 5.0], 1e-9) == pytest.approx([1.0, 2.0], abs=1e-6)
