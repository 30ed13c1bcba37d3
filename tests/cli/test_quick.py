"""The stand-ins: gone once click is there, and never told from the real modules."""

import inspect
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelpick.cli.quick import cleandoc

AFTER = """
import sys
from modelpick.cli.quick import import_click
import_click()
assert not {"inspect", "uuid"} & set(sys.modules)
import click, inspect, uuid
assert inspect.isfunction(import_click) and inspect.__spec__ is not None
from click.core import inspect as theirs
assert theirs is not inspect and theirs.isfunction(import_click) and theirs.Signature is inspect.Signature
from click.types import uuid as theirs
assert theirs is not uuid and theirs.UUID is uuid.UUID
assert click.UUID.convert("0" * 32, None, None) == uuid.UUID(int=0)
"""


def test_the_real_modules_are_there_for_whoever_asks_later() -> None:
    subprocess.run([sys.executable, "-c", AFTER], check=True)


@pytest.mark.parametrize("machine", [("--machine", "Raspberry Pi 5 8GB"), ("--gpu", "RTX 4090", "--ram", "64GB"), ()])
def test_an_answer_does_without_them(machine: tuple[str, ...]) -> None:
    code = "import sys\nfrom modelpick.__main__ import main\n"
    code += "try: main()\nfinally: sys.exit(bool({'inspect', 'uuid'} & set(sys.modules)))"
    command = [sys.executable, "-c", code, "recommend", "--json", *machine]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.stdout.startswith("{") and run.returncode == 0, run.stderr[-500:]


@given(st.text(st.sampled_from("ab \t\n."), max_size=30))
def test_texts_are_tidied_alike(text: str) -> None:
    assert cleandoc(text) == inspect.cleandoc(text)
