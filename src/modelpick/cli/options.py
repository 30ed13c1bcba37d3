"""The option families that commands share. One decorator carries a whole family."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modelpick.output.formats import FORMATS
from modelpick.values import dataclass

if TYPE_CHECKING:
    import os

F = TypeVar("F", bound=Callable[..., Any])


class FilePath(click.Path):
    """A path, made a :class:`pathlib.Path` only when one is given: importing pathlib takes a tenth of an answer."""

    def coerce_path_result(self, value: str | os.PathLike[str]) -> str | bytes | os.PathLike[str]:
        """As click's with ``path_type=Path``."""
        from pathlib import Path

        return Path(value)


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How the user wants the answer: format, fields, colour, and whether notes and hints are kept quiet."""

    format: str = "table"
    fields: tuple[str, ...] = ()
    color: str = "auto"
    quiet: bool = False


def output_options(function: F) -> F:
    """Add ``--format --json --fields --color -q`` and pass them as ``output: OutputOptions``."""
    return output_options_with(FORMATS)(function)


def output_options_with(formats: tuple[str, ...]) -> Callable[[F], F]:
    """As :func:`output_options`, for a command that has a format of its own (SARIF)."""

    def decorate(function: F) -> F:
        from functools import wraps

        @wraps(function)
        def with_output(*args: Any, **kwargs: Any) -> Any:
            as_json = kwargs.pop("as_json")
            chosen = kwargs.pop("output_format")
            fields = kwargs.pop("fields") or ""
            if as_json and chosen not in (None, "json"):
                raise click.UsageError(f"--json and --format {chosen} contradict each other.")
            kwargs["output"] = OutputOptions(
                format="json" if as_json else chosen or "table",
                fields=tuple(name.strip() for name in fields.split(",") if name.strip()),
                color=kwargs.pop("color"),
                quiet=kwargs.pop("quiet"),
            )
            return function(*args, **kwargs)

        for option in reversed(_output_family(formats)):
            with_output = option(with_output)
        return with_output  # type: ignore[return-value]

    return decorate


def _output_family(formats: tuple[str, ...]) -> list[Callable[[Any], Any]]:
    return [
        click.option(
            "--format",
            "output_format",
            type=click.Choice(formats),
            envvar="MODELPICK_FORMAT",
            help="How to write the answer [default: table; env: MODELPICK_FORMAT].",
        ),
        click.option("--json", "as_json", is_flag=True, help="Short for --format json."),
        click.option("--fields", metavar="A,B,C", help="Only these fields of each result."),
        click.option(
            "--color",
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            envvar="MODELPICK_COLOR",
            help="Colour in tables [default: auto; env: MODELPICK_COLOR, NO_COLOR, FORCE_COLOR].",
        ),
        click.option("-q", "--quiet", is_flag=True, help="No notes and no hints on stderr."),
    ]


def registry_option(function: F) -> F:
    """Add ``--registry PATH`` (env MODELPICK_REGISTRY), passed as ``registry: Path | None``."""
    return click.option(
        "--registry",
        type=FilePath(),
        envvar="MODELPICK_REGISTRY",
        help="Your own registry file, laid over the bundled one [env: MODELPICK_REGISTRY].",
    )(function)


def complete_model(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Model names that begin with what was typed; none when the registry cannot be read."""
    from modelpick.registry.names import complete

    registry = ctx.params.get("registry")
    return complete(incomplete, registry=str(registry) if registry else None)


def model_argument(name: str = "model", *, many: bool = False, required: bool = True) -> Callable[[F], F]:
    """The positional MODEL (or MODEL...), completed from the registry."""
    return click.argument(
        name,
        nargs=-1 if many else 1,
        required=required,
        shell_complete=complete_model,
        metavar="MODEL..." if many else "MODEL",
    )
