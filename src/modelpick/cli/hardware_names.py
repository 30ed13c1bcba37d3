"""The names of accelerators and machines on the command line: the registry's table, and completion from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pathlib import Path

    from click.shell_completion import CompletionItem

    from modelpick.hardware.interface import AcceleratorSpec


class Names(click.ParamType[str]):
    """Names that may hold spaces and commas; in an environment variable a semicolon parts them."""

    name = "text"
    envvar_list_splitter = ";"

    def __init__(self, complete: Callable[[str, str | None], list[str]]) -> None:
        self.complete = complete

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """Names that begin with what was typed, or have a word that does; none when the registry cannot be read."""
        from click.shell_completion import CompletionItem

        registry = ctx.params.get("registry")
        try:
            return [CompletionItem(name) for name in self.complete(incomplete, str(registry) if registry else None)]
        except Exception:  # TAB stays silent whatever is wrong; the command itself will tell
            return []


_COLUMNS = (
    "name", "vendor", "segment", "memory_bytes", "bandwidth_bytes_per_second", "fp16_flops", "compute_capability",
    "gfx", "architecture", "unified", "release_year", "source", "confidence", "fp32_flops", "memory_type",
)  # fmt: skip
"""In the order of :class:`modelpick.hardware.interface.AcceleratorSpec`'s fields."""


class RegistryCatalogue:
    """The registry's accelerators as the simulator and the detectors want them; read on first use."""

    def __init__(self, registry: Path | str | None = None) -> None:
        self.registry = registry
        self.table: tuple[AcceleratorSpec, ...] | None = None

    def accelerators(self) -> tuple[AcceleratorSpec, ...]:
        """All accelerators, by name."""
        if self.table is None:
            from modelpick.hardware.interface import AcceleratorSpec
            from modelpick.registry.layers import Layers

            # Straight from the table: the reader's modules and its own values would cost more than the reading.
            with Layers.open(self.registry) as opened:
                rows = opened.bundled.execute(f"SELECT {', '.join(_COLUMNS)} FROM accelerator ORDER BY name")
            unified = _COLUMNS.index("unified")
            values: list[list[Any]] = [list(row) for row in rows]
            for each in values:
                each[unified] = bool(each[unified])
            self.table = tuple(AcceleratorSpec(*each) for each in values)
        return self.table


def complete_gpu(incomplete: str, registry: str | None = None) -> list[str]:
    """Accelerators' names for ``--gpu``; a count in front (``2x``) stays there."""
    from modelpick.hardware.catalogue import label

    count = re.match(r"\d+\s*x\s*", incomplete)
    typed = incomplete[count.end() :] if count else incomplete
    names = [label(spec) for spec in RegistryCatalogue(registry).accelerators()]
    return [(count[0] if count else "") + name for name in _beginning([*names, "none"], typed)]


def complete_machine(incomplete: str, registry: str | None = None) -> list[str]:
    """Machines' names, with their memory, for ``--machine``."""
    from modelpick.hardware.machines import machine_names

    return _beginning(machine_names(), incomplete)


def _beginning(names: list[str] | tuple[str, ...], typed: str) -> list[str]:
    """Names that begin so; else what follows in a name from the word that does (``RTX 4090 24GB``)."""
    wanted = typed.casefold()
    whole = [name for name in names if name.casefold().startswith(wanted)]
    if whole:
        return whole
    found = []
    for name in names:
        at = name.casefold().find(f" {wanted}")
        if at >= 0:
            found.append(name[at + 1 :])
    return found
