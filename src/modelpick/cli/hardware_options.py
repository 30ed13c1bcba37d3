"""Which machine is meant: this one, one from a file, or one described by options. Shared by all who need a machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from modelpick.cli.hardware_names import Names, complete_gpu, complete_machine
from modelpick.cli.hardware_names import RegistryCatalogue as RegistryCatalogue
from modelpick.errors import UsageError
from modelpick.units import parse_file_size, parse_memory
from modelpick.values import dataclass

if TYPE_CHECKING:
    from pathlib import Path

    from modelpick.hardware.interface import Hardware
    from modelpick.hardware.probe import Probe

F = TypeVar("F", bound=Callable[..., Any])

_MOST_CORES = 4096


@dataclass(frozen=True, slots=True)
class HardwareOptions:
    """What the user said of the machine, as typed; all empty: this machine as it is."""

    gpus: tuple[str, ...] = ()
    vram: str | None = None
    ram: str | None = None
    cpu_cores: str | None = None
    memory_bandwidth: str | None = None
    machine: str | None = None
    file: str | None = None
    assume_idle: bool = False


def hardware_options(function: F) -> F:
    """Add ``--gpu --vram --ram --cpu-cores --memory-bandwidth --machine --hardware --assume-idle``, passed together as
    ``machine: HardwareOptions``; turn them into a machine with :func:`resolve_hardware`."""
    from functools import wraps

    @wraps(function)
    def with_machine(*args: Any, **kwargs: Any) -> Any:
        names = ("gpus", "vram", "ram", "cpu_cores", "memory_bandwidth", "assume_idle")
        values = {name: kwargs.pop(f"machine_{name}") for name in names}
        options = HardwareOptions(machine=kwargs.pop("machine_name"), file=kwargs.pop("machine_file"), **values)
        return function(*args, machine=options, **kwargs)

    for option in reversed(_family()):
        with_machine = option(with_machine)
    return with_machine  # type: ignore[return-value]


def _family() -> list[Callable[[Any], Any]]:
    def text(name: str, target: str, metavar: str, help: str) -> Callable[[Any], Any]:
        variable = "MODELPICK_" + name[2:].upper().replace("-", "_")
        return click.option(name, target, metavar=metavar, envvar=variable, help=f"{help} [env: {variable}].")

    return [
        click.option(
            "--gpu",
            "machine_gpus",
            multiple=True,
            type=Names(complete_gpu),
            metavar="NAME",
            envvar="MODELPICK_GPU",
            callback=_whole_names,
            help="Pretend to have this GPU: 'RTX 4090', '2x RTX 3090', 'RTX 3060 12GB', 'none'. May be repeated "
            "[env: MODELPICK_GPU, parted by semicolons].",
        ),
        text("--vram", "machine_vram", "SIZE", "Memory of each GPU, for example 24GB"),
        text("--ram", "machine_ram", "SIZE", "Memory of the host, for example 64GB"),
        text("--cpu-cores", "machine_cpu_cores", "N", "Physical processor cores to use"),
        text("--memory-bandwidth", "machine_memory_bandwidth", "RATE", "Of the host's memory a second, such as 80GB"),
        click.option(
            "--machine",
            "machine_name",
            type=Names(complete_machine),
            metavar="NAME",
            envvar="MODELPICK_MACHINE",
            help="Pretend to be this machine: 'MacBook Pro M4 Max 64GB', 'Strix Halo 128GB', 'Raspberry Pi 5 8GB' "
            "[env: MODELPICK_MACHINE].",
        ),
        text("--hardware", "machine_file", "FILE", "The machine in this inventory: modelpick hardware --json > FILE"),
        click.option(
            "--assume-idle",
            "machine_assume_idle",
            is_flag=True,
            envvar="MODELPICK_ASSUME_IDLE",
            help="Count memory that other programs hold as free [env: MODELPICK_ASSUME_IDLE].",
        ),
    ]


def resolve_hardware(
    options: HardwareOptions,
    registry: Path | str | None = None,
    *,
    details: bool = False,
    probe: Probe | None = None,
) -> Hardware:
    """The machine that the options mean: detected, read from a file or named, then changed as asked.

    ``details`` is for who wants to see the machine itself: all of it, and free memory to the byte.

    :raises UsageError: for what cannot be understood, with the accepted forms.
    """
    catalogue = RegistryCatalogue(registry)
    if options == HardwareOptions():
        return _detected(probe, catalogue, details=details)
    return _described(options, catalogue, details=details, probe=probe)


def _described(
    options: HardwareOptions, catalogue: RegistryCatalogue, *, details: bool, probe: Probe | None
) -> Hardware:
    from modelpick.hardware.simulate import Wish, simulate

    wish = Wish(
        gpus=options.gpus,
        vram_bytes=_size(options.vram, "--vram"),
        ram_bytes=_size(options.ram, "--ram"),
        cpu_cores=_cores(options.cpu_cores),
        memory_bandwidth_bytes_per_second=_rate(options.memory_bandwidth),
        machine=options.machine,
        assume_idle=options.assume_idle,
    )
    if options.file and options.machine:
        raise UsageError("--hardware and --machine contradict each other", hint="leave out either")
    base = None
    if options.file:
        from modelpick.hardware.inventory import read_inventory

        base = read_inventory(options.file)
    elif not options.machine:
        base = _detected(probe, catalogue, gpus=not options.gpus, details=details)
    if base is not None and not wish:
        return base
    return simulate(base, wish, catalogue)


def _detected(probe: Probe | None, catalogue: RegistryCatalogue, *, details: bool, gpus: bool = True) -> Hardware:
    from modelpick.hardware.detect import detect, steadied

    found = detect(probe, catalogue=catalogue, gpus=gpus, details=details)
    return found if details else steadied(found)


def _whole_names(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """``gpu = "RTX 4090"`` in config.toml is one name; click would take it for a list of letters."""
    if ctx.get_parameter_source(param.name or "") is ParameterSource.DEFAULT_MAP and all(len(v) == 1 for v in value):
        return ("".join(value),) if value else ()
    return value


def _size(text: str | None, what: str) -> int | None:
    return None if text is None else parse_memory(text, what=what)


def _rate(text: str | None) -> int | None:
    if text is None:
        return None
    return parse_file_size(text.strip().removesuffix("/s"), what="--memory-bandwidth")


def _cores(text: str | None) -> int | None:
    if text is None:
        return None
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and 0 < int(digits[:9]) <= _MOST_CORES):
        hint = f"write a whole number from 1 to {_MOST_CORES}, for example 8"
        raise UsageError(f"--cpu-cores: {text!r} is not a number of cores", hint=hint)
    return int(digits)
