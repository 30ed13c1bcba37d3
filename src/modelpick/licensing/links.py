"""Parents after they were judged: what each brings to its child."""

from __future__ import annotations

from modelpick.licensing.catalogue import Catalogue, strictest_use
from modelpick.licensing.declared import UNKNOWN
from modelpick.licensing.interface import Step, Verdict
from modelpick.licensing.lineage import Link
from modelpick.licensing.rules import Checkpoint


def canonical_link(name: str, relation: str, known: Checkpoint, catalogue: Catalogue) -> Link:
    """A parent given by its bare name, which the rules know."""
    use = strictest_use(catalogue.commercial(key) for key in known.licenses)
    step = Step(name, relation, (), known.licenses, use, "R05", under(name, known.licenses), known.source, 1)
    return Link(
        name, relation, known.licenses, use, "medium", True, "R05", step.reason, known.source, (step,), known.flags
    )


def cycle_link(name: str, relation: str, path: tuple[str, ...]) -> Link:
    """A parent that comes from its own child."""
    circle = " → ".join((*path, name.lower()))
    return Link(name, relation, (), "unknown", "low", False, "R01", f"it runs in a circle, {circle}", cycle=True)


def link_of(verdict: Verdict, name: str, relation: str, catalogue: Catalogue) -> Link:
    """What a judged parent brings, with its own chain one link further down."""
    steps = tuple(_deeper(step, relation) for step in verdict.chain)
    known = catalogue.checkpoint(verdict.model) or catalogue.checkpoint(name)
    binding = verdict.binding_licenses
    if verdict.commercial_use == "unknown" and UNKNOWN not in binding:
        binding = (*binding, UNKNOWN)
    return Link(
        verdict.model if "/" in verdict.model else name,
        relation,
        binding,
        verdict.commercial_use,
        verdict.confidence,
        True,
        "R01",
        verdict.reason,
        None,
        steps,
        verdict.data_flags,
        known.stale if known else frozenset(),
        verdict.status == "conflict" and "circle" in verdict.reason,
        frozenset(key for step in verdict.chain if step.depth == 1 for key in step.binding),
    )


def _deeper(step: Step, relation: str) -> Step:
    """The step one link further down; the head of a chain gets its relation to the child."""
    return Step(
        step.model,
        step.relation if step.depth else relation,
        step.declared,
        step.binding,
        step.commercial_use,
        step.rule,
        step.reason,
        step.source,
        step.depth + 1,
    )


def under(name: str, keys: tuple[str, ...]) -> str:
    """Which licences a model is under, as the beginning of a sentence."""
    if keys == (UNKNOWN,):
        return f"No licence was found that grants the use of {name}"
    return f"{name} is under {' and '.join(keys)}"
