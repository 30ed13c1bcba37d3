"""What a downloaded weight file says of itself, read by the readers that quantising uses."""

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
    from modelpick.quantisation.gguf_read import read_header

    header = read_header(path)
    sizes: Counter[str] = Counter()
    for tensor in header.tensors:
        sizes[tensor.dtype] += tensor.bytes
    architecture, number = header.value("general.architecture"), header.value("general.file_type")
    return Header(
        architecture if isinstance(architecture, str) else None,
        number if isinstance(number, int) else None,
        max(sizes, key=lambda name: sizes[name]) if sizes else None,
        sum(prod(tensor.shape) for tensor in header.tensors),
    )


def safetensors(path: Path) -> Header:
    """The header of a safetensors file; packed formats (AWQ, FP8 ...) hide how many parameters they hold.

    :raises IntegrityError: when it is damaged, does not fit the file, or is something else.
    """
    from modelpick.errors import NotFoundError
    from modelpick.quantisation.safetensors import header_length, parse_header

    size = path.stat().st_size
    with path.open("rb") as file:
        length = header_length(path.name, file.read(8), size)
        text = file.read(length)
    try:
        tensors = parse_header(path.name, text, size, shard=0)
    except NotFoundError:  # A type of numbers that quantising does not read; the file may still be whole.
        return Header(None, None, None, None)
    plain = all(tensor.dtype in _PLAIN for tensor in tensors)
    return Header(None, None, None, sum(prod(tensor.shape) for tensor in tensors) if plain else None)


READERS: Mapping[str, Callable[[Path], Header]] = {".gguf": gguf, ".safetensors": safetensors}
