from dataclasses import replace

import pytest
from tests.estimation.test_speed import CPU, GIB, LLAMA_8B, RTX_3090, machine

from modelpick.estimation.interface import Fit, Settings, VariantSpec
from modelpick.estimation.plan import Cell, Offer, fit_with_speed, plan_grid, settings_for, smallest_offers
from modelpick.estimation.speed_explain import explain_decode
from modelpick.hardware.interface import Hardware, MemoryPool, System

Q4 = VariantSpec("gguf", "Q4_K_M")
MIXES = tuple(VariantSpec("gguf", mix) for mix in ("Q8_0", "Q4_K_M", "Q2_K"))


def card(gib: int, bandwidth: float = 936e9, count: int = 1) -> Hardware:
    devices = tuple(replace(RTX_3090, index=index, pool=f"gpu{index}") for index in range(count))
    pools = tuple(MemoryPool(device.pool, gib * GIB, gib * GIB, round(bandwidth), "published") for device in devices)
    return Hardware(CPU, System("linux"), (MemoryPool("host", 64 * GIB, 60 * GIB), *pools), devices)


def offer(name: str, gib: int, segment: str = "geforce", bandwidth: float = 936e9, count: int = 1) -> Offer:
    return Offer(name, segment, count, count * gib * GIB, card(gib, bandwidth, count))


def test_the_grid_is_every_variant_at_every_context():
    cells = plan_grid(LLAMA_8B, MIXES, (4096, 32768), Settings(), card(24))
    assert [(cell.variant.quantisation, cell.settings.context) for cell in cells] == [
        (mix, context) for mix in ("Q8_0", "Q4_K_M", "Q2_K") for context in (4096, 32768)
    ]
    assert all(cell.fit and cell.fit.speed and cell.meets(None) for cell in cells)


def test_fewer_bits_and_less_context_need_less_and_are_faster():
    speeds = {}
    for cell in plan_grid(LLAMA_8B, MIXES, (4096, 32768), Settings(), card(24)):
        assert cell.fit is not None and cell.fit.speed is not None
        speeds[cell.variant.quantisation, cell.settings.context] = cell.fit.speed.decode_tokens_per_second.likely
    assert speeds["Q4_K_M", 4096] > speeds["Q4_K_M", 32768]
    assert speeds["Q4_K_M", 4096] > speeds["Q8_0", 4096]


def test_a_target_is_met_by_what_is_likely():
    found = fit_with_speed(LLAMA_8B, Q4, Settings(), card(24))
    assert isinstance(found, Fit) and found.speed is not None
    likely = found.speed.decode_tokens_per_second.likely
    cell = Cell(Q4, Settings(), found)
    assert cell.meets(likely) and not cell.meets(likely + 0.1)


def test_the_smallest_of_each_kind_that_holds_it():
    offers = [
        offer("large", 24), offer("small", 8), offer("tiny", 4), offer("twin", 4, count=2),
        offer("server", 80, "datacenter"), offer("laptop chip", 2, "igpu"),
    ]  # fmt: skip
    found = [chosen.accelerator for chosen, _ in smallest_offers(LLAMA_8B, Q4, Settings(context=4096), offers)]
    assert found == ["small", "server"]


def test_a_slow_card_does_not_meet_a_target():
    offers = [offer("slow", 8, bandwidth=100e9), offer("fast", 12)]
    (found,) = smallest_offers(LLAMA_8B, Q4, Settings(context=4096), offers, target=60)
    assert found[0].accelerator == "fast"


def test_no_offer_needs_the_hosts_help():
    assert not list(smallest_offers(LLAMA_8B, Q4, Settings(context=4096), [offer("tiny", 4)]))


@pytest.mark.parametrize(
    ("form", "runtime", "context"), [("gguf", "llama.cpp", 16384), ("safetensors", "transformers", 4096)]
)
def test_users_share_llama_cpps_context_only(form, runtime, context):
    asked = settings_for(VariantSpec(form, "BF16"), 4096, Settings(users=4))
    assert (asked.runtime, asked.context, asked.users) == (runtime, context, 4)


def test_the_explanation_ends_in_the_estimate():
    found = fit_with_speed(LLAMA_8B, Q4, Settings(), card(8, count=1))
    assert isinstance(found, Fit) and found.speed is not None
    hardware = card(8)
    lines = explain_decode(LLAMA_8B, Q4, Settings(), found.footprint.weights, found.placement, hardware)
    assert f"{found.speed.decode_tokens_per_second.likely:.1f} tokens/s" in lines[-1]
    assert any("GB/s" in line for line in lines) and any("launches" in line for line in lines)


def test_nothing_is_explained_of_what_has_no_token_rate():
    found = fit_with_speed(LLAMA_8B, Q4, Settings(), machine(RTX_3090))
    assert isinstance(found, Fit)
    arch = replace(LLAMA_8B, kind="diffusion")
    assert explain_decode(arch, Q4, Settings(), 10**9, found.placement, machine(RTX_3090)) == ()
