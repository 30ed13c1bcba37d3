"""From published scores to abilities, on figures as they are published."""

from dataclasses import replace

import pytest

from modelpick.quality.abilities import abilities, features_of, with_inherited_tokens, years
from modelpick.quality.interface import Profile, Score
from modelpick.quality.metrics import observation, source_of

ARENA = "lmarena-ai/leaderboard-dataset 2026-08-19 (CC BY 4.0)"


def profile(model: str, billions: float = 7, **changes: object) -> Profile:
    plain = Profile(model, model.split("-")[0], "maker", int(billions * 1e9), None, "2024-07", None, "instruct", "text")
    return replace(plain, **changes)  # type: ignore[arg-type]


PROFILES = [profile(f"family{number // 3}-{number}", billions=1 + number) for number in range(24)]
SCORES = [
    Score(one.model, "Arena text score", 1000 + 15 * number, "third-party", ARENA)
    for number, one in enumerate(PROFILES)
    if number % 2
] + [
    Score(one.model, "MMLU", 40 + 1.5 * number, "self-reported", "https://example.org/card")
    for number, one in enumerate(PROFILES)
    if number % 3 == 0
]


def test_every_text_model_gets_a_general_ability_and_says_what_it_rests_on() -> None:
    found = {one.model: one for one in abilities(PROFILES, SCORES) if one.family == "general"}
    assert set(found) == {one.model for one in PROFILES}
    assert found["family0-1"].basis == "human votes"
    assert found["family0-0"].basis == "self-reported"
    assert found["family0-2"].basis == "predicted"
    assert found["family0-2"].scores == 0
    for one in found.values():
        assert one.low < one.value < one.high


def test_predictions_are_wider_than_measurements() -> None:
    found = [one for one in abilities(PROFILES, SCORES) if one.family == "general"]
    predicted = [one.high - one.low for one in found if one.basis == "predicted"]
    voted = [one.high - one.low for one in found if one.basis == "human votes"]
    assert min(predicted) > max(voted)


def test_a_family_with_too_few_scores_has_no_scale() -> None:
    assert {one.family for one in abilities(PROFILES, SCORES)} == {"general"}


def test_what_is_not_text_has_no_general_ability() -> None:
    speech = profile("whisper-large", modality="speech-to-text")
    assert all(
        one.model != "whisper-large" for one in abilities([*PROFILES, speech], SCORES) if one.family == "general"
    )


def test_editions_and_settings_stay_apart() -> None:
    old = observation(Score("m", "MMLU", 50, None, "HF Open LLM Leaderboard v1 (csv)"))
    own = observation(Score("m", "MMLU", 50, "self-reported", "https://example.org"))
    assert old and own
    assert old.metric != own.metric
    assert old.source == "open-llm-leaderboard-1"
    assert own.source == "makers"
    assert own.trust < old.trust


def test_unused_benchmarks_and_nonsense_are_left_out() -> None:
    assert observation(Score("m", "Somebody's Private Index", 50)) is None
    assert observation(Score("m", "MMLU", float("nan"))) is None


def test_a_lower_word_error_rate_is_better() -> None:
    metric = "Open ASR Leaderboard avg WER (en short-form)"
    good, bad = observation(Score("a", metric, 5.0)), observation(Score("b", metric, 10.0))
    assert good and bad and good.value > bad.value


def test_accuracy_at_or_below_chance_stays_finite() -> None:
    low = observation(Score("m", "MMLU", 12.0))
    assert low and low.value > -10


@pytest.mark.parametrize(
    ("text", "expected"), [("2024-01", 0.042), ("2024", 0.542), ("2023-07-18", -0.458), (None, None)]
)
def test_dates_as_known(text: str | None, expected: float | None) -> None:
    assert years(text) == (None if expected is None else pytest.approx(expected, abs=0.001))


def test_missing_size_is_not_taken_for_a_small_model() -> None:
    unknown = features_of(profile("x", params_total=None))
    assert unknown[-1] == 1.0
    assert unknown[1] == 0.3


def test_training_tokens_come_down_the_line() -> None:
    base, child, orphan = profile("base", training_tokens=10**12), profile("child"), profile("orphan")
    found = with_inherited_tokens([base, child, orphan], {"child": "base", "orphan": "nowhere"})
    assert [one.training_tokens for one in found] == [10**12, 10**12, None]
    looped = with_inherited_tokens([child], {"child": "child"})
    assert looped[0].training_tokens is None


def test_sources_are_named_by_campaign() -> None:
    assert source_of(Score("m", "LiveBench 2024-11-25 global average", 50, None, "x")) == "livebench-2024-11-25"
    assert source_of(Score("m", "MMLU", 50, None, "https://example.org/card")) == "makers"
