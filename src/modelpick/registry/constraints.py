"""What the tables have in common: words from a list, positive numbers, rows that belong to a model."""

from __future__ import annotations

from typing import Any

from sqlmodel import CheckConstraint, ForeignKeyConstraint


def one_of(column: str, *words: str) -> CheckConstraint:
    """The column holds one of these words."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_is_known")


def positive(column: str) -> CheckConstraint:
    """The column is above zero where it is known."""
    return CheckConstraint(f"{column} > 0", name=f"{column}_is_positive")


def of_model(*more: Any) -> tuple[Any, ...]:
    """A table of rows that belong to a model, stored in the order of its primary key.

    The key's columns must come first: SQLite 3.40 reports a false NULL otherwise in ``integrity_check``.
    """
    return (ForeignKeyConstraint(["model"], ["model.slug"]), *more, {"sqlite_with_rowid": False})
