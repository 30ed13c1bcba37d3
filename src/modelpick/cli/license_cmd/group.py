"""``modelpick license``: the group of its commands."""

from __future__ import annotations

import click

from modelpick.cli.commands import Stub
from modelpick.cli.lazy import LazyGroup

_HERE = "modelpick.cli.license_cmd"
STUBS: tuple[Stub, ...] = (
    Stub("check", f"{_HERE}.check", "Check models against a policy, for a build to pass or fail.", completes="model"),
    Stub("explain", f"{_HERE}.explain", "Draw where a model's licences come from, link by link.", completes="model"),
    Stub("show", f"{_HERE}.show", "Say in plain words what a licence allows and asks for."),
    Stub("list", f"{_HERE}.list_cmd", "List the licences of the catalogue."),
)


@click.group(
    "license",
    cls=LazyGroup,
    stubs=STUBS,
    epilog="""\b
Examples:
  modelpick license check qwen2.5-7b-instruct
  modelpick license explain deepseek-r1-distill-llama-8b
  modelpick license show llama3.1
  modelpick license list --family community""",
)
def command() -> None:
    """May I use it, and what do I owe? Licences of models, by their whole lineage.

    The declared tag is only one input: a model is also bound by the licences of what it was made from. This is not
    legal advice.
    """
