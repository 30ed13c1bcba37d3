"""Pipelines that make images: on the GPU whole, or part after part, and how long one image takes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.estimation.machines import machine

from modelpick.estimation.architecture import from_config
from modelpick.estimation.interface import Fit, Settings, VariantSpec
from modelpick.estimation.placement import place
from modelpick.estimation.throughput import throughput_of
from modelpick.units import GIB

# The parts of Z-Image-Turbo.
PIPELINE = from_config(
    {"pipeline": "X", "transformer_params": 6154908736, "text_encoder_params": 4022468096, "vae_params": 83819683,
     "native_resolution": 1024, "steps": 9, "passes": 1}, params_total=6_000_000_000,
)  # fmt: skip
BF16 = VariantSpec("safetensors", "BF16")
TORCH = Settings(runtime="transformers")


def _place(hardware, architecture=PIPELINE):
    return place(architecture, BF16, TORCH, hardware)


def _rate(hardware, architecture=PIPELINE):
    found = throughput_of(architecture, "text-to-image", _place(hardware, architecture).placement, hardware)
    return found.rate.likely


@pytest.mark.parametrize(
    ("hardware", "expected"),
    [
        (machine([32], ram=64), "gpu"),
        # Its card: "fits comfortably within 16G VRAM consumer devices", and all parts are 20.5 GB.
        (machine([24], ram=64), "partial-offload"),
        (machine([16], ram=64), "partial-offload"),
        (machine([8], ram=64), "cpu"),
        (machine([16], ram=16), "misfit"),
    ],
)
def test_a_pipeline_goes_whole_in_turns_or_to_the_processor(hardware, expected):
    found = _place(hardware)
    assert (found.placement.kind if isinstance(found, Fit) else "misfit") == expected


def test_in_turns_the_card_holds_the_largest_part_and_the_host_all():
    device, host = _place(machine([16], ram=64)).placement.uses
    assert device.weights_bytes == pytest.approx(2 * 6154908736, rel=0.01)
    assert host.weights_bytes == pytest.approx(2 * (6154908736 + 4022468096 + 83819683), rel=0.01)
    # FLUX.1's transformer worked in 0.47 GiB without guidance: huggingface.co/datasets/diffusers/benchmarks
    assert 0.47 * GIB < device.compute_bytes < 2 * GIB
    assert device.required_bytes == device.weights_bytes + device.compute_bytes + device.overhead_bytes


def test_a_small_pipeline_is_bounded_by_its_decoder():
    parts = {"pipeline": "X", "transformer_params": 900_000_000, "text_encoder_params": 1, "vae_params": 84_000_000}
    small = from_config({**parts, "text_encoder_params": 9_000_000_000})
    device = _place(machine([20], ram=64), small).placement.uses[0]
    assert device.weights_bytes == pytest.approx(18e9, rel=0.01)
    tiny = from_config({**parts, "text_encoder_params": 3_000_000_000})
    whole = _place(machine([24], ram=64), tiny).placement.uses[0].required_bytes
    turns = _place(machine([whole / GIB * 0.9], ram=64), tiny)
    assert turns.placement.kind == "partial-offload"
    assert turns.placement.uses[0].compute_bytes in (4 * GIB, GIB // 4)


def test_moving_parts_costs_time_and_nothing_near_the_processors():
    card = machine([16], ram=64)
    placement = _place(card).placement
    whole = throughput_of(PIPELINE, "text-to-image", replace(placement, kind="gpu"), card).rate.likely
    turns, processor = _rate(card), _rate(machine([8], ram=64))
    assert whole > turns > 10 * processor
    # To the card and back for every image, at 12 GB/s where nothing is known of the link.
    moved = 2 * placement.uses[1].weights_bytes
    assert 60 / turns - 60 / whole == pytest.approx(moved / 12e9, rel=0.01)


@given(st.integers(1, 100), st.integers(1, 2))
def test_time_goes_with_steps_and_passes(steps, passes):
    one = replace(PIPELINE, diffusion=replace(PIPELINE.diffusion, steps=1, passes=1))
    many = replace(PIPELINE, diffusion=replace(PIPELINE.diffusion, steps=steps, passes=passes))
    card = machine([32], ram=64)
    assert _rate(card, one) / _rate(card, many) == pytest.approx(steps * passes)


def test_the_basis_says_what_was_counted():
    card = machine([16], ram=64)
    told = throughput_of(PIPELINE, "text-to-image", _place(card).placement, card).basis
    assert "9 steps without guidance at 1024 x 1024" in told and "moving parts" in told
    unknown = replace(PIPELINE, diffusion=None)
    whole = machine([48], ram=64)
    assert (
        "28 steps with guidance"
        in throughput_of(unknown, "text-to-image", _place(whole, unknown).placement, whole).basis
    )
