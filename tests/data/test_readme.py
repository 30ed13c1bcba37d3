"""The README's example is a block that the registry takes, and its figures are those of the files."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

from modelpick.registry.sources import read_models

README = (Path(__file__).resolve().parents[2] / "data" / "README.md").read_text(encoding="utf-8")


def test_the_example_is_taken_as_it_stands(tmp_path: Path) -> None:
    found = re.search(r"```toml\n(.*?)```", README, re.DOTALL)
    assert found
    source = tmp_path / "qwen2.5.toml"
    source.write_text('family = "Qwen2.5"\n\n' + textwrap.dedent("   " + found[1]), encoding="utf-8")
    (entry,) = read_models(source)
    assert entry.text.slug == "qwen2.5-7b-instruct"
    assert entry.text.variants[0].quantisation == "Q4_K_M"


def test_every_field_is_explained(models: dict[str, dict[str, Any]]) -> None:
    used = {name for model in models.values() for name in model if name not in {"base", "arch", "variants", "vram"}}
    table = README[README.index("## The fields of a model") : README.index("### Tasks")]
    assert {name for name in used if f"`{name}`" not in table and f"model.{name}" not in table} == set()


def test_the_figures_are_those_of_the_files(
    models: dict[str, dict[str, Any]], families: dict[str, Any], licenses: dict[str, Any], accelerators: list[Any]
) -> None:
    assert f"{len(models):,} in {len(families)} files" in README
    assert f"| {len(licenses)} |" in README and f"| {len(accelerators)} |" in README
