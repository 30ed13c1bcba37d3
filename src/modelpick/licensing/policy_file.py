"""A company's own policy, read from TOML with every key checked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from modelpick.errors import UsageError
from modelpick.licensing.catalogue import Catalogue
from modelpick.licensing.interface import STRICTNESS
from modelpick.licensing.policy import CONFIDENCES, Policy, PolicyException, Ruleset

KINDS = (
    "mau-limit",
    "revenue-limit",
    "region-exclusion",
    "acceptable-use-policy",
    "attribution",
    "naming",
    "share-alike",
    "no-output-training",
    "no-derivatives",
    "registration",
    "notify",
    "patent-termination",
    "other",
)
_TOP = ("name", "commercial", "minimum_confidence", "allow", "deny", "exception")
_RULES = ("licenses", "families", "conditions", "data_flags")
_EXCEPTION = ("model", "reason", "expires")
_MAX_BYTES = 1_000_000


def load_policy(path: Path, catalogue: Catalogue) -> Policy:
    """A company's policy. Every key is checked: a misspelt rule would otherwise allow what it meant to deny.

    :raises UsageError: naming file, line and key.
    """
    import tomllib

    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UsageError(f"{path} has {path.stat().st_size:,} bytes; a policy has at most {_MAX_BYTES:,}.")
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"The policy {path} cannot be read: {error.strerror}.", hint="check --policy") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}", hint="a policy is a TOML file: modelpick license check --help") from error
    return _Reader(path, text, catalogue).policy(data)


class _Reader:
    """Turns the file's tables into a policy, with errors that say where."""

    def __init__(self, path: Path, text: str, catalogue: Catalogue) -> None:
        self._path = path
        self._lines = text.splitlines()
        self._catalogue = catalogue

    def policy(self, data: Mapping[str, Any]) -> Policy:
        self._known(data, _TOP, "")
        commercial = self._list(data, "commercial", ("yes", "conditional", "unknown", "no"), "")
        level = data.get("minimum_confidence", "low")
        if level not in CONFIDENCES:
            raise self._error("minimum_confidence", f"is {level!r}, not one of {', '.join(CONFIDENCES)}")
        exceptions = data.get("exception", [])
        if not isinstance(exceptions, list) or not all(isinstance(each, dict) for each in exceptions):
            raise self._error("exception", "is not written as [[exception]]")
        return Policy(
            name=str(data.get("name", self._path.name)),
            commercial=frozenset(commercial or ("yes", "conditional")),
            allow=self._rules(data, "allow"),
            deny=self._rules(data, "deny"),
            minimum_confidence=level,
            exceptions=tuple(self._exception(each) for each in exceptions),
        )

    def _rules(self, data: Mapping[str, Any], table: str) -> Ruleset:
        rules = data.get(table, {})
        if not isinstance(rules, dict):
            raise self._error(table, f"is not a table: write [{table}]")
        allowed = _RULES if table == "deny" else _RULES[:2]
        self._known(rules, allowed, f"{table}.")
        licenses = self._list(rules, "licenses", None, f"{table}.")
        return Ruleset(
            licenses=frozenset(self._license(each) for each in licenses),
            families=frozenset(self._list(rules, "families", STRICTNESS, f"{table}.")),
            conditions=frozenset(self._list(rules, "conditions", KINDS, f"{table}.")),
            data_flags=tuple(self._list(rules, "data_flags", None, f"{table}.")),
        )

    def _license(self, text: str) -> str:
        try:
            return self._catalogue.find(text).key
        except UsageError as error:
            raise UsageError(
                f"{self._path}, line {self._line(text)}: licenses: {error.message}", hint=error.hint
            ) from None

    def _exception(self, row: Mapping[str, Any]) -> PolicyException:
        self._known(row, _EXCEPTION, "exception.")
        for key in ("model", "reason"):
            if not isinstance(row.get(key), str) or not row[key].strip():
                raise self._error("exception", f"has no {key}")
        expires = row.get("expires")
        if expires is not None and type(expires) is not date:
            raise self._error("expires", f"is {expires!r}, not a date such as 2027-06-30", near=row["model"])
        return PolicyException(row["model"], row["reason"], expires)

    def _list(self, data: Mapping[str, Any], key: str, allowed: tuple[str, ...] | None, prefix: str) -> list[Any]:
        values = data.get(key, [])
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            raise self._error(key, 'is not a list of words: ["a", "b"]', prefix=prefix)
        for value in values:
            if allowed is not None and value not in allowed:
                raise self._error(
                    key, f"has {value!r}, which is none of {', '.join(allowed)}", prefix=prefix, near=value
                )
        return values

    def _known(self, data: Mapping[str, Any], allowed: tuple[str, ...], prefix: str) -> None:
        for key in data:
            if key not in allowed:
                raise self._error(key, f"is no key here; keys are {', '.join(allowed)}", prefix=prefix)

    def _error(self, key: str, why: str, *, prefix: str = "", near: str | None = None) -> UsageError:
        line = self._line(near or key)
        return UsageError(
            f"{self._path}, line {line}: {prefix}{key} {why}.",
            hint="modelpick license check --help",
            details={"file": str(self._path), "line": line, "key": f"{prefix}{key}"},
        )

    def _line(self, text: str) -> int:
        """The line of the file in which ``text`` stands, as well as a text can be found; 1 where it cannot."""
        return next((number for number, line in enumerate(self._lines, 1) if text in line), 1)
