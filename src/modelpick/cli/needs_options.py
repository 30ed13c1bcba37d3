"""The options that say what the user needs: one decorator, passed as ``needs: NeedsOptions``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from modelpick.errors import UsageError
from modelpick.selection.interface import PREFERENCES, RUNTIMES, TASKS, Needs
from modelpick.selection.scoring import READABLE
from modelpick.values import dataclass

F = TypeVar("F", bound=Callable[..., Any])
_CAPABILITIES = ("tools", "reasoning", "multilingual", "vision", "fim", "audio-in", "audio-out", "rag", "ocr")
_LARGEST_CONTEXT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class NeedsOptions:
    """What was typed, checked; :meth:`needs` makes the question of it. ``task_given``: not the default task."""

    values: dict[str, Any]
    task_given: bool = True

    def needs(self, policy: str, models: tuple[str, ...] = (), **changes: Any) -> Needs:
        """The question, with defaults filled in."""
        values = {**self.values, **changes}
        asked = values.pop("min_speed")
        return Needs(
            **values,
            policy=policy,
            models=models,
            min_speed=asked if asked is not None else READABLE,
            readable=asked is None,
        )

    def for_model(
        self, slug: str, tasks: Sequence[str], serves: Callable[[str], bool]
    ) -> tuple[NeedsOptions, str | None]:
        """As typed; where no task was, one that the model serves in place of the default, and a note that says so.

        ``tasks`` are those its row names, ``serves`` tells which of them it is offered for.
        """
        asked = self.values["task"]
        own = [task for task in tasks if task in TASKS]
        if self.task_given or asked in own or serves(asked) or not own:
            return self, None
        task = next((task for task in own if serves(task)), own[0])
        note = f"{slug} is not for {asked}: taken for {task}, its own task; --task asks for another"
        return NeedsOptions({**self.values, "task": task}), note


def needs_options(function: F) -> F:
    """Add the family and pass it as ``needs``."""

    @wraps(function)
    def with_needs(*args: Any, **kwargs: Any) -> Any:
        kwargs["needs"] = NeedsOptions(
            {
                "task": kwargs.pop("task"),
                "context": kwargs.pop("context"),
                "min_speed": kwargs.pop("min_speed"),
                "prefer": kwargs.pop("prefer"),
                "runtimes": tuple(dict.fromkeys(kwargs.pop("runtimes"))),
                "quantisations": _listed(kwargs.pop("quantisations")),
                "languages": _listed(kwargs.pop("languages")),
                "capabilities": _known_capabilities(_listed(kwargs.pop("capabilities"))),
                "released_after": kwargs.pop("released_after"),
                "max_download_bytes": kwargs.pop("max_download"),
                "users": kwargs.pop("users"),
            },
            task_given=click.get_current_context().get_parameter_source("task") is not ParameterSource.DEFAULT,
        )
        return function(*args, **kwargs)

    for option in reversed(_FAMILY):
        with_needs = option(with_needs)
    return with_needs  # type: ignore[return-value]


def context_tokens(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Tokens as they are typed: ``8192``, ``32k``, ``1M``."""
    if value is None:
        return None
    from modelpick.units import parse_count

    if "." in value and value.strip()[-1:].isdigit():
        raise UsageError(f"--context: {value!r} is not a whole number of tokens", hint="accepted: 8192, 32k, 1M")
    tokens = parse_count(_binary_thousand(value), what="--context")
    if tokens > _LARGEST_CONTEXT:
        raise UsageError(f"--context: {tokens:,} tokens is beyond any model", hint="accepted: 8192, 32k, 1M")
    return tokens


def _binary_thousand(text: str) -> str:
    """``32k`` of context means 32,768 tokens, as models are sold."""
    number = text.strip().lower().removesuffix("k")
    return str(int(number) * 1024) if text.strip().lower().endswith("k") and number.isdigit() else text


