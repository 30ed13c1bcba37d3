"""Arc's memory through Level Zero, with a loader built here in the place of Intel's."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.hardware.table import Table
from tests.hardware.tree import build, probe_of

from modelpick.hardware.detect import detect
from modelpick.hardware.inventory import from_json
from modelpick.units import GIB

ROOT = Path(__file__).parents[2]
COMPILER = shutil.which("cc") or shutil.which("gcc")
PROGRAM = """
import json, sys
from modelpick.hardware.detect import detect
from modelpick.hardware.inventory import to_json
from modelpick.hardware.probe import Probe
from tests.hardware.table import Table
print(json.dumps(to_json(detect(Probe(sys.argv[1], platform="linux"), catalogue=Table()))))
"""


@pytest.mark.skipif(COMPILER is None or not sys.platform.startswith("linux"), reason="no C compiler on Linux")
@pytest.mark.parametrize("variables", [{}, {"FAKE_ZE_FAILS": "1"}])
def test_level_zero_tells_size_and_free_memory(variables: dict[str, str], tmp_path: Path) -> None:
    source = Path(__file__).parent / "fake_level_zero.c"
    library = tmp_path / "libze_loader.so.1"
    subprocess.run([str(COMPILER), "-shared", "-fPIC", "-w", "-o", str(library), str(source)], check=True)
    build("arc-b580", tmp_path / "root")
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", "LD_LIBRARY_PATH": str(tmp_path), **variables}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "root")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    hardware = from_json(json.loads(done.stdout))
    pool = hardware.pool("intel0")
    assert pool.total_bytes == 12 * GIB
    assert pool.free_bytes == (None if variables else 10 * GIB)
    assert pool.bandwidth_bytes_per_second == 456 * 10**9
    assert any("Level Zero" in note.message for note in hardware.notes) is bool(variables)


def test_without_level_zero_the_size_is_the_published_one_and_said_to_be(tmp_path: Path) -> None:
    hardware = detect(probe_of("arc-b580", tmp_path), catalogue=Table())
    assert (hardware.pool("intel0").total_bytes, hardware.pool("intel0").free_bytes) == (12 * GIB, None)
    assert any("12.0 GiB is the published one" in note.message for note in hardware.notes)
    unknown = detect(probe_of("arc-b580", tmp_path / "2"))
    assert unknown.pool("intel0").total_bytes is None
    assert any("nothing tells how much memory it has" in note.message for note in unknown.notes)
    assert (hardware.devices[0].pcie_generation, hardware.devices[0].pcie_width) == (4, 8)
