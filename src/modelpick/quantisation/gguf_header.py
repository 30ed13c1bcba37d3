"""A GGUF header, written before the first tensor exists: every size is known from the plan.

Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, version 3, little endian.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelpick.errors import ModelpickError
from modelpick.formats.ggml import ALIGNMENT, TYPES, padded
from modelpick.quantisation.interface import TensorPlan

if TYPE_CHECKING:
    from gguf import GGUFWriter

MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
_PACK = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_CODES = {4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d", 0: "B", 1: "b", 2: "H", 3: "h"}


@dataclass(frozen=True, slots=True)
class Placed:
    """A tensor of the file with the byte at which its data starts, counted from the start of the file."""

    plan: TensorPlan
    at: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole file without its tensors' data: the header's bytes, where each tensor goes, the size in all."""

    header: bytes
    tensors: tuple[Placed, ...]
    size: int


def frame(values: Mapping[str, bytes], tensors: Sequence[TensorPlan]) -> Frame:
    """The header for these metadata (already packed, by key) and tensors, in this order."""
    parts = [MAGIC, struct.pack("<IQQ", 3, len(tensors), len(values))]
    for key, value in values.items():
        parts += [_text(key), value]
    offset, offsets = 0, []
    for tensor in tensors:
        offsets.append(offset)
        parts += [
            _text(tensor.name),
            struct.pack("<I", len(tensor.shape)),
            struct.pack(f"<{len(tensor.shape)}Q", *tensor.shape),
            struct.pack("<IQ", TYPES[tensor.type].id, offset),
        ]
        offset += padded(tensor.bytes)
    header = b"".join(parts)
    header += bytes(padded(len(header)) - len(header))
    placed = tuple(Placed(tensor, len(header) + start) for tensor, start in zip(tensors, offsets, strict=True))
    return Frame(header, placed, len(header) + offset)


def packed(writer: GGUFWriter) -> dict[str, bytes]:
    """The metadata that a ``gguf.GGUFWriter`` collected, each value with its type in front."""
    return {
        key: struct.pack("<I", int(entry.type)) + _value(int(entry.type), entry.value, entry.sub_type)
        for key, entry in writer.kv_data[0].items()
    }


def _value(kind: int, value: Any, inner: Any = None) -> bytes:
    if kind == _STRING:
        return _text(value)
    if kind != _ARRAY:
        return struct.pack(_PACK[kind], value)
    if len(value) == 0:
        raise ModelpickError("GGUF metadata cannot hold an empty array")
    inner = int(inner) if inner is not None else _kind_of(value[0])
    head = struct.pack("<IQ", inner, len(value))
    if inner == _STRING:
        return head + b"".join(_text(item) for item in value)
    return head + struct.pack(f"<{len(value)}{_CODES[inner]}", *value)


def _kind_of(value: Any) -> int:
    if isinstance(value, str | bytes):
        return _STRING
    if isinstance(value, bool):
        return 7
    return 6 if isinstance(value, float) else 5


def _text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


assert ALIGNMENT == 32, "frames are laid out with GGUF's default alignment, which is then not written"
