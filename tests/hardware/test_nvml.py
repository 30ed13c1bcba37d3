"""NVML through NVIDIA's own bindings, with a library built here in the place of the driver's."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.hardware.tree import build

from modelpick.hardware.interface import Hardware
from modelpick.hardware.inventory import from_json
from modelpick.units import GIB, MIB

ROOT = Path(__file__).parents[2]
COMPILER = shutil.which("cc") or shutil.which("gcc")
pytestmark = pytest.mark.skipif(
    COMPILER is None or not sys.platform.startswith("linux"), reason="no C compiler on Linux"
)

PROGRAM = """
import json, os, sys
from modelpick.hardware.detect import detect
from modelpick.hardware.inventory import to_json
from modelpick.hardware.probe import Probe
from tests.hardware.table import Table
probe = Probe(sys.argv[1], platform="linux", trace=True, timeout_seconds=float(os.environ.get("TIMEOUT", "2")))
hardware = detect(probe, catalogue=Table())
readings = [[r.source, r.what, r.raw, r.judged] for r in probe.readings]
print(json.dumps({"hardware": to_json(hardware), "readings": readings, "modules": sorted(sys.modules)}))
sys.stdout.flush()
os._exit(0)  # a thread that hangs in the library must not be waited for
"""


def compiled(folder: Path, *flags: str) -> Path:
    folder.mkdir()
    command = [str(COMPILER), "-shared", "-fPIC", "-w", *flags, "-o", str(folder / "libnvidia-ml.so.1")]
    subprocess.run([*command, str(Path(__file__).parent / "fake_nvml.c")], check=True)
    return folder


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("nvml") / "whole")


def answer(library: Path, scenario: str, root: Path, **variables: str) -> dict[str, object]:
    build("desktop-nvidia", root)
    shutil.rmtree(root / "sys/bus/pci/devices/0000:6c:00.0")
    environment = {
        "PATH": str(root / "bin"),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}",
        "LD_LIBRARY_PATH": str(library),
        "FAKE_NVML": scenario,
        **variables,
    }
    command = [sys.executable, "-c", PROGRAM, str(root)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, cwd=root)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def detected(library: Path, scenario: str, root: Path, **variables: str) -> Hardware:
    return from_json(answer(library, scenario, root, **variables)["hardware"])


def said(hardware: Hardware) -> str:
    return " / ".join(note.message for note in hardware.notes)


def test_one_gpu_with_all_its_figures(library: Path, tmp_path: Path) -> None:
    hardware = detected(library, "one", tmp_path)
    (device,) = hardware.devices
    pool = hardware.pool(device.pool)
    assert (device.name, device.accelerator) == ("NVIDIA GeForce RTX 4090", "GeForce RTX 4090")
    assert (device.compute_capability, device.fp16_flops, device.fp32_flops) == ("8.9", 330.3e12, 82.6e12)
    assert (device.pcie_generation, device.pcie_width, device.pci_address) == (4, 16, "0000:01:00.0")
    assert (pool.total_bytes, pool.free_bytes) == (24564 * MIB, 23028 * MIB)
    assert (pool.bandwidth_bytes_per_second, pool.bandwidth_origin) == (10501 * 2 * 48 * 10**6, "reported")
    assert hardware.system.drivers == (("nvidia", "570.86.15"), ("cuda", "12.8"))
    assert hardware.notes == ()


def test_no_gpu(library: Path, tmp_path: Path) -> None:
    assert detected(library, "none", tmp_path).devices == ()


def test_eight_gpus_with_nvlink(library: Path, tmp_path: Path) -> None:
    hardware = detected(library, "eight", tmp_path)
    assert [device.index for device in hardware.devices] == list(range(8))
    assert {device.accelerator for device in hardware.devices} == {"H100 SXM5 80 GB"}
    assert {device.nvlink_bytes_per_second for device in hardware.devices} == {18 * 25 * 10**9}
    assert len({device.pool for device in hardware.devices}) == 8
    assert hardware.pool("nvidia7").bandwidth_bytes_per_second == 2619 * 2 * 640 * 10**6


def test_more_than_four_gib_is_not_cut(library: Path, tmp_path: Path) -> None:
    assert detected(library, "huge", tmp_path).pool("nvidia0").total_bytes == 288 * GIB > 2**32


@pytest.mark.parametrize("scenario", ["unified", "unified-zero"])
def test_a_gpu_without_memory_of_its_own_uses_the_hosts(library: Path, scenario: str, tmp_path: Path) -> None:
    hardware = detected(library, scenario, tmp_path)
    (device,) = hardware.devices
    assert (device.name, device.pool, device.unified, device.compute_capability) == (
        "NVIDIA GB10", "host", True, "12.1",
    )  # fmt: skip
    assert [pool.name for pool in hardware.pools] == ["host"]
    assert hardware.host.bandwidth_bytes_per_second == 273 * 10**9


def test_mig_instances_are_devices_and_a_program_sees_the_first(library: Path, tmp_path: Path) -> None:
    hardware = detected(library, "mig", tmp_path)
    large, small = hardware.devices
    assert (large.mig_profile, small.mig_profile) == ("3g.20gb", "1g.5gb")
    assert [hardware.pool(d.pool).total_bytes for d in hardware.devices] == [20096 * MIB, 4864 * MIB]
    whole = 1215 * 2 * 640 * 10**6
    assert [hardware.pool(d.pool).bandwidth_bytes_per_second for d in hardware.devices] == [whole // 2, whole // 8]
    assert large.fp16_flops == pytest.approx(312e12 * 3 / 7)
    assert (large.visible, small.visible) == (True, False)
    chosen = detected(library, "mig", tmp_path / "2", CUDA_VISIBLE_DEVICES="MIG-00000001-aaaa")
    assert [device.visible for device in chosen.devices] == [False, True]


def test_mig_without_an_instance_is_nothing_to_run_on(library: Path, tmp_path: Path) -> None:
    hardware = detected(library, "mig-empty", tmp_path)
    assert hardware.usable_devices == ()
    assert "MIG is on without an instance" in said(hardware)


def test_a_lost_gpu_costs_only_itself(library: Path, tmp_path: Path) -> None:
    hardware = detected(library, "lost", tmp_path)
    assert [device.index for device in hardware.devices] == [0, 2]
    assert "GPU 1 does not answer" in said(hardware)


def test_an_error_in_the_middle_leaves_a_memory_unknown(library: Path, tmp_path: Path) -> None:
    hardware = detected(library, "memory-error", tmp_path)
    assert [hardware.pool(d.pool).total_bytes for d in hardware.devices] == [24564 * MIB, None, 24564 * MIB]
    assert not hardware.devices[1].unified
    assert "GPU 1 does not tell its memory" in said(hardware)


def test_nonsense_becomes_unknown_and_a_note(library: Path, tmp_path: Path) -> None:
    hardware = detected(library, "nonsense", tmp_path)
    first, second = (hardware.pool(device.pool) for device in hardware.devices)
    assert (first.total_bytes, first.free_bytes) == (None, None)
    assert (second.total_bytes, second.free_bytes) == (24564 * MIB, None)
    assert "9223372036854775808 bytes is not possible" in said(hardware)


def test_a_missing_symbol_costs_only_its_figure(tmp_path: Path) -> None:
    library = compiled(tmp_path / "old", "-DWITHOUT_BUS_WIDTH")
    hardware = detected(library, "one", tmp_path / "root")
    pool = hardware.pool("nvidia0")
    assert pool.total_bytes == 24564 * MIB
    assert (pool.bandwidth_bytes_per_second, pool.bandwidth_origin) == (1_008_400_000_000, "published")


def test_a_hanging_driver_is_left_after_the_bound(library: Path, tmp_path: Path) -> None:
    hardware = detected(library, "hang", tmp_path, TIMEOUT="0.3")
    assert hardware.devices == ()
    assert "no answer within 0.3 s" in said(hardware)
    assert hardware.host.total_bytes


def test_a_driver_that_is_not_loaded_is_told(library: Path, tmp_path: Path) -> None:
    hardware = detected(library, "not-loaded", tmp_path)
    assert hardware.devices == ()
    assert "NVML does not start: Driver Not Loaded" in said(hardware)


@pytest.mark.parametrize(
    ("value", "seen"),
    [("1", [1]), ("1,0", [0, 1]), ("", []), ("-1", []), ("0,9,1", [0]), ("GPU-00000001", [1]), ("0,0", [0])],
)
def test_cuda_visible_devices_is_honoured_and_said(library: Path, value: str, seen: list[int], tmp_path: Path) -> None:
    hardware = detected(library, "mixed", tmp_path, CUDA_VISIBLE_DEVICES=value)
    assert [device.index for device in hardware.usable_devices] == seen
    assert len(hardware.devices) == 2
    assert f"hides {2 - len(seen)} of 2" in said(hardware)
    assert "GPU-0" not in said(hardware)
    assert "CUDA puts the fastest first" in said(hardware)


def test_nvidia_smi_answers_where_the_library_is_missing(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        'case "$1" in *compute_cap*) echo "Field compute_cap is not valid"; exit 2;; esac\n'
        'echo "0, Tesla T4, GPU-1b, 00000000:01:00.0, 15360, 14900, 470.57.02, 3, 16, [N/A]"\n'
    )
    program.chmod(0o755)
    hardware = detected(tmp_path / "nothing", "", tmp_path, PATH=f"{program.parent}:{os.defpath}")
    (device,) = hardware.devices
    assert (device.name, device.accelerator, device.compute_capability) == ("Tesla T4", "Tesla T4", "7.5")
    pool = hardware.pool("nvidia0")
    assert (pool.total_bytes, pool.free_bytes) == (15360 * MIB, 14900 * MIB)
    assert (pool.bandwidth_bytes_per_second, pool.bandwidth_origin) == (320 * 10**9, "published")


def test_an_nvidia_smi_that_hangs_is_ended(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/started\nexec sleep 60\n")
    program.chmod(0o755)
    variables = {"PATH": f"{program.parent}:{os.defpath}", "TIMEOUT": "1.6"}
    hardware = detected(tmp_path / "nothing", "", tmp_path, **variables)
    assert hardware.devices == ()
    assert "no answer" in said(hardware) or "is left out" in said(hardware)
    (started,) = (tmp_path / "started").read_text().split()  # asked once, not once more for each older driver
    assert not Path(f"/proc/{started}").exists()


def test_doctor_sees_each_call_and_no_serial_number(library: Path, tmp_path: Path) -> None:
    found = answer(library, "one", tmp_path)
    assert isinstance(found["readings"], list)
    calls = [reading for reading in found["readings"] if reading[0] == "nvml"]
    assert ["nvml", "nvmlSystemGetDriverVersion", "570.86.15", "read"] in calls
    assert any(call[1] == "nvmlDeviceGetNvLinkState(0,)" and "Not Supported" in call[2] for call in calls)
    assert "aaaa-bbbb" not in str(calls)
