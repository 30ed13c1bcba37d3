"""What a verdict costs from loaded rows: ``python benchmarks/licensing.py``. The bar is 50 microseconds."""

from __future__ import annotations

import time

from modelpick.licensing.decide import decide
from modelpick.licensing.judge import judge
from modelpick.licensing.policy import PERMISSIVE
from modelpick.licensing.rows import Verdicts, card_of, catalogue_of
from modelpick.registry.reader import Registry

ROUNDS = 15


def main() -> None:
    """Print microseconds of CPU for a verdict and for a decision: the best of some rounds over all models."""
    with Registry.open() as registry:
        facts = [found for model in registry.models() if (found := registry.facts(model.slug))]
        catalogue = catalogue_of(registry)
        verdicts = Verdicts(registry, catalogue, facts)
        done = [verdict for each in facts if (verdict := verdicts.of(each.model.slug))]
        known = {link.parent_slug or link.parent: None for each in facts for link in each.lineage}
        parents = {name: verdicts.resolve(name) for name in known}
    cards = [card_of(each) for each in facts]
    best = {"verdict": float("inf"), "decision": float("inf")}
    for _ in range(ROUNDS):
        begin = time.process_time()
        for card in cards:
            judge(card, parents.get, catalogue)
        middle = time.process_time()
        for verdict in done:
            decide(verdict, PERMISSIVE)
        end = time.process_time()
        best["verdict"] = min(best["verdict"], (middle - begin) / len(cards))
        best["decision"] = min(best["decision"], (end - middle) / len(done))
    for name, seconds in best.items():
        print(f"{name}: {seconds * 1e6:.1f} microseconds ({len(cards):,} models)")


if __name__ == "__main__":
    main()