def _date(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    from datetime import date

    parts = value.split("-")
    try:
        padded = [int(part) for part in parts] + [1, 1]
        date(*padded[:3])
        if len(parts) > 3 or len(parts[0]) != 4:
            raise ValueError
    except (ValueError, TypeError):
        raise UsageError(
            f"--released-after: {value!r} is not a date", hint="accepted: 2025, 2025-06, 2025-06-30"
        ) from None
    return "-".join([parts[0], *(part.zfill(2) for part in parts[1:])])


def _size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    from modelpick.units import parse_file_size

    return None if value is None else parse_file_size(value, what="--max-download")


def _finite(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    if value is not None and value - value != 0:
        raise UsageError(f"--min-speed: {value} is not a speed", hint="accepted: tokens per second, such as 10")
    return value


def _language_codes(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Codes as model cards write them (ISO 639, with a region or script after a hyphen)."""
    for name in _listed(value):
        code = name.split("-")[0]
        if not (code.isascii() and code.isalpha() and len(code) in (2, 3)):
            raise UsageError(f"--language: {name!r} is not a language code", hint="accepted: de, en, zh, pt-BR")
    return value


def _listed(values: tuple[str, ...]) -> tuple[str, ...]:
    """Repeated options and comma lists alike, each name once."""
    names = (name.strip() for value in values for name in value.split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def _known_capabilities(names: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in names if name not in _CAPABILITIES and name not in TASKS]
    if unknown:
        raise UsageError(
            f"--needs: unknown capability {unknown[0]!r}",
            hint=f"known are: {', '.join(dict.fromkeys((*_CAPABILITIES, *TASKS)))}",
        )
    return names


def _known_quantisations(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    from modelpick.quality.loss import known_quantisations

    known = known_quantisations()
    for name in _listed(value):
        if name.upper().replace("-", "_").removeprefix("UD_") not in known and name.lower() not in _FORMATS:
            from difflib import get_close_matches

            close = get_close_matches(name.upper(), known, n=3) or ["Q4_K_M", "Q8_0", "BF16"]
            raise UsageError(f"--quant: unknown quantisation {name!r}", hint=f"did you mean {', '.join(close)}?")
    return value


_FORMATS = ("gguf", "safetensors", "awq", "gptq", "fp8", "nvfp4", "mlx", "mxfp4", "mxfp4_moe")
_FAMILY = [
    click.option(
        "--task",
        type=click.Choice(TASKS),
        default="chat",
        envvar="MODELPICK_TASK",
        help="What it is for [default: chat; env: MODELPICK_TASK].",
    ),
    click.option(
        "--context",
        metavar="TOKENS",
        callback=context_tokens,
        envvar="MODELPICK_CONTEXT",
        help="Tokens of context, such as 8192 or 32k [default: 8192, or the model's own limit if that is "
        "smaller; env: MODELPICK_CONTEXT].",
    ),
    click.option(
        "--users",
        type=click.IntRange(min=1, max=4096),
        default=1,
        metavar="N",
        help="People served at the same time [default: 1].",
    ),
    click.option(
        "--min-speed",
        type=click.FloatRange(min=0),
        metavar="T",
        callback=_finite,
        help="Least decode speed, tokens per second [default: 5 if anything reaches it].",
    ),
    click.option(
        "--prefer",
        type=click.Choice(PREFERENCES),
        default="balanced",
        envvar="MODELPICK_PREFER",
        help="What counts more [default: balanced; env: MODELPICK_PREFER].",
    ),
    click.option(
        "--runtime", "runtimes", type=click.Choice(RUNTIMES), multiple=True, help="Only this runtime; may be repeated."
    ),
    click.option(
        "--quant",
        "quantisations",
        multiple=True,
        metavar="Q",
        callback=_known_quantisations,
        help="Only this quantisation, such as Q4_K_M; may be repeated or a comma list.",
    ),
    click.option(
        "--language",
        "languages",
        multiple=True,
        metavar="CODE",
        callback=_language_codes,
        help="It must speak this language, such as de; may be repeated or a comma list.",
    ),
    click.option(
        "--needs",
        "capabilities",
        multiple=True,
        metavar="A,B",
        help="It must be able to do this: tools, reasoning, vision, fim ...",
    ),
    click.option(
        "--released-after",
        metavar="DATE",
        callback=_date,
        help="Only models released on or after that day, month or year.",
    ),
    click.option("--max-download", metavar="SIZE", callback=_size, help="Largest download, such as 8GB."),
]
