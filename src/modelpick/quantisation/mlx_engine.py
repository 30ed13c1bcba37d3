"""MLX's folders for Apple silicon: affine quantisation of 2 to 8 bits, by MLX's own converter, without PyTorch.

On Linux its processor package converts and runs the same files. https://github.com/ml-explore/mlx-lm
"""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path

from modelpick.errors import IntegrityError, ModelpickError
from modelpick.quantisation import folder
from modelpick.quantisation.interface import Progress, Quantised, Recipe

KINDS = {f"{bits}bit": bits for bits in (4, 8, 6, 5, 3, 2)}
_GROUP = 64
"""Weights that share a scale and a bias; rows that are no multiple of it stay as they are."""


class MlxEngine:
    """A folder that MLX loads, from a transformers folder."""

    name = "mlx"
    usual = "4bit"

    def available(self) -> str | None:
        """None when mlx-lm is installed, else the command that installs it."""
        if find_spec("mlx_lm") is not None and find_spec("mlx") is not None:
            return None
        return "pip install mlx-lm" if sys.platform == "darwin" else "pip install 'mlx-lm[cpu]'"

    def quantise(self, source: Path, target: Path, recipe: Recipe, progress: Progress) -> Quantised:
        """Write the folder ``target``; it appears under that name only whole and run once.

        :raises UsageError: for an unknown type, or when the folder exists.
        :raises ModelpickError: when MLX does not know the model.
        """
        folder.check(source, target, recipe, KINDS, "MLX")
        with folder.making(target) as made:
            _convert(source, made, KINDS[recipe.type])
            _write_card(made, recipe)
            folder.copy_terms(source, made)
            _run_once(made)
        size = folder.size(target)
        progress(size, size)
        return Quantised(target, size, (), "mlx-lm", _version())

    def loading(self, target: Path) -> str:
        """The command that runs the result."""
        return f"mlx_lm.generate --model '{target}' --prompt 'Hello'"


def _convert(source: Path, made: Path, bits: int) -> None:
    from mlx_lm import convert

    try:
        with redirect_stdout(io.StringIO()):  # it reports on stdout
            convert(str(source), str(made), quantize=True, q_bits=bits, q_group_size=_GROUP)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelpickError(f"MLX does not convert this model: {error}") from error


def _write_card(made: Path, recipe: Recipe) -> None:
    """In place of the converter's card, which knows neither licence nor origin."""
    known = {
        "license": recipe.license,
        "license_name": recipe.license_name,
        "license_link": recipe.license_link,
        "base_model": recipe.base_model,
        "library_name": "mlx",
    }
    lines = [f"{key}: {value}" for key, value in known.items() if value]
    text = "\n".join(["---", *lines, "---", f"# {recipe.model_name or made.name}", ""])
    (made / "README.md").write_text(text, encoding="utf-8")


def _run_once(made: Path) -> None:
    """Load the result and run one token through it: what does not run never gets the name.

    :raises IntegrityError: when it does not load, or gives logits that are not finite.
    """
    import mlx.core as mx
    from mlx_lm import load

    try:
        with redirect_stdout(io.StringIO()):
            model, _ = load(str(made))
        logits = model(mx.array([[1]]))
    except (ValueError, KeyError, RuntimeError) as error:
        raise IntegrityError(f"MLX does not load what its converter wrote: {error}") from error
    if not mx.all(mx.isfinite(logits)).item():
        raise IntegrityError("the result gives logits that are not finite")


def _version() -> str:
    from importlib.metadata import version

    return version("mlx-lm")
