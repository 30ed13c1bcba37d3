"""An inventory read back is the machine that was written, whatever the machine."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hardware.table import Table

from modelpick.errors import UsageError
from modelpick.hardware.interface import Cpu, Device, Hardware, MemoryPool, Note, System
from modelpick.hardware.inventory import from_json, read_inventory, to_json
from modelpick.hardware.simulate import Wish, simulate

sizes = st.none() | st.integers(0, 2**53 - 1)
text = st.text(max_size=12)
pools = st.builds(MemoryPool, st.just("gpu0"), sizes, sizes, sizes, st.sampled_from([None, "measured", "user"]))
hosts = st.builds(MemoryPool, st.just("host"), sizes, sizes, sizes, st.none(), st.none() | text)
devices = st.builds(
    Device,
    index=st.integers(0, 64),
    name=text,
    vendor=st.sampled_from(["nvidia", "amd", "intel", "apple", "other"]),
    backend=st.sampled_from(["cuda", "rocm", "vulkan", "sycl", "metal"]),
    pool=st.sampled_from(["host", "gpu0"]),
    unified=st.booleans(),
    usable_bytes=sizes,
    fp16_flops=st.none() | st.floats(0, 1e16),
    fp16_origin=st.sampled_from([None, "published", "estimated"]),
    pcie_generation=st.none() | st.integers(1, 7),
    visible=st.booleans(),
)
machines = st.builds(
    Hardware,
    cpu=st.builds(
        Cpu, st.none() | text, text, sizes, sizes, sizes, st.floats(0.01, 1024), st.lists(text).map(tuple)
    ),
    system=st.builds(
        System,
        st.sampled_from(["linux", "macos", "windows", "other"]),
        drivers=st.lists(st.tuples(text, text)).map(tuple),
    ),
    pools=st.tuples(hosts, pools),
    devices=st.lists(devices, max_size=3).map(tuple),
    simulated=st.booleans(),
    label=st.none() | text,
    notes=st.lists(st.builds(Note, text, text, st.sampled_from(["info", "warning"])), max_size=2).map(tuple),
)  # fmt: skip


@given(machines)
def test_reading_is_the_inverse_of_writing(hardware: Hardware) -> None:
    document = {"schema": "modelpick.hardware/1", "hardware": to_json(hardware)}
    assert from_json(json.loads(json.dumps(document))) == hardware
    assert to_json(from_json(to_json(hardware))) == to_json(hardware)


def node() -> dict[str, Any]:
    return to_json(simulate(None, Wish(machine="Strix Halo 128GB"), Table()))


def test_an_inventory_by_hand_needs_only_what_has_no_default() -> None:
    hardware = from_json(
        {
            "cpu": {
                "name": None, "architecture": "x86_64", "sockets": None, "physical_cores": 8, "logical_cores": 16,
                "usable_cores": 8,
            },
            "system": {"os": "linux"},
            "pools": [{"name": "host", "total_bytes": 2**36, "free_bytes": 2**35}],
        }
    )  # fmt: skip
    assert (hardware.cpu.usable_cores, hardware.devices, hardware.host.bandwidth_origin) == (8.0, (), None)


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in node().items() if name != key}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "JSON object"),
        ({"schema": "modelpick.list/1", "hardware": node()}, "modelpick.list/1"),
        (without("cpu"), "'cpu' is missing"),
        ({**node(), "hostname": "x"}, "unknown key 'hostname'"),
        ({**node(), "simulated": 1}, "hardware.simulated: 1 is not true or false"),
        ({**node(), "pools": []}, "pool 'host'"),
        ({**node(), "pools": [*node()["pools"], *node()["pools"]]}, "no name twice"),
        ({**node(), "pools": [{**node()["pools"][0], "total_bytes": -1}]}, "-1 is no memory size"),
        ({**node(), "pools": [{**node()["pools"][0], "total_bytes": 2**63}]}, "is no memory size"),
        ({**node(), "pools": [{**node()["pools"][0], "total_bytes": "64GB"}]}, "'64GB' is not a whole number"),
        ({**node(), "devices": [{**node()["devices"][0], "pool": "gpu7"}]}, "names no pool"),
        ({**node(), "devices": [{**node()["devices"][0], "vendor": "matrox"}]}, "not one of nvidia"),
        ({**node(), "devices": {}}, "not a list"),
    ],
)
def test_a_damaged_inventory_is_refused_and_the_place_named(document: object, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        from_json(document)
    assert "modelpick hardware --json" in (caught.value.hint or "")


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        read_inventory(str(tmp_path / "none.json"))
    for content in ("{", "[" * 100_000):
        (tmp_path / "bad.json").write_text(content)
        with pytest.raises(UsageError, match="is not JSON"):
            read_inventory(str(tmp_path / "bad.json"))
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="is not JSON"):
        read_inventory(str(tmp_path / "bytes.json"))
