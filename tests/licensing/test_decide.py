"""Who is asking: regions, users, revenue, outputs, passing on; and the clause that decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.licensing.world import catalogue, verdict

from modelpick.errors import UsageError
from modelpick.licensing.asker import asker_of, parse_region, parse_revenue, parse_users
from modelpick.licensing.decide import use_for
from modelpick.licensing.interface import Asker


def ask(name: str, license: str, **facts: object) -> tuple[str, str]:
    use, clause, _ = use_for(verdict(name, license), Asker(**facts))  # type: ignore[arg-type]
    return use, clause


def test_who_says_nothing_gets_the_verdict_of_anyone() -> None:
    for key, terms in catalogue().terms().items():
        found = verdict("a/b", key)
        assert use_for(found, Asker())[0] == found.commercial_use, (key, terms.commercial_use)


@pytest.mark.parametrize(
    ("users", "use"), [(2_000_000, "yes"), (700_000_000, "yes"), (700_000_001, "no"), (10**9, "no")]
)
def test_the_700_million_of_llama(users: int, use: str) -> None:
    found, clause = ask("meta-llama/Llama-3.1-8B", "llama3.1", monthly_users=users)
    assert found == use
    assert "700,000,000 monthly active users" in clause


@pytest.mark.parametrize(
    ("model", "license", "region", "use"),
    [
        ("meta-llama/Llama-4-Scout-17B-16E", "llama4", "EU", "no"),
        ("meta-llama/Llama-4-Scout-17B-16E", "llama4", "DE", "no"),
        ("meta-llama/Llama-4-Scout-17B-16E", "llama4", "US", "yes"),
        ("meta-llama/Llama-3.2-11B-Vision-Instruct", "llama3.2", "FR", "no"),
        ("meta-llama/Llama-3.2-3B-Instruct", "llama3.2", "FR", "yes"),
        ("tencent/HunyuanVideo", "tencent-hunyuan-community", "KR", "no"),
        ("tencent/HunyuanVideo", "tencent-hunyuan-community", "UK", "no"),
        ("tencent/HunyuanVideo", "tencent-hunyuan-community", "US", "yes"),
        ("MiniMaxAI/MiniMax-H3", "minimax-h3-community", "US", "no"),
    ],
)
def test_regions(model: str, license: str, region: str, use: str) -> None:
    assert ask(model, license, region=region, monthly_users=1000, annual_revenue_usd=1000.0)[0] == use


@pytest.mark.parametrize(
    ("license", "revenue", "use"),
    [
        ("lfm1.0", 5e6, "yes"),
        ("lfm1.0", 10e6 + 1, "no"),
        ("ltx-2-community", 10e6 - 1, "yes"),
        ("ltx-2-community", 10e6, "no"),
        ("modified-mit-mistral", 19e6, "yes"),
        ("modified-mit-mistral", 100e6, "conditional"),
        ("modified-mit-mistral", 300e6, "no"),
        ("bilibili-indextts2", 5e6, "conditional"),
    ],
)
def test_revenue_in_the_unit_of_the_clause(license: str, revenue: float, use: str) -> None:
    found = use_for(verdict("a/b", license), Asker(annual_revenue_usd=revenue, monthly_users=1, region="US"))
    assert found[0] == use, found[1]


def test_units_of_users_differ() -> None:
    daily = ask("a/b", "baichuan2-community", monthly_users=2_000_000)
    assert daily[0] == "conditional"
    visits = ask("a/b", "cogvideox", monthly_users=500_000)
    assert visits[0] == "conditional"
    assert ask("a/b", "cogvideox", monthly_users=2_000_000)[0] == "no"


def test_training_on_outputs() -> None:
    assert ask("a/b", "llama2", outputs_train_models=True, monthly_users=1)[0] == "no"
    assert ask("a/b", "llama3.1", outputs_train_models=True, monthly_users=1)[0] == "yes"
    assert ask("a/b", "apache-2.0", outputs_train_models=True)[0] == "yes"


def test_passing_on_brings_duties() -> None:
    found = verdict("somebody/My-Model", "llama3.1")
    duties = use_for(found, Asker(monthly_users=1, redistribute=True))[2]
    assert any("must begin with “Llama”" in duty for duty in duties)
    named = verdict("somebody/Llama-mine", "llama3.1")
    assert not any("begin with" in duty for duty in use_for(named, Asker(monthly_users=1, redistribute=True))[2])
    assert not any("Notice" in duty for duty in use_for(found, Asker(monthly_users=1))[2])


def test_a_name_to_show_is_a_duty_of_services_too() -> None:
    kimi = verdict("moonshotai/Kimi-K2-Instruct", "other", license_name="modified-mit")
    assert any("Kimi K2" in duty for duty in use_for(kimi, Asker(monthly_users=200_000_000))[2])


def test_a_licence_without_figures_is_met_by_its_duties() -> None:
    assert ask("a/b", "gemma")[0] == "conditional"
    use, clause = ask("a/b", "gemma", region="DE")
    assert use == "yes"
    assert "duties stay" in clause


def test_what_is_forbidden_stays_forbidden_and_what_is_unknown_unknown() -> None:
    facts = {"region": "US", "monthly_users": 1, "annual_revenue_usd": 1.0}
    assert ask("a/b", "cc-by-nc-4.0", **facts)[0] == "no"
    assert ask("a/b", "unknown", **facts)[0] == "unknown"


@given(st.sampled_from(sorted(catalogue().terms())), st.integers(0, 10**10), st.integers(0, 10**10))
def test_more_users_are_never_allowed_more(license: str, one: int, other: int) -> None:
    order = ("yes", "conditional", "unknown", "no")
    few, many = sorted((one, other))
    found = verdict("a/b", license)
    fewer = use_for(found, Asker(monthly_users=few))[0]
    more = use_for(found, Asker(monthly_users=many))[0]
    assert order.index(more) >= order.index(fewer)


def test_how_facts_are_written() -> None:
    assert [parse_region(text) for text in ("eu", "de", "GB", "usa")] == ["EU", "DE", "UK", "US"]
    assert [parse_revenue(text) for text in ("5M USD", "$20M", "1_000_000", "0")] == [5e6, 20e6, 1e6, 0.0]
    assert [parse_users(text) for text in ("2M", "1,500", "0")] == [2_000_000, 1500, 0]
    asked = asker_of("de", "2M", "5M USD", True, False)
    assert asked == Asker("DE", 2_000_000, 5e6, True, False)


@pytest.mark.parametrize("text", ["Mars", "E", "E1", ""])
def test_a_region_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="region"):
        parse_region(text)


@pytest.mark.parametrize("text", ["5M EUR", "lots", "-3", "€5M"])
def test_a_revenue_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="annual-revenue"):
        parse_revenue(text)
