"""MLX's engine, for real where its package is installed (on Linux its processor build)."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.quantisation.logits import IDS, LOGITS, POSITIONS, TOKENS

from modelpick.errors import IntegrityError, ModelpickError, UsageError
from modelpick.quantisation import mlx_engine
from modelpick.quantisation.interface import Recipe
from modelpick.quantisation.mlx_engine import MlxEngine

needs_package = pytest.mark.skipif(MlxEngine().available() is not None, reason="mlx-lm is not installed")
own_warnings = pytest.mark.filterwarnings("default")


def quantise(source: Path, target: Path, kind: str = "4bit", **more: Any) -> Any:
    return MlxEngine().quantise(source, target, Recipe(kind, 2, **more), lambda done, total: None)


def logits(folder: Path) -> np.ndarray:
    """In float32, so that what differs from the source is the quantisation."""
    import mlx.core as mx
    from mlx_lm import load

    model, _ = load(str(folder))
    model.set_dtype(mx.float32)
    return np.array(model(mx.array([TOKENS])))[0]


def test_what_is_missing_is_said() -> None:
    install = MlxEngine().available()
    assert (install is None) == (find_spec("mlx_lm") is not None)
    assert install is None or install.startswith("pip install")


def test_unknown_types_and_targets_are_refused(built: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'q4_k_m' is no type of MLX") as caught:
        quantise(built("odd"), tmp_path / "out", "q4_k_m")
    assert caught.value.hint is not None and "4bit, 8bit" in caught.value.hint
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="exists"):
        quantise(built("odd"), tmp_path / "out")


@needs_package
@own_warnings
@pytest.mark.parametrize("model", ["llama", "qwen3", "gemma3", "neox"])
def test_the_result_runs_and_comes_closer_with_more_bits(
    model: str, built: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    due = np.array(LOGITS[model])
    away, sizes = {}, {}
    for kind in ("4bit", "6bit", "8bit"):
        made = quantise(built(model), tmp_path / kind, kind)
        assert made.bytes == sum(path.stat().st_size for path in made.path.rglob("*") if path.is_file())
        away[kind] = float(np.abs(logits(made.path)[POSITIONS][:, IDS] - due).mean())
        sizes[kind] = (made.path / "model.safetensors").stat().st_size
    assert away["8bit"] < 0.04 < away["4bit"] < 0.4
    assert away["8bit"] < away["6bit"] < away["4bit"]
    bf16 = (built(model) / "model.safetensors").stat().st_size
    assert sizes["4bit"] < 0.3 * bf16 < sizes["6bit"] < sizes["8bit"] < 0.55 * bf16
    assert capsys.readouterr().out == "", "stdout is the answer"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["4bit", "6bit", "8bit"]


@needs_package
@own_warnings
def test_licence_and_origin_go_along(built: Callable[[str], Path], copied: Callable, tmp_path: Path) -> None:
    source = copied("qwen3")
    (source / "LICENSE").write_text("terms")
    made = quantise(source, tmp_path / "out", license="apache-2.0", base_model="org/Parent", model_name="Small")
    card = (made.path / "README.md").read_text()
    assert "license: apache-2.0\n" in card and "base_model: org/Parent\n" in card and "# Small" in card
    assert (made.path / "LICENSE").read_text() == "terms"
    assert json.loads((made.path / "config.json").read_text())["quantization"]["bits"] == 4


@needs_package
@own_warnings
def test_a_model_it_does_not_know_leaves_nothing(copied: Callable, tmp_path: Path) -> None:
    folder = copied("odd")
    config = json.loads((folder / "config.json").read_text()) | {"model_type": "strange"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelpickError, match=r"MLX does not convert this model: .*strange"):
        quantise(folder, tmp_path / "mlx")
    assert [item.name for item in tmp_path.iterdir()] == [folder.name]


@needs_package
@own_warnings
def test_weights_that_are_no_numbers_never_get_the_name(copied: Callable, tmp_path: Path) -> None:
    from tests.quantisation import models

    folder = copied("qwen3")
    shapes = models.MODELS["qwen3"]()[1]
    tensors = {name: ("BF16", shape, models.bf16(models.weights(name, shape))) for name, shape in shapes.items()}
    tensors["model.norm.weight"] = ("BF16", (256,), b"\xc0\x7f" * 256)
    models.write_safetensors(folder / "model.safetensors", tensors)
    with pytest.raises(IntegrityError, match="not finite"):
        quantise(folder, tmp_path / "mlx")
    assert [item.name for item in tmp_path.iterdir()] == [folder.name]


@needs_package
@own_warnings
def test_a_result_that_does_not_load_never_gets_the_name(
    built: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert = mlx_engine._convert

    def spoilt(source: Path, made: Path, bits: int) -> None:
        convert(source, made, bits)
        path = made / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-5000])

    monkeypatch.setattr(mlx_engine, "_convert", spoilt)
    with pytest.raises(IntegrityError, match="does not load"):
        quantise(built("qwen3"), tmp_path / "mlx")
    assert list(tmp_path.iterdir()) == []
