"""The registry's own models: every one has a verdict, and few are unknown, for reasons that are known."""

from collections import Counter

import pytest
from tests.licensing.world import STRICTER

from modelpick.licensing.interface import Verdict
from modelpick.licensing.rows import Verdicts, card_of, catalogue_of, judge_models
from modelpick.licensing.serialise import from_json
from modelpick.registry.interface import ModelFacts
from modelpick.registry.reader import Registry


@pytest.fixture(scope="module")
def judged() -> dict[str, tuple[ModelFacts, Verdict]]:
    with Registry.open() as registry:
        models = [facts for model in registry.models() if (facts := registry.facts(model.slug)) is not None]
        verdicts = judge_models(models, registry)
    return {facts.model.slug: (facts, from_json(verdicts[facts.model.slug].verdict)) for facts in models}


def test_every_model_has_a_verdict_with_a_reason(judged: dict[str, tuple[ModelFacts, Verdict]]) -> None:
    assert len(judged) >= 1131
    for facts, verdict in judged.values():
        assert verdict.binding_licenses and verdict.reason and verdict.chain, facts.model.slug
        assert verdict.commercial_use in STRICTER


def test_what_is_unknown_is_unknown_for_a_reason(judged: dict[str, tuple[ModelFacts, Verdict]]) -> None:
    """A service without weights, a card without a licence, or a text that nobody has read."""
    reasons: Counter[str] = Counter()
    for facts, verdict in judged.values():
        if verdict.commercial_use != "unknown":
            continue
        model = facts.model
        if model.access in ("service", "api", "closed"):
            reasons["service"] += 1
        elif not model.license:
            reasons["nothing declared"] += 1
        elif model.license_name and not model.license_key:
            reasons["text not read"] += 1
        else:
            reasons[model.slug] += 1
    assert set(reasons) <= {"service", "nothing declared", "text not read"}
    weights = reasons.total() - reasons["service"]
    assert weights / len(judged) < 0.03


def test_no_child_is_freer_than_a_parent_of_another_publisher(judged: dict[str, tuple[ModelFacts, Verdict]]) -> None:
    checked = 0
    for facts, verdict in judged.values():
        for link in facts.lineage:
            if link.parent_slug not in judged or link.relation == "teacher":
                continue
            parent, above = judged[link.parent_slug]
            owners = {(each.model.hf_repo or "").partition("/")[0].lower() for each in (facts, parent)}
            if len(owners) == 2:
                checked += 1
                assert STRICTER.index(verdict.commercial_use) >= STRICTER.index(above.commercial_use), facts.model.slug
    assert checked > 50


def test_verdicts_do_not_depend_on_the_order_of_questions(judged: dict[str, tuple[ModelFacts, Verdict]]) -> None:
    with Registry.open() as registry:
        backwards = Verdicts(registry, catalogue_of(registry), (facts for facts, _ in judged.values()))
        for slug in sorted(judged, reverse=True):
            assert backwards.of(slug) == judged[slug][1]
        assert backwards.of("no-such-model") is None
        assert backwards.resolve("no/such-model") is None


def test_a_row_becomes_a_card(judged: dict[str, tuple[ModelFacts, Verdict]]) -> None:
    card = card_of(judged["qwen2.5-3b-instruct"][0])
    assert (card.name, card.curated) == ("Qwen/Qwen2.5-3B-Instruct", True)
    assert judged["qwen2.5-3b-instruct"][1].binding_licenses == ("qwen-research",)
