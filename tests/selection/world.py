"""A small world for selection: models, a machine, and arithmetic simple enough to check by hand."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import replace

from modelpick.estimation.interface import Fit, Footprint, Misfit, Placement, PoolUse, Range, Settings, Speed
from modelpick.hardware.interface import Cpu, Device, Hardware, MemoryPool, System
from modelpick.licensing.interface import Decision
from modelpick.selection.bounds import params_read
from modelpick.selection.interface import Candidate, Entry, Needs, Place, Source

BITS = {"Q8_0": 8.5, "Q6_K": 6.6, "Q5_K_M": 5.7, "Q4_K_M": 4.9, "IQ4_XS": 4.4, "Q3_K_M": 4.0, "Q2_K": 3.1, "BF16": 16.0}
LOSS = {"Q8_0": 0.0, "Q6_K": 0.1, "Q5_K_M": 0.2, "Q4_K_M": 0.5, "IQ4_XS": 0.6, "Q3_K_M": 1.5, "Q2_K": 5.0, "BF16": 0.0}
GIB = 2**30


def entry(
    slug: str, *, billions: float = 7, low: float | None = 50, family: str | None = None, **changes: object
) -> Entry:
    plain = Entry(
        slug=slug,
        family=family or slug,
        name=slug,
        relation="instruct",
        tasks=("chat",),
        modality="text",
        released="2025-06-01",
        params_total=int(billions * 1e9),
        params_active=None,
        context_length=32768,
        languages=("en", "de"),
        capabilities=("tools",),
        commercial_use="yes",
        verdict_status="consistent",
        ability=None if low is None else Range(low, low + 2, low + 4),
        ability_basis="human votes",
        config="{}",
        model_type="llama",
        sources=(Source("gguf", f"maker/{slug}-GGUF", "official"), Source("safetensors", f"maker/{slug}", "official")),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def machine(
    gib: float = 24, gb_per_second: float = 40, gpu: str | None = None, capability: str | None = None
) -> Hardware:
    cpu = Cpu("cpu", "x86_64", 1, 2, 2, 2.0)
    pools = (MemoryPool("host", int(gib * GIB), int(gib * GIB), int(gb_per_second * 1e9)),)
    devices: tuple[Device, ...] = ()
    if gpu:
        pools += (MemoryPool("gpu0", int(gib * GIB), int(gib * GIB), int(gb_per_second * 1e9)),)
        devices = (Device(0, gpu, "nvidia", gpu, "gpu0", compute_capability=capability),)  # type: ignore[arg-type]
    return Hardware(cpu, System("linux"), pools, devices)


def assess_on(hardware: Hardware):
    """Fit and speed by weights alone: it fits when they do, and one pass over them is one token."""

    def assess(candidate: Candidate) -> Fit | Misfit:
        entry = candidate.entry
        bits = BITS[candidate.option.quantisation or "BF16"]
        weights = int((entry.params_total or 0) * bits / 8)
        pool = hardware.pools[-1]
        available = pool.free_bytes or 0
        if weights > available:
            return Misfit("too large", weights, available, pool.name)
        active = entry.params_active or entry.params_total or 1
        speed = (pool.bandwidth_bytes_per_second or 0) / (active * bits / 8)
        use = PoolUse(pool.name, 0 if hardware.devices else None, weights, available, 32, weights)
        kind = "gpu" if hardware.devices else "cpu"
        return Fit(
            Footprint(weights, 0, 0, 0, 0),
            Placement(kind, (use,), 33 if hardware.devices else 0, 32),
            Speed(Range(speed * 0.8, speed, speed * 1.2), None, None, "bandwidth"),
            Settings(context=candidate.context),
        )

    return assess


def loss(quantisation: str | None, params: int | None) -> float | None:
    return LOSS.get(quantisation or "BF16")


def allow(entry: Entry) -> Decision:
    allowed = entry.commercial_use == "yes"
    return Decision(allowed, entry.commercial_use, "the licence says so", "permissive")  # type: ignore[arg-type]


def kin_of(entry: Entry) -> int:
    """Equal for entries that differ in nothing but names, family and ability."""
    sources = tuple(replace(source, repo="") for source in entry.sources)
    alike = replace(entry, slug="", name="", family="", ability=None, ability_basis=None, sources=sources)
    return hash(repr(alike))


class ListShelf:
    """A shelf over a list, which also counts what was taken from it."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries_by_class: dict[int, list[Entry]] = {}
        for one in entries:
            size = int(math.log2(one.params_total)) if one.params_total else -1
            self.entries_by_class.setdefault(size, []).append(one)
        for group in self.entries_by_class.values():
            group.sort(key=lambda one: (-(one.ability.low if one.ability else 30.0), one.slug))
        self.by_slug = {one.slug: one for one in entries}
        self.seen = 0
        self.taken = 0

    def size_classes(self, task: str, policy: str) -> list[tuple[int, int]]:
        return sorted((size, len(group)) for size, group in self.entries_by_class.items())

    def places(
        self,
        task: str,
        policy: str,
        size_class: int,
        *,
        each: bool = False,
        only: Collection[str] = (),
        passed: Set[tuple[int, bool]] = frozenset(),
    ) -> Iterable[Place]:
        seen: set[object] = set()
        for one in self.entries_by_class[size_class]:
            low = one.ability.low if one.ability else None
            place = Place(one.slug, one.family, kin_of(one), low, one.modality, one.params_total, params_read(one))
            alike = (place.kin, place.family, low)
            wanted = not only or one.slug in only
            if wanted and (each or only or alike not in seen) and (place.kin, low is None) not in passed:
                self.seen += 1
                seen.add(alike)
                yield place

    def entry(self, task: str, slug: str) -> Entry:
        self.taken += 1
        return self.by_slug[slug]

    def turned_down(self, task: str, policy: str) -> Mapping[str, int]:
        return {}


def needs(**changes: object) -> Needs:
    return replace(Needs(), **changes)  # type: ignore[arg-type]
