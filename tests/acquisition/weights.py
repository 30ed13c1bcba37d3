"""Small but real weight files: valid headers, and data made on the fly behind them."""

import json
import struct
from typing import Any

from tests.hubserver import Generated

FILE_TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 7, "Q4_K_M": 15, "Q5_K_M": 17, "BF16": 32}
_Q4_K_ROW = 144  # bytes of 256 values


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(value: str | int) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    return struct.pack("<II", 4, value)


def gguf(
    size: int = 300_000,
    *,
    seed: int = 1,
    architecture: str = "llama",
    quantisation: str = "Q4_K_M",
    facts: dict[str, str | int] | None = None,
) -> Generated:
    """A GGUF of about ``size`` bytes: one matrix of Q4_K rows."""
    rows = max(1, (size - 400) // _Q4_K_ROW)
    keys: dict[str, str | int] = {
        "general.architecture": architecture,
        "general.name": "a test",
        "general.file_type": FILE_TYPES.get(quantisation, 15),
        f"{architecture}.block_count": 1,
        **(facts or {}),
    }
    header = b"GGUF" + struct.pack("<IQQ", 3, 1, len(keys))
    for key, value in keys.items():
        header += _text(key) + _value(value)
    header += _text("blk.0.ffn_up.weight") + struct.pack("<IQQIQ", 2, 256, rows, 12, 0)
    header += b"\0" * (-len(header) % 32)
    return Generated(len(header) + rows * _Q4_K_ROW, seed=seed, prefix=header)


def safetensors(size: int = 200_000, *, seed: int = 1, name: str = "model.embed_tokens.weight") -> Generated:
    """A safetensors file with one BF16 matrix of about ``size`` bytes."""
    rows = max(1, size // 256)
    tensors: dict[str, Any] = {name: {"dtype": "BF16", "shape": [rows, 128], "data_offsets": [0, rows * 256]}}
    text = json.dumps(tensors).encode()
    text += b" " * (-len(text) % 8)
    prefix = struct.pack("<Q", len(text)) + text
    return Generated(len(prefix) + rows * 256, seed=seed, prefix=prefix)
