"""What the speed laws need to know of a machine: each GPU as a :class:`Card`, the processor as a :class:`Host`.

Where a figure is missing a typical one of the family stands in, ``known`` is False, and ranges widen.
"""

from __future__ import annotations

import re
from functools import lru_cache

from modelpick.estimation.cpu_memory import published_bandwidth
from modelpick.estimation.speed_constants import (
    CORE_BANDWIDTH,
    FLOPS_PER_BYTE,
    PCIE_BYTES_PER_LANE,
    PCIE_SHARE,
    PCIE_UNKNOWN,
    SHADERS_PER_MATRIX_RATE,
    Constants,
    GpuConstants,
)
from modelpick.hardware.interface import Cpu, Device, Hardware
from modelpick.values import dataclass

_LOW_POWER = re.compile(r"\d(u|y|g\d|ge|t)\b|ultra \d \d\d\dv|m-5y|\bn(95|97|100|150|200)\b")
_UNKNOWN_MEMORY = 40e9


@dataclass(frozen=True, slots=True)
class Card:
    """A GPU: bytes and operations per second, the constants of its family, and where its bandwidth came from."""

    name: str
    family: str
    bandwidth: float
    shader: float
    matrix: float
    link: float
    bandwidth_origin: str
    known: bool
    fitted: bool
    nvlink: bool = False


@dataclass(frozen=True, slots=True)
class Host:
    """The processor: memory bandwidth in bytes per second, usable physical cores, the key of its instructions."""

    name: str
    bandwidth: float
    cores: float
    instructions: str
    low_power: bool
    bandwidth_origin: str
    known: bool


@dataclass(frozen=True, slots=True)
class Machine:
    """The cards by device index, and the host."""

    cards: dict[int, Card]
    host: Host


def card_of(device: Device, hardware: Hardware) -> Card:
    """The card a device is. Unified devices share the host's memory and bandwidth."""
    pool = hardware.pool(device.pool)
    family = device.vendor if device.vendor in FLOPS_PER_BYTE else "other"
    bandwidth, origin = pool.bandwidth_bytes_per_second, pool.bandwidth_origin or "reported"
    if bandwidth is None and device.unified:
        published = published_bandwidth(device.name if family == "apple" else hardware.cpu.name)
        bandwidth, origin = (int(published), "published") if published else (None, origin)
    known = bandwidth is not None
    bytes_per_second = float(bandwidth or _typical_bandwidth(device, pool.total_bytes))
    generation = generation_of(device)
    shader, matrix, measured = _rates(device, family, generation, bytes_per_second)
    return Card(
        name=device.accelerator or device.name,
        family=generation or family,
        bandwidth=bytes_per_second,
        shader=shader,
        matrix=matrix,
        link=_link(device),
        bandwidth_origin=origin if known else "assumed",
        known=known and measured,
        fitted=generation is not None or family == "apple",
        nvlink=bool(device.nvlink_bytes_per_second) or "SXM" in (device.accelerator or device.name),
    )


def generation_of(device: Device) -> str | None:
    """The generation by compute capability or gfx name: what ``Constants.shader_scale`` is keyed by."""
    if device.vendor == "nvidia" and device.compute_capability:
        major, _, minor = device.compute_capability.partition(".")
        if major == "7":
            return "volta" if minor in {"0", "2"} else "turing"
        if major == "8":
            return "ga100" if minor == "0" else "ada" if minor == "9" else "ampere"
        older = {"5": "pascal", "6": "pascal", "9": "hopper"}
        return older.get(major, "blackwell" if major.isdigit() and int(major) >= 10 else None)
    if device.vendor == "amd" and device.gfx:
        name = device.gfx.removeprefix("gfx")
        if name[:1] == "9":
            return "cdna"
        return {"10": "rdna2", "11": "rdna3", "12": "rdna4"}.get(name[:2])
    return None


def constants_of(card: Card, constants: Constants) -> GpuConstants:
    """The constants of a card: of its generation where there are some, else of its family."""
    found = constants.gpus.get(card.family)
    if found is not None:
        return found
    return constants.gpus[_family_of(card.family)]


def _family_of(generation: str) -> str:
    if generation.startswith(("rdna", "cdna")):
        return "amd"
    return "nvidia"


@lru_cache(maxsize=128)
def machine_of(hardware: Hardware) -> Machine:
    """All cards by device index, and the host."""
    cards = {device.index: card_of(device, hardware) for device in hardware.devices}
    return Machine(cards=cards, host=host_of(hardware))


def host_of(hardware: Hardware) -> Host:
    """The processor of a machine: a few cores cannot draw all of the memory's bandwidth."""
    cpu, pool = hardware.cpu, hardware.host
    bandwidth: float | None = pool.bandwidth_bytes_per_second
    origin: str = pool.bandwidth_origin or "reported"
    if bandwidth is None:
        bandwidth, origin = published_bandwidth(cpu.name), "published for the processor's family"
    cores = _cores(cpu)
    known = bandwidth is not None
    if bandwidth is None:
        bandwidth, origin = min(_UNKNOWN_MEMORY * (cpu.sockets or 1), 10e9 * cores), "assumed"
    return Host(
        name=cpu.name or cpu.architecture,
        bandwidth=min(float(bandwidth), CORE_BANDWIDTH * cores),
        cores=cores,
        instructions=instructions_of(cpu),
        low_power=bool(cpu.name and _LOW_POWER.search(cpu.name.lower())),
        bandwidth_origin=origin,
        known=known,
    )


def instructions_of(cpu: Cpu) -> str:
    """The widest instructions that quantised products use here: a key of ``CpuConstants.weights_per_second``."""
    if cpu.architecture.lower() in {"aarch64", "arm64", "armv8l"}:
        return "neon"
    features = frozenset(cpu.features)
    if any(name.startswith("avx512") for name in features):
        return "avx512"
    if "avx2" in features:
        return "avx2"
    if "avx" in features:
        return "avx"
    return "none" if features else "avx2"


def _cores(cpu: Cpu) -> float:
    usable = cpu.usable_cores
    if cpu.physical_cores and cpu.logical_cores and cpu.logical_cores > cpu.physical_cores:
        usable = min(usable, float(cpu.physical_cores))
    return max(usable, 0.5)


def _rates(device: Device, family: str, generation: str | None, bandwidth: float) -> tuple[float, float, bool]:
    """Shader and matrix operations per second, and whether they rest on a published figure."""
    shader, matrix = device.fp32_flops, device.fp16_flops
    if shader is None and matrix is not None:
        usual = {"amd": 1 / 2, "apple": 1.0}.get(family, 1 / 4)
        shader = matrix * SHADERS_PER_MATRIX_RATE.get(generation or "", usual)
    known = shader is not None
    if shader is None:
        shader = bandwidth * FLOPS_PER_BYTE[family]
    return shader, matrix or shader, known


def _typical_bandwidth(device: Device, memory: int | None) -> float:
    """By memory size: small cards have narrow buses (about 20 GB/s per GiB, at least 100, at most 1000 GB/s)."""
    if device.unified or device.integrated:
        return _UNKNOWN_MEMORY
    return min(max((memory or 8 * 2**30) / 2**30 * 25e9, 100e9), 1000e9)


def _link(device: Device) -> float:
    """Bytes per second that weights can be copied to the device."""
    rate = PCIE_BYTES_PER_LANE.get(device.pcie_generation or 0)
    if rate is None:
        return PCIE_UNKNOWN
    return rate * (device.pcie_width or 16) * PCIE_SHARE
