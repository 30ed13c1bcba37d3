"""Whether a weight file's header is what was asked for: the right kind, architecture, size and quantisation.

The bytes are the Hub's: their hash was checked. This is about a publisher's mistake, or a repository that is not what
its name says.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path

from modelpick.acquisition.interface import Header, Plan, RemoteFile
from modelpick.errors import IntegrityError
from modelpick.formats.gguf import read_gguf
from modelpick.formats.mixes import BASE, canonical, fallback
from modelpick.formats.safetensors import read_safetensors
from modelpick.units import format_count

Inspect = Callable[[Path, RemoteFile], None]
_FIRM = frozenset(
    {
        "llama", "qwen2", "qwen2moe", "qwen3", "qwen3moe", "gemma", "gemma2", "gemma3", "phi2", "phi3", "falcon", "mpt",
        "gpt2", "gptneox", "bloom", "starcoder2", "gpt-oss", "deepseek2", "olmo2", "command-r", "bert",
    }
)  # fmt: skip
"""Architectures that every converter calls the same. Others go by several names (Mistral Small 3 as ``llama`` and as
``mistral3``), and the Hub may name a repository after its projector."""

_PLAIN = {"F64", "F32", "F16", "BF16"}
_LEAST, _MOST = 0.6, 1.6
"""How far the parameters may be from what was promised: tied weights and rounded names are counted differently."""


def inspect_any(path: Path, file: RemoteFile) -> None:
    """The check of a file of which nothing was promised: its header can be read.

    :raises IntegrityError: when it cannot.
    """
    read_header(path, file)


def inspector(plan: Plan, file_types: Mapping[str, int]) -> Inspect:
    """The check of a plan's files against what was asked for. ``file_types`` are GGUF's numbers of the mixes.

    :raises IntegrityError: naming what was promised and what is there.
    """
    counted: dict[str, int | None] = {}
    expected = {file.path for file in plan.files if _reader(file.path)}
    turn = threading.Lock()

    def inspect(path: Path, file: RemoteFile) -> None:
        header = read_header(path, file)
        if header is None:
            return
        if not _beside(file.path):
            _architecture(plan, header, file)
            _quantisation(plan, header, file, file_types)
        with turn:
            counted[file.path] = header.parameters
            if counted.keys() == expected:
                _parameters(plan, counted, file)

    return inspect


def _beside(path: str) -> bool:
    return "mmproj" in path.lower()


def read_header(path: Path, file: RemoteFile) -> Header | None:
    """What a weight file says of itself; None for other files. ``path`` need not end as the file's name does.

    :raises IntegrityError: when it is damaged, does not fit the file, or is something else.
    """
    reader = _reader(file.path)
    try:
        return reader(path) if reader else None
    except IntegrityError as error:
        raise IntegrityError(
            f"{file.path}: {error.message.replace(path.name, 'the file')}",
            hint="its hash is the one that the Hub lists, so the publisher's file is at fault: try another repository",
        ) from error


def _gguf(path: Path) -> Header:
    header = read_gguf(path)
    sizes: Counter[str] = Counter()
    for tensor in header.tensors:
        sizes[tensor.type.name] += tensor.bytes
    return Header(
        header.text("general.architecture"),
        header.number("general.file_type"),
        max(sizes, key=lambda name: sizes[name]) if sizes else None,
        sum(prod(tensor.shape) for tensor in header.tensors),
    )


def _safetensors(path: Path) -> Header:
    """Packed formats (AWQ, FP8 ...) hide how many parameters they hold."""
    tensors = read_safetensors(path).tensors
    plain = all(tensor.dtype in _PLAIN for tensor in tensors)
    return Header(None, None, None, sum(prod(tensor.shape) for tensor in tensors) if plain else None)


_READERS: Mapping[str, Callable[[Path], Header]] = {".gguf": _gguf, ".safetensors": _safetensors}


def _reader(path: str) -> Callable[[Path], Header] | None:
    return next((reader for ending, reader in _READERS.items() if path.lower().endswith(ending)), None)


def _architecture(plan: Plan, header: Header, file: RemoteFile) -> None:
    promised = {name for name in (plan.architecture, plan.expected_architecture) if name in _FIRM}
    if header.architecture in _FIRM and promised and header.architecture not in promised:
        raise _other(file, f"of architecture {header.architecture}", " or ".join(sorted(promised)))


def _quantisation(plan: Plan, header: Header, file: RemoteFile, file_types: Mapping[str, int]) -> None:
    """Number and tensors must both disagree: publishers' numbers are sometimes wrong, and small models fall back."""
    asked = canonical(plan.quantisation) if plan.quantisation else None
    if asked is None or asked not in file_types or header.file_type is None or header.file_type == file_types[asked]:
        return
    base = BASE[asked]
    if header.main_type not in (None, base, fallback(base, 32)):
        raise _other(file, f"mostly {header.main_type}", asked)


def _parameters(plan: Plan, counted: Mapping[str, int | None], file: RemoteFile) -> None:
    """With or without the projector: some count a vision tower as the model's, the Hub counts one file."""
    if plan.params_total is None or None in counted.values():
        return
    everything = sum(count or 0 for count in counted.values())
    model = sum(count or 0 for path, count in counted.items() if not _beside(path))
    if not any(_LEAST <= total / plan.params_total <= _MOST for total in (model, everything)):
        raise _other(file, f"of a model of {format_count(model)} parameters", format_count(plan.params_total))


def _other(file: RemoteFile, found: str, promised: str) -> IntegrityError:
    return IntegrityError(
        f"{file.path} is {found}, and {promised} was promised",
        hint="the file is what the Hub lists, but not what was asked for: try another repository or --quant",
    )
