"""How fast the host's memory is: measured before, told by the firmware, or known of the chip; with its origin."""

from __future__ import annotations

from modelpick.hardware.interface import Cpu, Origin, System
from modelpick.hardware.probe import Probe

_BOARDS = (
    # Fixed memory, so the maker's figure is this machine's figure.
    ("Raspberry Pi 5", 17_068_000_000, "LPDDR4X"),
    ("Raspberry Pi Compute Module 5", 17_068_000_000, "LPDDR4X"),
    ("Raspberry Pi 4", 12_800_000_000, "LPDDR4"),
    ("Raspberry Pi Compute Module 4", 12_800_000_000, "LPDDR4"),
    ("Jetson AGX Orin", 204_800_000_000, "LPDDR5"),
    ("Jetson AGX Thor", 273_000_000_000, "LPDDR5X"),
    ("Jetson Orin Nano", 68_000_000_000, "LPDDR5"),
)
_SOLDERED = (
    (r"RYZEN AI MAX", 256_000_000_000, "LPDDR5X"),
    (r"CORE ULTRA [579] 2\d\dV", 136_500_000_000, "LPDDR5X"),
)
# Two channels at the fastest speed the maker allows: what a machine has at best, hence "estimated".
_TWO_CHANNELS = (
    (r"CORE ULTRA [3579] 2\d\d", 6400, "DDR5"),
    (r"CORE ULTRA [579] 1\d\d", 5600, "DDR5"),
    (r"I[3579]-1[34]\d{3}", 5600, "DDR5"),
    (r"I[3579]-12\d{3}", 4800, "DDR5"),
    (r"I[3579]-1[01]\d{2,3}", 3200, "DDR4"),
    (r"I[3579]-[89]\d{3}", 2666, "DDR4"),
    (r"I[357]-[67]\d{3}", 2400, "DDR4"),
    (r"RYZEN AI [79] (?:HX )?3\d\d", 5600, "DDR5"),
    (r"RYZEN [3579] (?:PRO )?9\d{3}", 5600, "DDR5"),
    (r"RYZEN [3579] (?:PRO )?[78]\d{3}", 5200, "DDR5"),
    (r"RYZEN [3579] (?:PRO )?[345]\d{3}", 3200, "DDR4"),
)
# Per socket, all channels filled.
_SERVERS = (
    (r"EPYC 9\d\d5", 12 * 6000, "DDR5"),
    (r"EPYC 9\d\d4", 12 * 4800, "DDR5"),
    (r"EPYC 7\d\d[23]", 8 * 3200, "DDR4"),
    (r"XEON 69\d\dP", 12 * 6400, "DDR5"),
    (r"XEON (?:PLATINUM|GOLD) [5-8]5\d\d", 8 * 5600, "DDR5"),
    (r"XEON (?:PLATINUM|GOLD) [5-8]4\d\d", 8 * 4800, "DDR5"),
    (r"XEON (?:PLATINUM|GOLD) [5-8]3\d\d", 8 * 3200, "DDR4"),
    (r"XEON (?:PLATINUM|GOLD) [5-8]2\d\d", 6 * 2933, "DDR4"),
    (r"THREADRIPPER (?:PRO )?[79]\d{3}WX", 8 * 5200, "DDR5"),
)

Bandwidth = tuple[int | None, Origin | None, str | None]


def host_bandwidth(probe: Probe, cpu: Cpu, system: System, board: str | None) -> Bandwidth:
    """Bytes per second, origin and kind of the host's memory; all None where nobody can say.

    The firmware's list beats the chip's table. A virtual machine gets a share of a memory whose extent it cannot see,
    so there only a measurement counts.
    """
    if board:
        for mark, rate, kind in _BOARDS:
            if mark in board:
                return rate, "published", kind
    if system.virtual_machine and not system.wsl:
        return None, None, None
    table = probe.read_bytes("/sys/firmware/dmi/tables/DMI", 1 << 20)
    told = _told(table) if table else None
    probe.reading("bandwidth", "/sys/firmware/dmi/tables/DMI", told, "used" if told else "not readable or not told")
    if told:
        return told[0], "reported", told[1]
    return known(cpu.name or "", cpu.sockets or 1)


def _told(table: bytes) -> tuple[int, str | None] | None:
    from modelpick.hardware import dmi

    return dmi.bandwidth(table)


def known(name: str, sockets: int) -> Bandwidth:
    """What the processor's name says of its memory."""
    import re

    name = name.upper()
    for pattern, rate, kind in _SOLDERED:
        if re.search(pattern, name):
            return rate, "published", kind
    server = any(mark in name for mark in ("EPYC", "XEON", "THREADRIPPER"))
    for pattern, megatransfers, kind in _SERVERS if server else _TWO_CHANNELS:
        if re.search(pattern, name):
            channels = sockets if server else 2
            return channels * megatransfers * 8_000_000, "estimated", kind
    return None, None, None
