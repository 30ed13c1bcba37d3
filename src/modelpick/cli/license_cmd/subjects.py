"""What is asked about: names of the registry, directories, and lists of either in a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelpick.errors import NotFoundError, UsageError
from modelpick.licensing.interface import Card, Verdict
from modelpick.registry.resolve import resolve

if TYPE_CHECKING:
    from modelpick.licensing.catalogue import Catalogue
    from modelpick.registry.reader import Registry

NOT_ADVICE = "This is not legal advice."
_MAX_LIST_BYTES = 5_000_000


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing asked about, and where it was asked: a line of a list, or nowhere in particular."""

    text: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict of a subject. ``slug`` is None for what is no row of the registry; ``kind`` says where the verdict
    comes from: registry, directory or rules."""

    subject: Subject
    slug: str | None
    verdict: Verdict
    kind: str


def subjects(models: Iterable[str], from_file: str | None) -> list[Subject]:
    """The arguments, then the lines of ``from_file`` (``-``: stdin) without comments and blanks."""
    found = [Subject(model) for model in models]
    if from_file is not None:
        for number, line in enumerate(_read(from_file).splitlines(), 1):
            text = line.partition("#")[0].strip()
            if text:
                found.append(Subject(text, None if from_file == "-" else from_file, number))
    if not found:
        raise UsageError("No model to check.", hint="modelpick license check MODEL, or --from-file FILE")
    return found


def _read(name: str) -> str:
    if name == "-":
        return sys.stdin.read(_MAX_LIST_BYTES)
    path = Path(name)
    try:
        if path.stat().st_size > _MAX_LIST_BYTES:
            raise UsageError(f"{name} has {path.stat().st_size:,} bytes; a list has at most {_MAX_LIST_BYTES:,}.")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}.", hint="one model a line") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is no text (byte {error.start:,}).", hint="one model a line") from error


class Judges:
    """Verdicts from the registry where they are stored, and from the rules for what is not in it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._catalogue: Catalogue | None = None

    @property
    def catalogue(self) -> Catalogue:
        """Terms and rules, loaded when first asked for."""
        if self._catalogue is None:
            from modelpick.licensing.rows import catalogue_of

            self._catalogue = catalogue_of(self._registry)
        return self._catalogue

    def answer(self, subject: Subject, came_from: str | None = None) -> Answer:
        """The verdict of one subject.

        :raises NotFoundError: for a name that neither the registry nor the rules know.
        """
        path = Path(subject.text).expanduser()
        if path.is_dir():
            from modelpick.licensing.local import card_of_directory

            card = card_of_directory(path, came_from)
            return Answer(subject, None, self.judge(card), "directory")
        if came_from is not None:
            raise UsageError(f"--as is for a directory, and {subject.text} is none.", hint="leave --as out")
        try:
            slug = resolve(self._registry, subject.text)
        except NotFoundError:
            if "/" in subject.text and self.catalogue.checkpoint(subject.text):
                return Answer(subject, None, self.judge(Card(subject.text, None)), "rules")
            raise
        from modelpick.licensing.serialise import from_json

        model = self._registry.model(slug)
        assert model is not None
        return Answer(subject, slug, from_json(model.verdict), "registry")

    def judge(self, card: Card) -> Verdict:
        """The verdict of a card that is no row, with the registry's rows as its possible parents."""
        from modelpick.licensing.judge import judge
        from modelpick.licensing.rows import Verdicts

        return judge(card, Verdicts(self._registry, self.catalogue).resolve, self.catalogue)
