"""The family of options that choose models by what they are: ``--task --license --max-params`` ..."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from modelpick.registry.layers import Layers

F = TypeVar("F", bound=Callable[..., Any])

TASKS = (
    "chat", "completion", "code", "reasoning", "embedding", "rerank", "vision", "speech-to-text", "text-to-speech",
    "image", "video", "audio", "image-classification", "segmentation", "translation", "classification",
    "theorem-proving", "other",
)  # fmt: skip
ERAS = ("before-public-awareness", "early", "current")
COMMERCIAL = ("yes", "conditional", "no", "unknown")


class Filters:
    """What the user asked of models. Several values of one filter widen it; several filters narrow."""

    def __init__(self, **given: Any) -> None:
        self.given = {name: value for name, value in given.items() if value not in (None, ())}

    def said(self) -> dict[str, Any]:
        """The filters that were given."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self.given.items()}

    def words(self) -> str:
        """The filters as a person would write them."""
        parts = []
        for name, value in self.given.items():
            values = ",".join(map(str, value)) if isinstance(value, tuple) else value
            flag = f"--{name.replace('_', '-')}"
            parts.append(
                ("--downloadable" if value else "--proprietary") if name == "downloadable" else f"{flag} {values}"
            )
        return " ".join(parts) or "no filter"

    def sql(self, registry: Layers) -> tuple[str, tuple[Any, ...]]:
        """The condition over the columns of ``model``, and its values.

        :raises UsageError: for a licence, family or developer that nobody has, with the closest ones.
        """
        parts: list[str] = []
        values: list[Any] = []
        for name, wanted in self.given.items():
            if name == "origin":
                continue  # not a column: see chosen()
            condition, more = _CONDITIONS[name](registry, wanted)
            parts.append(condition)
            values += more
        return " AND ".join(parts), tuple(values)

    def chosen(self, models: list[Any]) -> list[Any]:
        """Those of the wanted origin: which file a row is from is no column of it."""
        wanted = self.given.get("origin")
        return [model for model in models if wanted in (None, model["origin"])]


Condition = tuple[str, list[Any]]


def _tasks(registry: Layers, wanted: tuple[str, ...]) -> Condition:
    return f"({' OR '.join('instr(tasks, ?)' for _ in wanted)})", [f'"{task}"' for task in wanted]


def _licenses(registry: Layers, wanted: tuple[str, ...]) -> Condition:
    known = registry.license_keys()
    keys = [_known(key, known, "licence", "modelpick license list") for key in wanted]
    return _among("license_key", keys)


def _words_like(column: str) -> Callable[[Layers, tuple[str, ...]], Condition]:
    """Whole words of a column, or a part of them, in any case."""

    def condition(registry: Layers, wanted: tuple[str, ...]) -> Condition:
        known = registry.words(column)
        chosen: list[str] = []
        for word in wanted:
            same = [value for value in known if value.lower() == word.lower()]
            same = same or [value for value in known if word.lower() in value.lower()]
            chosen += same or [_known(word, known, column, f"modelpick list --fields slug,{column}")]
        return _among(column, chosen)

    return condition


def _known(word: str, known: list[str], what: str, command: str) -> str:
    from modelpick.errors import UsageError

    by_lower = {value.lower(): value for value in known}
    if word.lower() in by_lower:
        return by_lower[word.lower()]
    from difflib import get_close_matches

    close = [by_lower[near] for near in get_close_matches(word.lower(), list(by_lower), n=5, cutoff=0.5)]
    hint = f"did you mean {', '.join(close)}?" if close else f"see `{command}`"
    raise UsageError(f"no {what} is called {word!r}", hint=hint, details={"name": word, "closest": close})


def _among(column: str, values: list[str]) -> Condition:
    return f"{column} IN ({', '.join('?' * len(values))})", list(values)


def _least(registry: Layers, wanted: int) -> Condition:
    return "params_total >= ?", [wanted]


def _most(registry: Layers, wanted: int) -> Condition:
    return "params_total <= ?", [wanted]


def _equal(column: str) -> Callable[[Layers, Any], Condition]:
    return lambda registry, wanted: _among(column, list(wanted) if isinstance(wanted, tuple) else [wanted])


_CONDITIONS: dict[str, Callable[[Layers, Any], Condition]] = {
    "task": _tasks,
    "family": _words_like("family"),
    "developer": _words_like("developer"),
    "license": _licenses,
    "commercial": _equal("commercial_use"),
    "min_params": _least,
    "max_params": _most,
    "era": _equal("era"),
    "downloadable": _equal("downloadable"),
}


class Params(click.ParamType[int]):
    """A number of parameters: ``7B``, ``500M``, ``7000000000``."""

    name = "params"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """:raises UsageError: for anything else."""
        from modelpick.units import parse_count

        return value if isinstance(value, int) else parse_count(str(value), what=param.opts[0] if param else "params")


def _complete_license(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from modelpick.registry.names import complete_license

    return complete_license(incomplete)


def model_filters(function: F) -> F:
    """Add the filters and pass them as ``filters: Filters``."""
    from functools import wraps

    @wraps(function)
    def with_filters(*args: Any, **kwargs: Any) -> Any:
        from modelpick.errors import UsageError

        filters = Filters(**{name: kwargs.pop(name) for name in (*_CONDITIONS, "origin")})
        least, most = filters.given.get("min_params"), filters.given.get("max_params")
        if least and most and least > most:
            raise UsageError(
                f"--min-params {least:,} is more than --max-params {most:,}", hint="exchange the two values"
            )
        return function(*args, filters=filters, **kwargs)

    for option in reversed(_FAMILY):
        with_filters = option(with_filters)
    return with_filters  # type: ignore[return-value]


_FAMILY: list[Callable[[Any], Any]] = [
    click.option("--task", type=click.Choice(TASKS), multiple=True, help="Models for this task (may be repeated)."),
    click.option("--family", multiple=True, metavar="NAME", help="Of this family, or one whose name holds this."),
    click.option("--developer", multiple=True, metavar="NAME", help="By this developer, or one whose name holds this."),
    click.option(
        "--license",
        multiple=True,
        metavar="KEY",
        shell_complete=_complete_license,
        help="Under this licence of the catalogue, as declared (may be repeated).",
    ),
    click.option(
        "--commercial",
        type=click.Choice(COMMERCIAL),
        multiple=True,
        help="By the verdict on commercial use (may be repeated).",
    ),
    click.option("--min-params", type=Params(), metavar="N", help="At least this many parameters, such as 500M."),
    click.option("--max-params", type=Params(), metavar="N", help="At most this many parameters, such as 8B."),
    click.option("--era", type=click.Choice(ERAS), multiple=True, help="Of this era of the book's models chapter."),
    click.option("--origin", type=click.Choice(("bundled", "user")), help="Only bundled models, or only your own."),
    click.option("--downloadable/--proprietary", default=None, help="Only models that can be downloaded, or cannot."),
]
