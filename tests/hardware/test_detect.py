"""The guard around detectors, and what a machine without a GPU pays."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hardware.tree import probe_of, write

from modelpick.hardware.detect import Detector, detect, steadied
from modelpick.hardware.interface import Cpu, Device, Finding, Hardware, MemoryPool, System
from modelpick.hardware.judge import judged
from modelpick.hardware.probe import Probe, listed

ROOT = Path(__file__).parents[2]


def with_detector(find: Any, root: Path, monkeypatch: pytest.MonkeyPatch, timeout: float = 2.0) -> Hardware:
    """A machine with an NVIDIA GPU on its bus, seen by a detector of our own."""
    module = ModuleType("a_detector")
    module.find = find  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_detector", module)
    probe = probe_of("desktop-nvidia", root)
    probe.timeout_seconds = timeout
    return detect(probe, detectors=(Detector("mine", "a_detector", frozenset(("10de",))),))


def found(total: Any, free: Any = 1, **more: Any) -> Finding:
    device = Device(index=0, name="A", vendor="nvidia", backend="cuda", pool="a0", **more)
    return Finding((device,), (MemoryPool("a0", total, free),))


@pytest.mark.parametrize("error", [RuntimeError("broken"), OSError(5, "I/O error"), SystemExit(3), RecursionError()])
def test_a_detector_that_raises_becomes_a_note(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(around: object) -> Finding:
        raise error

    hardware = with_detector(find, tmp_path, monkeypatch)
    assert hardware.devices == ()
    (note,) = hardware.notes
    assert (note.source, note.level) == ("mine", "warning")
    assert type(error).__name__ in note.message


def test_a_detector_that_hangs_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(around: object) -> Finding:
        time.sleep(1.5)
        return found(2**34)

    hardware = with_detector(find, tmp_path, monkeypatch, timeout=0.05)
    assert hardware.devices == ()
    assert hardware.notes[0].message == "no answer within 0.05 s; these GPUs are left out"


def test_the_bound_is_two_seconds() -> None:
    assert Probe().timeout_seconds == 2.0


@pytest.mark.parametrize("total", [-1, 0, 1, 2**63, 2**63 - 1, -(2**63), 2**64])
def test_a_size_that_cannot_be_is_unknown_and_said(total: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hardware = with_detector(lambda around: found(total), tmp_path, monkeypatch)
    assert hardware.pool("a0").total_bytes is None
    assert str(total) in hardware.notes[0].message


@pytest.mark.parametrize("answer", [None, 7, "GPU", [found(2**34)]])
def test_an_answer_of_another_kind_is_a_note(answer: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hardware = with_detector(lambda around: answer, tmp_path, monkeypatch)
    assert hardware.devices == ()
    assert "answered with" in hardware.notes[0].message


def test_a_device_without_its_pool_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lonely = Finding(found(2**34).devices)
    hardware = with_detector(lambda around: lonely, tmp_path, monkeypatch)
    assert hardware.devices == ()
    assert "is left out" in hardware.notes[0].message


def test_one_device_seen_by_two_detectors_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, address in (("first", "00000000:01:00.0"), ("second", "0000:01:00.0")):
        module = ModuleType(name)
        module.find = lambda around, a=address: found(2**34, pci_address=a)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, module)
    detectors = tuple(Detector(name, name, frozenset(("10de",))) for name in ("first", "second"))
    hardware = detect(probe_of("desktop-nvidia", tmp_path), detectors=detectors)
    assert [device.pci_address for device in hardware.devices] == ["00000000:01:00.0"]
    assert [pool.name for pool in hardware.pools] == ["host", "a0"]


whole_numbers = st.none() | st.integers(-(2**70), 2**70)


@given(whole_numbers, whole_numbers, whole_numbers)
def test_whatever_is_reported_what_is_kept_is_possible(total: int | None, free: int | None, rate: int | None) -> None:
    device = Device(index=0, name="A", vendor="amd", backend="rocm", pool="a0", usable_bytes=total)
    finding = Finding((device,), (MemoryPool("a0", total, free, rate, "reported"),))
    (pool,) = judged(finding, Probe(), "amd").pools
    assert pool.total_bytes is None or 0 < pool.total_bytes < 2**47
    assert pool.free_bytes is None or 0 <= pool.free_bytes <= (pool.total_bytes or 2**47)
    assert (pool.bandwidth_bytes_per_second is None) == (pool.bandwidth_origin is None)


@given(st.text(max_size=40))
def test_any_text_in_a_kernel_list_is_a_count_or_unknown(text: str) -> None:
    count = listed(text)
    assert count is None or isinstance(count, int)


@pytest.mark.parametrize(("text", "count"), [("0-3", 4), ("0-3,8", 5), ("7", 1), ("", None), ("x", None), (None, None)])
def test_a_kernel_list_is_counted(text: str | None, count: int | None) -> None:
    assert listed(text) == count


SIZES = st.one_of(st.none(), st.integers(0, 2**45))


@given(SIZES, SIZES, SIZES)
def test_free_memory_counts_in_small_steps_and_never_for_more_than_it_is(
    total: int | None, free: int | None, disk: int | None
) -> None:
    free = free if total is None or free is None else min(free, total)
    system = System("linux", disk_free_bytes=disk)
    moving = Hardware(Cpu("cpu", "x86_64", 1, 2, 2, 2.0), system, (MemoryPool("host", total, free),))
    steady = steadied(moving)
    assert steadied(steady) == steady
    for before, after, step in (
        (free, steady.pools[0].free_bytes, (total or free or 0) / 128),
        (disk, steady.system.disk_free_bytes, 2**30),
    ):
        assert (after is None) == (before is None)
        assert before is None or after is None or 0 <= before - after <= step


def test_a_bare_tree_and_a_damaged_one_are_answered(tmp_path: Path) -> None:
    hardware = detect(Probe(str(tmp_path), environ={}, platform="linux", libraries=False))
    assert (hardware.host.total_bytes, hardware.cpu.name) == (None, None)
    for path in ("/proc/meminfo", "/proc/cpuinfo", "/proc/self/cgroup", "/proc/self/mountinfo", "/proc/self/status"):
        write(tmp_path, path, "MemTotal: -5 kB\n: - :\n - cgroup\n35 24 0:30 / / - cgroup2 x\nflags")
    hardware = detect(Probe(str(tmp_path), environ={}, platform="linux", libraries=False))
    assert hardware.host.total_bytes is None


def test_a_host_that_cannot_be_read_is_unknown_and_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def registry(path: str) -> dict[str, dict[str, object]]:
        raise OSError(5, "Access is denied")

    probe = Probe(str(tmp_path), environ={}, platform="win32", libraries=False, registry=registry, run=lambda c: None)
    hardware = detect(probe)
    assert (hardware.host.total_bytes, hardware.system.os) == (None, "windows")
    assert [note.source for note in hardware.notes] == ["host", "windows"]


MEASURED = """
import json, os, sys
import modelpick.hardware.interface, re, threading
from modelpick.hardware.probe import Probe
opened = []
def watch(event, arguments):
    if event in ("open", "os.listdir", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.fork", "socket.connect",
                 "socket.__new__", "ctypes.dlopen", "os.system"):
        opened.append([event, str(arguments[0])])
