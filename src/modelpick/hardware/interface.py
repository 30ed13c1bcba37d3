"""What a machine is, as values. Nothing here looks at a machine; detectors and the simulator fill these in.

All sizes are bytes, bandwidth is bytes per second, compute is floating-point operations per second. ``None``
means that nobody could say. An ``Origin`` tells how a figure was come by.
"""

from __future__ import annotations

from typing import Literal, Protocol

from modelpick.values import dataclass, field

Origin = Literal["measured", "published", "estimated", "reported", "user"]
"""``reported``: the system said so; ``published``: from the registry's table of accelerators; ``user``: typed."""

Backend = Literal["cuda", "rocm", "vulkan", "sycl", "metal", "cpu"]
Vendor = Literal["nvidia", "amd", "intel", "apple", "other"]


@dataclass(frozen=True, slots=True)
class MemoryPool:
    """A memory that devices share. ``free_bytes`` is what a new process could take now.

    Host memory is one pool; a discrete GPU has its own; a unified GPU names the host's pool.
    """

    name: str
    total_bytes: int | None
    free_bytes: int | None
    bandwidth_bytes_per_second: int | None = None
    bandwidth_origin: Origin | None = None
    kind: str | None = None
    """For example ``DDR5`` or ``GDDR6X``."""


@dataclass(frozen=True, slots=True)
class Device:
    """One accelerator. ``pool`` is the name of its :class:`MemoryPool`; ``index`` the backend's own number."""

    index: int
    name: str
    vendor: Vendor
    backend: Backend
    pool: str
    unified: bool = False
    integrated: bool = False
    usable_bytes: int | None = None
    """The most the system lets the GPU take of a unified pool (Apple's wired limit, GTT); None: all of it."""
    compute_capability: str | None = None
    gfx: str | None = None
    fp16_flops: float | None = None
    fp16_origin: Origin | None = None
    pcie_generation: int | None = None
    pcie_width: int | None = None
    nvlink_bytes_per_second: int | None = None
    mig_profile: str | None = None
    accelerator: str | None = None
    """The registry's accelerator this device was matched to."""
    pci_address: str | None = None
    visible: bool = True
    """False when ``CUDA_VISIBLE_DEVICES`` or its like hides the device; such a device is reported, not used."""
    fp32_flops: float | None = None
    """Single-precision rate of the shaders: what unpacking quantised weights runs at."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """The host processor. ``usable_cores`` are physical cores' worth that this process may use: its affinity and its
    control group's quota applied."""

    name: str | None
    architecture: str
    """``x86_64``, ``aarch64`` ..."""
    sockets: int | None
    physical_cores: int | None
    logical_cores: int | None
    usable_cores: float
    features: tuple[str, ...] = ()
    """Of avx, avx2, avx512f, avx512_vnni, amx_int8, neon, dotprod, i8mm, sve ..., sorted."""
    numa_nodes: int | None = None
    microarchitecture: str | None = None


@dataclass(frozen=True, slots=True)
class System:
    """The operating system around it all, without anything that names the machine or its user."""

    os: Literal["linux", "macos", "windows", "other"]
    os_version: str | None = None
    container: str | None = None
    virtual_machine: str | None = None
    wsl: bool = False
    swap_total_bytes: int | None = None
    disk_free_bytes: int | None = None
    drivers: tuple[tuple[str, str], ...] = ()
    """Pairs such as ``("nvidia", "570.86.15")``, ``("cuda", "12.8")``."""
    physical_memory_bytes: int | None = None
    """What is built in; the pool ``host`` holds what a control group leaves of it."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something the reader should know about a reading: a probe that failed, a variable that was honoured."""

    source: str
    message: str
    level: Literal["info", "warning"] = "info"


@dataclass(frozen=True, slots=True)
class Reading:
    """One thing a detector looked at, as it came, and what was made of it. For ``modelpick doctor``."""

    source: str
    what: str
    raw: str | None
    judged: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What one detector found: devices, the pools that only they use, versions of drivers, notes."""

    devices: tuple[Device, ...] = ()
    pools: tuple[MemoryPool, ...] = ()
    drivers: tuple[tuple[str, str], ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Hardware:
    """A machine: its processor, its memories, its accelerators. ``simulated`` when it is not this one."""

    cpu: Cpu
    system: System
    pools: tuple[MemoryPool, ...]
    devices: tuple[Device, ...] = ()
    simulated: bool = False
    label: str | None = None
    notes: tuple[Note, ...] = field(default=())

    @property
    def host(self) -> MemoryPool:
        """The host's memory, effective under cgroup limits. Its name is always ``host``."""
        return self.pool("host")

    def pool(self, name: str) -> MemoryPool:
        """The pool of that name. :raises KeyError: if there is none."""
        for pool in self.pools:
            if pool.name == name:
                return pool
        raise KeyError(name)

    @property
    def usable_devices(self) -> tuple[Device, ...]:
        """The devices that are not hidden by an environment variable."""
        return tuple(device for device in self.devices if device.visible)


@dataclass(frozen=True, slots=True)
class AcceleratorSpec:
    """One row of the registry's accelerator table, as the simulator needs it."""

    name: str
    vendor: Vendor
    segment: str
    memory_bytes: int | None
    bandwidth_bytes_per_second: int | None
    fp16_flops: float | None
    compute_capability: str | None
    gfx: str | None
    architecture: str | None
    unified: bool
    release_year: int | None
    source: str | None = None
    confidence: str | None = None
    fp32_flops: float | None = None
    memory_kind: str | None = None


class Catalogue(Protocol):
    """Where the simulator and the detectors look an accelerator up."""

    def accelerators(self) -> tuple[AcceleratorSpec, ...]:
        """All accelerators, in the registry's order."""
        ...
