import io

import pytest

from modelpick.output.terminal import describe


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("color", "environment", "screen", "expected"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"FORCE_COLOR": "0"}, True, False),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
        ("auto", {"TERM": "dumb"}, True, False),
    ],
)
def test_who_decides_on_colour(color: str, environment: dict[str, str], screen: bool, expected: bool) -> None:
    stream = Screen() if screen else io.StringIO()
    assert describe(stream, color, environment).colour is expected


def test_width_comes_from_the_environment_and_only_for_terminals() -> None:
    assert describe(Screen(), "auto", {"COLUMNS": "33"}).width == 33
    assert describe(Screen(), "auto", {"COLUMNS": "wide"}).width == 80
    assert describe(io.StringIO(), "auto", {"COLUMNS": "33"}).width is None


def test_a_closed_stream_is_no_terminal() -> None:
    stream = io.StringIO()
    stream.close()
    assert describe(stream, "auto", {}).width is None