sys.addaudithook(watch)
from modelpick.hardware.detect import detect
at = len(opened)
hardware = detect(Probe(sys.argv[1] if len(sys.argv) > 1 else "/"))
from modelpick.hardware.inventory import to_json
to_json(hardware)
print(json.dumps({"events": opened[at:], "modules": sorted(sys.modules), "devices": len(hardware.devices)}))
"""


def hot_path(root: str = "/") -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    command = [sys.executable, "-c", MEASURED, root]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


HEAVY = {"psutil", "pynvml", "archspec", "subprocess", "socket", "ctypes", "platformdirs", "pathlib"}
HEAVY |= {"dataclasses", "inspect"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the hot path without psutil is Linux's")
def test_a_machine_without_gpu_loads_no_library_and_starts_nothing(tmp_path: Path) -> None:
    probe_of("xeon-server", tmp_path)
    before = hot_path(str(tmp_path))
    assert before["devices"] == 0
    loaded = set(before["modules"]) - {"json"}
    assert not {name for name in loaded if name.split(".")[0] in HEAVY}
    assert not {f"modelpick.hardware.{vendor}" for vendor in ("nvidia", "amd", "intel", "catalogue")} & loaded
    kinds = {event for event, _ in before["events"]}
    assert kinds <= {"open", "os.listdir"}
    # Work is counted, not timed: some forty small files, each opened once or twice.
    read = [path for event, path in before["events"] if event == "open" and path.startswith(str(tmp_path))]
    assert 10 < len(read) < 80


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_no_other_process_is_read_here_and_none_started() -> None:
    found = hot_path()
    if not found["devices"]:
        assert {event for event, _ in found["events"]} <= {"open", "os.listdir"}
    for _, path in found["events"]:
        assert not (path.startswith("/proc/") and path.split("/")[2].isdigit()), path
