"""How values are written in the report: numbers, money, dates, and text that came from outside.

What belongs here: template filters. What stays out: what the values mean.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

NOTHING: Final = "\N{EN DASH}"
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_CREDENTIALS: Final = re.compile(r"(\w+://)[^/\s@]+@")
_MINUTE = 60


def number(value: Any, places: int = 0) -> str:
    """Write a number with thousands apart, rounded half up; a dash when there is none."""
    if value is None:
        return NOTHING
    rounded = Decimal(str(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return f"{rounded:,f}"


def money(value: Any) -> str:
    """Write dollars and cents."""
    if value is None:
        return NOTHING
    return ("-$" if Decimal(str(value)) < 0 else "$") + number(abs(Decimal(str(value))), 2)


def signed_money(value: Any) -> str:
    """Write dollars and cents with the sign that says who charges more."""
    if value is None:
        return NOTHING
    amount = Decimal(str(value))
    return ("+" if amount > 0 else "") + money(amount)


def day(value: date | None) -> str:
    """Write a date."""
    return NOTHING if value is None else value.isoformat()[:10]


def long_day(value: date) -> str:
    """Write a date as a heading."""
    return f"{value:%A}, {value.day} {value:%B %Y}"


def seconds(value: float) -> str:
    """Write a duration."""
    if value < _MINUTE:
        return f"{value:.1f} s"
    return f"{int(value // _MINUTE)} min {int(value % _MINUTE):02d} s"


def words(value: str) -> str:
    """Write a code as words: ``readings_loaded`` becomes ``readings loaded``."""
    return value.replace("_", " ").lower()


def clean(value: str | None) -> str:
    """Take out what a report must not carry on: e-mail addresses and credentials in addresses."""
    if value is None:
        return NOTHING
    return _EMAIL.sub("[e-mail]", _CREDENTIALS.sub(r"\1", value))


FILTERS: Final = {
    "number": number,
    "money": money,
    "signed_money": signed_money,
    "day": day,
    "long_day": long_day,
    "seconds": seconds,
    "words": words,
    "clean": clean,
}
