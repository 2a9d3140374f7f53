"""The values that travel between plan, ledger and SAP: a planned reading, what is sent of it, what SAP shows.

What belongs here: the types, the identity of a reading and its content hash.
What stays out: decisions (``states``, ``judgement``), storage (``ledger``) and the road (``transport``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from loaders.errors import PermanentError

_MAX_RESULT_DIGITS = 31
_MAX_RESULT_PLACES = 14
_MOST_DIGITS = 50
_LENGTHS = {"device_id": 18, "register_id": 3, "meter_reading_reason": 2, "meter_reading_category": 2}
_OPTIONAL_LENGTHS = {"meter_reading_order_id": 20, "contract_id": 10, "nmi": 11, "unit": 5}


SerialNumbers = Callable[[Sequence[str]], Mapping[str, str]]
"""Gives the serial number of each of some devices; one that nobody knows is missing."""


class ReadingError(PermanentError):
    """A row of the plan that cannot be a reading."""


class ReadingId(NamedTuple):
    """What makes a reading the same reading: SAP itself has no idempotency key."""

    device_id: str
    register_id: str
    reading_date: date
    reason: str

    @property
    def key(self) -> str:
        """The text the ledger knows it by."""
        return f"{self.device_id}|{self.register_id}|{self.reading_date.isoformat()}|{self.reason}"


@dataclass(frozen=True)
class PlannedReading:
    """One reading as the warehouse wants it in SAP."""

    id: ReadingId
    category: str
    reading_result: Decimal
    unrounded_reading: Decimal
    billing_day: date
    meter_reading_order_id: str | None = None
    contract_id: str | None = None
    nmi: str | None = None
    unit: str | None = None
    usage_kwh: Decimal | None = None
    is_held: bool = False
    hold_reason: str | None = None

    @property
    def content_hash(self) -> str:
        """Changes when, and only when, the value for SAP changes."""
        return content_hash(self.reading_result)


@dataclass(frozen=True)
class SentReading:
    """What a transport has to send for one register.

    Attributes:
        order_id: the order that the reading answers, where it is known.
        document_id: SAP's number of the reading that a correction changes.
    """

    id: ReadingId
    category: str
    reading_result: Decimal
    unit: str | None
    order_id: str | None = None
    nmi: str | None = None
    document_id: str | None = None

    @property
    def key(self) -> str:
        """The text the ledger knows it by."""
        return self.id.key

    @property
    def content_hash(self) -> str:
        """Changes when, and only when, the value changes."""
        return content_hash(self.reading_result)


@dataclass(frozen=True)
class SapReading:
    """One reading as SAP shows it.

    Attributes:
        twin_ids: documents of further readings of the same register, day and reason, which should not be.
    """

    id: ReadingId
    reading_result: Decimal
    status_code: str
    document_id: str
    category: str = ""
    has_several_reasons: bool = False
    twin_ids: tuple[str, ...] = ()


def content_hash(reading_result: Decimal) -> str:
    """Hash a value so that 152, 152.0 and 152.00 are the same value."""
    return hashlib.sha256(plain_text(reading_result).encode()).hexdigest()


def plain_text(value: Decimal) -> str:
    """Write a decimal exactly, without exponent and without trailing zeros."""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


def reading_from_row(row: Mapping[str, object]) -> PlannedReading:
    """Read one row of ``int_meter_readings__plan``.

    Raises:
        ReadingError: a column is missing, too long for SAP, or not of its type.
    """
    texts = {column: _text(row, column, length) for column, length in _LENGTHS.items()}
    optional = {column: _optional_text(row, column, length) for column, length in _OPTIONAL_LENGTHS.items()}
    result = _decimal(row, "reading_result")
    if result < 0:
        raise _bad(row, "reading_result", "a meter cannot show a negative value")
    if -_exponent(result) > _MAX_RESULT_PLACES or len(result.as_tuple().digits) > _MAX_RESULT_DIGITS:
        raise _bad(row, "reading_result", "SAP keeps at most 17 digits before and 14 after the point")
    unrounded = row.get("unrounded_reading")
    usage = row.get("usage_kwh")
    return PlannedReading(
        id=ReadingId(
            texts["device_id"], texts["register_id"], _date(row, "reading_date"), texts["meter_reading_reason"]
        ),
        category=texts["meter_reading_category"],
        reading_result=result,
        unrounded_reading=result if unrounded is None else _decimal(row, "unrounded_reading"),
        billing_day=_date(row, "billing_day"),
        usage_kwh=None if usage is None else _decimal(row, "usage_kwh"),
        is_held=_flag(row.get("is_held")),
        hold_reason=_clip(row.get("hold_reason"), 400),
        **optional,
    )


def _exponent(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _text(row: Mapping[str, object], column: str, length: int) -> str:
    value = _optional_text(row, column, length)
    if value is None:
        raise _bad(row, column, "it is empty")
    return value


def _optional_text(row: Mapping[str, object], column: str, length: int) -> str | None:
    value = row.get(column)
    if value is None or str(value) == "":
        return None
    text = str(value)
    if len(text) > length:
        raise _bad(row, column, f"it is longer than {length} characters")
    return text


def _decimal(row: Mapping[str, object], column: str) -> Decimal:
    value = row.get(column)
    if isinstance(value, float):
        raise _bad(row, column, "a float is not exact")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise _bad(row, column, f"{str(value)[:40]!r} is no number") from None
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS or len(number.as_tuple().digits) > _MOST_DIGITS:
        raise _bad(row, column, "it is not a number of a meter")
    return number


def _date(row: Mapping[str, object], column: str) -> date:
    value = row.get(column)
    try:
        # A timestamp's text begins with its date; the wall clock is kept, no zone is applied.
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise _bad(row, column, f"{str(value)[:40]!r} is no date") from None


def _flag(value: object) -> bool:
    return str(value) in {"1", "True"}


def _clip(value: object, length: int) -> str | None:
    return None if value is None else str(value)[:length]


def _bad(row: Mapping[str, object], column: str, why: str) -> ReadingError:
    return ReadingError(
        what=f"the reading of device {row.get('device_id')} register {row.get('register_id')} "
        f"on {row.get('reading_date')} was left out of the load",
        why=f"{column}: {why}",
        remedy="Correct the order, device or register in the retailer's database and run the day again.",
    )
