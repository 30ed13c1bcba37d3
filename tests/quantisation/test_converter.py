"""A converter asked by path: its file is quantised like any GGUF and removed, its failure is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.quantisation.recorded import RECORDED
from tests.quantisation.results import digest

from modelpick.errors import ModelpickError, UsageError
from modelpick.quantisation.converter import converted

CONVERTER = """
import argparse
from pathlib import Path
from modelpick.quantisation.gguf_engine import GgufEngine
from modelpick.quantisation.interface import Recipe
parser = argparse.ArgumentParser()
parser.add_argument("model", type=Path)
parser.add_argument("--outtype", choices=["bf16"])
parser.add_argument("--outfile", type=Path)
options = parser.parse_args()
GgufEngine().quantise(options.model, options.outfile, Recipe("BF16", 1), lambda done, total: None)
"""


def test_its_file_is_quantised_and_removed(copied: Callable[[str], Path], quantise: Callable, tmp_path: Path) -> None:
    script = tmp_path / "convert_hf_to_gguf.py"
    script.write_text(CONVERTER)
    source = copied("odd")
    with converted(source, script) as middle:
        assert digest(quantise(middle, "Q4_K_M").path) == RECORDED["odd"]["Q4_K_M"]
    assert not middle.exists() and not middle.parent.exists()


def test_its_failure_is_told_with_its_last_line(copied: Callable[[str], Path], tmp_path: Path) -> None:
    script = tmp_path / "convert_hf_to_gguf.py"
    script.write_text("raise SystemExit('no such model')")
    source = copied("odd")
    with pytest.raises(ModelpickError, match="status 1: no such model"), converted(source, script):
        pass
    with pytest.raises(UsageError, match="no converter at"), converted(source, tmp_path / "missing.py"):
        pass
