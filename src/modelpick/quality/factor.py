"""One latent ability behind many benchmarks: a robust factor model with a regression prior.

score(model, metric) = offset + slope x ability(model) + noise, noise of Student's kind so that one odd figure does
not move a model; ability = features x weights + kin effects + own part. Fitted by expectation-maximisation over
scalars, in the standard library alone and in a fixed order: the registry must come out the same byte for byte on
every machine, which a threaded BLAS does not promise.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from modelpick.quality.metrics import Observation
from modelpick.values import dataclass

_ITERATIONS = 40
_STUDENT = 5.0
_SHARED = 0.5  # how much of one source's error its metrics share, as a discount on every further score
_SLOPE_PRIOR, _SLOPE_WEIGHT = 1.0, 1.0
_NOISE_PRIOR, _NOISE_WEIGHT = 0.2, 2.0
_RIDGE = 0.5


@dataclass(frozen=True, slots=True)
class Link:
    """How one metric depends on ability: offset, slope, and the variance of its noise."""

    offset: float
    slope: float
    noise: float


@dataclass(frozen=True, slots=True)
class Factor:
    """The fitted abilities (mean and variance by model, standardised) and the link of each metric.

    ``own`` is the variance that features and kin leave unexplained; ``weights`` those of the features.
    """

    mean: dict[str, float]
    variance: dict[str, float]
    links: dict[str, Link]
    own: float
    weights: tuple[float, ...]


@dataclass(slots=True)
class _State:
    mean: dict[str, float]
    variance: dict[str, float]
    prior: dict[str, float]
    own: float
    kin: tuple[dict[str, float], dict[str, float]]
    robust: dict[tuple[str, str], float]
    links: dict[str, Link]
    weights: tuple[float, ...] = ()


def fit(
    observations: Sequence[Observation],
    features: Mapping[str, Sequence[float]],
    kin: Mapping[str, tuple[str, str]],
) -> Factor:
    """Fit abilities of all models in ``features``; those without observations are predicted.

    :param features: a row of numbers by model, the first one 1; the order of models is the order of work.
    :param kin: two group names by model (family and developer) whose members deviate together.
    """
    trust = _discounted(observations)
    by_model: dict[str, list[tuple[Observation, float]]] = defaultdict(list)
    by_metric: dict[str, list[tuple[Observation, float]]] = defaultdict(list)
    for seen, weight in zip(observations, trust, strict=True):
        by_model[seen.model].append((seen, weight))
        by_metric[seen.metric].append((seen, weight))
    scored = [model for model in features if model in by_model]
    start = {model: sum(row[1:3]) for model, row in features.items()}
    state = _State(start, dict.fromkeys(features, 1.0), dict(start), 1.0, ({}, {}), {}, {})
    for step in range(_ITERATIONS):
        for metric in sorted(by_metric):
            state.links[metric] = _link(by_metric[metric], state, first=step == 0)
        for model in features:
            _update(model, by_model.get(model, ()), state, robust=step > 3)
        _predict(scored, features, kin, state)
        _standardise(scored, state)
    return Factor(state.mean, state.variance, state.links, state.own, state.weights)


def _discounted(observations: Sequence[Observation]) -> list[float]:
    """Trust of each score when a source's scores of one model repeat part of the same error."""
    count: dict[tuple[str, str], int] = defaultdict(int)
    for seen in observations:
        count[seen.model, seen.source] += 1
    return [seen.trust / (1 + _SHARED * (count[seen.model, seen.source] - 1)) for seen in observations]


def _link(seen: Sequence[tuple[Observation, float]], state: _State, *, first: bool) -> Link:
    """Weighted regression of a metric's scores on abilities, with a weak prior on slope and noise."""
    weights = [trust * state.robust.get((one.model, one.metric), 1.0) for one, trust in seen]
    total = sum(weights)
    x = [state.mean[one.model] for one, _ in seen]
    spread = [0.0 if first else state.variance[one.model] for one, _ in seen]
    y = [one.value for one, _ in seen]
    mean_x = sum(w * v for w, v in zip(weights, x, strict=True)) / total
    mean_y = sum(w * v for w, v in zip(weights, y, strict=True)) / total
    sxx = sum(w * ((v - mean_x) ** 2 + s) for w, v, s in zip(weights, x, spread, strict=True))
    sxy = sum(w * (v - mean_x) * (u - mean_y) for w, v, u in zip(weights, x, y, strict=True))
    slope = max((sxy + _SLOPE_WEIGHT * _SLOPE_PRIOR) / (sxx + _SLOPE_WEIGHT), 0.15)
    offset = mean_y - slope * mean_x
    errors = (
        w * ((u - offset - slope * v) ** 2 + slope * slope * s)
        for w, v, u, s in zip(weights, x, y, spread, strict=True)
    )
    noise = (sum(errors) + _NOISE_WEIGHT * _NOISE_PRIOR) / (total + _NOISE_WEIGHT)
    return Link(offset, slope, noise)


