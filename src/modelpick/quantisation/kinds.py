"""The types we write: the whitelist. The kernels check nothing, so a type that is not here is never passed on."""

from __future__ import annotations

from modelpick.errors import UsageError
from modelpick.formats import mixes
from modelpick.formats.ggml import TYPES, GgmlType

_WRITABLE = (
    "F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
    "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "IQ1_M",
)  # fmt: skip

KINDS: dict[str, GgmlType] = {name: TYPES[name] for name in _WRITABLE}
"""By name. The bridge holds their sizes against the loaded library."""

FILE_TYPES: dict[str, int] = {
    "F32": 0, "F16": 1, "BF16": 32, "Q8_0": 7, "Q6_K": 18, "Q5_K_M": 17, "Q5_K_S": 16, "Q4_K_M": 15, "Q4_K_S": 14,
    "Q3_K_L": 13, "Q3_K_M": 12, "Q3_K_S": 11, "Q2_K": 10, "IQ4_XS": 30, "IQ4_NL": 25, "Q5_0": 8, "Q5_1": 9, "Q4_0": 2,
    "Q4_1": 3, "IQ3_M": 27, "IQ3_S": 26, "IQ3_XS": 22, "IQ3_XXS": 23, "IQ2_M": 29, "IQ2_S": 28, "IQ2_XS": 20,
    "IQ2_XXS": 19, "IQ1_M": 31, "IQ1_S": 24,
}  # fmt: skip
"""The mixes that can be made and their number in ``general.file_type``; the usual ones first."""

NEEDS_IMATRIX = frozenset({"IQ3_XS", "IQ3_XXS", "IQ2_M", "IQ2_S", "IQ2_XS", "IQ2_XXS", "IQ1_M", "IQ1_S"})
"""Made only with an importance matrix: llama.cpp refuses them, the kernels abort, or the result is not worth having."""

FITTING_ORDER = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS", "Q3_K_L", "Q3_K_M", "Q3_K_S", "Q2_K")
"""From best to smallest: what ``--fit`` tries in turn."""


def mix_name(text: str) -> str:
    """The mix that was meant, in its own spelling.

    :raises UsageError: for an unknown mix, with those that exist.
    """
    name = mixes.canonical(text.strip())
    if name is None or name not in FILE_TYPES:
        raise UsageError(f"{text!r} is not a type that can be made", hint="one of: " + ", ".join(FILE_TYPES))
    return name


def needs_imatrix(mix: str) -> bool:
    """Whether this mix is only made with an importance matrix."""
    return mix in NEEDS_IMATRIX
