import pytest
from tests.selection.world import allow, entry, needs

from modelpick.selection.filters import all_rejections, context_for, first_rejection


def reason(one, **wanted) -> str | None:
    rejection, _ = first_rejection(one, needs(**wanted), allow)
    return rejection.reason if rejection else None


@pytest.mark.parametrize(
    ("changes", "wanted", "expected"),
    [
        ({}, {}, None),
        ({"commercial_use": "no"}, {}, "licence"),
        ({}, {"context": 32768}, None),
        ({}, {"context": 32769}, "context"),
        ({"context_length": None}, {"context": 10**6}, None),
        ({}, {"languages": ("de",)}, None),
        ({}, {"languages": ("de-AT",)}, None),
        ({}, {"languages": ("fr",)}, "language"),
        ({"languages": ("multilingual",)}, {"languages": ("fr",)}, None),
        ({"languages": ()}, {"languages": ("en",)}, "language"),
        ({}, {"capabilities": ("tools",)}, None),
        ({}, {"capabilities": ("vision",)}, "capability"),
        ({}, {"released_after": "2025-01-01"}, None),
        ({}, {"released_after": "2025-07-01"}, "release-date"),
        ({"released": "2025"}, {"released_after": "2025-07-01"}, None),
        ({"released": None}, {"released_after": "2025-07-01"}, "release-date"),
        ({}, {"models": ("other",)}, "not-installed"),
    ],
)
def test_each_filter(changes, wanted, expected) -> None:
    assert reason(entry("m", **changes), **wanted) == expected


def test_context_is_the_models_own_when_that_is_smaller() -> None:
    assert context_for(entry("m", context_length=2048), needs()) == 2048
    assert context_for(entry("m"), needs()) == 8192
    assert context_for(entry("m", context_length=None), needs()) == 8192
    assert context_for(entry("m", context_length=2048), needs(context=4096)) == 4096


def test_explain_gets_every_reason() -> None:
    bad = entry("m", commercial_use="no", languages=("en",))
    found = all_rejections(bad, needs(languages=("fr",), context=10**6, released_after="2026"), allow)
    assert [rejection.reason for rejection in found] == ["licence", "context", "language", "release-date"]
    assert found[1].needed == 10**6 and found[1].available == 32768 and found[1].unit == "tokens"


@pytest.mark.parametrize(
    ("languages", "speaks"),
    [
        (("en", "de", "sw"), True),
        (("en", "de", "119 languages"), True),
        (("en", "de", "and more"), True),
        (("en", "de", "2 core + 13 languages"), True),
        ((), True),
        (("multilingual",), True),
        (("en", "de"), False),
        (("en", "de", "2 languages"), False),
    ],
)
def test_a_multilingual_model_speaks_what_its_card_names_or_leaves_open(languages, speaks):
    model = entry("a", languages=languages, capabilities=("multilingual",))
    rejection, _ = first_rejection(model, needs(languages=("sw",)), allow)
    assert (rejection is None) is speaks


def test_what_only_reads_documents_is_for_those_who_ask_for_it():
    reader = entry("ocr", tasks=("vision",), capabilities=("vision", "ocr"))
    assert first_rejection(reader, needs(task="vision"), allow)[0].reason == "capability"
    assert first_rejection(reader, needs(task="vision", capabilities=("ocr",)), allow)[0] is None
    assert first_rejection(entry("vl", tasks=("chat", "vision")), needs(task="vision"), allow)[0] is None
