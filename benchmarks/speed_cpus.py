"""Physical cores of the processors in the measurements, by a part of their name (makers' specification pages)."""

from __future__ import annotations

CORES: tuple[tuple[str, int], ...] = (
    ("i5-1135g7", 4), ("i5-11400h", 6), ("i5-11400", 6), ("i5-1145g7", 4), ("i7-1165g7", 4),
    ("i7-11700", 8), ("i7-11800h", 8), ("i7-1185g7", 4), ("i7-1260p", 12), ("i7-1265u", 10),
    ("i7-12700", 12), ("i5-13450hx", 10), ("i7-13620h", 10), ("i7-13700h", 14), ("i7-13700k", 16),
    ("i9-13900hx", 24), ("i9-13900ks", 24), ("apu 0932", 4), ("epyc 9135", 16), ("epyc 9454p", 48),
    ("epyc 9634", 84), ("fx-8370", 8), ("opteron(tm) processor 6378", 16), ("phenom", 4), ("5 3550h", 4),
    ("5 3600", 6), ("4600g", 6), ("5600u", 6), ("5600x", 6), ("7430u", 6), ("7535hs", 6), ("7640u", 6),
    ("3700x", 8), ("4700u", 8), ("4800u", 8), ("5700g", 8), ("5700u", 8), ("5700x", 8), ("5800x", 8),
    ("7730u", 8), ("7800x3d", 8), ("7840hs", 8), ("7840u", 8), ("4750g", 8), ("5750g", 8), ("6860z", 8),
    ("8840u", 8), ("8745h", 8), ("5900hx", 8), ("5900x", 12), ("5950x", 16), ("6900hx", 8), ("9 7900", 12),
    ("7940hs", 8), ("7950x3d", 16), ("9900x", 12), ("9950x", 16), ("pro 3900", 12), ("hx 370", 12),
    ("r1505g", 2), ("2970wx", 24), ("3970x", 32), ("3955wx", 16), ("7995wx", 96), ("m1 ultra", 16),
    ("m2 ultra", 16), ("m3 4p", 4), ("m4 4p", 4), ("m4 max 12p", 12), ("kirin 990", 4), ("m-5y71", 2),
    ("155h", 16), ("155u", 12), ("165u", 12), ("258v", 8), ("268v", 8), ("185h", 16), ("285k", 24),
    ("i5-10310u", 4), ("i5-2500", 4), ("i5-4200m", 2), ("i5-4250u", 2), ("i5-4570", 4), ("i5-5300u", 2),
    ("i5-6200u", 2), ("i5-6500t", 4), ("i5-7200u", 2), ("i5-8300h", 4), ("i5-8350u", 4), ("i5-8600", 6),
    ("i7-1065g7", 4), ("i7-10750h", 6), ("i7-10850h", 6), ("i7-10870h", 8), ("i7-4600m", 2), ("i7-4790", 4),
    ("i7-6700hq", 4), ("i7-6770hq", 4), ("i7-7600u", 2), ("i7-7700", 4), ("i7-8550u", 4), ("i7-8565u", 4),
    ("i9-14900hx", 24), ("i9-14900k", 24), ("i9-9900kf", 8), ("l9400", 2), ("n100", 4), ("n150", 4),
    ("g4600", 2), ("g6405", 2), ("e3-1240l v3", 4), ("e3-1260l v5", 4), ("e5-1620 v4", 4),
    ("e5-2620 v3", 6), ("e5-2630 v3", 8), ("e5-2630 v4", 10), ("e5-2667 v4", 8), ("e5-2695 v4", 18),
    ("e5-2697a v4", 16), ("e5-2699 v3", 18), ("gold 5218", 16), ("platinum 8280", 28), ("silver 4110", 8),
    ("silver 4210r", 10), ("w-2150b", 10), ("w-2235", 6), ("w-2255", 10), ("w5-3425", 12), ("w5-3435x", 16),
    ("raspberry pi 5", 4),
)  # fmt: skip
"""First match wins."""

_WIDE = (
    "tigerlake",
    "rocketlake",
    "znver4",
    "icelake",
    "skylake-avx512",
    "cascadelake",
    "sapphirerapids",
    "ryzen 7 7840",
)
_WIDE_NAMES = ("ryzen 9 9", "ryzen ai", "epyc 9", "8745h")
_NONE = ("core2", "phenom", "pentium")
_FIRST = ("sandybridge", "fx-", "opteron")


def cores_of(name: str) -> int | None:
    """Physical cores; None when the name is not listed."""
    lower = name.lower()
    return next((cores for part, cores in CORES if part in lower), None)


def features_of(name: str) -> tuple[str, tuple[str, ...]]:
    """Architecture and instruction sets by the name and the core name that LocalScore reports."""
    lower = name.lower()
    if any(part in lower for part in ("apple", "raspberry", "kirin", "snapdragon")):
        return "aarch64", ("neon",)
    if any(part in lower for part in _NONE):
        return "x86_64", ("sse4_2",)
    if any(part in lower for part in _FIRST):
        return "x86_64", ("avx",)
    if any(part in lower for part in (*_WIDE, *_WIDE_NAMES)):
        return "x86_64", ("avx", "avx2", "avx512f")
    return "x86_64", ("avx", "avx2")
