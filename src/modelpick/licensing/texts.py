"""Which licence a LICENSE text is, by the phrases that only that text has."""

from __future__ import annotations

import re

from modelpick.licensing.rules import Rules, TextRule

MAX_CHARACTERS = 1_000_000
"""No licence text is longer than this; what is longer is not read as one."""

_MARKS = str.maketrans({"“": '"', "”": '"', "’": "'", "‘": "'", "–": "-", "—": "-", " ": " "})


def normalised(text: str) -> str:
    """Lower case, plain quotation marks, white space as one blank, no comment or Markdown marks."""
    text = text.translate(_MARKS).lower()
    text = re.sub(r"[*#>`|]+", " ", text)
    return re.sub(r"\s+", " ", text).strip()


def recognise(text: str, rules: Rules) -> str | None:
    """The key of the licence whose text this is, or None: a text that is not recognised grants nothing."""
    if len(text) > MAX_CHARACTERS:
        return None
    plain = normalised(text)
    return next((rule.license for rule in rules.texts if _fits(rule, plain)), None)


def _fits(rule: TextRule, text: str) -> bool:
    if rule.max_length is not None and len(text) > rule.max_length:
        return False
    first = text.find(rule.all[0])
    if first < 0 or (rule.within is not None and first > rule.within):
        return False
    return all(phrase in text for phrase in rule.all[1:]) and not any(phrase in text for phrase in rule.none)
