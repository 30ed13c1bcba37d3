"""A reader of GGUF headers that trusts nothing: what the file says about itself, in bounded memory.

Only the header is read: metadata and tensor infos, never weights. Long arrays (a tokenizer's tokens) are passed
over and kept as their length. Every count is held against the bytes that are left before anything is built, so a
file of a few bytes cannot ask for gigabytes. Source: the GGUF specification, versions 2 and 3.
"""

from __future__ import annotations

import os
import struct
from math import prod
from pathlib import Path
from typing import BinaryIO, Literal, NoReturn

from modelpick.errors import IntegrityError
from modelpick.formats.ggml import ALIGNMENT, BY_ID, GgmlType, padded
from modelpick.values import dataclass

MAGIC = b"GGUF"
MOST_HEADER_BYTES = 512 * 1024 * 1024
"""More header than any real file has; beyond it reading stops."""

MOST_TENSORS = 1_000_000
MOST_KEYS = 1_000_000
MOST_KEY_BYTES = 65_535
MOST_STRING_BYTES = 4 * 1024 * 1024
"""Longer strings are passed over (a chat template has tens of kilobytes)."""

KEPT_ITEMS = 4096
"""Arrays longer than this are passed over and become :class:`Skipped`."""

MOST_NESTING = 2
MOST_DIMENSIONS = 4
_CHUNK = 1 << 16

_STRING, _ARRAY, _BOOL = 8, 9, 7
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
_SIZES = {number: struct.calcsize("<" + code) for number, code in _SCALARS.items()}


@dataclass(frozen=True, slots=True)
class Skipped:
    """A value that was too long to keep: an array of so many items, or a string of so many bytes."""

    length: int


Value = int | float | bool | str | tuple[object, ...] | Skipped


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One tensor: its shape in ggml order (row length first), its type and its place after the header."""

    name: str
    shape: tuple[int, ...]
    type: GgmlType
    offset: int
    bytes: int


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a GGUF file says about itself. ``data_offset`` is where the tensors begin; sizes are bytes."""

    version: int
    big_endian: bool
    metadata: dict[str, Value]
    tensors: tuple[GgufTensor, ...]
    data_offset: int
    alignment: int
    file_bytes: int

    @property
    def tensor_bytes(self) -> int:
        """The sum over all tensors, without padding."""
        return sum(tensor.bytes for tensor in self.tensors)

    def text(self, key: str) -> str | None:
        """A metadata value where it is text."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def number(self, key: str) -> int | None:
        """A metadata value where it is a whole number."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_gguf(path: Path) -> GgufHeader:
    """The header of the file at ``path``.

    :raises IntegrityError: when it is not GGUF, is cut off, or contradicts itself.
    :raises OSError: when it cannot be opened or read.
    """
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        return parse_gguf(stream, size, path.name)


def parse_gguf(stream: BinaryIO, size: int, name: str = "the file") -> GgufHeader:
    """The header at the beginning of a stream whose whole length is ``size`` bytes."""
    reader = _Reader(stream, size, name)
    magic = reader.take(4)
    if magic != MAGIC:
        reader.fail(f"it begins with {magic.hex()}, not with the letters GGUF")
    version = _version(reader)
    tensor_count = reader.count("tensors", MOST_TENSORS, 24)
    key_count = reader.count("metadata keys", MOST_KEYS, 13)
    metadata: dict[str, Value] = {}
    for _ in range(key_count):
        key = reader.string(MOST_KEY_BYTES, "a metadata key")
        if isinstance(key, Skipped):
            reader.fail(f"a metadata key of {key.length:,} bytes")
        if key in metadata:
            reader.fail(f"the metadata key {key[:80]!r} appears twice")
        metadata[key] = reader.value(reader.scalar("I"), key)
    alignment = _alignment(reader, metadata)
    tensors = _tensors(reader, tensor_count, alignment)
    data_offset = padded(reader.position, alignment)
    _check_extents(reader, tensors, data_offset, size)
    return GgufHeader(version, reader.big_endian, metadata, tensors, data_offset, alignment, size)


def _version(reader: _Reader) -> int:
    raw = reader.take(4)
    little, big = struct.unpack("<I", raw)[0], struct.unpack(">I", raw)[0]
    if little & 0xFFFF == 0 and big in (2, 3):
        reader.big_endian = True
        return int(big)
    if little not in (2, 3):
        reader.fail(f"GGUF version {little}; versions 2 and 3 are known")
    return int(little)


def _alignment(reader: _Reader, metadata: dict[str, Value]) -> int:
    value = metadata.get("general.alignment", ALIGNMENT)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= 1 << 20 or value & (value - 1):
        reader.fail(f"general.alignment is {value!r}, not a power of two")
    return value


def _tensors(reader: _Reader, count: int, alignment: int) -> tuple[GgufTensor, ...]:
    tensors: list[GgufTensor] = []
    seen: set[str] = set()
    for _ in range(count):
        name = reader.string(1024, "a tensor name")
        if isinstance(name, Skipped):
            reader.fail(f"a tensor name of {name.length:,} bytes")
        if name in seen:
            reader.fail(f"the tensor {name[:80]!r} appears twice")
        seen.add(name)
        dimensions = reader.scalar("I")
        if not 1 <= dimensions <= MOST_DIMENSIONS:
            reader.fail(f"the tensor {name[:80]!r} has {dimensions:,} dimensions; 1 to {MOST_DIMENSIONS} are known")
        shape = tuple(reader.scalar("Q") for _ in range(dimensions))
        number, offset = reader.scalar("I"), reader.scalar("Q")
        tensors.append(_tensor(reader, name, shape, number, offset, alignment))
    return tuple(tensors)


