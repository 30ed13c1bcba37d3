"""How well abilities predict what they have not seen: each source of scores is held out of the fit in turn.

For every source it prints the rank correlation (Spearman) of its own ranking with the abilities fitted without it, and
how often its score lies inside the 80 % interval that was promised. A source's own ranking is the mean of its
benchmarks, each weighted by how much it tells of general ability.

    python benchmarks/quality.py [--family general]
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from modelpick.quality.abilities import (
    STRETCH,
    Z80,
    family_members,
    fit_family,
    with_inherited_tokens,
)
from modelpick.quality.factor import Factor
from modelpick.quality.interface import Family, Profile, Score
from modelpick.quality.metrics import Observation, families_of, observation
from modelpick.registry.layers import Layers

FEWEST = 10


@dataclass(frozen=True, slots=True)
class Held:
    """One source held out: how many models, the rank correlation, how many scores fell inside their interval."""

    source: str
    models: int
    correlation: float
    inside: int


def load() -> tuple[list[Profile], list[Score]]:
    """All profiles and scores of the bundled registry."""
    with Layers.open() as layers:
        rows = layers.bundled.execute(
            "SELECT slug, family, developer, params_total, params_active, released, training_tokens, relation,"
            " modality, capabilities FROM model ORDER BY slug"
        )
        bases = dict(
            layers.bundled.execute(
                "SELECT model, parent_slug FROM lineage WHERE parent_slug IS NOT NULL ORDER BY model, position DESC"
            )
        )
        scores = layers.bundled.execute(
            "SELECT model, metric, value, kind, source FROM benchmark WHERE value IS NOT NULL ORDER BY model, position"
        )
    import json

    profiles = [Profile(*(*row[:-1], tuple(json.loads(row[-1])))) for row in rows]
    return with_inherited_tokens(profiles, bases), [Score(*row) for row in scores]


def held_out(family: Family, profiles: Sequence[Profile], scores: Sequence[Score]) -> list[Held]:
    """Each source of the family held out in turn."""
    seen = [one for one in map(observation, scores) if one]
    members = [profile for profile in profiles if family_members(family)(profile)]
    everyone = [profile for profile in profiles if family_members("general")(profile)]
    guided = family not in ("general", "embedding", "speech", "image")

    def fitted(scores_left: Sequence[Observation]) -> Factor | None:
        general = fit_family("general", everyone, scores_left, None) if guided else None
        return fit_family(family, members, scores_left, general)

    whole = fitted(seen)
    assert whole is not None
    names = {profile.model for profile in members}
    own = [one for one in seen if one.model in names and family in families_of(one.metric)]
    found = []
    for source in sorted({one.source for one in own}):
        test = [one for one in own if one.source == source]
        if len({one.model for one in test}) < FEWEST:
            continue
        rest = fitted([one for one in seen if one.source != source])
        if rest is not None:
            found.append(_compare(source, test, rest, whole))
    return found


def _compare(source: str, test: Sequence[Observation], rest: Factor, whole: Factor) -> Held:
    by_model: dict[str, list[Observation]] = defaultdict(list)
    for one in test:
        by_model[one.model].append(one)
    models = sorted(by_model)
    told, doubt = [], []
    for model in models:
        gains = [whole.links[one.metric].slope / whole.links[one.metric].noise for one in by_model[model]]
        information = sum(g * whole.links[one.metric].slope for g, one in zip(gains, by_model[model], strict=True))
        pull = sum(g * (o.value - whole.links[o.metric].offset) for g, o in zip(gains, by_model[model], strict=True))
        told.append(pull / information)
        doubt.append((1 + 0.5 * (len(gains) - 1)) / information)
    expected = [rest.mean[model] for model in models]
    slope, offset = _line(expected, told)
    inside = sum(
        abs(seen - offset - slope * mean) <= Z80 * math.sqrt((slope * STRETCH) ** 2 * rest.variance[model] + noise)
        for model, mean, seen, noise in zip(models, expected, told, doubt, strict=True)
    )
    return Held(source, len(models), spearman(expected, told), inside)


def _line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """A source's scale has an origin and a unit of its own: the line that maps abilities to it."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sum((a - mean_x) ** 2 for a in x)
    return slope, mean_y - slope * mean_x


def spearman(left: Sequence[float], right: Sequence[float]) -> float:
    """Rank correlation, ties at their mean rank."""
    a, b = _ranks(left), _ranks(right)
    mean = (len(a) - 1) / 2
    top = sum((x - mean) * (y - mean) for x, y in zip(a, b, strict=True))
    return top / math.sqrt(sum((x - mean) ** 2 for x in a) * sum((y - mean) ** 2 for y in b))


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for place in range(start, end + 1):
            ranks[order[place]] = (start + end) / 2
        start = end + 1
    return ranks


def main() -> None:
    """Print the table of one family."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", default="general")
    family = cast(Family, parser.parse_args().family)
    found = held_out(family, *load())
    print(f"{'source held out':28} {'models':>6} {'Spearman':>9} {'inside 80 %':>12}")
    for one in found:
        print(f"{one.source:28} {one.models:6} {one.correlation:9.3f} {one.inside / one.models:11.0%}")
    total = sum(one.models for one in found)
    if not total:
        print("one source alone speaks for this family: nothing to hold it against")
        return
    mean = sum(one.correlation * one.models for one in found) / total
    print(f"{'all, by number of models':28} {total:6} {mean:9.3f} {sum(one.inside for one in found) / total:11.0%}")


if __name__ == "__main__":
    main()
