"""Macs, from what sysctl and system_profiler said on them."""

import json
from collections.abc import Mapping

import pytest
from tests.hardware.table import Table, spec_of

from modelpick.hardware.apple_chips import CHIPS, wired_limit
from modelpick.hardware.detect import detect
from modelpick.hardware.interface import Hardware
from modelpick.hardware.probe import Probe
from modelpick.units import GIB, MIB

M4_MAX = """
hw.memsize: 68719476736
hw.pagesize: 16384
hw.physicalcpu: 16
hw.logicalcpu: 16
hw.packages: 1
hw.optional.arm64: 1
hw.optional.AdvSIMD: 1
hw.optional.arm.FEAT_DotProd: 1
hw.optional.arm.FEAT_I8MM: 1
hw.optional.arm.FEAT_BF16: 1
hw.optional.arm.FEAT_SME: 1
machdep.cpu.brand_string: Apple M4 Max
kern.osproductversion: 15.6.1
kern.hv_vmm_present: 0
vm.page_free_count: 1200000
vm.page_speculative_count: 300000
vm.page_purgeable_count: 50000
vm.swapusage: total = 2048.00M  used = 512.00M  free = 1536.00M  (encrypted)
iogpu.wired_limit_mb: 0
"""
INTEL_MAC = """
hw.memsize: 34359738368
hw.physicalcpu: 8
hw.logicalcpu: 16
hw.optional.avx2_0: 1
machdep.cpu.brand_string: Intel(R) Core(TM) i9-9980HK CPU @ 2.40GHz
kern.osproductversion: 14.7
"""
DISPLAYS = """{
  "SPDisplaysDataType" : [
    { "_name" : "kHW_IntelUHDGraphics630Item", "spdisplays_vendor" : "Intel", "sppci_bus" : "spdisplays_builtin",
      "sppci_model" : "Intel UHD Graphics 630", "spdisplays_vram_shared" : "1536 MB" },
    { "_name" : "kHW_AMDRadeonPro5500MItem", "spdisplays_vendor" : "sppci_vendor_amd", "sppci_bus" : "spdisplays_pcie_device",
      "sppci_model" : "AMD Radeon Pro 5500M", "spdisplays_vram" : "8 GB", "spdisplays_pcie_width" : "x16" }
  ]
}"""  # noqa: E501


def mac(text: str, displays: str | None = None, **changed: str) -> Hardware:
    values: Mapping[str, str] = {
        **dict(line.split(": ", 1) for line in text.strip().splitlines()),
        **{name.replace("__", "."): value for name, value in changed.items()},
    }
    probe = Probe(
        "/nowhere", environ={}, platform="darwin", libraries=False, sysctl=values.get, run=lambda command: displays
    )
    return detect(probe, catalogue=Table())


def test_an_m4_max_with_64_gb() -> None:
    hardware = mac(M4_MAX)
    (device,) = hardware.devices
    assert (device.name, device.backend, device.pool) == ("Apple M4 Max (40-core GPU)", "metal", "host")
    assert (device.unified, device.integrated, device.usable_bytes) == (True, True, 48 * GIB)
    assert hardware.host.total_bytes == 64 * GIB
    assert hardware.host.free_bytes == 1550000 * 16384
    assert hardware.host.bandwidth_bytes_per_second == 546 * 10**9
    assert hardware.cpu.features == ("bf16", "dotprod", "i8mm", "neon", "sme")
    assert (hardware.cpu.architecture, hardware.cpu.usable_cores) == ("aarch64", 16.0)
    assert (hardware.system.os, hardware.system.os_version) == ("macos", "macOS 15.6.1")
    assert hardware.system.swap_total_bytes == 2048 * MIB


def test_the_cores_tell_the_configuration_and_a_set_limit_wins() -> None:
    smaller = mac(M4_MAX, hw__physicalcpu="14", hw__memsize=str(36 * GIB), iogpu__wired_limit_mb="30000")
    (device,) = smaller.devices
    assert device.accelerator == "Apple M4 Max (32-core GPU)"
    assert smaller.host.bandwidth_bytes_per_second == 410 * 10**9
    assert device.usable_bytes == 30000 * MIB
    assert any("wired_limit_mb" in note.message for note in smaller.notes)


def test_a_chip_of_tomorrow_is_reported_without_its_bandwidth() -> None:
    hardware = mac(M4_MAX, machdep__cpu__brand_string="Apple M9 Ultra")
    assert hardware.devices[0].name == "Apple M9 Ultra"
    assert hardware.host.bandwidth_bytes_per_second is None
    assert any("not in the table" in note.message for note in hardware.notes)


def test_an_intel_macs_cards_come_from_system_profiler() -> None:
    discrete, integrated = mac(INTEL_MAC, DISPLAYS).devices
    assert (discrete.name, discrete.vendor, discrete.backend, discrete.integrated) == (
        "AMD Radeon Pro 5500M", "amd", "metal", False,
    )  # fmt: skip
    assert mac(INTEL_MAC, DISPLAYS).pool(discrete.pool).total_bytes == 8 * GIB
    assert (integrated.name, integrated.pool, integrated.integrated) == ("Intel UHD Graphics 630", "host", True)
    assert mac(INTEL_MAC, "no JSON").devices == ()
    assert mac(INTEL_MAC, json.dumps({})).devices == ()


def test_every_chip_of_the_table_has_its_cores_here() -> None:
    for chip in CHIPS:
        spec = spec_of(chip.accelerator)
        assert spec.memory_bytes is None or spec.memory_bytes == max(chip.memory_gib) * GIB


@pytest.mark.parametrize(("memory", "limit"), [(8, 16 / 3), (24, 16), (36, 24), (48, 36), (512, 384)])
def test_the_wired_limit(memory: int, limit: float) -> None:
    assert wired_limit(memory * GIB) == int(limit * GIB)
