"""One UsageRead of the metering API, turned into the records a file would have held.

What belongs here: units, signs, qualities and counts of a single read. What stays out: paging (``metering_api.py``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from loaders.sources.exact_json import Json, JsonObject, MalformedError, objects, text
from loaders.sources.meter_rows import MeterRows
from loaders.sources.nem13 import Refusal, overlong_refusal
from loaders.sources.record_fields import is_number, is_too_large

_DAY_MINUTES = 1440
_HALF_HOUR_MINUTES = 30
_HASH_LENGTH = 32
_QUALITIES = {"ACTUAL": "A", "SUBSTITUTE": "S", "FINAL_SUBSTITUTE": "F"}
_UNITS = {"KWH": "kWh", "WH": "Wh", "MWH": "MWh"}


@dataclass(frozen=True)
class _Register:
    """Who a read is about."""

    nmi: str
    suffix: str
    register_id: str | None
    serial: str | None
    unit: str
    first_day: date
    last_day: date

    @property
    def is_export(self) -> bool:
        return self.suffix.upper().startswith("B")


@dataclass(frozen=True)
class _Range:
    """A run of intervals of one quality."""

    start: int
    end: int
    quality: str


def write_read(read: JsonObject, path: str, line_number: int, rows: MeterRows) -> int:
    """Write a read as records from ``line_number`` on; one that cannot be kept is rejected by itself.

    Returns:
        The last line number used.
    """
    nmi = None
    try:
        nmi = text(read, "servicePointId", path)
        register = _register(read, path)
        kind = text(read, "readUType", path) or ("basicRead" if "basicRead" in read else "intervalRead")
        details = [] if isinstance(register, Refusal) else objects(read, kind, path)
        if isinstance(register, Refusal):
            result: Refusal | int = register
        elif not details or kind not in {"basicRead", "intervalRead"}:
            result = Refusal("READ_EMPTY", "The read holds neither interval values nor a quantity.")
        elif kind == "basicRead":
            result = _write_basic(register, details[0][1], details[0][0], line_number, rows)
        else:
            result = _write_intervals(register, details[0][1], details[0][0], line_number, rows)
    except MalformedError as error:
        result = Refusal("READ_MALFORMED", f"{error.path}: {error.why}.")
    if isinstance(result, Refusal):
        rows.reject(line_number, "300", nmi, result.code, result.reason)
        return line_number
    return result


def _register(read: JsonObject, path: str) -> _Register | Refusal:
    nmi, suffix = text(read, "servicePointId", path), text(read, "registerSuffix", path)
    if not nmi:
        return Refusal("NMI_MISSING", "The read names no service point.")
    if not suffix:
        return Refusal("NMI_SUFFIX_MISSING", "The read names no register suffix.")
    if refusal := overlong_refusal(nmi, suffix):
        return refusal
    first = _day(text(read, "readStartDate", path))
    if first is None:
        return Refusal("INTERVAL_DATE_INVALID", "The read has no start date.")
    last = _day(text(read, "readEndDate", path)) or first
    unit = text(read, "unitOfMeasure", path) or "KWH"
    return _Register(
        nmi,
        suffix,
        text(read, "registerId", path),
        text(read, "meterId", path),
        _UNITS.get(unit.upper(), unit),
        first,
        last,
    )


def _day(value: str | None) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if value else None
    except ValueError:
        return None


def _write_intervals(
    register: _Register, detail: JsonObject, path: str, line_number: int, rows: MeterRows
) -> Refusal | int:
    """Write a day of intervals, and the events of a day whose quality varies."""
    length = text(detail, "readIntervalLength", path) or str(_HALF_HOUR_MINUTES)
    minutes = int(length) if length.isascii() and length.isdigit() and len(length) <= 4 else 0  # noqa: PLR2004
    if not minutes or _HALF_HOUR_MINUTES % minutes:
        return Refusal("INTERVAL_LENGTH_INVALID", f"The interval length {length[:20]!r} does not divide a half hour.")
    values = _values(detail.get("intervalReads"), f"{path}.intervalReads", is_export=register.is_export)
    if isinstance(values, Refusal):
        return values
    count = _DAY_MINUTES // minutes
    if len(values) != count or register.last_day != register.first_day:
        days = (register.last_day - register.first_day).days + 1
        return Refusal(
            "WRONG_VALUE_COUNT",
            f"One day of {count} values expected at {minutes} minutes, {days} days with {len(values)} values found.",
        )
    quality, ranges = _quality(detail, path, count)
    events = [(place.start, place.end, place.quality) for place in ranges]
    joined = ",".join(values)
    digest = hashlib.sha256(f"{minutes}\0{register.unit.lower()}\0{joined}\0{quality}\0{events}".encode()).hexdigest()
    rows.interval_record(
        line_number, register.nmi, register.suffix, None, register.register_id, None, register.serial, register.unit,
        minutes, None, register.first_day.strftime("%Y%m%d"), joined, count, digest[:_HASH_LENGTH],
        quality, None, None, None, None, None,
    )  # fmt: skip
    for number, (start, end, flag) in enumerate(events, line_number + 1):
        rows.event(number, line_number, str(start), str(end), flag, None, None)
    return line_number + len(events)


def _values(value: Json, path: str, *, is_export: bool) -> list[str] | Refusal:
    """Return the interval values as plain numbers, seen from the grid's side as files show them."""
    if not isinstance(value, list):
        raise MalformedError(path, "it should be a list of numbers")
    values = [_signed(plain_number(item), is_export=is_export) for item in value]
    odd = next((place for place, item in enumerate(values) if item and not is_number(item)), None)
    if odd is not None:
        return Refusal("VALUE_NOT_NUMERIC", f"Interval {odd + 1} holds {values[odd][:40]!r}, which is no number.")
    large = next((place for place, item in enumerate(values) if is_too_large(item)), None)
    if large is not None:
        return Refusal("VALUE_OUT_OF_RANGE", f"Interval {large + 1} holds {values[large][:40]}: more than 9 digits.")
    return values


