"""The parents of a card: who they are, by which relation, and what was decided of each."""

from __future__ import annotations

import re
from collections.abc import Callable

from modelpick.licensing.catalogue import Catalogue
from modelpick.licensing.interface import Card, CommercialUse, Confidence, ParentInfo, Step
from modelpick.licensing.names import is_text, looks_like_copy, owner_of, plain_name, unpacked
from modelpick.licensing.rules import Checkpoint
from modelpick.values import dataclass, field

Resolve = Callable[[str], ParentInfo | None]

COPIES = frozenset({"quantized", "quantised", "conversion", "mirror", "copy", "reupload"})
"""Relations that change no rights (R06)."""

OWN_PARTS = frozenset({"adapter", "distilled", "distillation", "composite"})
"""Relations whose own licence stands beside the base's (R08, R11)."""

_NORMAL = {
    "instruct": "finetune",
    "adapted": "finetune",
    "fine-tune": "finetune",
    "finetuned": "finetune",
    "pruned+finetuned": "pruned",
    "lora": "adapter",
    "quantised": "quantized",
    "merged": "merge",
}

_MERGED = re.compile(r"(?i)(?:^|[-_/])merged?s?(?:$|[-_.])")
_TAG = re.compile(r"^base_model:(?:(finetune|adapter|merge|quantized):)?([^:]+/[^:]+)$")


@dataclass(frozen=True, slots=True)
class Link:
    """A parent after it was judged. ``sure`` is False where only its name speaks; ``stale`` are tags of a sibling
    generation that copies of it carry by mistake."""

    name: str
    relation: str
    binding: tuple[str, ...]
    commercial_use: CommercialUse
    confidence: Confidence
    sure: bool
    rule: str
    reason: str
    source: str | None = None
    steps: tuple[Step, ...] = ()
    flags: tuple[str, ...] = ()
    stale: frozenset[str] = field(default=frozenset())
    cycle: bool = False
    inherited: frozenset[str] = field(default=frozenset())
    """The licences that the parent has from its own parents."""


def normal_relation(relation: str | None) -> str | None:
    """One word for each relation; None where nothing was said."""
    if relation is None:
        return None
    word = relation.strip().lower()
    return _NORMAL.get(word, word)


def named_parents(card: Card, name: str, known: Checkpoint | None) -> tuple[tuple[str, str], ...]:
    """The parents that the card, its tags or the rules name, each with its relation; the model itself is none."""
    pairs = list(card.base_models)
    if not pairs and card.tags:
        matches = [match for tag in card.tags if (match := _TAG.match(tag))]
        by_name = {match[2]: match[1] for match in sorted(matches, key=lambda match: match[1] or "")}
        pairs = list(by_name.items())
    if not pairs and (known is None or not known.parents):
        return ()
    own = name.lower()
    pairs = [(parent, relation) for parent, relation in pairs if plain_name(parent).lower() != own]
    if not pairs and known:
        return tuple((parent, _guess(card, name, None, 1)) for parent in known.parents)
    return tuple((parent, _guess(card, name, relation, len(pairs))) for parent, relation in pairs)


def _guess(card: Card, name: str, relation: str | None, parents: int) -> str:
    said = normal_relation(relation) or normal_relation(card.relation)
    if said and said != "base":
        return said
    if {"lora", "peft", "adapter"} & {tag.lower() for tag in card.tags}:
        return "adapter"
    if looks_like_copy(name):
        return "quantized"
    # Several parents alone are no merge: a vision model names its language model and its encoder.
    return "merge" if parents > 1 and _says_merge(card, name) else "finetune"


def _says_merge(card: Card, name: str) -> bool:
    return bool({"merge", "mergekit"} & {tag.lower() for tag in card.tags}) or _MERGED.search(name) is not None


def unnamed_parent(card: Card, name: str, own: tuple[str, ...], catalogue: Catalogue, resolve: Resolve) -> Link | None:
    """What the model's own name says where no parent is named (R07, R20): it can only make the verdict stricter."""
    if card.curated:
        return None
    if looks_like_copy(name):
        for guess in unpacked(name):
            if guess.lower() == name.lower():
                continue
            if resolve(guess) is not None or _known(guess, catalogue) is not None:
                return Link(guess, "quantized", (), "unknown", "low", False, "R07", "read from the name")
    hinted = catalogue.rules.hint(name)
    if not hinted or all(catalogue.commercial(key) == "yes" for key in hinted):
        return _of_unsaid(card, name) if catalogue.checkpoint(name) is None else None
    if own and max(map(catalogue.rank, own)) >= max(map(catalogue.rank, hinted)):
        return None
    use = max((catalogue.commercial(key) for key in hinted), key=("yes", "conditional", "unknown", "no").index)
    if not own and use != "no":
        use = "unknown"
    reason = f"its name suggests {' and '.join(hinted)}, and no parent is named"
    return Link(name, "hint", hinted, use, "low", False, "R20", reason)


def _of_unsaid(card: Card, name: str) -> Link | None:
    """A model that says that it was made from others, and not from which."""
    tags = {tag.lower() for tag in card.tags}
    for relation, rule, said in (
        ("quantized", "R06", looks_like_copy(name)),
        ("adapter", "R08", bool({"lora", "peft", "adapter"} & tags)),
        ("merge", "R09", _says_merge(card, name)),
    ):
        if said:
            word = {"quantized": "a copy", "adapter": "an adapter"}.get(relation, "a merge")
            reason = f"it is {word}, and of what is not said"
            return Link(name, relation, (), "unknown", "low", False, rule, reason)
    return None


def _known(name: str, catalogue: Catalogue) -> Checkpoint | None:
    return catalogue.checkpoint(name) if "/" in name else catalogue.rules.canonical(name)


def outside(parent: str, relation: str, catalogue: Catalogue) -> Link:
    """A parent that is neither a row nor a checkpoint of the rules: words, a bare name, or only a hint (R20)."""
    if is_text(parent):
        keys = catalogue.rules.phrase(parent) or catalogue.rules.hint(parent)
        reason = f"the parents are described as “{parent}”"
    else:
        keys = catalogue.rules.hint(parent)
        reason = f"{parent} is not known; its name suggests {' and '.join(keys)}"
    if keys and any(catalogue.commercial(key) != "yes" for key in keys):
        use = max((catalogue.commercial(key) for key in keys), key=("yes", "conditional", "unknown", "no").index)
        return Link(parent, relation, keys, use, "low", False, "R20", reason)
    owner = f" of {owner_of(parent)}" if owner_of(parent) else ""
    reason = f"the parent {parent}{owner} is not known" if not owner else f"the parent {parent} is not known"
    return Link(parent, relation, (), "unknown", "low", False, "R07", reason)


__all__ = [
    "COPIES",
    "OWN_PARTS",
    "Link",
    "Resolve",
    "named_parents",
    "normal_relation",
    "outside",
    "unnamed_parent",
]
