"""Memory of Intel cards through Level Zero's system management, over ctypes, where its loader is installed.

https://oneapi-src.github.io/level-zero-spec/level-zero/latest/sysman/api.html
"""

from __future__ import annotations

import ctypes
from typing import Any

from modelpick.hardware.probe import Probe

_LIBRARY = "libze_loader.so.1"
_SUCCESS = 0
_PCI_PROPERTIES, _MEMORY_STATE = 0x2, 0x1E
"""ZES_STRUCTURE_TYPE_PCI_PROPERTIES and ZES_STRUCTURE_TYPE_MEM_STATE."""


class _PciProperties(ctypes.Structure):
    _fields_ = (
        ("stype", ctypes.c_uint32), ("pNext", ctypes.c_void_p),
        ("domain", ctypes.c_uint32), ("bus", ctypes.c_uint32), ("device", ctypes.c_uint32),
        ("function", ctypes.c_uint32),
        ("generation", ctypes.c_int32), ("width", ctypes.c_int32), ("bandwidth", ctypes.c_int64),
        ("counters", ctypes.c_uint8 * 3),
    )  # fmt: skip


class _MemoryState(ctypes.Structure):
    _fields_ = (
        ("stype", ctypes.c_uint32), ("pNext", ctypes.c_void_p), ("health", ctypes.c_int32),
        ("free", ctypes.c_uint64), ("size", ctypes.c_uint64),
    )  # fmt: skip


def memories(probe: Probe) -> dict[str, tuple[int, int]]:
    """Total and free bytes of each card by PCI address; empty where the loader is missing or says nothing."""
    try:
        library = ctypes.CDLL(_LIBRARY)
        started = library.zesInit(0)
    except (OSError, AttributeError) as error:
        probe.reading("level-zero", _LIBRARY, error, "missing or too old")
        return {}
    if started != _SUCCESS:
        probe.reading("level-zero", "zesInit", hex(started & 0xFFFFFFFF), "does not start")
        return {}
    found = {}
    for driver in _handles(library.zesDriverGet):
        for device in _handles(library.zesDeviceGet, driver):
            place = _PciProperties(stype=_PCI_PROPERTIES)
            if library.zesDevicePciGetProperties(device, ctypes.byref(place)) != _SUCCESS:
                continue
            address = f"{place.domain:04x}:{place.bus:02x}:{place.device:02x}.{place.function}"
            total, free = _memory(library, device)
            probe.reading("level-zero", f"memory of {address}", f"size {total} free {free}", "read")
            if total:
                found[address] = (total, free)
    return found


def _memory(library: Any, device: ctypes.c_void_p) -> tuple[int, int]:
    """All memory modules of a device together."""
    total = free = 0
    for module in _handles(library.zesDeviceEnumMemoryModules, device):
        state = _MemoryState(stype=_MEMORY_STATE)
        if library.zesMemoryGetState(module, ctypes.byref(state)) == _SUCCESS:
            total += state.size
            free += state.free
    return total, free


def _handles(function: Any, *parents: ctypes.c_void_p) -> list[ctypes.c_void_p]:
    """Level Zero's way of listing: ask how many, then ask for that many."""
    count = ctypes.c_uint32(0)
    if function(*parents, ctypes.byref(count), None) != _SUCCESS or not 0 < count.value <= 256:
        return []
    handles = (ctypes.c_void_p * count.value)()
    if function(*parents, ctypes.byref(count), handles) != _SUCCESS:
        return []
    return [ctypes.c_void_p(handle) for handle in handles[: count.value]]