def _update(model: str, seen: Sequence[tuple[Observation, float]], state: _State, *, robust: bool) -> None:
    """One model's ability given the links and its prior; outlying scores lose weight."""
    precision = 1 / state.own
    pull = state.prior[model] * precision
    for one, trust in seen:
        link = state.links[one.metric]
        residual = one.value - link.offset - link.slope * state.mean[model]
        weight = (_STUDENT + 1) / (_STUDENT + residual * residual / link.noise) if robust else 1.0
        state.robust[model, one.metric] = weight
        gain = trust * weight * link.slope / link.noise
        precision += gain * link.slope
        pull += gain * (one.value - link.offset)
    state.mean[model] = pull / precision
    state.variance[model] = 1 / precision


def _predict(
    scored: Sequence[str],
    features: Mapping[str, Sequence[float]],
    kin: Mapping[str, tuple[str, str]],
    state: _State,
) -> None:
    """Refit what abilities are expected to be: ridge regression on the features, then shrunken kin effects."""
    families, developers = state.kin

    def kinship(model: str) -> float:
        family, developer = kin[model]
        return families.get(family, 0.0) + developers.get(developer, 0.0)

    target = {model: state.mean[model] - kinship(model) for model in scored}
    weights = ridge([features[model] for model in scored], [target[model] for model in scored], _RIDGE)
    state.weights = tuple(weights)
    expected = {model: sum(a * b for a, b in zip(row, weights, strict=True)) for model, row in features.items()}
    rest = {model: state.mean[model] - expected[model] for model in scored}
    by_developer = {m: rest[m] - families.get(kin[m][0], 0.0) for m in scored}
    developers, developers_without = _shrunken(by_developer, kin, 1, state.own)
    by_family = {m: rest[m] - developers.get(kin[m][1], 0.0) for m in scored}
    families, families_without = _shrunken(by_family, kin, 0, state.own)
    state.kin = (families, developers)
    # Each model is held against the kin effects of the others: with its own share in them the rest would vanish.
    unexplained = sum((rest[m] - families_without[m] - developers_without[m]) ** 2 + state.variance[m] for m in scored)
    state.own = unexplained / max(len(scored), 1)
    for model in features:
        state.prior[model] = expected[model] + kinship(model)


def _shrunken(
    rest: Mapping[str, float], kin: Mapping[str, tuple[str, str]], which: int, own: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Mean deviation of each group, drawn to zero the more the fewer members it has; and, by model, the same
    without that model."""
    groups: dict[str, list[float]] = defaultdict(list)
    for model, value in rest.items():
        groups[kin[model][which]].append(value)
    between = (0.1, 0.05)[which]
    pull = own / between
    whole = {name: sum(values) / (len(values) + pull) for name, values in groups.items()}
    without = {
        model: (sum(groups[kin[model][which]]) - value) / (len(groups[kin[model][which]]) - 1 + pull)
        for model, value in rest.items()
    }
    return whole, without


def _standardise(scored: Sequence[str], state: _State) -> None:
    """Mean 0 and standard deviation 1 among the models that have scores."""
    values = [state.mean[model] for model in scored]
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values)) or 1.0
    for model in state.mean:
        state.mean[model] = (state.mean[model] - mean) / deviation
        state.prior[model] = (state.prior[model] - mean) / deviation
        state.variance[model] /= deviation**2
    state.own /= deviation**2
    state.weights = tuple(weight / deviation for weight in state.weights)
    for group in state.kin:
        for name in group:
            group[name] /= deviation


def ridge(rows: Sequence[Sequence[float]], target: Sequence[float], strength: float) -> list[float]:
    """Weights of a linear regression with a penalty, by elimination with pivoting."""
    width = len(rows[0])
    matrix = [
        [sum(row[i] * row[k] for row in rows) + (strength if i == k else 0.0) for k in range(width)]
        + [sum(row[i] * value for row, value in zip(rows, target, strict=True))]
        for i in range(width)
    ]
    for i in range(width):
        pivot = max(range(i, width), key=lambda k: abs(matrix[k][i]))
        matrix[i], matrix[pivot] = matrix[pivot], matrix[i]
        for k in range(i + 1, width):
            share = matrix[k][i] / matrix[i][i]
            for column in range(i, width + 1):
                matrix[k][column] -= share * matrix[i][column]
    weights = [0.0] * width
    for i in reversed(range(width)):
        known = sum(matrix[i][k] * weights[k] for k in range(i + 1, width))
        weights[i] = (matrix[i][width] - known) / matrix[i][i]
    return weights
