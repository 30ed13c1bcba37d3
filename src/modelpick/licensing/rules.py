"""The rules that are data: checkpoints, names, texts and replaced licences, compiled once for many verdicts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modelpick.licensing.interface import Confidence
from modelpick.licensing.names import base_of, hint_form, is_plain_tail, is_text, owner_of
from modelpick.values import dataclass

SECTIONS = (
    "checkpoint",
    "mirror",
    "superseded",
    "publisher",
    "series",
    "license_name",
    "license_link",
    "multimodal",
    "not_a_hint",
    "hint",
    "phrase",
    "data_flag",
    "text",
)
"""The sections of ``lineage_rules.toml``, in its order."""

Section = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is known of repositories of some name: what their publisher grants, and what they were made from."""

    licenses: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    stale: frozenset[str] = frozenset()
    keep_declared: bool = False
    flags: tuple[str, ...] = ()
    confidence: Confidence = "medium"
    source: str | None = None
    fallback: bool = False
    """Only counts where the card says nothing."""


@dataclass(frozen=True, slots=True)
class TextRule:
    """How one licence's text is recognised."""

    license: str
    all: tuple[str, ...]
    none: tuple[str, ...]
    within: int | None
    max_length: int | None


@dataclass(frozen=True, slots=True)
class NamedLicense:
    """What a spelling of a licence's name stands for, on models of some name or date."""

    license: str
    pattern: re.Pattern[str]
    models: tuple[re.Pattern[str], ...]
    since: str | None
    until: str | None

    def fits(self, text: str, model: str, released: str | None) -> bool:
        """Whether the spelling is meant. A rule with a date needs one; ``until`` is the first day that is too late."""
        if not self.pattern.search(text) or (self.models and not any(glob.fullmatch(model) for glob in self.models)):
            return False
        if self.since is None and self.until is None:
            return True
        # Dates may be as short as a year or a month: the earliest day they can mean is compared.
        return released is not None and (self.since or "") <= released < (self.until or "9")


@dataclass(frozen=True, slots=True)
class Superseded:
    """A licence that its licensor replaced by another, for parents whose names fit (all, without patterns)."""

    old: str
    new: str
    parents: tuple[re.Pattern[str], ...]
    source: str | None

    def covers(self, names: Iterable[str]) -> bool:
        """Whether one of the parents is a model that was put under the new licence."""
        return not self.parents or any(glob.fullmatch(name.lower()) for name in names for glob in self.parents)


