"""Writes GGUF files for tests: headers by hand, data as a hole."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelpick.formats.ggml import TYPES, padded, tensor_bytes


def text(value: str, order: str = "<") -> bytes:
    raw = value.encode()
    return struct.pack(order + "Q", len(raw)) + raw


def value(item: Any, order: str = "<") -> bytes:
    """A typed metadata value: text, truth, whole number, fraction, or a list of one of them."""
    if isinstance(item, bool):
        return struct.pack(order + "IB", 7, item)
    if isinstance(item, int):
        return struct.pack(order + "II", 4, item)
    if isinstance(item, float):
        return struct.pack(order + "If", 6, item)
    if isinstance(item, str):
        return struct.pack(order + "I", 8) + text(item, order)
    items = [value(part, order) for part in item]
    kind = items[0][:4] if items else struct.pack(order + "I", 4)
    return struct.pack(order + "I", 9) + kind + struct.pack(order + "Q", len(items)) + b"".join(i[4:] for i in items)


def header(
    metadata: Mapping[str, Any],
    tensors: Sequence[tuple[str, Sequence[int], str]] = (),
    *,
    version: int = 3,
    order: str = "<",
) -> bytes:
    """A whole header; tensors follow one another without gaps but the padding."""
    parts = [b"GGUF", struct.pack(order + "IQQ", version, len(tensors), len(metadata))]
    parts += [text(key, order) + value(item, order) for key, item in metadata.items()]
    offset = 0
    for name, shape, type_ in tensors:
        parts.append(text(name, order) + struct.pack(order + "I", len(shape)))
        parts.append(struct.pack(order + f"{len(shape)}Q", *shape))
        parts.append(struct.pack(order + "IQ", TYPES[type_].id, offset))
        offset += padded(tensor_bytes(type_, shape))
    return b"".join(parts)


def write(path: Path, metadata: Mapping[str, Any], tensors: Sequence[tuple[str, Sequence[int], str]]) -> Path:
    """A GGUF file whose data are a hole in the file system."""
    head = header(metadata, tensors)
    data = sum(padded(tensor_bytes(type_, shape)) for _, shape, type_ in tensors)
    with path.open("wb") as stream:
        stream.write(head)
        stream.truncate(padded(len(head)) + data)
    return path
