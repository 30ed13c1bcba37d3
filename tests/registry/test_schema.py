"""One list of columns, told four times: tables, SQLite, dataclasses, reader. They must not drift apart."""

from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from sqlmodel import SQLModel
from tests.registry.asking import ask

from modelpick.cli import model_filters
from modelpick.registry import interface, schema, text
from modelpick.registry.columns import TABLE_OF, columns_of
from modelpick.registry.files import APPLICATION_ID
from modelpick.registry.listing import COLUMNS
from modelpick.registry.migrations import MIGRATIONS
from modelpick.registry.version import SCHEMA_VERSION

TABLES = {str(kind.__tablename__): kind for kind in schema.TABLES}
KINDS = sorted(TABLE_OF, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_dataclass_reader_table_and_file_have_the_same_columns(kind: type, small: Path) -> None:
    table = TABLE_OF[kind]
    of_dataclass = {field.name for field in fields(kind)} - {"origin"}
    of_reader = {column.strip('"') for column in columns_of(kind)[1]}
    of_model = set(TABLES[table].model_fields)
    of_file = {row[1] for row in ask(small, f"PRAGMA table_info({table})")}
    assert of_dataclass == of_reader == of_model == of_file


def test_every_table_has_a_dataclass(small: Path) -> None:
    in_file = {row[0] for row in ask(small, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert in_file == set(TABLES) == set(TABLE_OF.values())


def test_a_line_of_the_list_is_made_of_columns_of_a_model() -> None:
    assert set(COLUMNS) <= {field.name for field in fields(interface.Model)}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_may_be_unknown_is_nullable_and_nothing_else(kind: type, small: Path) -> None:
    table = TABLE_OF[kind]
    required = {row[1]: bool(row[3]) for row in ask(small, f"PRAGMA table_info({table})")}
    for field in fields(kind):
        if field.name != "origin":
            assert required[field.name] is ("None" not in str(field.type)), field.name


def test_numbers_of_program_and_file_agree(small: Path) -> None:
    assert ask(small, "PRAGMA user_version") == [(SCHEMA_VERSION,)] == [(len(MIGRATIONS) + 1,)]
    assert ask(small, "PRAGMA application_id") == [(APPLICATION_ID,)] == [(schema.APPLICATION_ID,)]


def test_words_that_stand_in_two_places_are_the_same() -> None:
    """The filters do not import the text's shape, which needs pydantic; the shape does not import the dataclasses."""
    assert get_args(text.Task) == model_filters.TASKS
    eras = get_args(text.ModelText.model_fields["era"].annotation)[0]
    assert get_args(eras) == model_filters.ERAS
    assert get_args(text.Commercial) == get_args(interface.Commercial) == model_filters.COMMERCIAL
    assert get_args(text.Relation) == get_args(interface.Relation)


def test_a_table_validates_what_it_is_given() -> None:
    with pytest.raises(ValueError, match="slug"):
        schema.ModelTable.model_validate({"name": "no slug"})
    assert all(issubclass(kind, SQLModel) for kind in schema.TABLES)