_MAX_EXPONENT_LENGTH = 30


def plain_number(value: Json) -> str:
    """Return a JSON number without exponent; empty for null."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value)
    if "e" in value.lower() and len(value) <= _MAX_EXPONENT_LENGTH:
        try:
            number = Decimal(value)
        except ArithmeticError:
            return value
        # An exponent of thousands would unfold into megabytes.
        return format(number, "f") if abs(number.adjusted()) <= _MAX_EXPONENT_LENGTH else value
    return value


def _signed(number: str, *, is_export: bool) -> str:
    """Flip the sign of exported energy: negative here, positive in a file."""
    if not is_export or not number.strip("-0."):
        return number.removeprefix("-") if is_export else number
    return number[1:] if number.startswith("-") else f"-{number}"


def _quality(detail: JsonObject, path: str, count: int) -> tuple[str, Sequence[_Range]]:
    """Return a day's quality flag, and the ranges when there is more than one.

    The API lists what is not ACTUAL and gives no method, so the flags stand alone.
    """
    named: list[_Range] = []
    for place, item in objects(detail, "readQualities", path):
        start, end = text(item, "startInterval", place) or "", text(item, "endInterval", place) or ""
        if not (start.isdigit() and end.isdigit()):
            raise MalformedError(place, "startInterval and endInterval should be numbers")
        quality = text(item, "quality", place) or ""
        named.append(_Range(int(start), int(end), _QUALITIES.get(quality, quality)))
    named.sort(key=lambda run: run.start)
    if not named:
        return "A", []
    if len(named) == 1 and (named[0].start, named[0].end) == (1, count):
        return named[0].quality, []
    ranges: list[_Range] = []
    following = 1
    for run in named:
        if run.start > following:
            ranges.append(_Range(following, run.start - 1, "A"))
        ranges.append(run)
        following = run.end + 1
    if following <= count:
        ranges.append(_Range(following, count, "A"))
    return "V", ranges


def _write_basic(
    register: _Register, detail: JsonObject, path: str, line_number: int, rows: MeterRows
) -> Refusal | int:
    """Write the energy of a register between two days, both included, as an accumulation record.

    Its reads stand for the end of their day, so the previous one is that of the day before the first.
    """
    quantity = _signed(plain_number(text(detail, "value", path)), is_export=register.is_export)
    if not is_number(quantity):
        return Refusal("VALUE_NOT_NUMERIC", f"The quantity {quantity[:40]!r} is not a plain number.")
    if is_too_large(quantity):
        return Refusal("VALUE_OUT_OF_RANGE", f"The quantity {quantity[:40]} has more than 9 digits.")
    quality = text(detail, "quality", path) or "ACTUAL"
    flag = _QUALITIES.get(quality, quality)
    previous = (register.first_day - timedelta(days=1)).strftime("%Y%m%d235959")
    current = register.last_day.strftime("%Y%m%d235959")
    content = "\0".join((register.suffix, previous, current, flag, quantity, register.unit))
    rows.accumulation(
        line_number, register.nmi, None, register.register_id, register.suffix, None, register.serial, None,
        None, previous, "A", None, None, None, current, flag, None, None, quantity, register.unit, None,
        None, None, None, hashlib.sha256(content.encode()).hexdigest()[:_HASH_LENGTH],
    )  # fmt: skip
    return line_number
