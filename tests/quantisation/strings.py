"""A thousand varied strings, the same everywhere."""

from __future__ import annotations

import random

_PIECES = (
    "the", "quick", "Brown", "FOX", "don't", "I'll", "we've", "SHE'S", "it's", " ", "  ", "   ", "\t", "\n",
    "\n\n", "\r\n",
    "1", "12", "123", "1234", "3.14", "1,000,000", "é", "ü", "ß", "naïve", "Köln", "日本語", "文章", "привет",
    "мир", "你好",
    "🚀", "🙂", "👩‍👩‍👧", "e\u0301", "ا", "مرحبا", "हिन्दी", "ไทย", "한국어", "!", "?", "...", "---",
    "==", "(", ")", "[x]", "{y}", "<z>",
    "a_b", "foo.bar", "x+y", "#tag", "@me", "$5", "50%", "http://x.org/a?b=c", "def f(x):", "return", "    return x",
    "\u00a0", "\u2003", "\u200b", "'", '"', "`", "~", "^", "|", "\\", "/", "*", "&", ";", ":", ",", ".",
    "A", "z", "ZZZ", "aaaa",
)  # fmt: skip


def strings() -> list[str]:
    """One thousand, from a fixed seed: single pieces first, then mixtures with and without spaces between."""
    chance = random.Random(20261124)
    made = [*_PIECES, "Hello, world!", "The 1st of 2,345 items costs $67.89 (incl. 19% VAT)."]
    while len(made) < 1000:
        count = chance.randint(2, 14)
        gap = chance.choice(["", " ", " ", "\n", "  "])
        made.append(gap.join(chance.choice(_PIECES) for _ in range(count)))
    return made[:1000]
