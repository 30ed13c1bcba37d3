"""GGUF files as sources: tensors to quantise further, importance matrices.

Values of the metadata are kept packed, as they stand in the file, and only unpacked when asked for: a vocabulary of
a quarter of a million tokens is passed through without becoming as many objects.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelpick.errors import IntegrityError
from modelpick.formats.gguf import GgufHeader, read_gguf
from modelpick.quantisation.interface import SourceTensor
from modelpick.quantisation.safetensors import fill

_CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_SIZES = {kind: struct.calcsize(f"<{code}") for kind, code in _CODES.items()}
_STRING, _ARRAY = 8, 9
_FIRST_KEY = 24


@dataclass(frozen=True, slots=True)
class PackedValues:
    """A file's metadata, each value packed with its type in front."""

    by_key: Mapping[str, bytes]

    def get(self, key: str, default: Any = None) -> Any:
        """One value, unpacked."""
        return unpack(self.by_key[key]) if key in self.by_key else default


class GgufFile:
    """A GGUF file as a source of tensors, in file order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header = read_gguf(path)
        if self.header.big_endian:
            raise IntegrityError(f"{path.name} is big endian", hint="convert it on the machine that it is meant for")
        self.values = packed_values(path, self.header)
        self.tensors = {
            tensor.name: SourceTensor(
                tensor.name,
                tensor.type.name,
                tuple(reversed(tensor.shape)),
                0,
                self.header.data_offset + tensor.offset,
                tensor.bytes,
            )
            for tensor in sorted(self.header.tensors, key=lambda tensor: tensor.offset)
        }
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def read(self, tensor: SourceTensor, offset: int, buffer: memoryview) -> None:
        """Fill ``buffer`` with the tensor's bytes from ``offset`` on."""
        fill(self._descriptor, buffer, tensor.start + offset, tensor.name)

    @property
    def identity(self) -> str:
        """Size and time of the file."""
        status = os.fstat(self._descriptor)
        return repr((status.st_size, status.st_mtime_ns))

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def packed_values(path: Path, header: GgufHeader) -> PackedValues:
    """The metadata of a file whose header was read and found sound."""
    with path.open("rb") as file:
        data = file.read(header.data_offset)
    at, found = _FIRST_KEY, {}
    for _ in header.metadata:
        key, at = _unpack(_STRING, data, at)
        end = _end(struct.unpack_from("<I", data, at)[0], data, at + 4)
        found[key] = data[at:end]
        at = end
    return PackedValues(found)


def unpack(packed: bytes) -> Any:
    """A packed value, its type in front."""
    return _unpack(struct.unpack_from("<I", packed)[0], packed, 4)[0]


def _end(kind: int, data: bytes, at: int) -> int:
    """Where a value of that type ends."""
    if kind in _SIZES:
        return at + _SIZES[kind]
    if kind == _STRING:
        return at + 8 + int(struct.unpack_from("<Q", data, at)[0])
    inner, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if inner in _SIZES:
        return at + _SIZES[inner] * int(count)
    for _ in range(count):
        at = _end(inner, data, at)
    return at


def _unpack(kind: int, data: bytes, at: int) -> tuple[Any, int]:
    if kind in _SIZES:
        return struct.unpack_from(f"<{_CODES[kind]}", data, at)[0], at + _SIZES[kind]
    if kind == _STRING:
        end = _end(kind, data, at)
        return data[at + 8 : end].decode(errors="replace"), end
    inner, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if inner in _SIZES:
        return list(struct.unpack_from(f"<{count}{_CODES[inner]}", data, at)), at + _SIZES[inner] * count
    items = []
    for _ in range(count):
        item, at = _unpack(inner, data, at)
        items.append(item)
    return items, at
