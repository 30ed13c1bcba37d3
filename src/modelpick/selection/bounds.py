"""What can be said of an option without its memory arithmetic: the least it needs, the fastest it runs, the most it
scores.

A bound is never beaten by the truth, so the search may skip on it and still find what trying everything finds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from modelpick.hardware.interface import Hardware
from modelpick.selection.filters import context_for
from modelpick.selection.interface import Entry, Needs, Option, Place, Rejection
from modelpick.selection.scoring import least_quality, most_points_for_size, most_points_for_speed
from modelpick.units import GIB
from modelpick.values import dataclass

Loss = Callable[[str | None, int | None], float | None]
Fastest = Callable[[float, float, float, float], float]
"""The most tokens per second of a machine that multiplies so many weights and reads so many bytes of them and of cache,
in so many layers."""

FEWEST_BITS = 2.0
"""Per weight: below every form that is offered."""

# The base type of each mix; its raised tensors only add to it. 16-bit embeddings only add to low-bit formats.
_LEAST_BITS = {
    "F32": 32.0, "F16": 16.0, "BF16": 16.0, "Q8_0": 8.5, "Q6_K": 6.56, "Q5_K_M": 5.5, "Q5_K_S": 5.5, "Q5_0": 5.5,
    "Q4_K_M": 4.5, "Q4_K_S": 4.5, "IQ4_NL": 4.5, "Q4_0": 4.5, "IQ4_XS": 4.25, "Q3_K_L": 3.43, "Q3_K_M": 3.43,
    "Q3_K_S": 3.43, "Q2_K": 2.62,
}  # fmt: skip
_EXACT = 1.02  # sizes that were worked out are those of the estimate itself, but for rounding
_SEES = frozenset({"vision-language", "any-to-any"})
_WRITES = frozenset({"text", "code"}) | _SEES
_ROUNDED = 0.97  # totals are rounded on some cards, and count tensors that no file holds
_TOWER = 0.5  # a vision tower stands in a file of its own: at least this part of the total is the language model


@dataclass(frozen=True, slots=True)
class Bound:
    """The least bytes, the most tokens per second (None: unknown) and the most points of one option."""

    least_bytes: float
    fastest: float | None
    ceiling: float


def room_of(hardware: Hardware) -> float:
    """All free memory of the machine together, bytes: nothing larger than this fits in any placement."""
    pools = hardware.pools
    return float(sum(p.free_bytes if p.free_bytes is not None else p.total_bytes or 0 for p in pools))


def bound_of(entry: Entry, option: Option, fastest: Fastest | None, needs: Needs, loss: Loss) -> Bound:
    """The bounds of one option."""
    sizes = _known_sizes(entry.sizes)
    known = sizes.get(option.quantisation or "") if option.format == "gguf" else None
    if known is not None:
        file, read = known
        least = float(option.source.bytes if option.source.bytes and not option.made_here else file)
        row, window_row, window, state, layers = sizes["cache"]
        # The likely speed is that of a cache filled by half; several users read more.
        tokens = context_for(entry, needs) / 2
        cache = row * tokens + window_row * min(tokens, window) + state
        speed = fastest and _EXACT * fastest(sizes["read_params"][0], read * least / file, cache, layers)
        least /= _EXACT
    else:
        bits = _language_share(entry.modality) * _ROUNDED * _LEAST_BITS.get(option.quantisation or "", FEWEST_BITS)
        least = option.source.bytes or (entry.params_total or 0) * bits / 8
        speed = _speed(entry.modality, entry.params_total, params_read(entry), bits, fastest)
    low = entry.ability.low if entry.ability else None
    taken = (loss(option.quantisation, entry.params_total) or 0.0) if low is not None else 0.0
    return Bound(least, speed, _most(low, needs, least, speed) - taken)


@lru_cache(maxsize=512)
def _known_sizes(sizes: str | None) -> Mapping[str, Sequence[float]]:
    """The sizes that were worked out, each a list; see the registry's ``ArchitectureRow.sizes``."""
    if not sizes:
        return {}
    found = json.loads(sizes)
    return {name: value if isinstance(value, list) else [value] for name, value in found.items()}


def place_ceiling(place: Place, needs: Needs, fastest: Fastest | None) -> float:
    """The most that any option of the model at a place could score."""
    bits = _language_share(place.modality) * FEWEST_BITS
    speed = _speed(place.modality, place.params_total, place.params_read, bits, fastest)
    return _most(place.low, needs, (place.params_total or 0) * bits / 8, speed)


def params_read(entry: Entry) -> int | None:
    """The parameters that each token multiplies; None for a mixture whose active part nobody counted."""
    return entry.params_active or (None if "experts" in (entry.config or "") else entry.params_total)


def hopeless(entry: Entry, option: Option, bound: Bound, needs: Needs, room: float) -> Rejection | None:
    """The rejection of an option that not even its bounds let through. ``room`` is :func:`room_of` the machine."""
    if bound.least_bytes > room:
        message = f"needs at least {bound.least_bytes / GIB:.1f} GiB, the machine has {room / GIB:.1f} GiB"
        return Rejection(entry.slug, "memory", message, round(bound.least_bytes), round(room), "bytes", option)
    if needs.min_speed is not None and bound.fastest is not None and bound.fastest < needs.min_speed:
        message = f"at most {bound.fastest:.2g} tokens per second, wanted {needs.min_speed:g}"
        speed = round(bound.fastest, 2)
        return Rejection(entry.slug, "speed", message, needs.min_speed, speed, "tokens_per_second", option)
    return None


def _language_share(modality: str) -> float:
    return _TOWER if modality in _SEES else 1.0


def _most(low: float | None, needs: Needs, least_bytes: float, fastest: float | None) -> float:
    speed = most_points_for_speed(needs.prefer, fastest)
    return least_quality(low) + speed + most_points_for_size(needs.prefer, least_bytes)


def _speed(modality: str, total: int | None, read: int | None, bits: float, fastest: Fastest | None) -> float | None:
    """Every token reads and multiplies the active weights once, all but the rows of the embedding."""
    if not read or fastest is None or modality not in _WRITES:
        return None
    # Embeddings that are only looked up are most of a small model (Gemma 3n and 4), little of a large one.
    large = read >= (6e9 if read == total else 2e9)
    params = (0.6 if large else 0.35) * read
    return fastest(params, params * bits / 8, 0.0, 0.0)
