import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelpick import units
from modelpick.errors import UsageError

GIB = 2**30


@pytest.mark.parametrize("text", ["24GB", "24GiB", "24g", "24576MiB", " 24 gb ", "24.0GiB"])
def test_memory_sizes_as_people_write_them(text: str) -> None:
    assert units.parse_memory(text) == 24 * GIB


@pytest.mark.parametrize("text", ["8X", "-1", "0", "0GB", "", "24", "iB", "1e3GB", "nan", "inf", "9e9TB", "٣GB"])
@pytest.mark.parametrize("parse", [units.parse_memory, units.parse_file_size])
def test_what_is_no_size_is_refused_with_the_accepted_forms(parse, text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text, what="--ram")
    assert "--ram" in refused.value.message
    assert "24GiB" in refused.value.hint
    assert refused.value.exit_code == 2


def test_files_are_decimal_unless_they_say_binary() -> None:
    assert units.parse_file_size("5GB") == 5 * 10**9
    assert units.parse_file_size("5GiB") == 5 * GIB


@given(st.integers(min_value=1, max_value=2**40))
def test_bytes_survive_writing_as_mebibytes(number: int) -> None:
    assert units.parse_memory(f"{number}KiB") == number * 1024


@pytest.mark.parametrize(("text", "number"), [("2M", 2_000_000), ("7B", 7 * 10**9), ("32k", 32_000), ("8,192", 8192)])
def test_counts(text: str, number: int) -> None:
    assert units.parse_count(text) == number


@pytest.mark.parametrize("text", ["0", "-3", "many", "", "1.5X"])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        units.parse_count(text)


def test_writing_keeps_units_apart() -> None:
    assert units.format_bytes(24 * GIB) == "24.0 GiB"
    assert units.format_bytes(512) == "512 B"
    assert units.format_bytes(None) == "-"
    assert units.format_count(7_241_732_096) == "7.24B"
    assert units.format_count(None) == "-"
    assert units.format_rate(4.96) == "5.0"
    assert units.format_rate(123.4) == "123"
