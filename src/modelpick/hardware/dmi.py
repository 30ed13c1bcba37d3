"""Memory modules as the firmware lists them (SMBIOS type 17): the speed and the number of channels.

Only root may read the table; https://www.dmtf.org/standards/smbios describes it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from modelpick.values import dataclass

_KINDS = {0x18: "DDR3", 0x1A: "DDR4", 0x1D: "LPDDR3", 0x1E: "LPDDR4", 0x20: "HBM", 0x21: "HBM2", 0x22: "DDR5",
          0x23: "LPDDR5", 0x24: "HBM3"}  # fmt: skip
_CHANNELS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (r"channel[\s_-]*([a-z]|\d+)", r"dimm[\s_-]*([a-z])\d?\b", r"\b([a-z])\d_dimm")
)
_NODE = re.compile(r"(?:node|cpu|proc(?:essor)?|controller|\bp)[\s_-]*(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Module:
    """One populated slot: bus width in bits, mega-transfers per second, and the two names of its place."""

    width_bits: int
    megatransfers: int
    kind: str | None
    slot: str
    bank: str


def modules(table: bytes) -> tuple[Module, ...]:
    """The populated slots whose speed and width are given."""
    return tuple(module for body, texts in _structures(table) if (module := _module(body, texts)))


def bandwidth(table: bytes) -> tuple[int, str | None] | None:
    """Bytes per second of all channels together, and the kind of memory; None where it cannot be told.

    Modules that share a channel count once. Without names of channels, each module is taken to have its own as long
    as there are two at most; more would be a guess.
    """
    found = modules(table)
    channels: dict[tuple[str, str], Module] = {}
    for number, module in enumerate(found):
        key = _channel(module)
        if key is None:
            if len(found) > 2:
                return None
            key = ("", str(number))
        channels[key] = module
    if not channels:
        return None
    total = sum(module.width_bits // 8 * module.megatransfers * 1_000_000 for module in channels.values())
    return total, found[0].kind


def _channel(module: Module) -> tuple[str, str] | None:
    for pattern in _CHANNELS:
        for text in (module.bank, module.slot):
            found = pattern.search(text)
            if found:
                node = _NODE.search(f"{module.bank} {module.slot}")
                return node[1] if node else "", found[1].lower()
    return None


def _structures(table: bytes) -> Iterator[tuple[bytes, list[str]]]:
    """Each structure's formatted area and its strings; a damaged table ends the walk."""
    at = 0
    while at + 4 <= len(table):
        length = table[at + 1]
        end = table.find(b"\0\0", at + length)
        if length < 4 or end < 0:
            return
        texts = table[at + length : end].split(b"\0")
        yield table[at : at + length], [text.decode("ascii", "replace") for text in texts]
        at = end + 2


def _module(body: bytes, texts: list[str]) -> Module | None:
    if body[0] != 17 or len(body) < 0x17:
        return None
    (width,) = struct.unpack_from("<H", body, 0x0A)
    (size,) = struct.unpack_from("<H", body, 0x0C)
    (speed,) = struct.unpack_from("<H", body, 0x15)
    if len(body) >= 0x22:
        (configured,) = struct.unpack_from("<H", body, 0x20)
        speed = configured or speed
    if not size or not 0 < speed < 0xFFFF or width not in (16, 32, 64, 128):
        return None

    def text(number: int) -> str:
        return texts[number - 1] if 0 < number <= len(texts) else ""

    return Module(width, speed, _KINDS.get(body[0x12]), text(body[0x10]), text(body[0x11]))
