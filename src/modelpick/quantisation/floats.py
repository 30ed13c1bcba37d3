"""How weights are stored in safetensors and GGUF sources, and how they become float32 rows that can be trusted.

NaN and infinity are looked for in the source rows: a NaN that goes through ggml's kernels comes out as a block that
looks valid.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

WIDTHS: dict[str, int] = {"F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1}
"""Bytes per weight of the number types that can be read."""


def decode(dtype: str, raw: np.ndarray, out: np.ndarray) -> None:
    """Write the weights in ``raw`` (bytes) to ``out`` (float32, as many as there are weights)."""
    import numpy as np

    match dtype:
        case "F32":
            out[:] = raw.view("<f4")
        case "F16":
            out[:] = raw.view("<f2")
        case "BF16":
            bits = out.view(np.uint32)
            np.left_shift(raw.view("<u2"), 16, out=bits, dtype=np.uint32, casting="unsafe")
        case "F8_E4M3" | "F8_E5M2":
            np.take(_eight_bits(dtype), raw, out=out)
        case _:
            raise ValueError(dtype)


def all_finite(rows: np.ndarray) -> bool:
    """Whether no element of float32 ``rows`` is NaN or infinite. max and min carry a NaN through."""
    import numpy as np

    return bool(np.isfinite(rows.max()) and np.isfinite(rows.min()))


def round_to_bf16(rows: np.ndarray) -> None:
    """Round float32 ``rows`` in place to what bfloat16 can hold, nearest and ties to even."""
    import numpy as np

    bits = rows.view(np.uint32)
    bits += 0x7FFF + ((bits >> np.uint32(16)) & np.uint32(1))
    bits &= np.uint32(0xFFFF0000)


def to_bf16(rows: np.ndarray) -> np.ndarray:
    """float32 ``rows`` as bfloat16 bits (uint16), nearest and ties to even."""
    import numpy as np

    bits = rows.view(np.uint32)
    return ((bits + (0x7FFF + ((bits >> np.uint32(16)) & np.uint32(1)))) >> np.uint32(16)).astype(np.uint16)


@cache
def _eight_bits(dtype: str) -> np.ndarray:
    """The 256 values of an 8-bit float: E4M3 without infinities (OCP), E5M2 as a truncated half."""
    import numpy as np

    codes = np.arange(256, dtype=np.uint16)
    if dtype == "F8_E5M2":
        return (codes << 8).view(np.float16).astype(np.float32)
    exponent, mantissa = (codes >> 3) & 15, codes & 7
    normal = (1 + mantissa / 8) * 2.0 ** (exponent.astype(np.float64) - 7)
    values = np.where(exponent == 0, mantissa / 8 * 2.0**-6, normal)
    values[(codes & 0x7F) == 0x7F] = np.nan
    return np.where(codes & 0x80, -values, values).astype(np.float32)
