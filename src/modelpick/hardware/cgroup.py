"""What a control group leaves of the machine: memory and processor time, versions 1 and 2, at any depth.

A limit binds wherever it stands between this process's group and the mount's root, so every level is read.
psutil and ``/proc/meminfo`` know nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from modelpick.hardware.probe import Probe
from modelpick.values import dataclass

_UNLIMITED = 2**60
"""Version 1 writes 2^63 rounded to a page for "no limit"; nobody has an exbibyte."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes allowed and bytes left under the tightest limits; processors' worth of time; None where unlimited."""

    memory_bytes: int | None = None
    memory_free_bytes: int | None = None
    cpus: float | None = None


def limits(probe: Probe) -> Limits:
    """The limits on this process."""
    total: int | None = None
    free: int | None = None
    cpus: float | None = None
    groups = _own_groups(probe)
    for version, controllers, root, mount in _mounts(probe):
        for controller in ("memory", "cpu"):
            if version == 1 and controller not in controllers:
                continue
            path = groups.get("" if version == 2 else controller)
            if path is None:
                continue
            for folder in _levels(path, root, mount):
                if controller == "memory":
                    limit, left = (_memory_v2 if version == 2 else _memory_v1)(probe, folder)
                    total, free = _least(total, limit), _least(free, left)
                else:
                    cpus = _least(cpus, (_cpu_v2 if version == 2 else _cpu_v1)(probe, folder))
    return Limits(total, free, cpus)


N = TypeVar("N", int, float)


def _least(one: N | None, other: N | None) -> N | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _own_groups(probe: Probe) -> dict[str, str]:
    """Controller to path; the key of version 2 is empty."""
    groups: dict[str, str] = {}
    for line in (probe.read("/proc/self/cgroup", "cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        for name in names.split(","):
            groups[name] = path
    return groups


def _mounts(probe: Probe) -> Iterator[tuple[int, frozenset[str], str, str]]:
    """Version, controllers, the path in the hierarchy that is mounted, and where."""
    for line in (probe.read_bytes("/proc/self/mountinfo") or b"").decode("utf-8", "replace").splitlines():
        before, separator, after = line.partition(" - ")
        kind = after.split(" ", 1)[0]
        fields = before.split(" ")
        if not separator or kind not in ("cgroup", "cgroup2") or len(fields) < 5:
            continue
        probe.reading("cgroup", "/proc/self/mountinfo", line, f"a mount of {kind}")
        options = after.rsplit(" ", 1)[-1].split(",")
        yield (2 if kind == "cgroup2" else 1), frozenset(options), fields[3], fields[4]


def _levels(path: str, root: str, mount: str) -> Iterator[str]:
    """The folders from this process's group up to the mount.

    In a container without a namespace of its own, ``path`` starts with the ``root`` that is mounted; in one that
    shows a group outside the mount (``/..``), the mount is the nearest there is.
    """
    inside = path[len(root) :] if root != "/" and (path + "/").startswith(root + "/") else path
    if (root != "/" and inside is path) or "/.." in path:
        inside = ""
    inside = inside.rstrip("/")
    while inside:
        yield mount + inside
        inside = inside.rpartition("/")[0]
    yield mount


def _memory_v2(probe: Probe, folder: str) -> tuple[int | None, int | None]:
    limit = probe.number(f"{folder}/memory.max", "cgroup")
    if limit is None or not 0 < limit < _UNLIMITED:
        return None, None
    return limit, _left(limit, probe.number(f"{folder}/memory.current", "cgroup"), probe, folder, "inactive_file")


def _memory_v1(probe: Probe, folder: str) -> tuple[int | None, int | None]:
    limit = probe.number(f"{folder}/memory.limit_in_bytes", "cgroup")
    if limit is None or not 0 < limit < _UNLIMITED:
        return None, None
    used = probe.number(f"{folder}/memory.usage_in_bytes", "cgroup")
    return limit, _left(limit, used, probe, folder, "total_inactive_file")


def _left(limit: int, used: int | None, probe: Probe, folder: str, cache: str) -> int | None:
    """Pages of files that can be dropped count as free, as they do in the kernel's MemAvailable."""
    if used is None:
        return None
    for line in (probe.read(f"{folder}/memory.stat", "cgroup") or "").splitlines():
        name, _, value = line.partition(" ")
        if name == cache and value.isdigit():
            used -= int(value)
            break
    return min(limit, max(0, limit - max(0, used)))


def _cpu_v2(probe: Probe, folder: str) -> float | None:
    quota, _, period = (probe.read(f"{folder}/cpu.max", "cgroup") or "").partition(" ")
    return _share(quota, period)


def _cpu_v1(probe: Probe, folder: str) -> float | None:
    quota = probe.read(f"{folder}/cpu.cfs_quota_us", "cgroup") or ""
    return _share(quota, probe.read(f"{folder}/cpu.cfs_period_us", "cgroup") or "")


def _share(quota: str, period: str) -> float | None:
    if not quota.isdigit() or not period.isdigit() or not int(period) or not int(quota):
        return None  # "max", or -1 in version 1
    return int(quota) / int(period)