class Rules:
    """The compiled sections. Answers are kept, so that the second question for a name costs a look-up."""

    def __init__(self, sections: Mapping[str, Section]) -> None:
        self._exact: dict[str, Checkpoint] = {}
        self._globs: dict[str, list[tuple[re.Pattern[str], Checkpoint]]] = {}
        self._bare: list[tuple[re.Pattern[str], Checkpoint]] = []
        for row in sections.get("checkpoint", ()):
            self._add(row)
        self.superseded = tuple(map(_superseded, sections.get("superseded", ())))
        self._liftable = {
            owner: frozenset(row["licenses"]) for row in sections.get("publisher", ()) for owner in row["owners"]
        }
        self._publisher = {
            owner: place for place, row in enumerate(sections.get("publisher", ())) for owner in row["owners"]
        }
        self.series = {key: row["name"] for row in sections.get("series", ()) for key in row["licenses"]}
        self.mirrors = frozenset(owner for row in sections.get("mirror", ()) for owner in row["owners"])
        self.multimodal = frozenset(row["license"] for row in sections.get("multimodal", ()))
        self.texts = tuple(_text(row) for row in sections.get("text", ()))
        self._names = tuple(map(_named, sections.get("license_name", ())))
        self._links: list[tuple[str, str]] = [
            (row["contains"].lower(), row["license"]) for row in sections.get("license_link", ())
        ]
        self._not_hints = [re.compile(row["pattern"]) for row in sections.get("not_a_hint", ())]
        self._hints = _patterns(sections.get("hint", ()))
        self._phrases = _patterns(sections.get("phrase", ()))
        self._flags: list[tuple[re.Pattern[str], str]] = [
            (re.compile(row["pattern"]), row["flag"]) for row in sections.get("data_flag", ())
        ]
        self._found: dict[str, Checkpoint | None] = {}
        self._hinted: dict[str, tuple[str, ...]] = {}

    def _add(self, row: Mapping[str, Any]) -> None:
        checkpoint = Checkpoint(
            licenses=tuple(row.get("licenses", ())),
            parents=tuple(row.get("parents", ())),
            stale=frozenset(row.get("stale", ())),
            keep_declared=bool(row.get("keep_declared", False)),
            flags=tuple(row.get("flags", ())),
            confidence=row.get("confidence", "medium"),
            source=row.get("source"),
        )
        for glob in row["match"]:
            if "*" in glob:
                self._globs.setdefault(owner_of(glob), []).append((_glob(glob), checkpoint))
            else:
                self._exact.setdefault(glob.lower(), checkpoint)
            if not base_of(glob).startswith("*"):
                self._bare.append((_bare(base_of(glob)), checkpoint))

    def checkpoint(self, name: str) -> Checkpoint | None:
        """What is known of the repository ``name``; the exact name before a pattern, in any case of letters."""
        try:
            return self._found[name]
        except KeyError:
            found = self._found[name] = self._search(name.lower())
            return found

    def _search(self, name: str) -> Checkpoint | None:
        if name in self._exact:
            return self._exact[name]
        for pattern, checkpoint in self._globs.get(owner_of(name), ()):
            if pattern.fullmatch(name):
                return checkpoint
        return None

    def canonical(self, bare: str) -> Checkpoint | None:
        """What is known of a name without its owner, where all of it is the model's own name, size and version."""
        text = bare.lower()
        for pattern, checkpoint in self._bare:
            match = pattern.fullmatch(text) if checkpoint.licenses else None
            if match and all(is_plain_tail(tail or "") for tail in match.groups()):
                return checkpoint
        return None

    def liftable(self, name: str, parent: str) -> frozenset[str]:
        """The licences of ``parent`` that the publisher of both may replace; none where the publishers differ."""
        owner = owner_of(name)
        place = self._publisher.get(owner)
        if place is None or place != self._publisher.get(owner_of(parent)):
            return frozenset()
        return self._liftable[owner]

    def hint(self, name: str) -> tuple[str, ...]:
        """The licences that a name suggests; a suggestion is never a proof."""
        text = hint_form(name if not is_text(name) else name.replace("/", " "))
        if text not in self._hinted:
            self._hinted[text] = () if any(p.search(text) for p in self._not_hints) else _first(self._hints, text)
        return self._hinted[text]

    def phrase(self, words: str) -> tuple[str, ...]:
        """The licences that a description in words names."""
        return _first(self._phrases, words.lower())

    def license_name(self, text: str, model: str, released: str | None = None) -> str | None:
        """The licence that a free ``license_name`` stands for on the card of a model, by its name and its date."""
        model = model.lower()
        return next((rule.license for rule in self._names if rule.fits(text, model, released)), None)

    def license_link(self, link: str) -> str | None:
        """The licence that a ``license_link`` points to."""
        link = link.lower()
        return next((key for part, key in self._links if part in link), None)

    def data_flags(self, datasets: Iterable[str]) -> tuple[str, ...]:
        """Terms of closed services that the data sets' names show."""
        text = " ".join(datasets).lower()
        return tuple(flag for pattern, flag in self._flags if pattern.search(text)) if text else ()


def _named(row: Mapping[str, Any]) -> NamedLicense:
    globs = tuple(_glob(glob) for glob in row.get("match", ()))
    return NamedLicense(row["license"], re.compile(row["pattern"]), globs, row.get("since"), row.get("until"))


def _superseded(row: Mapping[str, Any]) -> Superseded:
    globs = tuple(_glob(glob) for glob in row.get("match", ()))
    return Superseded(row["old"], row["new"], globs, row.get("source"))


def _glob(glob: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in glob.lower().split("*")))


def _bare(glob: str) -> re.Pattern[str]:
    """As a glob, with what stands for ``*`` as groups; ``mistral-7b-*`` also fits ``mistral-7b``."""
    end = ""
    if glob.endswith("-*"):
        glob, end = glob[:-2], "(?:-(.*))?"
    return re.compile("(.*)".join(re.escape(part) for part in glob.lower().split("*")) + end)


def _patterns(rows: Section) -> list[tuple[re.Pattern[str], tuple[str, ...]]]:
    return [(re.compile(row["pattern"]), tuple(row["licenses"])) for row in rows]


def _first(patterns: list[tuple[re.Pattern[str], tuple[str, ...]]], text: str) -> tuple[str, ...]:
    return next((licenses for pattern, licenses in patterns if pattern.search(text)), ())


def _text(row: Mapping[str, Any]) -> TextRule:
    return TextRule(
        license=row["license"],
        all=tuple(row["all"]),
        none=tuple(row.get("none", ())),
        within=row.get("within"),
        max_length=row.get("max_length"),
    )
