"""Who is asking, and what they accept: the options that ``license``, ``recommend`` and ``download`` share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from modelpick.licensing.catalogue import Catalogue
    from modelpick.licensing.interface import Asker
    from modelpick.licensing.policy import Policy

F = TypeVar("F", bound=Callable[..., Any])


def asker_options(function: F) -> F:
    """Add ``--region --monthly-users --annual-revenue --outputs-train-models --redistribute``.

    Passed as ``asker: licensing.interface.Asker``. Not said stays unknown, and a conditional verdict conditional.
    """

    @wraps(function)
    def with_asker(*args: Any, **kwargs: Any) -> Any:
        told = [kwargs.pop(name) for name in _ASKER_NAMES]
        kwargs["asker"] = _asker(told)
        return function(*args, **kwargs)

    decorated = with_asker
    for option in reversed(_ASKER):
        decorated = option(decorated)
    return decorated  # type: ignore[return-value]


_ASKER_NAMES = ("region", "monthly_users", "annual_revenue", "outputs_train_models", "redistribute")


def _asker(told: list[Any]) -> Asker:
    if not any(told):
        from modelpick.licensing.interface import Asker

        return Asker()
    from modelpick.licensing.asker import asker_of

    return asker_of(*told)


_ASKER: list[Callable[[Any], Any]] = [
    click.option("--region", metavar="REGION", help="Where you are: EU, or a country such as DE, UK, US, KR."),
    click.option("--monthly-users", metavar="N", help="Your monthly active users, all products: 2M."),
    click.option("--annual-revenue", metavar="USD", help='Your group\'s revenue a year in US dollars: "5M USD".'),
    click.option(
        "--outputs-train-models", is_flag=True, help="You want to train other models on this model's outputs."
    ),
    click.option("--redistribute", is_flag=True, help="You want to pass the model on, or one made from it."),
]


def policy_options(default: str = "permissive") -> Callable[[F], F]:
    """Add ``--license`` and ``--policy FILE``, passed as ``policy: PolicyChoice``."""

    def decorate(function: F) -> F:
        @wraps(function)
        def with_policy(*args: Any, **kwargs: Any) -> Any:
            words = tuple(word.strip() for each in kwargs.pop("license") for word in each.split(",") if word.strip())
            path = kwargs.pop("policy")
            if words and path:
                words, path = _nearer(words, path)
            kwargs["policy"] = PolicyChoice(words or (default,), path)
            return function(*args, **kwargs)

        licenses = click.option(
            "--license",
            multiple=True,
            metavar="WHICH",
            help="Accept permissive, commercial, any; or licences and families by name, also comma-separated "
            f"[default: {default}].",
        )
        file = click.option(
            "--policy", metavar="FILE", help="Your own policy: a TOML file, or the name of a built-in one."
        )
        return licenses(file(with_policy))  # type: ignore[return-value]

    return decorate


def _nearer(words: tuple[str, ...], path: str) -> tuple[tuple[str, ...], str | None]:
    """Of a licence and a policy, what was typed counts before what the config file or the environment says."""
    context = click.get_current_context()
    typed = click.core.ParameterSource.COMMANDLINE
    by_hand = {name for name in ("license", "policy") if context.get_parameter_source(name) is typed}
    if by_hand == {"license"}:
        return words, None
    if by_hand == {"policy"}:
        return (), path
    raise click.UsageError("--license and --policy contradict each other: a policy says it all.")


class PolicyChoice:
    """The policy that the user named, before a catalogue is there to check it against."""

    __slots__ = ("path", "words")

    def __init__(self, words: tuple[str, ...], path: str | None) -> None:
        self.words = words
        self.path = path

    @property
    def needs_catalogue(self) -> bool:
        """Whether licences must be looked up: the built-in names need none."""
        from modelpick.licensing.policy import BUILT_IN

        wanted = (self.path,) if self.path else self.words
        return not (len(wanted) == 1 and wanted[0].lower() in BUILT_IN)

    def load(self, catalogue: Catalogue | None) -> Policy:
        """The policy itself.

        :raises UsageError: for a file, a name or a licence that is wrong, saying where.
        """
        from modelpick.licensing.policy import BUILT_IN, license_policy

        if self.path is None:
            return license_policy(self.words, catalogue)
        from pathlib import Path

        if self.path.lower() in BUILT_IN and not Path(self.path).exists():
            return BUILT_IN[self.path.lower()]
        assert catalogue is not None
        from modelpick.licensing.policy_file import load_policy

        return load_policy(Path(self.path), catalogue)
