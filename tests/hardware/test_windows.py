"""Windows, from what ``reg query /s`` printed on such machines."""

from collections.abc import Mapping

from tests.hardware.table import Table

from modelpick.hardware.detect import detect
from modelpick.hardware.host_windows import PROCESSORS
from modelpick.hardware.interface import Hardware
from modelpick.hardware.probe import Probe
from modelpick.hardware.registry_windows import parsed
from modelpick.hardware.windows import DISPLAY_CLASS, memory_size
from modelpick.units import GIB, MIB

_KEY = "HKEY_LOCAL_MACHINE\\" + DISPLAY_CLASS
ADAPTERS = rf"""
{_KEY}\0000
    DriverDesc    REG_SZ    AMD Radeon RX 7900 XTX
    ProviderName    REG_SZ    Advanced Micro Devices, Inc.
    MatchingDeviceId    REG_SZ    PCI\VEN_1002&DEV_744C&REV_C8
    DriverVersion    REG_SZ    32.0.12033.1030
    HardwareInformation.MemorySize    REG_BINARY    0000F0FF
    HardwareInformation.qwMemorySize    REG_QWORD    0x5ff000000

{_KEY}\0001
    DriverDesc    REG_SZ    AMD Radeon(TM) Graphics
    MatchingDeviceId    REG_SZ    PCI\VEN_1002&DEV_164E&REV_C1
    HardwareInformation.qwMemorySize    REG_QWORD    0x20000000

{_KEY}\0002
    DriverDesc    REG_SZ    Intel(R) Arc(TM) B580 Graphics
    MatchingDeviceId    REG_SZ    PCI\VEN_8086&DEV_E20B
    DriverVersion    REG_SZ    32.0.101.6559
    HardwareInformation.qwMemorySize    REG_QWORD    0x2fa000000

{_KEY}\0003
    DriverDesc    REG_SZ    NVIDIA GeForce RTX 4070
    MatchingDeviceId    REG_SZ    pci\ven_10de&dev_2786
    HardwareInformation.qwMemorySize    REG_QWORD    0x2ff000000

{_KEY}\0004
    DriverDesc    REG_SZ    Microsoft Remote Display Adapter
    MatchingDeviceId    REG_SZ    {{c0ffee}}\RDP

{_KEY}\Properties
"""
_CPU = "HKEY_LOCAL_MACHINE\\" + PROCESSORS
PROCESSOR = "\n".join(
    rf"""{_CPU}\{number}
    ProcessorNameString    REG_SZ    AMD Ryzen 9 7950X 16-Core Processor
    Identifier    REG_SZ    AMD64 Family 25 Model 97 Stepping 2
    ~MHz    REG_DWORD    0x1194
"""
    for number in range(32)
)
VERSION = r"""
HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion
    ProductName    REG_SZ    Windows 11 Pro
    CurrentBuildNumber    REG_SZ    26100
"""
SMI = "0, NVIDIA GeForce RTX 4070, GPU-1, 00000000:01:00.0, 12282, 11000, 566.14, 4, 16, [N/A], 8.9"


def windows(smi: str | None = None) -> Hardware:
    kept = {
        DISPLAY_CLASS: parsed(ADAPTERS),
        PROCESSORS: parsed(PROCESSOR),
        r"SOFTWARE\Microsoft\Windows NT": parsed(VERSION),
    }

    def registry(path: str) -> Mapping[str, Mapping[str, object]]:
        return kept[path]

    probe = Probe("/nowhere", environ={}, platform="win32", libraries=False, registry=registry, run=lambda command: smi)
    return detect(probe, catalogue=Table())


def test_sizes_have_64_bits() -> None:
    hardware = windows()
    assert [(d.name, d.backend, d.accelerator) for d in hardware.devices] == [
        ("AMD Radeon RX 7900 XTX", "rocm", "Radeon RX 7900 XTX"),
        ("Intel(R) Arc(TM) B580 Graphics", "sycl", "Arc B580"),
        ("NVIDIA GeForce RTX 4070", "cuda", "GeForce RTX 4070"),
        ("AMD Radeon(TM) Graphics", "vulkan", None),
    ]
    sizes = [hardware.pool(device.pool).total_bytes for device in hardware.devices[:3]]
    assert sizes == [0x5FF000000, 0x2FA000000, 0x2FF000000]
    assert all(size and size > 4 * GIB for size in sizes)
    assert hardware.devices[3].integrated
    assert hardware.devices[3].pool == "host"


def test_host_and_system() -> None:
    hardware = windows()
    assert hardware.cpu.name == "AMD Ryzen 9 7950X 16-Core Processor"
    assert (hardware.cpu.architecture, hardware.cpu.logical_cores) == ("x86_64", 32)
    assert hardware.system.os_version == "Windows 11 Pro (build 26100)"
    assert ("intel", "32.0.101.6559") in hardware.system.drivers


def test_what_nvidias_own_tool_has_found_is_not_listed_again() -> None:
    devices = windows(SMI).devices
    assert sum(device.vendor == "nvidia" for device in devices) == 1
    (card,) = (device for device in devices if device.vendor == "nvidia")
    assert windows(SMI).pool(card.pool).total_bytes == 12282 * MIB


def test_the_old_value_is_four_bytes_of_binary() -> None:
    assert memory_size({"HardwareInformation.MemorySize": bytes.fromhex("00000080")}) == 2 * GIB
    assert memory_size({}) is None
