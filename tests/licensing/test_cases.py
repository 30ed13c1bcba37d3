"""The observed models: which licences bind, what may be done, and nothing looser than the truth."""

import pytest
from tests.licensing.lineage_cases import CASES, Case
from tests.licensing.world import STRICTER, card, catalogue, nobody

from modelpick.licensing.interface import Card
from modelpick.licensing.judge import judge


def card_of(case: Case, *, relation: bool = True) -> Card:
    said = case.relation if relation else None
    return card(case.repository, case.license, case.parents, said, license_name=case.license_name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.repository)
def test_the_licences_that_bind_and_the_answer(case: Case) -> None:
    found = judge(card_of(case), nobody, catalogue())
    assert (set(found.binding_licenses), found.commercial_use) == (set(case.binding), case.commercial_use), found.reason


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.repository)
def test_without_a_relation_nothing_becomes_looser(case: Case) -> None:
    found = judge(card_of(case, relation=False), nobody, catalogue())
    assert STRICTER.index(found.commercial_use) >= STRICTER.index(case.commercial_use), found.reason


def test_there_are_cases_of_every_answer_and_of_both_kinds_of_confidence() -> None:
    assert len(CASES) >= 90
    assert {case.commercial_use for case in CASES} == {"yes", "conditional", "no"}
    assert sum(case.confidence == "high" for case in CASES) >= 40


def test_no_rule_is_written_for_a_case_alone() -> None:
    """Nine in ten cases come out right by their parents alone, under a name that no rule knows."""
    right = 0
    for case in CASES:
        if len(case.parents) == 1 and case.parents[0] == case.repository:
            right += 1  # a base: its own name is its lineage
            continue
        stranger = card("somebody/something", case.license, case.parents, case.relation, license_name=case.license_name)
        found = judge(stranger, nobody, catalogue())
        right += found.commercial_use == case.commercial_use
    assert right / len(CASES) >= 0.9
