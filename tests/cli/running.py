"""Runs the command line in this process, for tests that ask many questions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from modelpick.cli.app import run

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "schemas"


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((SCHEMAS / f"{schema}.json").read_text()))


def validate(schema: str, value: dict[str, Any]) -> dict[str, Any]:
    """``value``, held against ``docs/schemas/<schema>.json``."""
    _validator(schema).validate(value)
    return value


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    def json(self, schema: str) -> dict[str, Any]:
        """stdout as JSON, held against ``docs/schemas/<schema>.json``."""
        return validate(schema, json.loads(self.out))

    def rows(self) -> list[dict[str, Any]]:
        """The results of a JSON document."""
        rows: list[dict[str, Any]] = json.loads(self.out)["results"]
        return rows


class Runner:
    """``run("list", "--json")``: the exit status and what was written."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Answer:
        self._capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        return Answer(code, captured.out, captured.err)
