"""How a quantity is read and written down: bytes, counts, tokens, bandwidth, money.

Reading is strict and names the accepted forms; writing never mixes GB and GiB.
"""

from __future__ import annotations

import re

from modelpick.errors import UsageError

KIB = 1024
MIB = 1024**2
GIB = 1024**3
TIB = 1024**4

_DECIMAL = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"k": KIB, "m": MIB, "g": GIB, "t": TIB}
# Patterns are compiled when they are first used: most answers use none of them.
_SIZE = r"(\d+(?:\.\d+)?|\.\d+)\s*([kmgt]?)(i?)(b?)"
_COUNT = r"(\d+(?:\.\d+)?|\.\d+)\s*([kmbt]?)"
_COUNT_SCALE = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}
_SIZE_FORMS = "24GB, 24GiB, 24g, 24576MiB"
_MOST = 2**63 - 1


def parse_memory(text: str, *, what: str = "memory") -> int:
    """Bytes of a memory size that a person typed. ``24GB``, ``24g`` and ``24GiB`` all mean 24 x 2^30.

    Memory is sold in powers of two under the name GB, so here GB reads as GiB; for files and downloads, where
    GB means 10^9, use :func:`parse_file_size`.

    :raises UsageError: for anything that is not a positive size with a unit.
    """
    return _parse_size(text, what, binary_always=True)


def parse_file_size(text: str, *, what: str = "size") -> int:
    """Bytes of a file or download size: ``5GB`` is 5 x 10^9, ``5GiB`` is 5 x 2^30.

    :raises UsageError: for anything that is not a positive size with a unit.
    """
    return _parse_size(text, what, binary_always=False)


def _parse_size(text: str, what: str, *, binary_always: bool) -> int:
    found = re.fullmatch(_SIZE, text.strip(), re.ASCII | re.IGNORECASE)
    hint = f"write a positive size with a unit: {_SIZE_FORMS}"
    if not found or not (found[2] or found[4]) or (found[3] and not found[2]):
        raise UsageError(f"{what}: {text!r} is not a size", hint=hint)
    prefix = found[2].lower()
    scale = _BINARY[prefix] if prefix and (binary_always or found[3]) else _DECIMAL[prefix]
    size = round(float(found[1]) * scale)
    if not 0 < size <= _MOST:
        raise UsageError(f"{what}: {text!r} is out of range", hint=hint)
    return size


def parse_count(text: str, *, what: str = "count") -> int:
    """A whole number with an optional k, M, B or T: ``2M`` is 2,000,000, ``7B`` is 7 x 10^9.

    :raises UsageError: for anything else, and for zero or less.
    """
    found = re.fullmatch(_COUNT, text.strip().replace(",", "").replace("_", ""), re.ASCII | re.IGNORECASE)
    number = round(float(found[1]) * _COUNT_SCALE[found[2].lower()]) if found else 0
    if not 0 < number <= _MOST:
        raise UsageError(f"{what}: {text!r} is not a positive number", hint="accepted: 8192, 32k, 2M, 7B, 1.5T")
    return number


def format_bytes(size: float | None) -> str:
    """A size in binary units with one decimal, ``4.6 GiB``; unknown is ``-``."""
    if size is None:
        return "-"
    for unit, scale in (("TiB", TIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if abs(size) >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size:.0f} B"


def format_count(number: float | None) -> str:
    """A large count in short form, ``7.24B``; unknown is ``-``."""
    if number is None:
        return "-"
    for unit, scale in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(number) >= scale:
            short = f"{number / scale:.3g}" if abs(number) < 1000 * scale else f"{number / scale:.0f}"
            return f"{short}{unit}"
    return f"{number:g}"


def format_rate(per_second: float | None) -> str:
    """Tokens per second with two significant digits below 100; unknown is ``-``."""
    if per_second is None:
        return "-"
    return f"{per_second:.0f}" if per_second >= 10 else f"{per_second:.1f}"
