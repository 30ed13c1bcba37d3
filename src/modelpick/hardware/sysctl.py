"""macOS's sysctl, called in this process: no command is started."""

from __future__ import annotations

from modelpick.hardware.probe import Probe


def sysctl(probe: Probe, name: str) -> str | None:
    """A value as text, or None where there is none of that name."""
    value = probe.sysctl(name) if probe.sysctl is not None else _from_kernel(name)
    probe.reading("sysctl", name, value, "absent" if value is None else "read")
    return value


def sysctl_number(probe: Probe, name: str) -> int | None:
    """A value as a whole number, or None."""
    text = sysctl(probe, name)
    try:
        return int(text) if text else None
    except ValueError:
        return None


def _from_kernel(name: str) -> str | None:
    import ctypes

    try:
        call = ctypes.CDLL(None).sysctlbyname
    except (OSError, AttributeError, TypeError):
        return None
    size = ctypes.c_size_t(0)
    if call(name.encode(), None, ctypes.byref(size), None, ctypes.c_size_t(0)) or not 0 < size.value <= 4096:
        return None
    buffer = ctypes.create_string_buffer(size.value)
    if call(name.encode(), buffer, ctypes.byref(size), None, ctypes.c_size_t(0)):
        return None
    raw = buffer.raw[: size.value]
    text = raw.rstrip(b"\0")
    # Numbers are 4 or 8 bytes; a text of that length is printable and ends with its one zero.
    if size.value in (4, 8) and not (len(text) == size.value - 1 and text.isascii() and text.decode().isprintable()):
        return str(int.from_bytes(raw, "little", signed=True))
    return text.decode("utf-8", "replace")
