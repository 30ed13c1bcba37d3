"""Which model, and why not the others, as values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from typing import Protocol

from modelpick.estimation.interface import Fit, Misfit, Range, Runtime
from modelpick.licensing.interface import Decision
from modelpick.values import dataclass, field

TASKS = (
    "chat",
    "code",
    "reasoning",
    "embedding",
    "rerank",
    "vision",
    "speech-to-text",
    "text-to-speech",
    "image",
)
PREFERENCES = ("balanced", "quality", "speed", "small")
RUNTIMES: tuple[Runtime, ...] = ("llama.cpp", "ollama", "lmstudio", "transformers", "vllm", "mlx")


@dataclass(frozen=True, slots=True)
class Needs:
    """What the user asked for, with every default filled in.

    ``context`` None means 8192 tokens, or the model's own limit if that is smaller. ``min_speed`` is decode tokens
    per second; ``readable`` tells that it is the default that gives way when nothing reaches it.
    """

    task: str = "chat"
    context: int | None = None
    policy: str = "permissive"
    min_speed: float | None = None
    readable: bool = True
    prefer: str = "balanced"
    runtimes: tuple[Runtime, ...] = ()
    quantisations: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    released_after: str | None = None
    max_download_bytes: int | None = None
    models: tuple[str, ...] = ()
    """Only these slugs; empty: all."""
    users: int = 1
    all_variants: bool = False
    limit: int = 5
    by_name: bool = False
    """The policy makes exceptions for models by name: what is said of one model says nothing of one like it."""


@dataclass(frozen=True, slots=True)
class Source:
    """A repository that holds a model in one format; ``quantisation`` and ``bytes`` where its content is listed."""

    format: str
    repo: str
    publisher: str
    quantisation: str | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model stands on the shelf: enough to bound its score before the model is read.

    ``kin``: models of one number differ in nothing that selection reads but their name, family and ability.
    ``low`` is the low end of the ability, None without one. ``params_read`` are the parameters that each token
    multiplies, None where that is not known.
    """

    slug: str
    family: str
    kin: int
    low: float | None
    modality: str
    params_total: int | None
    params_read: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """What selection has to know of a model: no more, since thousands are read for one answer.

    ``ability`` is on the task's index (see quality) with its 80 % interval; None where nobody published a score for
    that kind of task. ``config`` is the architecture as JSON text.
    """

    slug: str
    family: str
    name: str
    relation: str
    tasks: tuple[str, ...]
    modality: str
    released: str | None
    params_total: int | None
    params_active: int | None
    context_length: int | None
    languages: tuple[str, ...]
    capabilities: tuple[str, ...]
    commercial_use: str
    verdict_status: str
    ability: Range | None
    ability_basis: str | None
    config: str | None
    model_type: str | None
    sources: tuple[Source, ...]
    sizes: str | None = None
    """As the registry's ``ArchitectureRow.sizes``: what the search may bound a form by before it is placed."""


@dataclass(frozen=True, slots=True)
class Option:
    """One way of running an entry: format, quantisation and runtime, and where the files come from.

    ``made_here`` tells that nobody is known to publish it: the files at ``source`` are quantised on this machine.
    """

    format: str
    quantisation: str | None
    runtime: Runtime
    source: Source
    made_here: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model in one form under one runtime, for a context: what is asked whether it fits."""

    entry: Entry
    option: Option
    context: int
    users: int = 1


@dataclass(frozen=True, slots=True)
class Rejection:
    """What was turned down: the reason as a stable word, what was needed and what there was."""

    model: str
    reason: str
    message: str
    needed: float | str | None = None
    available: float | str | None = None
    unit: str | None = None
    option: Option | None = None


@dataclass(frozen=True, slots=True)
class ScorePart:
    """One part of a score in index points, with its reason in a sentence."""

    name: str
    points: float
    reason: str


@dataclass(frozen=True, slots=True)
class Quality:
    """Quality on the task's index after the quantisation's loss; ``basis`` says what it rests on."""

    index: Range
    loss: float | None
    basis: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A ranked answer: the candidate, its fit, what the licence policy said, and each part of its score."""

    rank: int
    candidate: Candidate
    fit: Fit
    decision: Decision
    quality: Quality | None
    score: float
    parts: tuple[ScorePart, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything a recommendation consists of.

    ``rejections`` holds one by one what was looked at and turned down; ``counts`` adds what was turned down unseen
    (by licence, by size) per reason; ``outranked`` counts the models that could not have entered the list.
    """

    picks: tuple[Recommendation, ...]
    rejections: tuple[Rejection, ...]
    counts: Mapping[str, int]
    outranked: int
    considered: int
    notes: tuple[str, ...] = ()


class Shelf(Protocol):
    """Where entries come from: best first, by task and size class, so that cost follows what is looked at."""

    def size_classes(self, task: str, policy: str) -> Sequence[tuple[int, int]]:
        """Pairs of a size class (floor of log2 of the parameters; -1: unknown) and its number of models."""
        ...

    def places(
        self,
        task: str,
        policy: str,
        size_class: int,
        *,
        each: bool = False,
        only: Collection[str] = (),
        passed: Set[tuple[int, bool]] = frozenset(),
    ) -> Iterable[Place]:
        """The models of one class, by the low end of their ability from the best down.

        Of models that are alike but for their names (kin, family and ability) only the first by name, unless ``each``
        or some are asked for by name (``only``). Whoever reads may add to ``passed`` the kin whose further models it
        has no use for, each with whether they have no ability: they may be left out from then on.
        """
        ...

    def entry(self, task: str, slug: str) -> Entry:
        """All of one model."""
        ...

    def turned_down(self, task: str, policy: str) -> Mapping[str, int]:
        """How many models of the task the policy leaves out unseen, by reason."""
        ...


Assess = Callable[[Candidate], Fit | Misfit]
"""Places a candidate on the machine: estimation with the hardware bound in."""

Decide = Callable[[Entry], Decision]
"""What the licence policy says of an entry for whoever is asking."""
