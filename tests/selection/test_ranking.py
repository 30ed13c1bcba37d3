"""The search must find what trying everything finds, and look at far less."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.selection.world import GIB, ListShelf, allow, assess_on, entry, loss, machine, needs

from modelpick.estimation.interface import Fit, Footprint, Placement, PoolUse, Range, Settings, Throughput
from modelpick.selection.interface import Answer, Candidate, Needs
from modelpick.selection.ranking import rank

ENTRIES = st.lists(
    st.builds(
        lambda number, billions, low, family, active, use: entry(
            f"m{number:04}",
            billions=billions,
            low=low,
            family=f"f{family}",
            params_active=int(billions * 1e9 * active) or None if active < 1 else None,
            commercial_use=use,
        ),
        number=st.integers(0, 9999),
        # Few sizes, so that many are alike; abilities that repeat, and such that differ by less than is shown.
        billions=st.one_of(st.floats(0.1, 400), st.sampled_from([3.0, 8.0, 30.0])),
        low=st.one_of(st.none(), st.integers(20, 80), st.floats(49.9, 50.1), st.sampled_from([60.0, 60.004])),
        family=st.integers(0, 8),
        active=st.sampled_from([0.1, 1.0]),
        use=st.sampled_from(["yes", "yes", "yes", "no"]),
    ),
    max_size=40,
    unique_by=lambda one: one.slug,
)
PREFERENCES = st.sampled_from(["balanced", "quality", "speed", "small"])


def ask(entries, hardware, wanted: Needs) -> Answer:
    rate = float(hardware.pools[-1].bandwidth_bytes_per_second or 0)
    shelf, assess = ListShelf(entries), assess_on(hardware)

    def fastest(params: float, size: float, *_: float) -> float:
        return rate / size

    return rank(shelf, wanted, hardware, decide=allow, assess=assess, loss=loss, fastest=fastest)


@settings(max_examples=150, deadline=None)
@given(ENTRIES, st.floats(2, 200), st.floats(10, 3000), PREFERENCES, st.integers(1, 6), st.booleans(), st.booleans())
def test_the_search_finds_what_trying_everything_finds(entries, gib, bandwidth, prefer, limit, slow, every) -> None:
    hardware = machine(gib, bandwidth)
    wanted = needs(prefer=prefer, limit=limit, min_speed=None if slow else 5.0, all_variants=every)
    quick = ask(entries, hardware, wanted)
    # Each for itself: nothing is concluded from one model for those that are like it.
    plain = replace(wanted, limit=10_000, by_name=True)
    everything = ask(entries, hardware, plain)
    assert [(pick.candidate, pick.score) for pick in quick.picks] == [
        (pick.candidate, pick.score) for pick in everything.picks[:limit]
    ]


@settings(max_examples=60, deadline=None)
@given(ENTRIES, st.floats(2, 100), st.floats(1.0, 4.0))
def test_more_memory_never_loses_a_fit(entries, gib, factor) -> None:
    def fitting(size: float) -> set[str]:
        answer = ask(entries, machine(size, 100), needs(limit=10_000, min_speed=None, all_variants=True))
        return {pick.candidate.entry.slug for pick in answer.picks}

    assert fitting(gib) <= fitting(gib * factor)


@settings(max_examples=60, deadline=None)
@given(ENTRIES, st.floats(2, 200), PREFERENCES)
def test_nothing_that_fits_is_better_and_at_least_as_fast(entries, gib, prefer) -> None:
    hardware = machine(gib, 100)
    everything = ask(entries, hardware, needs(prefer=prefer, limit=10_000, min_speed=5.0, all_variants=True)).picks
    if not everything:
        return
    best = everything[0]

    def place(pick):
        return pick.quality.index.low if pick.quality else 30.0, pick.fit.speed.decode_tokens_per_second.likely

    quality, speed = place(best)
    size = best.fit.placement.uses[0].required_bytes
    for other in everything[1:]:
        q, s = place(other)
        dominates = q > quality and s >= speed and other.fit.placement.uses[0].required_bytes <= size
        assert not dominates


def test_the_same_question_gives_the_same_answer_in_any_order_of_the_shelf() -> None:
    entries = [entry(f"m{number}", billions=3, low=50, family=f"f{number}") for number in range(9)]
    hardware = machine()
    assert ask(entries, hardware, needs()).picks == ask(entries[::-1], hardware, needs()).picks
    assert [pick.candidate.entry.slug for pick in ask(entries, hardware, needs()).picks] == [
        "m0",
        "m1",
        "m2",
        "m3",
        "m4",
    ]


def test_cost_follows_candidates_not_rows() -> None:
    hardware = machine(24, 400)
    few = [entry(f"good{number}", billions=8, low=70 - number, family=f"g{number}") for number in range(8)]
    many = few + [entry(f"poor{number:05}", billions=8, low=20, family=f"p{number}") for number in range(20_000)]
    shelf = ListShelf(many)
    answer = rank(shelf, needs(), hardware, decide=allow, assess=assess_on(hardware), loss=loss)
    assert shelf.taken < 30
    assert answer.outranked > 19_900


@pytest.mark.parametrize("families", [1, 30_000])
def test_of_models_that_are_alike_one_is_placed(families: int) -> None:
    hardware, placed = machine(24, 400), []

    def assess(candidate):
        placed.append(candidate)
        return assess_on(hardware)(candidate)

    entries = [entry(f"copy{n:05}", billions=8, low=60, family=f"f{n % families}") for n in range(30_000)]
    shelf = ListShelf(entries)
    answer = rank(shelf, needs(), hardware, decide=allow, assess=assess, loss=loss)
    assert [pick.candidate.entry.slug for pick in answer.picks] == [f"copy{n:05}" for n in range(min(families, 5))]
    assert len(placed) <= 5 * 6 and shelf.taken <= 5
    tuned = [entry(f"tuned{n:05}", billions=8, low=60 - n / 1e4, family=f"t{n}") for n in range(30_000)]
    shelf = ListShelf([*entries, *tuned])
    assert len(rank(shelf, needs(), hardware, decide=allow, assess=assess, loss=loss).picks) == 5
    assert shelf.taken < 500


def test_only_those_asked_for_by_name_are_read() -> None:
    entries = [entry(f"m{n:05}", billions=8, low=60, family=f"f{n}") for n in range(5000)]
    shelf, hardware = ListShelf(entries), machine(24, 400)
    wanted = needs(models=("m00007", "m04000", "unheard-of"))
    answer = rank(shelf, wanted, hardware, decide=allow, assess=assess_on(hardware), loss=loss)
    assert [pick.candidate.entry.slug for pick in answer.picks] == ["m00007", "m04000"]
    assert shelf.taken == 2
    assert (answer.counts, answer.outranked) == ({"not-installed": 4998}, 0)


def test_what_a_policy_says_of_one_by_name_is_not_said_of_its_like() -> None:
    entries = [entry(f"m{n}", billions=8, low=60) for n in range(4)]

    def decide(one):
        return replace(allow(one), allowed=one.slug == "m2")

    hardware = machine(24, 400)
    wanted = needs(by_name=True)
    answer = rank(ListShelf(entries), wanted, hardware, decide=decide, assess=assess_on(hardware), loss=loss)
    assert [pick.candidate.entry.slug for pick in answer.picks] == ["m2"]
    assert answer.counts == {"licence": 3}


def test_one_pick_a_family_unless_all_variants_are_asked_for() -> None:
    entries = [entry("small", billions=1, low=40, family="one"), entry("large", billions=8, low=60, family="one")]
    hardware = machine(24, 400)
    assert [pick.candidate.entry.slug for pick in ask(entries, hardware, needs()).picks] == ["large"]
    all_of_them = ask(entries, hardware, needs(all_variants=True, limit=100)).picks
    assert len(all_of_them) == 12
    assert len({(p.candidate.entry.slug, p.candidate.option.quantisation) for p in all_of_them}) == 12


def test_what_is_turned_down_says_what_was_needed_and_what_there_was() -> None:
    answer = ask([entry("huge", billions=70, low=60)], machine(10, 100), needs())
    assert answer.picks == ()
    (rejection,) = answer.rejections
    assert rejection.reason == "memory"
    assert rejection.needed > rejection.available == 10 * GIB
    assert rejection.option.quantisation == "Q3_K_M"  # the form that came nearest
    assert answer.counts == {"memory": 1}


def test_sizes_beyond_all_memory_are_counted_without_being_read() -> None:
    shelf = ListShelf([entry("giant", billions=2000, low=90), entry("fits", billions=1, low=40)])
    hardware = machine(24, 100)
    answer = rank(shelf, needs(), hardware, decide=allow, assess=assess_on(hardware), loss=loss)
    assert shelf.taken == 1
    assert answer.counts == {"memory": 1}


def test_speed_and_download_limits() -> None:
    slow = ask([entry("slow", billions=20, low=60)], machine(64, 10), needs(min_speed=5.0))
    assert slow.counts == {"speed": 1}
    assert slow.rejections[0].unit == "tokens_per_second"
    large = ask([entry("large", billions=8, low=60)], machine(64, 400), needs(max_download_bytes=10**9))
    assert large.counts == {"download": 1}


def test_a_licence_that_does_not_allow_it_is_the_first_reason() -> None:
    answer = ask([entry("no", billions=50, low=60, commercial_use="no")], machine(), needs())
    assert answer.counts == {"licence": 1}


@pytest.mark.parametrize(("prefer", "winner"), [("quality", "large"), ("speed", "small"), ("small", "small")])
def test_preferences_decide_between_good_and_fast(prefer: str, winner: str) -> None:
    entries = [entry("large", billions=14, low=62), entry("small", billions=2, low=52)]
    assert ask(entries, machine(24, 100), needs(prefer=prefer)).picks[0].candidate.entry.slug == winner


def test_what_nobody_measured_loses_by_its_quantisation_too() -> None:
    # Room for all forms at any useful speed: only what the quantisation costs tells them apart.
    answer = ask([entry("model", billions=1, low=None)], machine(64, 4000), needs(all_variants=True, limit=9))
    points = {
        pick.candidate.option.quantisation: next(part.points for part in pick.parts if part.name == "quality")
        for pick in answer.picks
    }
    assert points["Q8_0"] - points["Q3_K_M"] == pytest.approx(loss("Q3_K_M", None))


@pytest.mark.parametrize(
    ("rate", "changes", "proposed"),
    [
        (0.3, {"min_speed": 5.0}, True),
        (0.1, {"min_speed": 5.0}, False),
        (0.1, {"min_speed": None}, True),
        (0.01, {"min_speed": None}, False),
        (0.01, {"min_speed": 0.0, "readable": False}, True),
    ],
)
def test_an_image_in_hours_is_no_answer_unless_it_was_asked_for(rate, changes, proposed) -> None:
    def assess(candidate: Candidate) -> Fit:
        use = PoolUse("host", None, 1, 10, 0, 1)
        made = Throughput(Range(rate, rate, rate), "images_per_minute", "")
        return Fit(Footprint(1, 0, 0, 0, 0), Placement("cpu", (use,), 0, None), None, Settings(), throughput=made)

    answer = rank(ListShelf([entry("m")]), needs(**changes), machine(), decide=allow, assess=assess, loss=loss)
    assert bool(answer.picks) == proposed
    assert proposed or answer.counts == {"speed": 1}
