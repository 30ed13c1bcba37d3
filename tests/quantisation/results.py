"""Looking into a result: its tensors' bytes, and one digest over all of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from modelpick.quantisation.gguf_read import GgufFile, unpack


def tensors(path: Path) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    """Type, shape and bytes of every tensor."""
    file = GgufFile(path)
    try:
        found = {}
        for tensor in file.tensors.values():
            data = bytearray(tensor.bytes)
            file.read(tensor, 0, memoryview(data))
            found[tensor.name] = (tensor.dtype, tensor.shape, bytes(data))
        return found
    finally:
        file.close()


def digest(path: Path) -> str:
    """Sixteen hex digits over names, types, shapes and data of all tensors."""
    total = hashlib.sha256()
    for name, (dtype, shape, data) in sorted(tensors(path).items()):
        total.update(f"{name} {dtype} {shape} ".encode() + hashlib.sha256(data).digest())
    return total.hexdigest()[:16]


def metadata(path: Path) -> dict[str, Any]:
    """All keys, unpacked."""
    file = GgufFile(path)
    file.close()
    return {key: unpack(value) for key, value in file.values.by_key.items()}
