"""How fast a processor's memory is, told from the processor's name: memory generation times channels.

The makers publish the fastest memory a family is specified for and its number of channels; a channel of 64 bits
moves 8 bytes per transfer. Systems are often built with slower memory or fewer modules, so a figure from here is
an upper figure, and estimates that rest on it say so and keep a wide range. Source: the makers' specification
pages (ark.intel.com, amd.com), by family; as of 2026.
"""

from __future__ import annotations

import re
from functools import lru_cache

_FAMILIES: tuple[tuple[str, int, int], ...] = (
    # pattern in the lower-case name, channels of 64 bits, mega-transfers per second
    (r"epyc 9\d\d5", 12, 6000),
    (r"epyc (9|8)\d\d4", 12, 4800),
    (r"epyc 4\d\d[45]", 2, 5200),
    (r"epyc 7\d\d[23]", 8, 3200),
    (r"epyc 7\d\d1", 8, 2666),
    (r"threadripper pro [79]\d", 8, 5200),
    (r"threadripper pro", 8, 3200),
    (r"threadripper [79]\d", 4, 5200),
    (r"threadripper", 4, 3200),
    (r"ryzen ai max", 4, 8000),
    (r"ryzen ai", 2, 7500),
    (r"ryzen embedded r1", 1, 2400),
    (r"ryzen \d (pro )?6\d{3}", 2, 4800),
    (r"ryzen \d (pro )?7[45]30u", 2, 3200),
    (r"ryzen \d (pro )?7730u", 2, 3200),
    (r"ryzen \d (pro )?[789]\d{3}(hs|hx|h|u|z|ge?)", 2, 5600),
    (r"ryzen \d (pro )?9\d{3}", 2, 5600),
    (r"ryzen \d (pro )?[78]\d{3}", 2, 5200),
    (r"ryzen \d (pro )?[345]\d{3}", 2, 3200),
    (r"ryzen \d (pro )?2\d{3}", 2, 2933),
    (r"ryzen", 2, 2666),
    (r"amd custom apu", 2, 5500),
    (r"\bfx\(?", 2, 1866),
    (r"opteron.* 6\d{3}", 4, 1600),
    (r"phenom|athlon", 2, 1333),
    (r"xeon.* 6[79]\d\dp", 12, 6400),
    (r"xeon.* 6[57]\d\dp", 8, 6400),
    (r"xeon.*(platinum|gold|silver) [4-8]5\d\d", 8, 5600),
    (r"xeon.*(platinum|gold|silver) [4-8]4\d\d", 8, 4800),
    (r"xeon.*(platinum|gold) [5-8]3\d\d|xeon silver 43", 8, 3200),
    (r"xeon.*(platinum|gold) [5-8]2\d\d", 6, 2933),
    (r"xeon.*(platinum|gold|silver|bronze) [3-8][12]\d\d", 6, 2400),
    (r"xeon.*w[579]-\d4", 8, 4800),
    (r"xeon.*w3-\d4", 4, 4400),
    (r"xeon.*w-3\d{3}", 6, 2933),
    (r"xeon.*w-2[12]\d\d", 4, 2800),
    (r"xeon.*e7-.*v[34]", 4, 1866),
    (r"xeon.*e5-.*v4", 4, 2400),
    (r"xeon.*e5-.*v3", 4, 2133),
    (r"xeon.*e5-.*v2", 4, 1866),
    (r"xeon.*e5-", 4, 1600),
    (r"xeon.*e3-.*v[56]", 2, 2133),
    (r"xeon.*e3-", 2, 1600),
    (r"xeon.*e-2[1-3]", 2, 2666),
    (r"core ultra \d 2\d\dv", 2, 8533),
    (r"core ultra \d 2\d\d(k|f| |$)", 2, 6400),
    (r"core ultra \d [23]\d\d", 2, 6400),
    (r"core ultra \d 1\d\d", 2, 5600),
    (r"i[3579]-1[34]\d{3}(k|f|t|s| |$)", 2, 5600),
    (r"i[3579]-12\d{3}(k|f|t|s| |$)", 2, 4800),
    (r"i[3579]-1[234]\d{2,3}", 2, 4800),
    (r"i[3579]-11(3|4|6|8)\dg|i[3579]-11\dg", 2, 3733),
    (r"i[3579]-11\d{3}", 2, 3200),
    (r"i[3579]-10\d{2}g", 2, 3200),
    (r"i[3579]-10\d{3}", 2, 2666),
    (r"i[3579]-[89]\d{3}", 2, 2400),
    (r"i[3579]-7\d{3}", 2, 2400),
    (r"i[3579]-6\d{3}", 2, 2133),
    (r"i[3579]-[45]\d{3}|m-5y", 2, 1600),
    (r"i[3579]-[23]\d{3}", 2, 1333),
    (r"i[3579] ", 2, 1066),
    (r"\bn(95|97|100|150|200|305)\b", 1, 4800),
    (r"pentium|celeron", 2, 2400),
    (r"core2", 2, 800),
    (r"ampereone", 8, 5200),
    (r"ampere|altra|neoverse-n1", 8, 3200),
    (r"graviton4|neoverse-v2", 12, 5600),
    (r"graviton3|neoverse-v1", 8, 4800),
)
"""First match wins. A channel of DDR5 counts as 64 bits here, as it is sold."""

_SOLDERED: tuple[tuple[str, float], ...] = (
    (r"apple m1 ultra", 800e9), (r"apple m2 ultra", 800e9), (r"apple m3 ultra", 819e9),
    (r"apple m1 max", 400e9), (r"apple m2 max", 400e9), (r"apple m3 max", 400e9), (r"apple m4 max", 546e9),
    (r"apple m1 pro", 200e9), (r"apple m2 pro", 200e9), (r"apple m3 pro", 150e9), (r"apple m4 pro", 273e9),
    (r"apple m5", 153e9), (r"apple m4", 120e9), (r"apple m[23]", 100e9), (r"apple m1", 68.25e9),
    (r"raspberry pi 5|bcm2712|cortex-a76$", 17.1e9), (r"raspberry pi 4|bcm2711|cortex-a72$", 12.8e9),
    (r"kirin 990", 34.1e9), (r"snapdragon x", 135e9), (r"snapdragon 8", 51.2e9),
)  # fmt: skip
"""Memory that is part of the board: bytes per second as published."""

_CHANNEL_BYTES = 8
_NOISE = re.compile(r"\((?:r|tm)\)|processor|cpu")


@lru_cache(maxsize=256)
def published_bandwidth(cpu_name: str | None) -> float | None:
    """Memory bandwidth in bytes per second by the processor's family; None when the name is not known."""
    if not cpu_name:
        return None
    name = re.sub(r"\s+", " ", _NOISE.sub(" ", cpu_name.lower()))
    for pattern, bandwidth in _SOLDERED:
        if _may_match(pattern, name) and re.search(pattern, name):
            return bandwidth
    for pattern, channels, transfers in _FAMILIES:
        if _may_match(pattern, name) and re.search(pattern, name):
            return channels * _CHANNEL_BYTES * transfers * 1e6
    return None


def _may_match(pattern: str, name: str) -> bool:
    """Whether the plain letters that an alternative begins with stand in the name: compiling costs more than looking.

    Only patterns without parentheses are parted at their bars; the others begin alike in all alternatives.
    """
    alternatives = [pattern] if "(" in pattern else pattern.split("|")
    return any(_beginning(alternative) in name for alternative in alternatives)


def _beginning(pattern: str) -> str:
    for place, letter in enumerate(pattern):
        if not (letter.isalpha() or letter == " "):
            return pattern[:place]
    return pattern
