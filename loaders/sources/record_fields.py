"""Small pure rules on the fields of MDFF records, shared by the interval and the accumulation reader.

What belongs here: is this text a date, a number, empty; how a line falls into fields. What stays out: whole records.
"""

from __future__ import annotations

import csv
import re
from datetime import date
from functools import lru_cache

RECORD_INDICATORS = frozenset({"100", "200", "250", "300", "400", "500", "550", "900"})
MAX_INTEGER_DIGITS = 9
"""Energy is decimal(23,14) further on: more digits before the point cannot be kept."""

_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)")
_TOO_LARGE = re.compile(rf"-?0*[1-9]\d{{{MAX_INTEGER_DIGITS},}}")
_YEARS = range(1990, 2101)
_DATE_LENGTH = 8


def split_fields(text: str) -> list[str]:
    """Split a record into fields without surrounding spaces; quotes as a spreadsheet writes them are understood."""
    if '"' in text:
        try:
            return [value.strip() for value in next(csv.reader([text], strict=True))]
        except (csv.Error, StopIteration):
            pass
    return [value.strip() for value in text.split(",")]


@lru_cache(maxsize=20_000)
def is_date(text: str) -> bool:
    """Say whether a text is a calendar date written yyyymmdd, of a year meter data can be of."""
    if len(text) != _DATE_LENGTH or not (text.isascii() and text.isdigit()):
        return False
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:])).year in _YEARS
    except ValueError:
        return False


def is_stamp(text: str) -> bool:
    """Say whether a text begins with a date, as yyyymmddhhmmss does (real files carry 12, 14 and 15 digits)."""
    return text.isascii() and text.isdigit() and is_date(text[:_DATE_LENGTH])


def is_number(text: str) -> bool:
    """Say whether a text is a plain decimal number (no exponent)."""
    return text.isascii() and _NUMBER.fullmatch(text) is not None


def is_too_large(number: str) -> bool:
    """Say whether a number has more digits before the point than can be kept."""
    return _TOO_LARGE.match(number) is not None


def or_none(text: str) -> str | None:
    """Return None for an empty field."""
    return text or None
