"""CTranslate2's int8 folders: decoder models, translation models and Whisper, by its own converter.

The converter needs PyTorch and transformers and holds the whole model in memory; it writes no GGUF but a folder.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from modelpick.errors import IntegrityError, ModelpickError
from modelpick.quantisation import folder
from modelpick.quantisation.interface import Progress, Quantised, Recipe

KINDS = ("int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16", "float32")
_PACKAGES = ("ctranslate2", "torch", "transformers")


class Ctranslate2Engine:
    """A folder that CTranslate2 loads, from a transformers folder."""

    name = "ctranslate2"
    usual = "int8"

    def available(self) -> str | None:
        """None when CTranslate2, PyTorch and transformers are installed, else the command that installs them."""
        from importlib.util import find_spec

        missing = [package for package in _PACKAGES if find_spec(package) is None]
        return f"pip install {' '.join(missing)}" if missing else None

    def quantise(self, source: Path, target: Path, recipe: Recipe, progress: Progress) -> Quantised:
        """Write the folder ``target``; it appears under that name only whole and loaded once.

        :raises UsageError: for an unknown kind, or when the folder exists.
        :raises ModelpickError: when the converter does not know the model.
        """
        folder.check(source, target, recipe, KINDS, "CTranslate2")
        import ctranslate2

        with folder.making(target) as made:
            _convert(source, made, recipe.type)
            _copy_tokenizer(source, made)
            folder.copy_terms(source, made)
            _load_once(made)
        size = folder.size(target)
        progress(size, size)
        return Quantised(target, size, (), "ctranslate2", str(ctranslate2.__version__))

    def loading(self, target: Path) -> str:
        """The command that loads the result."""
        return f"python -c \"import ctranslate2; ctranslate2.{_class_of(target)}('{target}')\""


def _convert(source: Path, target: Path, kind: str) -> None:
    from ctranslate2.converters import TransformersConverter

    try:
        TransformersConverter(str(source), low_cpu_mem_usage=True).convert(str(target), quantization=kind)
    except ValueError as error:
        raise ModelpickError(f"CTranslate2 does not convert this model: {error}") from error


def _copy_tokenizer(source: Path, target: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "preprocessor_config.json"):
        if (source / name).is_file() and not (target / name).exists():
            shutil.copyfile(source / name, target / name)


def _load_once(made: Path) -> None:
    """Load the result with the engine that will run it: what it refuses never gets the name.

    :raises IntegrityError: when it does not load.
    """
    import ctranslate2

    name = _class_of(made)
    load = ctranslate2.models.Whisper if name == "models.Whisper" else getattr(ctranslate2, name)
    try:
        load(str(made), device="cpu")
    except (RuntimeError, ValueError) as error:
        raise IntegrityError(f"CTranslate2 does not load what its converter wrote: {error}") from error


def _class_of(made: Path) -> str:
    """Which of CTranslate2's classes runs a folder."""
    text = (made / "config.json").read_text(encoding="utf-8")
    if "alignment_heads" in text or "suppress_ids" in text:
        return "models.Whisper"
    return "Translator" if "decoder_start_token" in text else "Generator"
