"""A reader of safetensors headers: names, types, shapes and places of tensors, in bounded memory.

Source: the safetensors format: eight bytes of length, JSON, then the data.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import BinaryIO, NoReturn

from modelpick.errors import IntegrityError
from modelpick.values import dataclass

MOST_HEADER_BYTES = 100_000_000
"""The format's own limit."""

BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16,
    "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64, "F4": 4, "F6_E2M3": 6,
    "F6_E3M2": 6, "C64": 64,
}  # fmt: skip
"""Bits of one element by type name."""


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor: its type by safetensors' name, its shape (slowest first), its place after the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def bytes(self) -> int:
        """Bytes of the data."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class SafetensorsHeader:
    """What a safetensors file says about itself. ``data_offset`` is where the data begins."""

    tensors: tuple[StoredTensor, ...]
    metadata: dict[str, str]
    data_offset: int
    file_bytes: int

    @property
    def tensor_bytes(self) -> int:
        """The sum over all tensors."""
        return sum(tensor.bytes for tensor in self.tensors)


def read_safetensors(path: Path) -> SafetensorsHeader:
    """The header of the file at ``path``.

    :raises IntegrityError: when it is not safetensors, is cut off, or contradicts itself.
    :raises OSError: when it cannot be opened or read.
    """
    with path.open("rb") as stream:
        return parse_safetensors(stream, os.fstat(stream.fileno()).st_size, path.name)


def parse_safetensors(stream: BinaryIO, size: int, name: str = "the file") -> SafetensorsHeader:
    """The header at the beginning of a stream whose whole length is ``size`` bytes."""
    first = stream.read(8)
    if len(first) < 8:
        _fail(name, f"it has {size:,} bytes, a header needs 8 at least")
    length = struct.unpack("<Q", first)[0]
    if length > MOST_HEADER_BYTES or length > size - 8:
        _fail(name, f"its header is said to have {length:,} bytes, the file has {size:,}")
    raw = stream.read(length)
    if len(raw) != length:
        _fail(name, f"the header ends after {len(raw):,} of {length:,} bytes")
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError):
        _fail(name, "its header is not JSON")
    if not isinstance(header, dict):
        _fail(name, "its header is not a JSON object")
    metadata = header.pop("__metadata__", {})
    kept = {key: value for key, value in metadata.items() if isinstance(value, str)} if _is_map(metadata) else {}
    tensors = tuple(_tensor(name, key, value, size - 8 - length) for key, value in header.items())
    return SafetensorsHeader(tensors, kept, 8 + length, size)


def _is_map(value: object) -> bool:
    return isinstance(value, Mapping)


def _tensor(file: str, name: str, entry: object, data_bytes: int) -> StoredTensor:
    short = name[:80]
    if not isinstance(entry, dict):
        _fail(file, f"the entry of {short!r} is not an object")
    dtype, shape, places = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in BITS:
        _fail(file, f"the tensor {short!r} has the type {str(dtype)[:40]!r}, which is not known")
    dims, ends = _whole(shape), _whole(places)
    if dims is None or ends is None or len(ends) != 2:
        _fail(file, f"the tensor {short!r} has no proper shape or place")
    begin, end = ends
    if not begin <= end <= data_bytes:
        _fail(file, f"the tensor {short!r} ends at {end:,}, the file has {data_bytes:,} bytes of data")
    if (prod(dims) * BITS[dtype] + 7) // 8 != end - begin:
        _fail(file, f"the tensor {short!r} takes {end - begin:,} bytes, its shape says otherwise")
    return StoredTensor(name, dtype, dims, begin, end)


def _whole(values: object) -> tuple[int, ...] | None:
    if not isinstance(values, list) or len(values) > 16:
        return None
    fine = all(isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 1 << 62 for item in values)
    return tuple(values) if fine else None


def _fail(name: str, why: str) -> NoReturn:
    raise IntegrityError(
        f"{name}: not a whole safetensors file: {why}",
        hint="download the file again, or check that it is a safetensors file",
    )
