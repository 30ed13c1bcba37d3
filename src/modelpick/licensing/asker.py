"""Who is asking, as people write it: a region, a number of users, a revenue."""

from __future__ import annotations

import re

from modelpick.errors import UsageError
from modelpick.licensing.interface import Asker
from modelpick.units import parse_count

EU = frozenset(
    "AT BE BG HR CY CZ DE DK EE ES FI FR GR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
)
"""Members of the European Union as ISO 3166 codes: https://european-union.europa.eu/principles-countries-history."""

_SAME = {"GB": "UK", "EL": "GR", "EUROPE": "EU", "USA": "US", "KOREA": "KR"}
_MONEY = r"(?P<currency1>[$]|USD)?\s*(?P<number>[\d.,_]+\s*[kmbt]?)\s*(?P<currency2>USD|[$])?"


def parse_region(text: str) -> str:
    """``EU``, or a country's two letters, in the form that the clauses use (``UK``, not ``GB``).

    :raises UsageError: for anything else.
    """
    region = text.strip().upper()
    region = _SAME.get(region, region)
    if not re.fullmatch(r"[A-Z]{2}", region):
        raise UsageError(
            f"--region: {text!r} is not a region", hint="write EU or a country's two letters: DE, UK, US, KR"
        )
    return region


def regions_of(region: str) -> frozenset[str]:
    """All regions that somebody in ``region`` is in: ``DE`` is also ``EU``."""
    return frozenset((region, "EU")) if region in EU else frozenset((region,))


def parse_revenue(text: str) -> float:
    """US dollars a year of ``5M USD``, ``$20M`` or ``1_000_000``.

    :raises UsageError: for another currency, or for anything that is no amount.
    """
    match = re.fullmatch(_MONEY, text.strip(), re.IGNORECASE)
    if match is None:
        raise UsageError(
            f"--annual-revenue: {text!r} is not an amount in US dollars",
            hint='write it in dollars a year: "5M USD", 20M, 1_000_000',
        )
    if match["number"].strip() in ("0", "0.0"):
        return 0.0
    return float(parse_count(match["number"], what="--annual-revenue"))


def parse_users(text: str) -> int:
    """Users a month of ``2M`` or ``1,500``.

    :raises UsageError: for anything that is no count.
    """
    return 0 if text.strip() == "0" else parse_count(text, what="--monthly-users")


def asker_of(
    region: str | None = None,
    monthly_users: str | None = None,
    annual_revenue: str | None = None,
    outputs_train_models: bool = False,
    redistribute: bool = False,
) -> Asker:
    """The asker of what was written on the command line or in the config file."""
    return Asker(
        region=parse_region(region) if region else None,
        monthly_users=parse_users(monthly_users) if monthly_users is not None else None,
        annual_revenue_usd=parse_revenue(annual_revenue) if annual_revenue is not None else None,
        outputs_train_models=outputs_train_models,
        redistribute=redistribute,
    )
