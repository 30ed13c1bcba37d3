"""The tensor types of GGUF files: what a block holds and how many bytes it takes.

Source: ggml's block structures (``ggml-common.h``) as of llama.cpp b10605.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from modelpick.values import dataclass

ALIGNMENT = 32
"""GGUF pads each tensor to this many bytes unless ``general.alignment`` says otherwise."""


@dataclass(frozen=True, slots=True)
class GgmlType:
    """One tensor type: its number in the file, the elements of a block and the bytes of a block."""

    name: str
    id: int
    block: int
    bytes: int
    quantised: bool

    @property
    def bits_per_weight(self) -> float:
        """Bits that one element takes, scales included."""
        return 8 * self.bytes / self.block


_PLAIN = (
    ("F32", 0, 4),
    ("F16", 1, 2),
    ("BF16", 30, 2),
    ("F64", 28, 8),
    ("I8", 24, 1),
    ("I16", 25, 2),
    ("I32", 26, 4),
    ("I64", 27, 8),
)
_BLOCKS = (
    ("Q4_0", 2, 32, 18),
    ("Q4_1", 3, 32, 20),
    ("Q5_0", 6, 32, 22),
    ("Q5_1", 7, 32, 24),
    ("Q8_0", 8, 32, 34),
    ("Q8_1", 9, 32, 36),
    ("Q2_K", 10, 256, 84),
    ("Q3_K", 11, 256, 110),
    ("Q4_K", 12, 256, 144),
    ("Q5_K", 13, 256, 176),
    ("Q6_K", 14, 256, 210),
    ("Q8_K", 15, 256, 292),
    ("IQ2_XXS", 16, 256, 66),
    ("IQ2_XS", 17, 256, 74),
    ("IQ3_XXS", 18, 256, 98),
    ("IQ1_S", 19, 256, 50),
    ("IQ4_NL", 20, 32, 18),
    ("IQ3_S", 21, 256, 110),
    ("IQ2_S", 22, 256, 82),
    ("IQ4_XS", 23, 256, 136),
    ("IQ1_M", 29, 256, 56),
    ("TQ1_0", 34, 256, 54),
    ("TQ2_0", 35, 256, 66),
    ("MXFP4", 39, 32, 17),
    ("NVFP4", 40, 64, 36),
    ("Q1_0", 41, 128, 18),
    ("Q2_0", 42, 64, 18),
)

TYPES: dict[str, GgmlType] = {
    **{name: GgmlType(name, number, 1, size, False) for name, number, size in _PLAIN},
    **{name: GgmlType(name, number, block, size, True) for name, number, block, size in _BLOCKS},
}
"""By name, as ``Q4_K``."""

BY_ID: dict[int, GgmlType] = {type_.id: type_ for type_ in TYPES.values()}
"""By the number that stands in a file."""


def row_bytes(type_name: str, elements: int) -> int:
    """Bytes of one row of ``elements`` in a cache; a part of a block counts as that part."""
    type_ = TYPES[type_name]
    return elements * type_.bytes // type_.block


def tensor_bytes(type_name: str, shape: Sequence[int]) -> int:
    """Bytes of a tensor of that shape (ggml order: the row length first), without padding.

    :raises ValueError: when the row length is not a multiple of the type's block.
    """
    type_ = TYPES[type_name]
    if type_.block > 1 and shape[0] % type_.block:
        raise ValueError(f"a row of {shape[0]} elements is not a multiple of {type_name}'s block of {type_.block}")
    return prod(shape) // type_.block * type_.bytes


def padded(size: int, alignment: int = ALIGNMENT) -> int:
    """The size rounded up to a multiple of ``alignment``."""
    return -(-size // alignment) * alignment
