"""Simulated machines: memory, bandwidth, compute and backend, or a refusal that says what to type."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hardware.table import Table, specs

from modelpick.errors import UsageError
from modelpick.hardware.cards import free_of_card, free_of_host
from modelpick.hardware.interface import Cpu, Hardware, MemoryPool, System
from modelpick.hardware.machines import machine_names
from modelpick.hardware.simulate import Wish, parse_gpu, simulate
from modelpick.units import GIB

HERE = Hardware(
    cpu=Cpu("A processor", "x86_64", 1, 8, 16, 16.0, ("avx2",)),
    system=System("linux", physical_memory_bytes=32 * GIB),
    pools=(MemoryPool("host", 32 * GIB, 20 * GIB),),
)


def simulated(*gpus: str, **more: object) -> Hardware:
    return simulate(HERE, Wish(gpus=gpus, **more), Table())  # type: ignore[arg-type]


def test_one_card_has_its_own_memory_bandwidth_compute_and_backend() -> None:
    hardware = simulated("RTX 4090")
    (device,) = hardware.devices
    pool = hardware.pool(device.pool)
    assert (device.name, device.backend, device.compute_capability) == ("GeForce RTX 4090", "cuda", "8.9")
    assert (device.fp16_flops, device.fp16_origin) == (330.3e12, "published")
    assert (pool.total_bytes, pool.bandwidth_bytes_per_second) == (24 * GIB, 1_008_400_000_000)
    assert pool.free_bytes == free_of_card(24 * GIB)
    assert hardware.simulated
    assert hardware.host.total_bytes == 32 * GIB
    assert any("32.0 GiB of memory are this machine's" in note.message for note in hardware.notes)


def test_counted_and_repeated_cards_each_get_a_pool() -> None:
    hardware = simulated("2x RTX 3090", "RTX 3060 12GB", "RX 7900 XTX")
    assert [device.name for device in hardware.devices] == [
        "GeForce RTX 3090", "GeForce RTX 3090", "GeForce RTX 3060 12 GB", "Radeon RX 7900 XTX",
    ]  # fmt: skip
    assert [(device.backend, device.index) for device in hardware.devices] == [
        ("cuda", 0), ("cuda", 1), ("cuda", 2), ("rocm", 0),
    ]  # fmt: skip
    assert [pool.name for pool in hardware.pools] == ["host", "gpu0", "gpu1", "gpu2", "gpu3"]


@pytest.mark.parametrize(
    ("gpu", "backend"),
    [("B580", "sycl"), ("RX 7900 XTX", "rocm"), ("RX 5700 XT", "vulkan"), ("RX 6600", "vulkan"), ("L4", "cuda")],
)
def test_the_backend_follows_vendor_and_target(gpu: str, backend: str) -> None:
    assert simulated(gpu).devices[0].backend == backend


def test_none_takes_the_gpus_away_and_ram_and_cores_replace_the_hosts() -> None:
    with_card = simulated("RTX 4090")
    wish = Wish(("none",), ram_bytes=64 * GIB, cpu_cores=6, memory_bandwidth_bytes_per_second=80 * 10**9)
    hardware = simulate(with_card, wish, Table())
    assert hardware.devices == ()
    assert [pool.name for pool in hardware.pools] == ["host"]
    assert (hardware.host.total_bytes, hardware.host.free_bytes) == (64 * GIB, free_of_host(64 * GIB))
    assert (hardware.host.bandwidth_bytes_per_second, hardware.host.bandwidth_origin) == (80 * 10**9, "user")
    assert (hardware.cpu.usable_cores, hardware.cpu.physical_cores) == (6.0, 6)


def test_vram_resizes_named_cards_and_makes_one_where_there_is_none() -> None:
    assert simulated("RTX 4090", vram_bytes=48 * GIB).pool("gpu0").total_bytes == 48 * GIB
    bare = simulated(vram_bytes=16 * GIB)
    assert (bare.devices[0].backend, bare.devices[0].fp16_flops) == ("vulkan", None)
    assert bare.pool("gpu0").bandwidth_bytes_per_second is None
    assert any("bandwidth and compute" in note.message for note in bare.notes)


def test_a_mac_is_metal_with_a_wired_limit_and_the_chips_bandwidth() -> None:
    hardware = simulated(machine="MacBook Pro M4 Max 64GB")
    (device,) = hardware.devices
    assert (device.backend, device.unified, device.pool) == ("metal", True, "host")
    assert device.usable_bytes == 48 * GIB
    assert hardware.host.bandwidth_bytes_per_second == 546_000_000_000
    assert device.fp16_origin == "estimated"
    assert 15e12 < (device.fp16_flops or 0) < 20e12
    assert (hardware.system.os, hardware.cpu.architecture) == ("macos", "aarch64")
    small = simulated(machine="MacBook Air M2 24GB")
    assert small.devices[0].usable_bytes == 16 * GIB


@pytest.mark.parametrize(
    ("machine", "backend", "bandwidth"),
    [
        ("Strix Halo 128GB", "rocm", 256e9),
        ("DGX Spark", "cuda", 273e9),
        ("Jetson Orin Nano 8GB", "cuda", 68e9),
        ("Raspberry Pi 5 8GB", None, 17.068e9),
    ],
)
def test_other_machines(machine: str, backend: str | None, bandwidth: float) -> None:
    hardware = simulated(machine=machine)
    assert hardware.host.bandwidth_bytes_per_second == bandwidth
    assert [device.backend for device in hardware.devices] == ([backend] if backend else [])
    assert all(device.fp16_flops for device in hardware.devices)


def test_every_named_machine_and_every_accelerator_can_be_simulated() -> None:
    for name in machine_names():
        hardware = simulated(machine=name)
        assert hardware.host.total_bytes
        assert hardware.host.bandwidth_bytes_per_second
    for spec in specs():
        hardware = simulated(spec.name, ram_bytes=32 * GIB)
        assert hardware.devices[0].accelerator == spec.name
        assert hardware.pool(hardware.devices[0].pool).total_bytes


def test_a_unified_gpu_brings_its_machine_or_asks_for_the_size() -> None:
    assert simulated("M4 Max 64GB") == replace(simulated(machine="M4 Max 64GB"), notes=())
    assert simulated("GB10").host.total_bytes == 128 * GIB
    largest = simulated("Apple M4 Max (40-core GPU)")
    assert largest.host.total_bytes == 128 * GIB
    assert any("the most it is sold with" in note.message for note in largest.notes)
    with pytest.raises(UsageError, match="how much"):
        simulated("Apple M5 Pro")
    integrated = simulated("Radeon 780M")
    assert (integrated.host.total_bytes, integrated.host.free_bytes) == (32 * GIB, 20 * GIB)
    assert integrated.cpu == HERE.cpu
    assert simulated("Radeon 780M", ram_bytes=64 * GIB).devices[0].usable_bytes == 48 * GIB
    with pytest.raises(UsageError, match="shares its machine's memory"):
        simulated("2x GB10")


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (Wish(("RTX 3060",)), "any of 3"),
        (Wish(("0x RTX 3090",)), "0 GPUs"),
        (Wish(("65x RTX 3090",)), "65 GPUs"),
        (Wish((" ",)), "names no GPU"),
        (Wish(("none", "RTX 4090")), "together"),
        (Wish(machine="ThinkPad X1"), "no machine"),
        (Wish(machine="Mac mini M4 Pro"), "how much memory"),
        (Wish(machine="MacBook Pro M4 Max 65GB"), "65.0 GiB"),
    ],
)
def test_what_cannot_be_simulated_is_a_usage_error(wish: Wish, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        simulate(HERE, wish, Table())
    assert caught.value.exit_code == 2
    assert caught.value.hint


def test_assume_idle_counts_what_others_hold_as_free() -> None:
    assert simulated(assume_idle=True).host.free_bytes == free_of_host(32 * GIB)


@given(st.integers(1, 64), st.sampled_from(["x ", "x", " x ", "×", "* "]))
def test_counts_are_read_in_every_spelling(count: int, times: str) -> None:
    assert parse_gpu(f"{count}{times}RTX 3090") == (count, "RTX 3090")


@given(st.integers(1, 2**45), st.integers(1, 2**45))
def test_more_memory_is_never_less_free_memory(one: int, other: int) -> None:
    low, high = sorted((one, other))
    for free in (free_of_card, free_of_host):
        assert 0 < free(low) <= free(high) <= high
