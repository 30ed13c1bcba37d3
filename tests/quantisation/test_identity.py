"""Bit for bit what the official converter and llama-quantize make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.quantisation.recorded import RECORDED
from tests.quantisation.results import digest

CASES = [(model, kind) for model, kinds in RECORDED.items() for kind in kinds]


@pytest.mark.parametrize(("model", "kind"), CASES)
def test_tensors_are_those_of_the_two_step_path(
    model: str, kind: str, built: Callable[[str], Path], quantise: Callable, tmp_path: Path
) -> None:
    made = quantise(built(model), kind)
    assert digest(made.path) == RECORDED[model][kind]
    assert made.path.stat().st_size == made.bytes


@pytest.mark.parametrize("threads", [5])
def test_threads_do_not_change_the_result(threads: int, built: Callable[[str], Path], quantise: Callable) -> None:
    assert digest(quantise(built("mixtral"), "Q4_K_M", threads=threads).path) == RECORDED["mixtral"]["Q4_K_M"]


@pytest.mark.parametrize("elements", [300, 70_000])
def test_blocks_of_any_size_give_the_same_result(
    elements: int, built: Callable[[str], Path], quantise: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelpick.quantisation import stream

    monkeypatch.setattr(stream, "BLOCK_ELEMENTS", elements)
    for model in ("falcon", "llama3", "mixtral"):
        made = quantise(built(model), "Q6_K", overwrite=True)
        assert digest(made.path) == RECORDED[model]["Q6_K"]


def test_many_shards_give_the_same_result(tmp_path: Path, quantise: Callable) -> None:
    from tests.quantisation import models

    folder = models.build("mixtral", tmp_path / "sharded", shards=5)
    assert digest(quantise(folder, "Q8_0").path) == RECORDED["mixtral"]["Q8_0"]


@pytest.mark.parametrize("dtype", ["F16", "F32"])
def test_sources_of_other_precision_go_through_bf16(tmp_path: Path, dtype: str, quantise: Callable) -> None:
    """The reference's middle file is bfloat16; rounding float32 weights to it gives the BF16 source's bits."""
    from tests.quantisation import models

    folder = models.build("odd", tmp_path / dtype, dtype=dtype)
    through = quantise(folder, "Q6_K")
    exact = quantise(folder, "Q6_K", tmp_path / "exact.gguf", exact_source=True)
    assert digest(exact.path) != digest(through.path)
    if dtype == "F32":
        from tests.quantisation.results import tensors

        due = tensors(quantise(models.build("odd", tmp_path / "bf16"), "Q6_K", tmp_path / "bf16.gguf").path)
        found = tensors(through.path)
        assert {n: t for n, t in found.items() if t[0] != "F32"} == {n: t for n, t in due.items() if t[0] != "F32"}
