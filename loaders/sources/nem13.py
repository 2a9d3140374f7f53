"""NEM13: the 250 accumulation record and the 550 that follows it.

What belongs here: the fields of these two records and when they are refused. What stays out: the pass over the file
(``nem12.py`` does it for both formats, as portals mix them up) and energy per day (dbt).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from loaders.sources.record_fields import is_number, is_stamp, is_too_large, or_none
from loaders.warehouse.schema import overlong_id

_FIELD_COUNT = 23
_DETAIL_FIELD_COUNT = 5
_NMI, _SUFFIX = 1, 4
_PREVIOUS_STAMP, _CURRENT_STAMP, _QUANTITY = 9, 14, 18
_HASHED = slice(4, 20)


@dataclass(frozen=True)
class Refusal:
    """Why a record is rejected.

    Attributes:
        code: short reason in capitals.
        reason: the reason in a sentence.
    """

    code: str
    reason: str


def overlong_refusal(nmi: str, suffix: str) -> Refusal | None:
    """Refuse a record under an NMI or suffix that is too long to be one."""
    if problem := overlong_id("nmi", nmi):
        return Refusal("NMI_TOO_LONG", f"{problem[0].upper()}{problem[1:]}.")
    if problem := overlong_id("nmi_suffix", suffix):
        return Refusal("NMI_SUFFIX_TOO_LONG", f"{problem[0].upper()}{problem[1:]}.")
    return None


def accumulation_row(fields: Sequence[str], file_created_text: str | None) -> tuple[object, ...] | Refusal:
    """Return the values of a 250 record after line_number, or why it is refused.

    Fields that a provider leaves off at the end are missing, fields that a spreadsheet pads are dropped.
    """
    padded = [*fields, *([""] * (_FIELD_COUNT - len(fields)))]
    if refusal := _refusal(padded, len(fields)):
        return refusal
    values = [or_none(value) for value in padded[1:_FIELD_COUNT]]
    content_hash = hashlib.sha256("\0".join(padded[_HASHED]).encode()).hexdigest()[:32]
    (nmi, configuration, register_id, suffix, *rest) = values
    return (nmi, configuration, register_id, suffix, *rest, file_created_text, content_hash)


def _refusal(fields: Sequence[str], given: int) -> Refusal | None:
    """Check structure only: what merely looks odd is kept and judged later."""
    quantity = fields[_QUANTITY]
    checks = (
        (given <= _QUANTITY, "RECORD_INCOMPLETE", f"A 250 record has {_FIELD_COUNT} fields, this one {given}."),
        (any(fields[_FIELD_COUNT:]), "EXTRA_FIELDS", f"A 250 record has {_FIELD_COUNT} fields, this one {given}."),
        (not fields[_NMI], "NMI_MISSING", "The 250 record names no NMI."),
        (not fields[_SUFFIX], "NMI_SUFFIX_MISSING", "The 250 record names no NMI suffix."),
        (not is_stamp(fields[_PREVIOUS_STAMP]), "READ_DATE_INVALID", _date_reason("previous", fields[_PREVIOUS_STAMP])),
        (not is_stamp(fields[_CURRENT_STAMP]), "READ_DATE_INVALID", _date_reason("current", fields[_CURRENT_STAMP])),
        (not is_number(quantity), "VALUE_NOT_NUMERIC", f"The quantity {quantity[:40]!r} is not a plain number."),
        (is_too_large(quantity), "VALUE_OUT_OF_RANGE", f"The quantity {quantity[:40]} has more than 9 digits."),
    )
    wrong = next((Refusal(code, reason) for is_wrong, code, reason in checks if is_wrong), None)
    return wrong or overlong_refusal(fields[_NMI], fields[_SUFFIX])


def _date_reason(which: str, text: str) -> str:
    return f"The {which} read date {text[:40]!r} is not a date." if text else f"The {which} read date is missing."


def detail_values(fields: Sequence[str]) -> tuple[object, ...]:
    """Return the values of a 550 record after parent_line_number."""
    padded = [*fields, *([""] * (_DETAIL_FIELD_COUNT - len(fields)))]
    previous_code, previous_order, current_code, current_order = (or_none(value) for value in padded[1:5])
    return ("550", current_code, current_order, None, None, previous_code, previous_order)
