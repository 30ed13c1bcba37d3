"""All formats over one document with hostile text in it."""

import csv
import io
import json

import pytest

from modelpick.errors import UsageError
from modelpick.output.formats import FORMATS, render
from modelpick.output.interface import Column, Document, Facts, Grid, Lines, Style, Terminal, Tree
from modelpick.output.text import show

ROWS = [
    {"model": "mistral-7b", "params_total": 7_241_732_096, "required_bytes": 5 * 2**30, "commercial_use": "yes"},
    {"model": "evil\x1b[31m [bold]x[/bold] |\n", "params_total": None, "required_bytes": 0, "commercial_use": "no"},
]
DOCUMENT = Document(
    schema="modelpick.list/1",
    body={"registry": {"models": 2}, "results": ROWS},
    blocks=(
        Facts([("Machine", "2 cores", "text"), ("Nothing", None, "text")], title="Here"),
        Grid(
            [
                Column("model", "Model"),
                Column("params_total", "Parameters", right=True),
                Column("required_bytes", "Needs", right=True),
                Column("commercial_use", "Commercial"),
            ],
            ROWS,
            main=True,
        ),
        Lines(["5.0 GiB = 4.1 + 0.9"], title="Sum"),
        Tree("root", [Tree("leaf")]),
    ),
    notes=("a note",),
)
PIPED = Style()


def test_json_is_one_object_with_the_contract_around_it() -> None:
    body = json.loads(render(DOCUMENT, "json", PIPED))
    assert list(body)[:2] == ["schema", "modelpick"]
    assert body["schema"] == "modelpick.list/1"
    assert body["results"][1]["params_total"] is None
    assert body["notes"] == ["a note"]


def test_fields_choose_and_order() -> None:
    style = Style(fields=("commercial_use", "model"))
    assert list(json.loads(render(DOCUMENT, "json", style))["results"][0]) == ["commercial_use", "model"]
    assert render(DOCUMENT, "csv", style).splitlines()[0] == "commercial_use,model"
    assert "Commercial" in render(DOCUMENT, "table", style)
    assert "Parameters" not in render(DOCUMENT, "table", style)


@pytest.mark.parametrize("name", FORMATS)
def test_an_unknown_field_lists_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError) as refused:
        render(DOCUMENT, name, Style(fields=("parms",)))
    assert "params_total" in refused.value.hint


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_lets_a_terminal_escape_through(name: str) -> None:
    assert "\x1b" not in render(DOCUMENT, name, PIPED) or name == "csv"


def test_csv_reads_back() -> None:
    text = render(DOCUMENT, "csv", PIPED)
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert rows[0]["required_bytes"] == str(5 * 2**30)
    assert rows[1]["params_total"] == ""
    assert rows[1]["model"] == ROWS[1]["model"]


def test_csv_cells_are_no_formulas() -> None:
    document = Document("modelpick.x/1", {"results": [{"name": "=1+1", "delta": -1.5}]})
    assert render(document, "csv", PIPED).splitlines()[1] == "'=1+1,-1.5"


def test_jsonl_is_a_result_a_line() -> None:
    lines = render(DOCUMENT, "jsonl", PIPED).splitlines()
    assert [json.loads(line)["model"] for line in lines] == [row["model"] for row in ROWS]


def test_a_piped_table_is_whole_and_plain() -> None:
    long = "a-very-long-name-" * 20
    document = Document("modelpick.x/1", {}, (Grid([Column("model", "Model")], [{"model": long}]),))
    assert long in render(document, "table", PIPED)


def test_a_narrow_terminal_is_never_overrun() -> None:
    style = Style(terminal=Terminal(width=20))
    assert all(len(line) <= 20 for line in render(DOCUMENT, "table", style).splitlines())


def test_markup_in_a_name_is_shown_as_it_is() -> None:
    assert "[bold]x[/bold]" in render(DOCUMENT, "table", PIPED)


def test_colour_only_when_the_terminal_has_it() -> None:
    assert "\x1b[" in render(DOCUMENT, "table", Style(terminal=Terminal(width=80, colour=True)))
    assert "\x1b" not in render(DOCUMENT, "table", Style(terminal=Terminal(width=80)))


def test_markdown_has_a_table_and_escapes() -> None:
    text = render(DOCUMENT, "markdown", PIPED)
    assert "| Model | Parameters | Needs | Commercial |" in text
    assert "\\[bold\\]" in text
    assert "| mistral-7b | 7.24B | 5.0 GiB | ✓ yes |" in text
    assert "> a note" in text


def test_a_document_without_results_is_one_row() -> None:
    document = Document("modelpick.show/1", {"slug": "x", "params_total": 1})
    assert json.loads(render(document, "json", Style(fields=("slug",)))) == {
        "schema": "modelpick.show/1",
        "modelpick": json.loads(render(document, "json", PIPED))["modelpick"],
        "slug": "x",
        "notes": [],
    }


def test_pairs_and_ranges_read_as_one_figure() -> None:
    columns = [Column("m", "M", kind="part"), Column("s", "S", kind="rates"), Column("q", "Q", kind="interval")]
    row = {
        "m": [4.5 * 2**30, 24 * 2**30],
        "s": {"low": 4.96, "likely": 7, "high": 11},
        "q": {"low": 1, "likely": 2, "high": 3},
    }
    text = render(Document("modelpick.x/1", {}, (Grid(columns, [row]),)), "table", PIPED)
    assert "4.5 / 24.0 GiB" in text and "5.0-11" in text and "2 (1-3)" in text
    assert "-" in render(Document("modelpick.x/1", {}, (Grid(columns, [{"m": None}]),)), "table", PIPED)


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [(0.0, 0.012, "0.0-0.01"), (0.02, 0.09, "0.02-0.09"), (0.1, 9.94, "0.1-9.9"), (0.5, 120.0, "0.5-120")],
)
def test_a_small_rate_is_told_from_nothing(low, high, shown):
    assert show({"low": low, "high": high}, "rates") == shown
    assert show({"low": low, "high": high, "unit": "images_per_minute"}, "pace") == f"{shown} images/min"
