"""What a card declares: its fields, its licence's name and link, and its LICENSE text, brought to one answer."""

from __future__ import annotations

from modelpick.licensing.catalogue import NOTHING_SAID, Catalogue, spelling
from modelpick.licensing.interface import Card
from modelpick.licensing.names import is_pull_request
from modelpick.licensing.rules import Checkpoint
from modelpick.licensing.texts import recognise
from modelpick.values import dataclass

UNKNOWN = "unknown"
"""The key of the catalogue for "no grant was found"."""


@dataclass(frozen=True, slots=True)
class Declared:
    """``keys`` are the catalogue's; ``raw`` is what the card wrote. ``open`` means that something was declared which
    nobody could resolve; ``contradiction`` says which statements disagree."""

    keys: tuple[str, ...]
    raw: tuple[str, ...]
    open: bool = False
    contradiction: str | None = None
    from_text: bool = False
    candidates: tuple[str, ...] = ()
    """Where ``open``: the licences that go by the name that was declared."""


def declare(card: Card, name: str, known: Checkpoint | None, catalogue: Catalogue) -> Declared:
    """The card's own statement. Where its parts disagree the stricter one counts (R19)."""
    given = (card.license,) if isinstance(card.license, str) else card.license or ()
    tags = tuple(tag for tag in given if tag and tag.strip())
    raw = (*tags, card.license_name) if card.license_name else tags
    keys, unreadable = _from_tags(tags, name, card.released, catalogue)
    plain = card.license_name is None and card.license_link is None and card.license_text is None
    if plain and keys and (card.resolved is None or card.resolved in keys) and not is_pull_request(card.name):
        return Declared(keys, raw)
    named, name_open = _from_name(card, name, known, catalogue)
    text = recognise(card.license_text, catalogue.rules) if card.license_text else None
    contradiction = None
    if named and keys and named not in keys:
        contradiction = f"the tag says {', '.join(keys)}, the licence's name says {named}"
        keys = _stricter(keys, (named,), catalogue)
    elif keys and name_open:
        contradiction = f"the tag says {', '.join(keys)}, the licence's name “{card.license_name}” is another"
        keys = (UNKNOWN,)
    elif named:
        keys = (named,)
    if text and keys and text not in keys and UNKNOWN not in keys:
        contradiction = contradiction or f"the card says {', '.join(keys)}, the LICENSE file is {text}"
        keys = _stricter(keys, (text,), catalogue)
    elif card.license_text and card.license_text.strip() and not text and _is_permissive(keys, catalogue):
        contradiction = f"the card says {', '.join(keys)}, the LICENSE file is none of the known texts"
        keys = (UNKNOWN,)
    if text and not keys:
        return Declared((text,), raw, from_text=True)
    if is_pull_request(card.name) and _is_permissive(keys, catalogue):
        return Declared((), raw, open=True, contradiction="a pull request's revision, which anybody may write")
    unresolved = not keys and (unreadable or name_open)
    candidates = tuple(key for text in raw for key in catalogue.candidates(text)) if unresolved else ()
    return Declared(keys, raw, unresolved, contradiction, candidates=candidates)


def _from_tags(
    tags: tuple[str, ...], name: str, released: str | None, catalogue: Catalogue
) -> tuple[tuple[str, ...], bool]:
    if len(tags) == 1 and (key := catalogue.known(tags[0], name)):
        return (key,), False
    found = {tag: catalogue.known(tag, name) or _loose(tag, name, released, catalogue) for tag in tags}
    keys = tuple(dict.fromkeys(key for key in found.values() if key))
    unreadable = any(key is None and spelling(tag) not in NOTHING_SAID for tag, key in found.items())
    return (() if unreadable and _is_permissive(keys, catalogue) else keys), unreadable


def _loose(tag: str, name: str, released: str | None, catalogue: Catalogue) -> str | None:
    """A tag that is not on the Hub's list is read as a licence's name."""
    return None if spelling(tag) in NOTHING_SAID else catalogue.named(tag, name, (), released)


def _from_name(card: Card, name: str, known: Checkpoint | None, catalogue: Catalogue) -> tuple[str | None, bool]:
    """The key of ``license_name`` or ``license_link``, and whether a name was given that nobody knows."""
    named = None
    given = card.license_name if card.license_name and spelling(card.license_name) not in NOTHING_SAID else None
    if given:
        named = catalogue.named(given, name, known.licenses if known else (), card.released)
    if named is None and card.license_link:
        named = catalogue.rules.license_link(card.license_link)
    if card.resolved and card.resolved in catalogue.terms() and (named is None or given is None):
        named = named or catalogue.known(card.resolved, name) or card.resolved
    return named, bool(given) and named is None


def _stricter(left: tuple[str, ...], right: tuple[str, ...], catalogue: Catalogue) -> tuple[str, ...]:
    return max(left, right, key=lambda keys: max(catalogue.rank(key) for key in keys))


def _is_permissive(keys: tuple[str, ...], catalogue: Catalogue) -> bool:
    return bool(keys) and all(catalogue.commercial(key) == "yes" for key in keys)
