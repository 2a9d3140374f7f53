"""Interval values of a profile's day: as text in our tables, as time series messages to EDM.

What belongs here: a day's values into text and back, which of them differ, and the XML of a bulk.
What stays out: which days are sent and what became of them (``profiles``).

A day's values are one text: ``0.25 W;0.5 W;;…``, per interval the kWh and SAP's status, nothing where none is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Final

from lxml import etree

from loaders.errors import PermanentError
from loaders.sap_isu.readings import plain_text
from loaders.sap_isu.soap.envelope import new_root
from loaders.sap_isu.soap.messages import add_header

CREATE: Final = "UtilitiesTimeSeriesERPItemBulkCreateRequest"
CHANGE: Final = "UtilitiesTimeSeriesERPItemBulkChangeRequest"
_INNER: Final[Mapping[str, str]] = {
    CREATE: "UtilitiesTimeSeriesERPItemCreateRequestMessage",
    CHANGE: "UtilitiesTimeSeriesERPItemChangeRequestMessage",
}
DAY_MINUTES: Final = 1440
_MARKET_TIME: Final = timezone(timedelta(hours=10))
_UNIT: Final = "KWH"
BETWEEN, _INSIDE = ";", " "
_MOST_PLACES: Final = 14
NO_VALUE_FLAG: Final = "N"
UNKNOWN_QUALITY: Final = "E"
"""An interval that no event of a V day covers: nothing says that it is better than an estimate."""


class SeriesError(PermanentError):
    """A day whose values cannot be sent."""


@dataclass(frozen=True)
class QualityRange:
    """The quality of some intervals of a day, both ends included, counted from 1."""

    first: int
    last: int
    flag: str


@dataclass(frozen=True)
class SeriesMessage:
    """What one message says of one profile's day.

    Attributes:
        before: the values that EDM has; None when it has none, then all are created.
        now: the values it is to have.
    """

    profile_number: str
    market_date: date
    interval_minutes: int
    before: str | None
    now: str

    @property
    def interface(self) -> str:
        """Create where EDM has nothing of the day, else change."""
        return CREATE if self.before is None else CHANGE

    @property
    def key(self) -> str:
        """What the message is about."""
        return f"profile|{self.profile_number}|{self.market_date.isoformat()}"

    @property
    def content_hash(self) -> str:
        """Changes when, and only when, the message would say something else."""
        said = "\n".join(f"{place} {entry}" for place, entry in self.entries())
        return hashlib.sha256(f"{self.interface}\n{self.interval_minutes}\n{said}".encode()).hexdigest()

    def entries(self) -> Iterator[tuple[int, str]]:
        """The intervals to be sent: place from 0 and entry; an empty entry takes a value away."""
        now = self.now.split(BETWEEN)
        before = self.before.split(BETWEEN) if self.before else []
        if len(before) != len(now):
            before = []
        for place, entry in enumerate(now):
            if entry != (before[place] if before else ""):
                yield place, entry


def values_text(
    delivered: str,
    *,
    interval_minutes: int,
    kwh_factor: Decimal,
    day_flag: str,
    ranges: Sequence[QualityRange],
    statuses: Mapping[str, str],
) -> str:
    """A day's values as text.

    Args:
        delivered: the values as delivered, parted by commas.
        interval_minutes: length of one.
        kwh_factor: kWh of one delivered unit.
        day_flag: quality of the day, V where it varies.
        ranges: the qualities of a V day.
        statuses: SAP's status for each quality.

    Raises:
        SeriesError: a value is no number, their count is wrong, or a quality has no status.
    """
    pieces = delivered.split(",")
    if len(pieces) * interval_minutes != DAY_MINUTES:
        raise _refused(f"{len(pieces)} values of {interval_minutes} minutes are no day")
    flags = [UNKNOWN_QUALITY if day_flag == "V" else day_flag] * len(pieces)
    for one in ranges:
        flags[one.first - 1 : one.last] = [one.flag] * max(one.last - one.first + 1, 0)
    return BETWEEN.join(
        _entry(piece.strip(), flag, kwh_factor, statuses) for piece, flag in zip(pieces, flags, strict=True)
    )


def compose_series(
    bulk_uuid: str, messages: Sequence[tuple[str, SeriesMessage]], *, sender: str, created_at: datetime
) -> etree._Element:
    """A bulk of time series; all its messages are of one interface.

    Args:
        bulk_uuid: the bulk's own UUID.
        messages: each with its UUID.
        sender: our name as a business system, may be empty.
        created_at: instant of writing.
    """
    interface = messages[0][1].interface
    root = new_root(interface)
    add_header(root, bulk_uuid, created_at, sender=sender)
    for message_uuid, message in messages:
        element = etree.SubElement(root, _INNER[interface])
        add_header(element, message_uuid, created_at)
        series = etree.SubElement(element, "UtilitiesTimeSeries")
        etree.SubElement(series, "ID").text = message.profile_number
        for place, entry in message.entries():
            _add_item(series, message, place, entry)
    return root


def _entry(piece: str, flag: str, factor: Decimal, statuses: Mapping[str, str]) -> str:
    if flag == NO_VALUE_FLAG or not piece:
        return ""
    if flag not in statuses:
        raise _refused(f"no status of SAP's is configured for quality {flag} (BILLSYNC_SAP_PROFILE_STATUSES)")
    try:
        value = Decimal(piece) * factor
    except InvalidOperation:
        raise _refused(f"{piece[:40]!r} is no number") from None
    exponent = value.normalize().as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > _MOST_PLACES:
        raise _refused(f"{piece[:40]!r} has more than {_MOST_PLACES} places in kWh")
    return f"{plain_text(value)}{_INSIDE}{statuses[flag]}"


def _add_item(series: etree._Element, message: SeriesMessage, place: int, entry: str) -> None:
    value, _, status = entry.partition(_INSIDE)
    begin = datetime.combine(message.market_date, time(), _MARKET_TIME) + timedelta(
        minutes=place * message.interval_minutes
    )
    item = etree.SubElement(series, "Item")
    if value:
        etree.SubElement(item, "Quantity", unitCode=_UNIT).text = value
    etree.SubElement(item, "UTCValidityStartDateTime").text = _utc(begin)
    etree.SubElement(item, "UTCValidityEndDateTime").text = _utc(begin + timedelta(minutes=message.interval_minutes))
    code = etree.SubElement(etree.SubElement(item, "ItemStatus"), "UtilitiesTimeSeriesItemTypeCode")
    code.text = status or _status_before(message, place)


def _status_before(message: SeriesMessage, place: int) -> str:
    """The status of a value that is taken away: a message has to name one."""
    return (message.before or "").split(BETWEEN)[place].partition(_INSIDE)[2]


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _refused(why: str) -> SeriesError:
    return SeriesError("Writing a day of a profile", why, "The day is not sent; correct its read or the setting.")
