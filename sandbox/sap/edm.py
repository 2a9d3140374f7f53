"""The values of OData V2 on the wire: how SAP writes dates and decimals in JSON, and which forms it takes.

An Edm.DateTime has no zone: SAP writes its wall clock as if it were UTC, so nothing here converts between zones.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

QUANTITY_SCALE = 14
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_JSON_DATE = re.compile(r"/Date\((-?\d{1,15})([+-]\d{1,4})?\)/")
_PLAIN_DATE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,7})?)?")
_DECIMAL = re.compile(r"-?\d{1,31}(\.\d{1,14})?")


class EdmValueError(ValueError):
    """A value that is not in a form of its Edm type."""


def json_date(text: str) -> str:
    """Write ISO wall clock text as ``/Date(ms)/``."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return f"/Date({(moment - _EPOCH) // timedelta(milliseconds=1)})/"


def parse_date(value: object) -> str:
    """Read a posted Edm.DateTime in either form into ISO wall clock text (seconds)."""
    if not isinstance(value, str):
        raise EdmValueError(f"an Edm.DateTime is text, not {value!r}")
    if match := _JSON_DATE.fullmatch(value):
        if match[2]:
            raise EdmValueError(f"an Edm.DateTime has no zone: {value!r}")
        try:
            moment = _EPOCH + timedelta(milliseconds=int(match[1]))
        except OverflowError as error:
            raise EdmValueError(f"date out of range: {value!r}") from error
        return moment.strftime("%Y-%m-%dT%H:%M:%S")
    return plain_date(value)


def plain_date(value: str) -> str:
    """Read ``2023-07-25T10:00:00`` (as in a URL literal) into ISO text with seconds."""
    if not _PLAIN_DATE.fullmatch(value):
        raise EdmValueError(f"not an Edm.DateTime: {value!r}")
    try:
        moment = datetime.fromisoformat(value[:19])
    except ValueError as error:
        raise EdmValueError(f"no such date: {value!r}") from error
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def json_decimal(text: str, scale: int) -> str:
    """Write an exact decimal with a fixed number of places, as SAP's JSON does (a string)."""
    return f"{Decimal(text):.{scale}f}"


def parse_decimal(value: object) -> Decimal:
    """Read a posted Edm.Decimal: a string, in JSON V2 never a number."""
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise EdmValueError(f"an Edm.Decimal is a string of digits with at most 14 places, not {value!r}")
    try:
        return Decimal(value)
    except InvalidOperation as error:
        raise EdmValueError(f"not a decimal: {value!r}") from error


def plain_decimal(value: Decimal) -> str:
    """Write a decimal without exponent and without trailing zeros, to be stored."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
