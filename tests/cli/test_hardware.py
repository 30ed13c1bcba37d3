"""``modelpick hardware``, ``hardware list`` and ``doctor``, run as a user runs them."""

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from modelpick.cli.app import app
from modelpick.cli.app import run as run_here
from modelpick.cli.hardware_names import RegistryCatalogue, complete_gpu, complete_machine
from modelpick.hardware import interface
from modelpick.hardware.interface import AcceleratorSpec
from modelpick.hardware.machines import machine_names
from modelpick.registry.reader import open_registries
from modelpick.units import GIB

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(found)
    return found


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "100", **variables}
    command = [sys.executable, "-m", "modelpick", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


def hardware(*arguments: str) -> dict[str, Any]:
    """The document of ``modelpick hardware ... --json``, held against its schema."""
    done = CliRunner().invoke(app, ["hardware", *arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    document: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(document, schema("hardware"))
    return document


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_this_machine_is_shown_and_its_json_keeps_its_schema() -> None:
    done = run("hardware")
    assert done.returncode == 0, done.stderr
    assert "Processor" in done.stdout or "Architecture" in done.stdout
    assert "Memory" in done.stdout
    found = hardware()["hardware"]
    assert found["simulated"] is False
    assert found["pools"][0]["name"] == "host"
    assert found["pools"][0]["total_bytes"] > GIB // 4


def test_the_schema_has_exactly_the_fields_of_the_values() -> None:
    definitions = schema("hardware")["$defs"]
    for name, definition in definitions.items():
        names = [field.name for field in fields(getattr(interface, name))]
        assert list(definition["properties"]) == definition["required"] == names
    assert schema("doctor")["$defs"] == definitions


@pytest.mark.parametrize(
    "arguments",
    [(), ("--gpu", "2x RTX 3090", "--ram", "64GB"), ("--machine", "MacBook Pro M4 Max 64GB"), ("--gpu", "none")],
)
def test_writing_an_inventory_and_reading_it_are_inverse(arguments: tuple[str, ...], tmp_path: Path) -> None:
    written = CliRunner().invoke(app, ["hardware", *arguments, "--json"]).stdout
    node = tmp_path / "node.json"
    node.write_text(written)
    assert CliRunner().invoke(app, ["hardware", "--hardware", str(node), "--json"]).stdout == written


def test_an_inventory_names_neither_machine_nor_user() -> None:
    import getpass
    import platform

    text = json.dumps(hardware())
    for name in (platform.node(), getpass.getuser(), str(Path.home())):
        assert len(name) < 3 or f'"{name}"' not in text
        assert name in ("root", "vm", "") or name not in text


def test_options_describe_a_machine() -> None:
    found = hardware("--gpu", "RTX 4090", "--gpu", "RTX 3060 12GB", "--ram", "64GiB", "--cpu-cores", "8")["hardware"]
    assert [device["name"] for device in found["devices"]] == ["GeForce RTX 4090", "GeForce RTX 3060 12 GB"]
    assert found["pools"][0]["total_bytes"] == 64 * GIB
    assert found["cpu"]["usable_cores"] == 8.0
    assert found["simulated"] is True
    rate = hardware("--gpu", "none", "--memory-bandwidth", "80GB/s")["hardware"]["pools"][0]
    assert (rate["bandwidth_bytes_per_second"], rate["bandwidth_origin"]) == (80 * 10**9, "user")


def test_the_environment_says_the_same() -> None:
    done = run("hardware", "--json", MODELPICK_GPU="2x RTX 3090;RTX 3060 12GB", MODELPICK_RAM="96g")
    found = json.loads(done.stdout)["hardware"]
    assert len(found["devices"]) == 3
    assert found["pools"][0]["total_bytes"] == 96 * GIB


@pytest.mark.parametrize("size", ["24GB", "24GiB", "24g", "24576MiB"])
def test_sizes_are_read_in_every_spelling(size: str) -> None:
    pools = hardware("--gpu", "RTX 3090", "--vram", size)["hardware"]["pools"]
    assert pools[1]["total_bytes"] == 24 * GIB


@pytest.mark.parametrize("option", ["--vram", "--ram", "--memory-bandwidth"])
@pytest.mark.parametrize("size", ["8X", "-1", "0", "24", "", "1e3GB"])
def test_sizes_that_are_none_are_refused_with_the_accepted_forms(
    option: str, size: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_here(["hardware", "--json", f"{option}={size}"])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    error = json.loads(err.splitlines()[-1])["error"]
    assert error["code"] == "usage"
    assert "24GB, 24GiB, 24g, 24576MiB" in error["hint"]


@pytest.mark.parametrize("cores", ["0", "-1", "2.5", "many", "99999"])
def test_cores_that_are_none_are_refused(cores: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = run_here(["hardware", f"--cpu-cores={cores}"])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert "whole number from 1 to 4096" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--gpu", "RTX 3060"), "GeForce RTX 3060 8 GB"),
        (("--gpu", "RTX 9999"), "no accelerator"),
        (("--machine", "Toaster"), "no machine"),
        (("--machine", "M4 Max 64GB", "--hardware", "x.json"), "contradict"),
        (("--hardware", "/nowhere.json"), "cannot read"),
        (("--measure", "--ram", "8GB"), "measures this machine"),
    ],
)
def test_what_is_not_understood_is_exit_2_and_nothing_on_stdout(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_here(["hardware", *arguments])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert message in err
    assert "Hint:" in err


def test_a_measurement_is_marked_kept_and_used_again(tmp_path: Path) -> None:
    variables = {"XDG_CACHE_HOME": str(tmp_path)}
    measured = json.loads(run("hardware", "--measure", "--json", **variables).stdout)["hardware"]["pools"][0]
    assert measured["bandwidth_origin"] == "measured"
    later = json.loads(run("hardware", "--json", **variables).stdout)["hardware"]["pools"][0]
    assert later["bandwidth_bytes_per_second"] == measured["bandwidth_bytes_per_second"]
    assert [path.name for path in tmp_path.rglob("*.json")] == ["bandwidth.json"]


def test_nothing_is_written_unasked(tmp_path: Path) -> None:
    variables = {name: str(tmp_path / name) for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME")}
    for arguments in (("hardware",), ("hardware", "list"), ("doctor",)):
        assert run(*arguments, **variables).returncode == 0
    assert list(tmp_path.iterdir()) == []


def listed(*arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(invoke("hardware", "list", *arguments, "--json").stdout)
    jsonschema.validate(document, schema("hardware-list"))
    return document


def test_everything_that_can_be_simulated_is_listed() -> None:
    document = listed()
    assert document["count"] == len(document["results"]) == 254
    named = {f"{m['machine']} {size}GB" for m in document["machines"] for size in m["memory_gib"]}
    assert {name for name in machine_names() if "M5 Pro" not in name and "M5 Max" not in name} == named
    assert len({row["gpu"] for row in document["results"]}) == 254


def test_a_list_can_be_narrowed_and_an_empty_one_is_exit_3() -> None:
    assert {row["gpu"] for row in listed("rtx", "4090")["results"]} == {
        "GeForce RTX 4090 24GB", "GeForce RTX 4090 D 24GB", "GeForce RTX 4090 Laptop GPU 16GB",
    }  # fmt: skip
    assert {row["vendor"] for row in listed("--vendor", "intel")["results"]} == {"intel"}
    done = run("hardware", "list", "abacus")
    assert (done.returncode, done.stdout) == (3, "")


def test_names_are_completed_from_any_word_and_behind_a_count() -> None:
    assert complete_gpu("RTX 4090") == ["RTX 4090 24GB", "RTX 4090 D 24GB", "RTX 4090 Laptop GPU 16GB"]
    assert complete_gpu("2x radeon rx 7900 xtx") == ["2x Radeon RX 7900 XTX 24GB"]
    assert complete_gpu("no") == ["none"]
    assert complete_machine("rasp")[0] == "Raspberry Pi 5 2GB"
    for name in complete_gpu("RTX 4"):
        assert hardware("--gpu", name)["hardware"]["devices"]


def test_tab_offers_them() -> None:
    variables = {
        "_MODELPICK_COMPLETE": "bash_complete",
        "COMP_WORDS": "modelpick hardware --machine Str",
        "COMP_CWORD": "3",
    }
    assert "plain,Strix Halo 128GB" in run(**variables).stdout.splitlines()


def test_doctor_is_ready_for_a_bug_report() -> None:
    done = run(
        "doctor", "--json", HF_TOKEN="hf_verysecret", MODELPICK_RAM="8GB", CUDA_VISIBLE_DEVICES="GPU-12345678-aa"
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    jsonschema.validate(document, schema("doctor"))
    assert document["versions"]["modelpick"]
    assert document["settings"]["HF_TOKEN"] == "(set)"
    assert document["registry"]["accelerators"] == 254
    assert "hf_verysecret" not in done.stdout
    assert "12345678" not in done.stdout
    home = str(Path.home())
    assert home == "/" or home not in json.dumps([document["paths"], document["results"]])
    if sys.platform.startswith("linux"):
        assert {"cpu", "memory", "os"} <= {reading["source"] for reading in document["results"]}
    table = run("doctor")
    assert "Readings" in table.stdout
    assert "Versions" in table.stdout


def test_doctor_tells_of_a_registry_that_cannot_be_read(tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite"
    broken.write_text("no registry")
    done = run("doctor", "--json", "--registry", str(broken))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["registry"]["error"]


def test_the_catalogue_says_what_the_registry_does() -> None:
    with open_registries() as registry:
        rows = registry.accelerators()
    specs = RegistryCatalogue().accelerators()
    assert len(specs) == len(rows)
    for spec, row in zip(specs, rows, strict=True):
        plain = {name: getattr(row, name) for name in AcceleratorSpec.__slots__ if name != "memory_kind"}
        assert spec == AcceleratorSpec(**plain, memory_kind=row.memory_type)
