"""What a downloaded weight file says of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path

from modelpick.acquisition.interface import Header

_PLAIN = {"F64", "F32", "F16", "BF16"}


def gguf(path: Path) -> Header:
    """The header of a GGUF file.

    :raises IntegrityError: when it is damaged, does not fit the file, or is something else.
    """
    from modelpick.formats.gguf import read_gguf

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


def safetensors(path: Path) -> Header:
    """The header of a safetensors file; packed formats (AWQ, FP8 ...) hide how many parameters they hold.

    :raises IntegrityError: when it is damaged, does not fit the file, or is something else.
    """
    from modelpick.formats.safetensors import read_safetensors

    tensors = read_safetensors(path).tensors
    plain = all(tensor.dtype in _PLAIN for tensor in tensors)
    return Header(None, None, None, sum(prod(tensor.shape) for tensor in tensors) if plain else None)


READERS: Mapping[str, Callable[[Path], Header]] = {".gguf": gguf, ".safetensors": safetensors}
