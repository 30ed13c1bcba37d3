"""Importance matrices: what they change, what they make possible, and which are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.quantisation import models
from tests.quantisation.recorded import RECORDED
from tests.quantisation.results import digest, tensors

from modelpick.errors import IntegrityError, UsageError
from modelpick.quantisation import imatrix
from modelpick.quantisation.check import check
from modelpick.quantisation.gguf_engine import GgufEngine
from modelpick.quantisation.gguf_header import frame
from modelpick.quantisation.interface import Recipe, TensorPlan


def write_imatrix(path: Path, sums: dict[str, np.ndarray], counts: dict[str, np.ndarray]) -> Path:
    """In its GGUF form: for each tensor ``.in_sum2`` (experts by columns) and ``.counts`` (experts by one)."""
    arrays = {f"{name}.in_sum2": values for name, values in sums.items()}
    arrays |= {f"{name}.counts": values.reshape(-1, 1) for name, values in counts.items()}
    plans = [TensorPlan(name, tuple(reversed(values.shape)), "F32", 4 * values.size) for name, values in arrays.items()]
    made = frame({}, plans)
    data = bytearray(made.size)
    data[: len(made.header)] = made.header
    for placed in made.tensors:
        raw = arrays[placed.plan.name].astype("<f4").tobytes()
        data[placed.at : placed.at + len(raw)] = raw
    path.write_bytes(data)
    return path


def matrix_for(model: str, path: Path, *, flat: bool = False, skip: str = "", wide: bool = False) -> Path:
    """A matrix for every quantised matrix of a model: random importances, or all the same."""
    random = np.random.default_rng(11)
    engine = GgufEngine()
    prepared = engine.plan(models.build(model, path.parent / f"plan-{path.stem}"), Recipe("Q8_0", 1))
    prepared.source.close()
    sums, counts = {}, {}
    for plan in prepared.plans:
        if plan.type == "F32" or plan.name in {"token_embd.weight", "output.weight", skip}:
            continue
        experts = plan.shape[2] if len(plan.shape) > 2 else 1
        columns = plan.shape[0] * (2 if wide else 1)
        seen = np.full(experts, 64.0, np.float32)
        sums[plan.name] = 64 * (np.ones((experts, columns)) if flat else random.random((experts, columns)) ** 3 + 0.01)
        counts[plan.name] = seen
    return write_imatrix(path, sums, counts)


def test_reading_gives_mean_squares_and_ones_where_nothing_was_seen(tmp_path: Path) -> None:
    path = write_imatrix(
        tmp_path / "i.gguf",
        {"a": np.array([[2.0, 4.0], [0.0, 0.0]])},
        {"a": np.array([2.0, 0.0])},
    )
    assert imatrix.read(path)["a"].tolist() == [[1.0, 2.0], [1.0, 1.0]]


@pytest.mark.parametrize("kind", ["IQ2_XS", "IQ3_XXS"])
def test_low_bit_types_become_possible(kind: str, tmp_path: Path, quantise: Callable) -> None:
    path = matrix_for("granite", tmp_path / "i.gguf")
    source = models.build("granite", tmp_path / "granite")
    made = quantise(source, kind, imatrix=path)
    checked = check(source, made.path, Recipe(kind, 2))
    assert 0 < checked.kl_mean < 1.0


def test_importances_change_the_blocks_and_experts_have_their_own(tmp_path: Path, quantise: Callable) -> None:
    source = models.build("mixtral", tmp_path / "mixtral")
    path = matrix_for("mixtral", tmp_path / "i.gguf")
    plain = tensors(quantise(source, "Q4_K_M", tmp_path / "plain.gguf").path)
    weighted = tensors(quantise(source, "Q4_K_M", tmp_path / "weighted.gguf", imatrix=path).path)
    name = "blk.0.ffn_gate_exps.weight"
    size = len(plain[name][2]) // 8
    for expert in range(8):
        part = slice(expert * size, (expert + 1) * size)
        assert plain[name][2][part] != weighted[name][2][part]
    assert plain["token_embd.weight"] == weighted["token_embd.weight"]


def test_types_without_weighting_stay_the_same(tmp_path: Path, quantise: Callable) -> None:
    source = models.build("granite", tmp_path / "granite")
    made = quantise(source, "Q8_0", imatrix=matrix_for("granite", tmp_path / "i.gguf"))
    assert digest(made.path) == RECORDED["granite"]["Q8_0"]


def test_a_matrix_of_another_model_is_refused(tmp_path: Path, quantise: Callable) -> None:
    source = models.build("granite", tmp_path / "granite")
    with pytest.raises(UsageError, match="of another model"):
        quantise(source, "Q4_K_M", imatrix=matrix_for("granite", tmp_path / "wide.gguf", wide=True))
    with pytest.raises(UsageError, match=r"blk\.1\.ffn_up\.weight"):
        quantise(source, "IQ2_XS", imatrix=matrix_for("granite", tmp_path / "less.gguf", skip="blk.1.ffn_up.weight"))


def test_what_is_no_matrix_is_refused(built: Callable[[str], Path], tmp_path: Path, quantise: Callable) -> None:
    other = quantise(built("odd"), "Q8_0", tmp_path / "other.gguf").path
    with pytest.raises(IntegrityError, match="holds no importances"):
        quantise(built("odd"), "Q4_K_M", imatrix=other)
    bad = write_imatrix(tmp_path / "bad.gguf", {"a": np.array([[np.nan, 1.0]])}, {"a": np.array([1.0])})
    with pytest.raises(IntegrityError, match="not finite"):
        quantise(built("odd"), "Q4_K_M", imatrix=bad)
