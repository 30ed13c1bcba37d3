"""Fourteen machines we do not own, detected from their /proc and /sys as they were built."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.hardware.table import Table
from tests.hardware.tree import NAMES, probe_of, write

from modelpick.hardware.detect import detect
from modelpick.hardware.interface import Hardware
from modelpick.hardware.inventory import from_json, to_json
from modelpick.units import GIB, MIB

KIB = 1024


@dataclass(frozen=True)
class Expected:
    """What a machine has to be found to be; devices are (name, backend, pool's total, GB/s, target)."""

    cpu: str
    cores: tuple[int | None, int | None, int | None]
    usable: float
    feature: str
    memory: int
    bandwidth: tuple[float | None, str | None]
    devices: tuple[tuple[str, str, int | None, float | None, str | None], ...] = ()
    numa: int | None = 1


EXPECTED = {
    "desktop-nvidia": Expected(
        "AMD Ryzen 9 7950X 16-Core Processor", (1, 16, 32), 16, "avx512_vnni", 65011712 * KIB, (83.2, "estimated"),
        (
            ("NVIDIA GeForce RTX 4090", "cuda", 24564 * MIB, 1008.4, "8.9"),
            ("AMD GPU 164e", "vulkan", 65011712 * KIB, 83.2, "gfx1036"),
        ),
    ),
    "laptop-hybrid": Expected(
        "13th Gen Intel Core i7-13700H", (1, 14, 20), 14, "avx_vnni", 32594804 * KIB, (89.6, "estimated"),
        (
            ("NVIDIA GeForce RTX 4060 Laptop GPU", "cuda", 8188 * MIB, 256.0, "8.9"),
            ("Intel Iris Xe Graphics", "sycl", 32594804 * KIB, 89.6, None),
        ),
    ),
    "amd-rx-7900-xtx": Expected(
        "AMD Ryzen 7 7800X3D 8-Core Processor", (1, 8, 16), 8, "avx512_bf16", 65011712 * KIB, (83.2, "estimated"),
        (
            ("Radeon RX 7900 XTX", "rocm", 24560 * MIB, 960.0, "gfx1100"),
            ("AMD GPU 164e", "vulkan", 65011712 * KIB, 83.2, "gfx1036"),
        ),
    ),
    "amd-mi300x": Expected(
        "AMD EPYC 9654 96-Core Processor", (2, 192, 384), 192, "avx512f", 2377340000 * KIB, (921.6, "estimated"),
        (("Instinct MI300X", "rocm", 206141652992, 5300.0, "gfx942"),) * 8, numa=2,
    ),
    "strix-halo": Expected(
        "AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", (1, 16, 32), 16, "avx_vnni", 130860992 * KIB, (256.0, "published"),
        (("Radeon 8060S", "rocm", 130860992 * KIB, 256.0, "gfx1151"),),
    ),
    "arc-b580": Expected(
        "13th Gen Intel Core i5-13600K", (1, 14, 20), 14, "avx2", 32594804 * KIB, (89.6, "estimated"),
        (
            ("Arc B580", "sycl", 12 * GIB, 456.0, None),
            ("Intel UHD Graphics 770", "vulkan", 32594804 * KIB, 89.6, None),
        ),
    ),
    "xeon-server": Expected(
        "Intel Xeon Gold 6430", (2, 64, 128), 64, "amx_int8", 528000000 * KIB, (614.4, "estimated"), numa=2,
    ),
    "raspberry-pi-5": Expected(
        "Cortex-A76", (1, 4, 4), 4, "dotprod", 8256208 * KIB, (17.068, "published"), numa=None
    ),
    "gb10": Expected(
        "Cortex-A725", (1, 20, 20), 20, "i8mm", 125513756 * KIB, (273.0, "published"),
        (("NVIDIA GB10", "cuda", 125513756 * KIB, 273.0, "12.1"),), numa=None,
    ),
    "wsl2": Expected(
        "12th Gen Intel Core i7-12700K", (1, 10, 20), 10, "avx_vnni", 16325236 * KIB, (76.8, "estimated"),
        (("NVIDIA GeForce RTX 3060", "cuda", 12288 * MIB, 360.0, "8.6"),), numa=None,
    ),
    "container-v1": Expected(
        "Intel Xeon Platinum 8275CL CPU @ 3.00GHz", (1, 8, 16), 1.5, "avx512_vnni", 2 * GIB, (None, None), numa=None
    ),
    "container-v2-nested": Expected(
        "AMD EPYC 7R13 Processor", (1, 8, 16), 2.0, "avx2", 2 * GIB, (None, None), numa=None
    ),
    "arm-server": Expected(
        "Neoverse-N1", (2, 160, 160), 160, "dotprod", 527000000 * KIB, (None, None), numa=2
    ),
    "jetson-agx-orin": Expected(
        "Cortex-A78AE", (1, 12, 12), 12, "neon", 64349676 * KIB, (204.8, "published"),
        (("Jetson AGX Orin 64GB", "cuda", 64349676 * KIB, 204.8, "8.7"),), numa=None,
    ),
}  # fmt: skip


def detected(name: str, root: Path, **variables: str) -> Hardware:
    return detect(probe_of(name, root, **variables), catalogue=Table())


def test_each_machine_is_expected() -> None:
    assert list(EXPECTED) and sorted(EXPECTED) == NAMES
    assert len(NAMES) >= 12


@pytest.mark.parametrize("name", NAMES)
def test_a_machine_is_what_it_was_built_as(name: str, tmp_path: Path) -> None:
    hardware, expected = detected(name, tmp_path), EXPECTED[name]
    cpu, host = hardware.cpu, hardware.host
    assert cpu.name == expected.cpu
    assert (cpu.sockets, cpu.physical_cores, cpu.logical_cores) == expected.cores
    assert cpu.usable_cores == expected.usable
    assert expected.feature in cpu.features
    assert list(cpu.features) == sorted(cpu.features)
    assert cpu.numa_nodes == expected.numa
    assert host.total_bytes == expected.memory
    rate = host.bandwidth_bytes_per_second
    assert (rate and rate / 1e9, host.bandwidth_origin) == expected.bandwidth
    found = []
    for device in hardware.devices:
        pool = hardware.pool(device.pool)
        speed = pool.bandwidth_bytes_per_second
        target = device.compute_capability or device.gfx
        found.append((device.name, device.backend, pool.total_bytes, speed and speed / 1e9, target))
    assert found == list(expected.devices)
    assert all(device.visible for device in hardware.devices)


@pytest.mark.parametrize("name", NAMES)
def test_its_inventory_is_an_exact_inverse_and_names_nobody(name: str, tmp_path: Path) -> None:
    hardware = detected(name, tmp_path)
    assert from_json(to_json(hardware)) == hardware
    text = str(to_json(hardware))
    assert "6f1c2d3e" not in text  # the GPU's UUID
    assert str(tmp_path) not in text


def test_free_memory_is_what_is_left_not_what_there_is(tmp_path: Path) -> None:
    hardware = detected("desktop-nvidia", tmp_path)
    assert hardware.pool("nvidia0").free_bytes == 23028 * MIB
    assert hardware.host.free_bytes == 58000000 * KIB
    amd = detected("amd-rx-7900-xtx", tmp_path / "amd")
    assert amd.pool("amd0").free_bytes == 25753026560 - 1391427584


def test_the_discrete_gpu_comes_first_and_the_integrated_one_says_so(tmp_path: Path) -> None:
    for name in ("desktop-nvidia", "laptop-hybrid", "amd-rx-7900-xtx", "arc-b580"):
        first, second = detected(name, tmp_path / name).devices
        assert (first.integrated, first.unified, first.pool == "host") == (False, False, False)
        assert (second.integrated, second.unified, second.pool) == (True, True, "host")


def test_control_groups_bound_memory_free_memory_and_processors(tmp_path: Path) -> None:
    one = detected("container-v1", tmp_path / "1")
    assert one.system.container == "docker"
    assert one.system.virtual_machine == "amazon"
    assert one.system.physical_memory_bytes == 32000000 * KIB
    assert one.host.free_bytes == 2 * GIB - (1073741824 - 536870912)
    two = detected("container-v2-nested", tmp_path / "2")
    assert two.system.container == "kubernetes"
    assert two.host.free_bytes == 2 * GIB - (629145600 - 104857600)
    # Affinity leaves 4 of 16 threads, which are 2 of 8 cores; the pod's quota of 4 does not bind.
    assert two.cpu.usable_cores == 2.0


def test_a_group_outside_the_mount_and_a_limit_above_the_memory_change_nothing(tmp_path: Path) -> None:
    probe = probe_of("container-v2-nested", tmp_path)
    write(tmp_path, "/proc/self/cgroup", "0::/../../other.scope")
    write(tmp_path, "/sys/fs/cgroup/memory.max", str(2**50))
    assert detect(probe).host.total_bytes == 65000000 * KIB


def test_a_unified_gpu_may_hold_its_gtt_and_its_carve_out(tmp_path: Path) -> None:
    (device,) = detected("strix-halo", tmp_path).devices
    assert (device.unified, device.pool) == (True, "host")
    assert device.usable_bytes == 67000852480 + 536870912
    assert device.fp16_flops == 29.7e12


def test_a_large_carve_out_is_a_pool_of_its_own(tmp_path: Path) -> None:
    probe = probe_of("strix-halo", tmp_path)
    write(tmp_path, "/sys/bus/pci/devices/0000:c5:00.0/mem_info_vram_total", str(96 * GIB))
    hardware = detect(probe, catalogue=Table())
    (device,) = hardware.devices
    assert (device.pool, device.unified, device.integrated) == ("amd0", True, True)
    assert hardware.pool("amd0").total_bytes == 96 * GIB
    assert hardware.pool("amd0").bandwidth_bytes_per_second == 256_000_000_000


def test_wsl_and_gb10_tell_what_they_are(tmp_path: Path) -> None:
    wsl = detected("wsl2", tmp_path / "wsl").system
    assert (wsl.wsl, wsl.virtual_machine, wsl.drivers) == (True, "wsl", (("nvidia", "566.14"),))
    spark = detected("gb10", tmp_path / "gb10")
    assert spark.devices[0].unified
    assert [pool.name for pool in spark.pools] == ["host"]
    assert any("uses the host's" in note.message for note in spark.notes)


@pytest.mark.parametrize(
    ("variables", "seen"),
    [
        ({}, [0, 1, 2, 3, 4, 5, 6, 7]),
        ({"HIP_VISIBLE_DEVICES": "2,0"}, [0, 2]),
        ({"ROCR_VISIBLE_DEVICES": "4,5,6", "HIP_VISIBLE_DEVICES": "1"}, [5]),
        ({"HIP_VISIBLE_DEVICES": "1,x,3"}, [1]),
        ({"HIP_VISIBLE_DEVICES": "-1"}, []),
        ({"CUDA_VISIBLE_DEVICES": "7"}, [7]),
        ({"ROCR_VISIBLE_DEVICES": "GPU-00aa11bb22cc33dd"}, [3]),
    ],
)
def test_amds_variables_hide_devices_and_it_is_said(variables: dict[str, str], seen: list[int], tmp_path: Path) -> None:
    probe = probe_of("amd-mi300x", tmp_path, **variables)
    write(tmp_path, "/sys/bus/pci/devices/0000:5c:00.0/unique_id", "00aa11bb22cc33dd")
    hardware = detect(probe, catalogue=Table())
    assert [device.index for device in hardware.usable_devices] == seen
    assert len(hardware.devices) == 8
    for name in variables:
        assert any(name in note.message for note in hardware.notes)
    assert "00aa11bb22cc33dd" not in str(hardware)


def test_a_gpu_without_its_driver_is_named_and_left_out(tmp_path: Path) -> None:
    probe = probe_of("desktop-nvidia", tmp_path)
    probe.runner = lambda command: None
    write(
        tmp_path, "/usr/share/misc/pci.ids", "10de  NVIDIA Corporation\n\t2684  AD102 [GeForce RTX 4090]\n10df  Emulex"
    )
    hardware = detect(probe, catalogue=Table())
    assert [device.vendor for device in hardware.devices] == ["amd"]
    (warning,) = (note for note in hardware.notes if note.source == "nvidia")
    assert warning.level == "warning"
    assert "GeForce RTX 4090 at 0000:01:00.0 is left out" in warning.message


def test_an_amd_gpu_given_to_a_guest_is_left_out(tmp_path: Path) -> None:
    probe = probe_of("amd-rx-7900-xtx", tmp_path)
    driver = tmp_path / "sys/bus/pci/devices/0000:03:00.0/driver"
    driver.unlink()
    driver.symlink_to("../../../../bus/pci/drivers/vfio-pci")
    hardware = detect(probe, catalogue=Table())
    assert [device.name for device in hardware.devices] == ["AMD GPU 164e"]
    assert any("vfio-pci" in note.message for note in hardware.notes)


def test_without_the_table_a_gpu_keeps_what_it_says_itself(tmp_path: Path) -> None:
    hardware = detect(probe_of("amd-rx-7900-xtx", tmp_path))
    device = hardware.devices[0]
    assert (device.name, device.gfx, device.accelerator) == ("Radeon RX 7900 XTX", "gfx1100", None)
    assert hardware.pool("amd0").total_bytes == 24560 * MIB
    assert hardware.pool("amd0").bandwidth_bytes_per_second is None


def test_doctors_trace_has_each_reading_and_its_judgement(tmp_path: Path) -> None:
    probe = probe_of("strix-halo", tmp_path, trace=True)
    plain = detect(probe_of("strix-halo", tmp_path / "again"), catalogue=Table())
    assert detect(probe, catalogue=Table()) == plain
    read = {reading.what: reading for reading in probe.readings}
    vram = read["/sys/bus/pci/devices/0000:c5:00.0/mem_info_vram_total"]
    assert (vram.source, vram.raw, vram.judged) == ("amd", "536870912", "read")
    assert read["/proc/self/status"].raw == "0-31"
