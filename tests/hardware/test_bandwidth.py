"""The host's memory bandwidth: what firmware lists, what a chip's name says, what is measured and kept."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hardware.tree import probe_of

from modelpick.errors import RoomError
from modelpick.hardware import dmi
from modelpick.hardware.bandwidth import known
from modelpick.hardware.detect import detect
from modelpick.hardware.interface import Hardware
from modelpick.hardware.measure import measured_bandwidth
from modelpick.hardware.measured import cache_file, fingerprint, remember, remembered
from modelpick.units import MIB


def module(slot: str, bank: str, speed: int = 5600, size: int = 16384, kind: int = 0x22, width: int = 64) -> bytes:
    """One SMBIOS 3 structure of type 17."""
    body = bytearray(0x28)
    body[0], body[1] = 17, len(body)
    struct.pack_into("<HHHH", body, 0x06, 0xFFFE, width + 8 if width == 64 else width, width, size)
    body[0x10], body[0x11], body[0x12] = 1, 2, kind
    struct.pack_into("<H", body, 0x15, speed + 400)
    struct.pack_into("<H", body, 0x20, speed)
    return bytes(body) + slot.encode() + b"\0" + bank.encode() + b"\0\0"


HEAD = bytes([4, 8, 0, 0, 0, 0, 0, 0]) + b"CPU0\0\0"
END = bytes([127, 4, 0, 0]) + b"\0\0"


@pytest.mark.parametrize(
    ("modules", "expected"),
    [
        ([("DIMM 1", "P0 CHANNEL A"), ("DIMM 1", "P0 CHANNEL B")], 2 * 5600 * 8),
        ([("DIMM 0", "P0 CHANNEL A"), ("DIMM 1", "P0 CHANNEL A"), ("DIMM 1", "P0 CHANNEL B")], 2 * 5600 * 8),
        ([("Controller0-ChannelA-DIMM1", "BANK 0"), ("Controller1-ChannelA-DIMM1", "BANK 0")], 2 * 5600 * 8),
        ([("DIMM_A2", "BANK 1"), ("DIMM_B2", "BANK 3")], 2 * 5600 * 8),
        ([(f"CPU{cpu}_DIMM_{letter}1", f"NODE {cpu}") for cpu in (1, 2) for letter in "ABCDEFGH"], 16 * 5600 * 8),
        ([("SODIMM1", "?")], 5600 * 8),
        ([("one", "x"), ("two", "x"), ("three", "x"), ("four", "x")], None),
        ([], None),
    ],
)
def test_channels_are_counted_not_modules(modules: list[tuple[str, str]], expected: int | None) -> None:
    table = HEAD + b"".join(module(*names) for names in modules) + END
    assert dmi.bandwidth(table) == (None if expected is None else (expected * 10**6, "DDR5"))


def test_empty_slots_and_unknown_speeds_do_not_count() -> None:
    table = module("DIMM_A1", "0", size=0) + module("DIMM_B1", "0", speed=0) + module("DIMM_C1", "0", width=13)
    assert [m.slot for m in dmi.modules(table)] == ["DIMM_B1"]  # its rated speed stands in for the configured one
    soldered = b"".join(module(f"Controller0-Channel{c}", "B", 8533, kind=0x23, width=16) for c in "ABCDEFGH")
    assert dmi.bandwidth(soldered) == (8 * 2 * 8533 * 10**6, "LPDDR5")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_of_something(noise: bytes) -> None:
    found = dmi.bandwidth(noise)
    assert found is None or found[0] > 0
    # What stands before the noise is read all the same: a damaged table ends the walk, no more.
    known = module("DIMM_A1", "0") + module("DIMM_B1", "0")
    assert dmi.modules(known + noise)[:2] == dmi.modules(known)
    assert dmi.bandwidth(known + b"\0" + noise[:3]) == dmi.bandwidth(known) == (2 * 8 * 5600 * 10**6, "DDR5")


def test_the_firmwares_list_beats_the_chips_table(tmp_path: Path) -> None:
    probe = probe_of("desktop-nvidia", tmp_path)
    file = tmp_path / "sys/firmware/dmi/tables/DMI"
    file.parent.mkdir(parents=True)
    file.write_bytes(module("DIMM 1", "P0 CHANNEL A", 6000) + module("DIMM 1", "P0 CHANNEL B", 6000) + END)
    host = detect(probe, gpus=False).host
    assert (host.bandwidth_bytes_per_second, host.bandwidth_origin, host.kind) == (96 * 10**9, "reported", "DDR5")


@pytest.mark.parametrize(
    ("name", "sockets", "gigabytes", "origin"),
    [
        ("13th Gen Intel Core i9-13900K", 1, 89.6, "estimated"),
        ("Intel Core i7-10700 CPU @ 2.90GHz", 1, 51.2, "estimated"),
        ("AMD Ryzen 5 5600X 6-Core Processor", 1, 51.2, "estimated"),
        ("AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", 1, 256.0, "published"),
        ("AMD EPYC 7763 64-Core Processor", 2, 409.6, "estimated"),
        ("Intel Core Ultra 7 258V", 1, 136.5, "published"),
        ("Some CPU", 1, None, None),
    ],
)
def test_what_a_processors_name_says(name: str, sockets: int, gigabytes: float | None, origin: str | None) -> None:
    rate, found, _ = known(name, sockets)
    assert (rate and rate / 1e9, found) == (gigabytes, origin)


def test_a_measurement_is_a_rate_that_memory_has() -> None:
    rate = measured_bandwidth(2, 1 << 30, seconds=0.05)
    assert 10**8 < rate < 10**13


def test_too_little_free_memory_is_told_before_anything_is_taken() -> None:
    with pytest.raises(RoomError, match=r"512.0 MiB free, and 100.0 MiB"):
        measured_bandwidth(2, 100 * MIB)


def machine(tmp_path: Path) -> Hardware:
    return detect(probe_of("xeon-server", tmp_path), gpus=False)


def test_a_measurement_is_kept_under_the_machines_fingerprint(tmp_path: Path) -> None:
    here, file = machine(tmp_path / "root"), tmp_path / "cache" / "bandwidth.json"
    assert remembered(here, str(file)) is None
    assert not file.parent.exists()
    remember(here, 250 * 10**9, "2026-11-24T15:00:00+00:00", str(file))
    assert remembered(here, str(file)) == 250 * 10**9
    fewer = replace(here, cpu=replace(here.cpu, usable_cores=4.0))
    assert fingerprint(fewer) != fingerprint(here)
    assert remembered(fewer, str(file)) is None
    remember(fewer, 40 * 10**9, "2026-11-24T15:00:01+00:00", str(file))
    assert remembered(here, str(file)) == 250 * 10**9
    assert len(json.loads(file.read_text())) == 2
    assert [path.name for path in file.parent.iterdir()] == ["bandwidth.json"]


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"%s": 7}', '{"%s": {"bandwidth_bytes_per_second": -1}}', "[" * 9999]
)
def test_a_damaged_cache_counts_as_none_and_is_written_anew(content: str, tmp_path: Path) -> None:
    here, file = machine(tmp_path / "root"), tmp_path / "bandwidth.json"
    file.write_text(content.replace("%s", fingerprint(here)))
    assert remembered(here, str(file)) is None
    remember(here, 10**10, "2026-11-24T15:00:00+00:00", str(file))
    assert remembered(here, str(file)) == 10**10


def test_the_cache_lies_where_platformdirs_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from platformdirs import user_cache_dir

    for variable in (None, str(tmp_path)):
        if variable:
            monkeypatch.setenv("XDG_CACHE_HOME", variable)
        else:
            monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        assert cache_file() == str(Path(user_cache_dir("modelpick", appauthor=False)) / "bandwidth.json")
