import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelpick.quality.loss import quality_loss

BY_BITS = [
    "IQ1_S",
    "IQ2_XXS",
    "IQ2_XS",
    "Q2_K",
    "Q3_K_S",
    "Q3_K_M",
    "Q4_K_S",
    "Q4_K_M",
    "Q5_K_M",
    "Q6_K",
    "Q8_0",
    "F16",
]


@pytest.mark.parametrize(("fewer", "more"), list(itertools.pairwise(BY_BITS)))
def test_fewer_bits_cost_more(fewer: str, more: str) -> None:
    assert quality_loss(fewer, 8 * 10**9) > quality_loss(more, 8 * 10**9)


@given(st.sampled_from(BY_BITS), st.integers(10**8, 10**12), st.integers(10**8, 10**12))
def test_larger_models_lose_less(name: str, one: int, other: int) -> None:
    small, large = sorted((one, other))
    assert quality_loss(name, small) >= quality_loss(name, large)


def test_names_in_any_spelling() -> None:
    assert quality_loss("q4_k_m", None) == quality_loss("Q4_K_M", None)
    assert quality_loss("UD-Q4_K_XL", None) == quality_loss("Q4_K_M", None)
    assert quality_loss("Q4-K-M", None) == quality_loss("Q4_K_M", None)


def test_unknown_is_unknown_and_native_is_free() -> None:
    assert quality_loss("MYSTERY3", 10**9) is None
    assert quality_loss(None, 10**9) is None
    assert quality_loss("MXFP4", 10**9) == 0


def test_the_published_case() -> None:
    # Llama 3 70B lost 0.387 logits above chance at IQ2_XS where the 8B lost 0.838.
    ratio = quality_loss("IQ2_XS", 70_600_000_000) / quality_loss("IQ2_XS", 8_030_000_000)
    assert ratio == pytest.approx(0.387 / 0.838, abs=0.03)
