"""OData V2 on the wire: dates without a zone, exact decimals, key literals, SAP's error bodies in all their shapes.

What belongs here: pure conversions. What stays out: requests (``odata``) and multipart (``batch``).
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_JSON_DATE = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{1,4})?\)/")
_LAST_YEAR = 9999
_JSON = json.JSONDecoder(parse_float=Decimal)
_MESSAGE_LENGTH = 500
_MOST_DIGITS = 60
# A message class has up to 20 characters and may begin with a namespace: EL/106, /ABC/UT/034.
_T100 = re.compile(r"(/[A-Za-z0-9_]{1,10}/)?[A-Za-z0-9_]{1,20}/\d{1,3}")
_FRAMEWORK_PREFIXES = ("/IWBEP", "/IWFND", "/IWCOR", "IWBEP", "IWFND", "IWCOR")


class FormatError(ValueError):
    """A value from SAP that is not in a form of its type."""


@dataclass(frozen=True)
class SapError:
    """Why SAP refused something: a T100 class and number, or a framework code, and its text."""

    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.code else self.message

    @property
    def is_business(self) -> bool:
        """Whether the code is that of an application's message, class/number, and not the framework's."""
        return bool(_T100.fullmatch(self.code)) and not self.code.upper().startswith(_FRAMEWORK_PREFIXES)


def edm_datetime(day: date) -> str:
    """Write a day as SAP's wall clock at its start, as if it were UTC: nobody may convert it to another day."""
    return f"/Date({(datetime(day.year, day.month, day.day, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)})/"


def datetime_literal(day: date) -> str:
    """Write a day for a ``$filter`` or a key."""
    return f"datetime'{day.isoformat()}T00:00:00'"


def text_literal(value: str) -> str:
    """Write text for a key or a ``$filter``, quoted for the URL."""
    return "'" + quote(value.replace("'", "''"), safe="") + "'"


def parse_edm_date(value: object) -> date | None:
    """Read the day of an Edm.DateTime; the zone is dropped, never converted. SAP's 9999-12-31 is "none".

    Raises:
        FormatError: it is neither ``/Date(ms)/`` nor ISO text.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        msg = f"not an Edm.DateTime: {str(value)[:40]!r}"
        raise FormatError(msg)
    match = _JSON_DATE.fullmatch(value)
    try:
        if match:
            day = (_EPOCH + timedelta(milliseconds=int(match[1]))).date()
        else:
            day = datetime.fromisoformat(value.removesuffix("Z")).date()
    except (ValueError, OverflowError):
        msg = f"not an Edm.DateTime: {value[:40]!r}"
        raise FormatError(msg) from None
    return None if day.year == _LAST_YEAR else day


def parse_edm_decimal(value: object) -> Decimal:
    """Read an Edm.Decimal, a string in OData V2; a JSON number is taken if it is still exact.

    Raises:
        FormatError: it is no finite number.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        msg = f"not an Edm.Decimal: {str(value)[:40]!r}"
        raise FormatError(msg)
    try:
        number = Decimal(value.strip()) if isinstance(value, str) else Decimal(value)
    except InvalidOperation:
        msg = f"not an Edm.Decimal: {str(value)[:40]!r}"
        raise FormatError(msg) from None
    # Written out, 1E+999999999 would fill the memory.
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS or len(number.as_tuple().digits) > _MOST_DIGITS:
        msg = f"not an Edm.Decimal: {str(value)[:40]!r}"
        raise FormatError(msg)
    return number


def parse_entity(body: bytes) -> Mapping[str, Any]:
    """Read the entity or feed below ``d`` of a JSON answer.

    Raises:
        FormatError: it is not OData V2 JSON.
    """
    try:
        content = _JSON.decode(body.decode("utf-8-sig"))["d"]
    except (ValueError, KeyError, TypeError, RecursionError):
        msg = f"not OData V2 JSON: {body[:80]!r}"
        raise FormatError(msg) from None
    if isinstance(content, list):
        return {"results": content}
    if not isinstance(content, dict):
        msg = f"not OData V2 JSON: {body[:80]!r}"
        raise FormatError(msg)
    return content


def results_of(content: object) -> list[Mapping[str, Any]]:
    """The entities of a feed, written as a list or below ``results``.

    Raises:
        FormatError: it is no feed.
    """
    found = content.get("results") if isinstance(content, Mapping) else content
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        msg = f"not an OData feed: {str(content)[:80]!r}"
        raise FormatError(msg)
    return found


def parse_error(body: bytes) -> SapError:
    """Find the first business message of an error body, JSON in both shapes or XML; never fails."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return _xml_error(body)
    error = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict):
        return SapError("", _short(str(content)))
    text = error.get("message")
    outer = SapError(_short(error.get("code")), _short(text.get("value") if isinstance(text, dict) else text))
    return next((one for one in (*_details(error), outer) if _is_business(one.code)), outer)


def parse_sap_message(header: str | None) -> str:
    """The warnings that came with a success, in one line; text that is not JSON is shown as it is."""
    if not header:
        return ""
    try:
        content = json.loads(header)
    except (ValueError, RecursionError):
        return _short(header)
    if not isinstance(content, dict):
        return _short(str(content))
    details = content.get("details")
    entries = [content, *(details if isinstance(details, list) else [])]
    return _short(
        "; ".join(
            f"{entry.get('code', '')}: {entry.get('message', '')}" for entry in entries if isinstance(entry, dict)
        )
    )


def _details(error: Mapping[str, Any]) -> Iterator[SapError]:
    inner = error.get("innererror")
    details = inner.get("errordetails") if isinstance(inner, dict) else None
    if isinstance(details, dict):
        details = details.get("errordetail")
    for entry in details if isinstance(details, list) else []:
        if isinstance(entry, dict) and entry.get("severity", "error") in {"error", "abort"}:
            yield SapError(_short(entry.get("code")), _short(entry.get("message")))


def _xml_error(body: bytes) -> SapError:
    """Two expressions on the first part of the text: an XML parser would have to be defended against the sender."""
    text = body[:20_000].decode("utf-8", errors="replace")
    found = [
        SapError(_short(html.unescape(code)), _short(html.unescape(message)))
        for code, message in re.findall(r"<code>([^<]{0,200})</code>\s{0,50}<message[^>]{0,200}>([^<]{0,2000})<", text)
    ]
    if not found:
        return SapError("", _short(" ".join(re.sub(r"<[^>]{0,500}>", " ", text).split())))
    return next((one for one in found if _is_business(one.code)), found[0])


def _is_business(code: str) -> bool:
    return bool(code) and not code.upper().startswith(_FRAMEWORK_PREFIXES)


def _short(value: object) -> str:
    return "" if value is None else " ".join(str(value).split())[:_MESSAGE_LENGTH]