def _tensor(reader: _Reader, name: str, shape: tuple[int, ...], number: int, offset: int, alignment: int) -> GgufTensor:
    type_ = BY_ID.get(number)
    if type_ is None:
        reader.fail(f"the tensor {name[:80]!r} has the type {number}, which is not known")
    elements = prod(shape)
    if not 0 < elements < 1 << 62 or shape[0] % type_.block:
        reader.fail(f"the tensor {name[:80]!r} cannot have the shape {shape} in {type_.name}")
    if offset % alignment:
        reader.fail(f"the tensor {name[:80]!r} begins at {offset:,}, not at a multiple of {alignment}")
    return GgufTensor(name, shape, type_, offset, elements // type_.block * type_.bytes)


def _check_extents(reader: _Reader, tensors: tuple[GgufTensor, ...], start: int, size: int) -> None:
    end = 0
    for tensor in sorted(tensors, key=lambda tensor: tensor.offset):
        if tensor.offset < end:
            reader.fail(f"the tensor {tensor.name[:80]!r} overlaps the one before it")
        end = tensor.offset + tensor.bytes
    if tensors and start + end > size:
        reader.fail(f"its tensors need {start + end:,} bytes, the file has {size:,}: the download is incomplete")


class _Reader:
    """Takes bytes off the front of a stream and refuses whatever the file cannot hold."""

    __slots__ = ("big_endian", "name", "position", "size", "stream")

    def __init__(self, stream: BinaryIO, size: int, name: str) -> None:
        self.stream = stream
        self.size = min(size, MOST_HEADER_BYTES)
        self.name = name
        self.position = 0
        self.big_endian = False

    def fail(self, why: str) -> NoReturn:
        """Say what is wrong and where."""
        raise IntegrityError(
            f"{self.name}: not a whole GGUF file: at byte {self.position:,} {why}",
            hint="download the file again, or check that it is a GGUF file",
        )

    def need(self, count: int) -> None:
        """Refuse unless so many bytes are left."""
        if count > self.size - self.position:
            left = self.size - self.position
            self.fail(f"{count:,} bytes are wanted and {left:,} are left")

    def take(self, count: int) -> bytes:
        """The next bytes."""
        self.need(count)
        data = self.stream.read(count)
        if len(data) != count:
            self.fail(f"the file ends after {len(data):,} of {count:,} bytes")
        self.position += count
        return data

    def skip(self, count: int) -> None:
        """Pass over bytes that are there."""
        self.need(count)
        while count:
            count -= len(self.take(min(count, _CHUNK)))

    def skip_strings(self, count: int) -> None:
        """Pass over so many strings. A tokenizer has some hundred thousand, hence the plain loop."""
        read, left = self.stream.read, self.size - self.position
        order: Literal["big", "little"] = "big" if self.big_endian else "little"
        for _ in range(count):
            head = read(8)
            length = int.from_bytes(head, order)
            left -= 8 + length
            if left < 0 or len(head) < 8:
                self.fail(f"a string of {length:,} bytes is announced and {max(left + length, 0):,} are left")
            while length:
                part = len(read(min(length, _CHUNK)))
                if not part:
                    self.fail(f"the file ends {length:,} bytes before the end of a string")
                length -= part
        self.position = self.size - left

    def scalar(self, code: str) -> int:
        """A whole number."""
        order = ">" if self.big_endian else "<"
        return int(struct.unpack(order + code, self.take(struct.calcsize("<" + code)))[0])

    def count(self, what: str, most: int, least_bytes: int) -> int:
        """A number of things to come, each of which takes some bytes."""
        number = self.scalar("Q")
        if number > most or number * least_bytes > self.size - self.position:
            self.fail(f"{number:,} {what} are announced; {self.size - self.position:,} bytes are left")
        return number

    def string(self, most: int, what: str) -> str | Skipped:
        """A string, or its length when it is longer than ``most``."""
        length = self.scalar("Q")
        self.need(length)
        if length > most:
            self.skip(length)
            return Skipped(length)
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError:
            self.fail(f"{what} is not UTF-8")

    def value(self, kind: int, key: str, depth: int = 0) -> Value:
        """A metadata value of any kind."""
        if kind == _STRING:
            return self.string(MOST_STRING_BYTES, f"the value of {key[:80]!r}")
        if kind == _ARRAY:
            return self.array(key, depth)
        code = _SCALARS.get(kind)
        if code is None:
            self.fail(f"the value of {key[:80]!r} has the kind {kind}, which is not known")
        order = ">" if self.big_endian else "<"
        number = struct.unpack(order + code, self.take(_SIZES[kind]))[0]
        if kind == _BOOL:
            return bool(number)
        return float(number) if isinstance(number, float) else int(number)

    def array(self, key: str, depth: int) -> Value:
        """An array: kept when it is short, else passed over."""
        if depth >= MOST_NESTING:
            self.fail(f"the value of {key[:80]!r} nests arrays more than {MOST_NESTING} deep")
        kind = self.scalar("I")
        least = 8 if kind == _STRING else 12 if kind == _ARRAY else _SIZES.get(kind, 0)
        if not least:
            self.fail(f"the array {key[:80]!r} has items of the kind {kind}, which is not known")
        length = self.count(f"items of {key[:80]!r}", 1 << 40, least)
        if length <= KEPT_ITEMS and depth == 0:
            return tuple(self.value(kind, key, depth + 1) for _ in range(length))
        if kind == _STRING:
            self.skip_strings(length)
        elif kind == _ARRAY:
            for _ in range(length):
                self.array(key, depth + 1)
        else:
            self.skip(length * least)
        return Skipped(length)
