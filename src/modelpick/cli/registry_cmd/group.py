"""``modelpick registry``: the group of its commands."""

from __future__ import annotations

import click

from modelpick.cli.commands import Stub
from modelpick.cli.lazy import LazyGroup

_HERE = "modelpick.cli.registry_cmd"
STUBS: tuple[Stub, ...] = (
    Stub("info", f"{_HERE}.info", "Tell what the registries are: paths, versions, dates, sizes."),
    Stub("path", f"{_HERE}.path", "Print where your own registry lies."),
    Stub("add", f"{_HERE}.add", "Add the models of a TOML or JSON file to your own registry."),
    Stub("remove", f"{_HERE}.remove", "Remove models from your own registry.", completes="model"),
    Stub("export", f"{_HERE}.export", "Write models as the text that `registry add` reads.", completes="model"),
    Stub("verify", f"{_HERE}.verify", "Check that a registry is whole, and is what its text says."),
    Stub("build", f"{_HERE}.build", "Build the bundled registry from the text under data/."),
)


@click.group(
    "registry",
    cls=LazyGroup,
    stubs=STUBS,
    epilog="""\b
Examples:
  modelpick registry info
  modelpick registry add my-models.toml
  modelpick registry verify""",
)
def command() -> None:
    """Look after the registry: your models, its build, its health."""
