"""The Windows registry, read in this process; or its text as ``reg query /s`` prints it, for a machine elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelpick.hardware.probe import Probe

Values = Mapping[str, object]
Keys = Mapping[str, Values]


def subkeys(probe: Probe, path: str) -> Keys:
    """The values of each key under ``HKEY_LOCAL_MACHINE\\path``; empty where there is none."""
    return probe.registry(path) if probe.registry is not None else _from_system(path)


def _from_system(path: str) -> Keys:
    try:
        import winreg as module
    except ImportError:
        return {}
    registry: Any = module
    found: dict[str, dict[str, object]] = {}
    try:
        with registry.OpenKey(registry.HKEY_LOCAL_MACHINE, path) as parent:
            for number in range(registry.QueryInfoKey(parent)[0]):
                name = registry.EnumKey(parent, number)
                found[name] = _values(registry, parent, name)
    except OSError:
        pass
    return found


def _values(registry: Any, parent: Any, name: str) -> dict[str, object]:
    """One key's values; a key that is closed to this user (``Properties``) has none."""
    values: dict[str, object] = {}
    try:
        with registry.OpenKey(parent, name) as key:
            for number in range(registry.QueryInfoKey(key)[1]):
                label, value, _ = registry.EnumValue(key, number)
                values[label] = value
    except OSError:
        pass
    return values


def parsed(text: str) -> dict[str, dict[str, object]]:
    """The keys by their last part in the output of ``reg query KEY /s``; numbers are whole numbers."""
    found: dict[str, dict[str, object]] = {}
    values: dict[str, object] = {}
    for line in text.splitlines():
        if line.startswith("HKEY_"):
            values = found.setdefault(line.rpartition("\\")[2].strip(), {})
            continue
        name, kind, value = [*(part.strip() for part in line.strip().split("    ", 2)), "", ""][:3]
        if kind in ("REG_DWORD", "REG_QWORD"):
            values[name] = int(value, 16)
        elif kind == "REG_BINARY":
            values[name] = bytes.fromhex(value)
        elif kind in ("REG_SZ", "REG_EXPAND_SZ"):
            values[name] = value
    return found
