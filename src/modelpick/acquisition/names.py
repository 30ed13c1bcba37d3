"""Names that came from outside: which are refused, which quantisation and which part of a split they name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

_LONGEST_PATH = 1024
_LONGEST_COMPONENT = 255
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}

_QUANTISATION = re.compile(
    r"(?<![A-Za-z0-9])(UD[-_])?("
    r"I?Q\d(?:[-_](?:[01]|\d[-_]\d|K|NL|XXS|XS|S|M|L|XL))*"
    r"|TQ[12][-_]0|MXFP4(?:[-_]MOE)?|NVFP4|BF16|FP?16|FP?32"
    r")(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_PART = re.compile(r"(?P<stem>.+)-(?P<part>\d{5})-of-(?P<parts>\d{5})(?P<ending>\.[A-Za-z0-9]+)")


@dataclass(frozen=True, slots=True)
class Part:
    """Where a file stands in a split: part 2 of 5 of ``stem``."""

    stem: str
    number: int
    parts: int


def unsafe(path: str) -> str | None:
    """Why a repository's path may not become a file here, or None when it may.

    The rules of all systems hold on each of them, so a cache can move between machines.
    """
    if not path or len(path) > _LONGEST_PATH:
        return f"{len(path):,} characters"
    if not path.isprintable():
        return "control characters"
    if "\\" in path or ":" in path:
        return "a backslash or a colon"
    for component in path.split("/"):
        if component in ("", ".", ".."):
            return "a step out of the folder" if component == ".." else "an empty or '.' component"
        if len(component.encode("utf-8", "surrogatepass")) > _LONGEST_COMPONENT:
            return f"a component of {len(component):,} characters"
        if component[-1] in ". " or component.split(".")[0].lower() in _DEVICES:
            return "a name that Windows reserves"
        if component.startswith(".modelpick"):
            return "a name of modelpick's own"
    return None


def harmless(path: str) -> str:
    """A hostile name as it can be shown: escaped and short."""
    shown = path.encode("unicode_escape", "surrogatepass").decode("ascii", "replace")
    return shown if len(shown) <= 80 else f"{shown[:60]}... ({len(path):,} characters)"


def normal_quantisation(text: str) -> str:
    """One spelling for all: ``q4-k-m`` is ``Q4_K_M``; ``UD-`` marks another mix and stays."""
    name = text.strip().upper().replace("-", "_")
    dynamic = name.startswith("UD_")
    name = name.removeprefix("UD_").replace("FP16", "F16").replace("FP32", "F32").replace("BF_16", "BF16")
    return f"UD-{name}" if dynamic else name


def quantisation_of(path: str) -> str | None:
    """The quantisation that a GGUF's name tells, in its normal spelling; the file's own name speaks first."""
    for component in reversed(path.split("/")):
        stem = component.removesuffix(".gguf").removesuffix(".GGUF")
        if found := list(_QUANTISATION.finditer(stem)):
            return normal_quantisation(found[-1][0])
    return None


def part_of(path: str) -> Part | None:
    """Which part of a split model a file is, None for a whole one."""
    found = _PART.fullmatch(path)
    if not found:
        return None
    return Part(found["stem"] + found["ending"], int(found["part"]), int(found["parts"]))


def groups(paths: Iterable[str]) -> dict[str, list[str]]:
    """Paths by the model they belong to: all parts of a split under its stem, whole files under their own name."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(paths):
        part = part_of(path)
        found[f"{part.stem} ({part.parts})" if part else path].append(path)
    return dict(found)


def missing_parts(paths: Iterable[str]) -> list[int]:
    """Numbers of the parts that a split lacks; empty for a whole one."""
    parts = [part for path in paths if (part := part_of(path))]
    if not parts:
        return []
    return sorted(set(range(1, parts[0].parts + 1)) - {part.number for part in parts})
