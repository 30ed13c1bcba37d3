"""Reading a GGUF header with bounds: for files to quantise further, importance matrices, and our own results.

Values of the metadata are kept packed, as they stand in the file, and only unpacked when asked for: a vocabulary of
a quarter of a million tokens is passed through without becoming as many objects.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from modelpick.errors import IntegrityError
from modelpick.formats.ggml import ALIGNMENT, BY_ID, padded, tensor_bytes
from modelpick.quantisation.interface import SourceTensor
from modelpick.quantisation.safetensors import fill

_MAX_HEADER_BYTES = 512 * 1024 * 1024
_MAX_TENSORS, _MAX_DIMENSIONS, _MAX_NAME = 1_000_000, 4, 65_535
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """Packed metadata by key, tensors in file order (shape slowest dimension first), and where the data starts."""

    values: Mapping[str, bytes]
    tensors: tuple[SourceTensor, ...]
    data_start: int
    size: int

    def value(self, key: str, default: Any = None) -> Any:
        """One value, unpacked."""
        return unpack(self.values[key]) if key in self.values else default


class GgufFile:
    """A GGUF file as a source of tensors."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            self.header = read_header(path)
        except BaseException:
            self.close()
            raise
        ordered = sorted(self.header.tensors, key=lambda tensor: tensor.start)
        self.tensors = {tensor.name: tensor for tensor in ordered}

    def read(self, tensor: SourceTensor, offset: int, buffer: memoryview) -> None:
        """Fill ``buffer`` with the tensor's bytes from ``offset`` on."""
        fill(self._descriptor, buffer, tensor.start + offset, tensor.name)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_header(path: Path) -> GgufHeader:
    """The header of a GGUF file, versions 2 and 3, little endian.

    :raises IntegrityError: when the file is damaged, truncated or something else.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        reader = _Reader(file.read(1 << 20), file, size, path.name)
        try:
            return _header(reader, size, path.name)
        except (struct.error, UnicodeDecodeError, ValueError, OverflowError, RecursionError) as error:
            raise IntegrityError(f"the header of {path.name} is damaged: {error}") from error


def unpack(packed: bytes) -> Any:
    """A packed value, its type in front."""
    return _unpack(struct.unpack_from("<I", packed)[0], packed, 4)[0]


class _Reader:
    def __init__(self, data: bytes, file: Any, size: int, name: str) -> None:
        self.data, self._file, self._size, self._name = bytearray(data), file, size, name
        self.at = 0

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > self._size or end > _MAX_HEADER_BYTES:
            raise IntegrityError(f"{self._name} ends in the middle of its header, {self._size} bytes in all")
        while end > len(self.data):
            self.data += self._file.read(max(1 << 20, end - len(self.data)))
        chunk = bytes(self.data[self.at : end])
        self.at = end
        return chunk

    def number(self, code: str) -> int:
        value = struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))[0]
        return int(value)

    def skip_value(self, kind: int, depth: int = 0) -> None:
        if kind in _SIZES:
            self.take(_SIZES[kind])
        elif kind == _STRING:
            self.take(self.number("Q"))
        elif kind == _ARRAY and depth < 4:
            inner, count = self.number("I"), self.number("Q")
            if inner in _SIZES:
                self.take(_SIZES[inner] * count)
            else:
                if count > self._size:
                    raise IntegrityError(f"{self._name} claims an array of {count} elements")
                for _ in range(count):
                    self.skip_value(inner, depth + 1)
        else:
            raise IntegrityError(f"{self._name} has a metadata value of type {kind}")


def _header(reader: _Reader, size: int, name: str) -> GgufHeader:
    if reader.take(4) != b"GGUF":
        raise IntegrityError(f"{name} is not a GGUF file")
    version, count, keys = reader.number("I"), reader.number("Q"), reader.number("Q")
    if version not in {2, 3} or count > _MAX_TENSORS or keys > _MAX_TENSORS:
        raise IntegrityError(f"{name} claims GGUF version {version} with {count} tensors and {keys} keys")
    values: dict[str, bytes] = {}
    for _ in range(keys):
        key = reader.take(_bounded(reader.number("Q"))).decode()
        start = reader.at
        reader.skip_value(reader.number("I"))
        if key in values:
            raise IntegrityError(f"{name} has the key {key} twice")
        values[key] = bytes(reader.data[start : reader.at])
    infos = [_info(reader, name) for _ in range(count)]
    alignment = unpack(values["general.alignment"]) if "general.alignment" in values else ALIGNMENT
    if type(alignment) is not int or not 0 < alignment <= 1 << 20:
        raise IntegrityError(f"{name} claims an alignment of {alignment!r}")
    start = padded(reader.at, alignment)
    tensors = tuple(_placed(info, start, size, name) for info in infos)
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise IntegrityError(f"{name} names a tensor twice")
    return GgufHeader(values, tensors, start, size)


def _info(reader: _Reader, name: str) -> tuple[str, tuple[int, ...], int, int]:
    tensor = reader.take(_bounded(reader.number("Q"))).decode()
    dimensions = reader.number("I")
    if not 0 < dimensions <= _MAX_DIMENSIONS:
        raise IntegrityError(f"{tensor} in {name} has {dimensions} dimensions")
    shape = tuple(reader.number("Q") for _ in range(dimensions))
    return tensor, shape, reader.number("I"), reader.number("Q")


def _placed(info: tuple[str, tuple[int, ...], int, int], start: int, size: int, name: str) -> SourceTensor:
    tensor, shape, kind, offset = info
    if kind not in BY_ID:
        raise IntegrityError(f"{tensor} in {name} has the unknown type {kind}")
    if not all(0 < side < 2**40 for side in shape) or prod(shape) > 2**50:
        raise IntegrityError(f"{tensor} in {name} has the shape {list(shape)}")
    bytes_ = tensor_bytes(BY_ID[kind].name, shape)
    if start + offset + bytes_ > size:
        raise IntegrityError(f"{name} is {start + offset + bytes_ - size} bytes too short for {tensor}")
    return SourceTensor(tensor, BY_ID[kind].name, tuple(reversed(shape)), 0, start + offset, bytes_)


def _bounded(length: int) -> int:
    if length > _MAX_NAME:
        raise IntegrityError(f"a name of {length} bytes in a GGUF header")
    return length


def _unpack(kind: int, data: bytes, at: int) -> tuple[Any, int]:
    if kind in _SIZES:
        return struct.unpack_from(f"<{_CODES[kind]}", data, at)[0], at + _SIZES[kind]
    if kind == _STRING:
        (length,) = struct.unpack_from("<Q", data, at)
        return data[at + 8 : at + 8 + length].decode(errors="replace"), at + 8 + length
    inner, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if inner in _SIZES:
        return list(struct.unpack_from(f"<{count}{_CODES[inner]}", data, at)), at + _SIZES[inner] * count
    items = []
    for _ in range(count):
        item, at = _unpack(inner, data, at)
        items.append(item)
    return items, at
