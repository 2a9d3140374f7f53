"""The 200 header and the 300 interval record, field by field.

What belongs here: the careful reading of one record whose shape is odd. The quick way through a well-formed 300 is in
``nem12.py``; both must agree, which a test proves. What stays out: the order of records.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from loaders.sources.nem13 import Refusal, overlong_refusal
from loaders.sources.record_fields import MAX_INTEGER_DIGITS, is_date, is_number, is_too_large, or_none

_HEADER_FIELD_COUNT = 10
_TRAILING_FIELDS = 5
_HALF_HOUR_MINUTES = 30
_DAY_MINUTES = 1440
_MAX_LENGTH_DIGITS = 4
_PLAIN_VALUES = re.compile(
    r"(?:-?(?:[0-9]{1,9}(?:\.[0-9]*)?|\.[0-9]+))?(?:,(?:-?(?:[0-9]{1,9}(?:\.[0-9]*)?|\.[0-9]+))?)*"
)
_QUALITY = re.compile(r"[A-Za-z](?:\d\d)?")


@dataclass(frozen=True)
class Channel:
    """What a 200 record says about the 300 records below it.

    Attributes:
        fields: values of the interval table from nmi to next_scheduled_read_date.
        nmi: the NMI.
        value_count: values a day has.
        hash_prefix: the part of the content hash that all its days share.
    """

    fields: tuple[object, ...]
    nmi: str
    value_count: int
    hash_prefix: bytes


@dataclass(frozen=True)
class IntervalDay:
    """A 300 record taken apart.

    Attributes:
        date: interval date as delivered.
        values: the interval values, one text, exactly ``value_count`` of them.
        trailing: quality method, reason code, reason description, update and MSATS load time.
        trailing_count: how many of those the record really had.
    """

    date: str
    values: str
    trailing: tuple[str, str, str, str, str]
    trailing_count: int


@dataclass(frozen=True)
class Incomplete:
    """A 300 that has fewer values than its 200 says and no quality: perhaps the rest stands on the next line."""

    refusal: Refusal


def read_header(fields: Sequence[str]) -> Channel | Refusal:
    """Read a 200 record; trailing fields may be missing or padded.

    An interval length that divides a half hour is kept even where the market does not use it (10 minutes is seen on
    voltage channels); one that does not cannot be brought to half hours and is refused.
    """
    padded = [*fields, *([""] * (_HEADER_FIELD_COUNT - len(fields)))]
    _, nmi, configuration, register_id, suffix, stream, serial, unit, length, next_read = padded[:_HEADER_FIELD_COUNT]
    if not nmi:
        return Refusal("NMI_MISSING", "The 200 record names no NMI.")
    if not suffix:
        return Refusal("NMI_SUFFIX_MISSING", "The 200 record names no NMI suffix.")
    if refusal := overlong_refusal(nmi, suffix):
        return refusal
    if not length:
        return Refusal("INTERVAL_LENGTH_MISSING", "The 200 record gives no interval length.")
    minutes = int(length) if length.isascii() and length.isdigit() and len(length) <= _MAX_LENGTH_DIGITS else 0
    if not minutes or _HALF_HOUR_MINUTES % minutes:
        return Refusal("INTERVAL_LENGTH_INVALID", f"The interval length {length[:20]!r} does not divide a half hour.")
    texts = [or_none(value) for value in (configuration, register_id, stream, serial, unit)]
    configuration_text, register_text, stream_text, serial_text, unit_text = texts
    return Channel(
        fields=(nmi, suffix, configuration_text, register_text, stream_text, serial_text, unit_text, minutes,
                or_none(next_read)),
        nmi=nmi,
        value_count=_DAY_MINUTES // minutes,
        hash_prefix=f"{minutes}\0{unit.lower()}\0".encode(),
    )  # fmt: skip


def read_interval_day(fields: Sequence[str], channel: Channel) -> IntervalDay | Incomplete | Refusal:
    """Read a 300 record of any shape against its 200.

    Args:
        fields: the record's fields, stripped.
        channel: the 200 it stands under.
    """
    date_text = fields[1] if len(fields) > 1 else ""
    if not date_text:
        return Refusal("INTERVAL_DATE_MISSING", "The 300 record has no interval date.")
    if not is_date(date_text):
        return Refusal("INTERVAL_DATE_INVALID", f"The interval date {date_text[:40]!r} is not a date yyyymmdd.")
    count = channel.value_count
    values, trailing = fields[2 : 2 + count], fields[2 + count :]
    text = ",".join(values)
    if len(values) < count or (trailing and is_number(trailing[0])) or not _PLAIN_VALUES.fullmatch(text):
        refusal = _what_is_wrong(fields, values, trailing, channel)
        if refusal is not None:
            return refusal
    if any(trailing[_TRAILING_FIELDS:]):
        return Refusal("EXTRA_FIELDS", "The 300 record has more than 5 fields after its values (a comma in a text?).")
    quality, code, description, update, load = [*trailing, *([""] * _TRAILING_FIELDS)][:_TRAILING_FIELDS]
    return IntervalDay(date_text, text, (quality, code, description, update, load), len(trailing))


def _what_is_wrong(
    fields: Sequence[str], values: Sequence[str], trailing: Sequence[str], channel: Channel
) -> Incomplete | Refusal | None:
    """Look at single values to say which one is wrong, or that there are too few or too many."""
    odd = next((place for place, value in enumerate(values) if value and not is_number(value)), None)
    if odd is not None and not _is_quality_place(values[odd:], trailing):
        shown = values[odd][:40]
        return Refusal("VALUE_NOT_NUMERIC", f"Interval {odd + 1} holds {shown!r}, which is not a plain number.")
    if odd is not None or len(values) < channel.value_count or (trailing and is_number(trailing[0])):
        return _wrong_count(fields, odd, channel)
    large = next((place for place, value in enumerate(values) if is_too_large(value)), None)
    if large is None:
        return None
    reason = f"Interval {large + 1} holds {values[large][:40]}: more than {MAX_INTEGER_DIGITS} digits."
    return Refusal("VALUE_OUT_OF_RANGE", reason)


def _is_quality_place(rest: Sequence[str], trailing: Sequence[str]) -> bool:
    """Say whether a text among the values is the quality flag of a record with too few values."""
    after = [*rest, *trailing]
    while after and not after[-1]:
        after.pop()
    return bool(after) and _QUALITY.fullmatch(after[0]) is not None and len(after) <= _TRAILING_FIELDS


def _wrong_count(fields: Sequence[str], quality_at: int | None, channel: Channel) -> Incomplete | Refusal:
    """Say how many values a record has that has not as many as its 200 says."""
    if quality_at is not None:
        found = quality_at
    else:
        quality = next((place for place, value in enumerate(fields[2:]) if _QUALITY.fullmatch(value)), None)
        found = len(fields) - 2 if quality is None else quality
    minutes = channel.fields[7]
    refusal = Refusal(
        "WRONG_VALUE_COUNT",
        f"{channel.value_count} values expected at {minutes} minutes, {found} found.",
    )
    return Incomplete(refusal) if quality_at is None and found < channel.value_count else refusal
