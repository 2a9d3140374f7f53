"""The market calendar: what a plan's clock shows at each half hour of each market day.

What belongs here: time zones, daylight saving and public holidays, worked out once so that SQL never does.
What stays out: tariff windows (dbt).

Market time is UTC+10 all year. A plan's clock is either that (AEST) or the jurisdiction's own (LOCAL).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import holidays
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from loaders.errors import PermanentError
from loaders.sources.extract import Extract
from loaders.warehouse.base import RawWrite
from loaders.warehouse.parquet import arrow_schema
from loaders.warehouse.schema import RAW_TABLES

ZONES = {
    "NSW": "Australia/Sydney",
    "VIC": "Australia/Melbourne",
    "QLD": "Australia/Brisbane",
    "SA": "Australia/Adelaide",
    "TAS": "Australia/Hobart",
    "ACT": "Australia/Sydney",
    "NT": "Australia/Darwin",
    "WA": "Australia/Perth",
}
"""Time zone by jurisdiction. (Broken Hill, in NSW, keeps Adelaide time; its retailers bill it as NSW.)"""

CLOCKS = ("LOCAL", "AEST")
HALF_HOURS = 48
_HALF_HOUR_MINUTES = 30
_DAY_MINUTES = 1440
_MARKET_OFFSET_MINUTES = 600
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_SATURDAY = 5
_EPOCH = date(1970, 1, 1)
_EPOCH_WEEKDAY = 3
_TABLE = "market_calendar"
_FROM_HOUR = re.compile(r"\(from (\d{1,2})pm\)")

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class HolidayRule:
    """Public holidays of a jurisdiction.

    Attributes:
        from_minute: minute of the day from which a date is a public holiday, by date; 0 for a whole day.
            Part-day holidays (Christmas Eve from 18:00 or 19:00 in some states) begin later.
    """

    from_minute: dict[date, int]


def public_holidays(jurisdiction: str, years: Sequence[int]) -> HolidayRule:
    """Return a jurisdiction's public holidays, part-day ones included, bank and school holidays not.

    They are those of the package ``holidays``: statewide, and of regional ones the Brisbane show for all Queensland.

    Raises:
        PermanentError: a part-day holiday whose name does not say when it begins.
    """
    found = dict.fromkeys(holidays.country_holidays("AU", subdiv=jurisdiction, years=years), 0)
    # Only some states have part-day holidays; asking the others for them is legal and gives none.
    part_days = holidays.country_holidays("AU", subdiv=jurisdiction, years=years, categories=(holidays.HALF_DAY,))
    for day, name in part_days.items():
        match = _FROM_HOUR.search(name)
        if match is None:
            # Left out, the evening would be billed as an ordinary day, and nobody would notice.
            raise PermanentError(
                f"the part-day holiday '{name}' of {jurisdiction} on {day}",
                "its name does not say from which hour it is a holiday",
                "install the locked version of the package `holidays`, or teach market_calendar.py the new form",
            )
        found.setdefault(day, (12 + int(match.group(1))) * 60)
    return HolidayRule(found)


def extract_market_calendar(
    first_day: date, last_day: date, staging: Path, jurisdictions: Sequence[str] = tuple(ZONES)
) -> Extract:
    """Work out the calendar of all market days from ``first_day`` to ``last_day``, both included.

    Returns:
        An extract that replaces those days; days outside stay.
    """
    staging.mkdir(parents=True, exist_ok=True)
    path = staging / f"{_TABLE}.parquet"
    row_count = 0
    preview: list[dict[str, str | None]] = []
    with pq.ParquetWriter(path, arrow_schema(RAW_TABLES[_TABLE]), compression="zstd") as writer:
        for jurisdiction in jurisdictions:
            for clock in CLOCKS:
                table = calendar_table(jurisdiction, clock, first_day, last_day)
                writer.write_table(table)
                row_count += table.num_rows
                if not preview:
                    preview = [
                        {name: str(value) for name, value in row.items()} for row in table.slice(0, 5).to_pylist()
                    ]
    write = RawWrite(_TABLE, {"market_date": (first_day, last_day)}, [path])
    detail = {"first_day": first_day.isoformat(), "last_day": last_day.isoformat(), "jurisdictions": len(jurisdictions)}
    return Extract(_TABLE, [write], {_TABLE: row_count}, preview, detail)


def calendar_table(jurisdiction: str, clock: str, first_day: date, last_day: date) -> pa.Table:
    """Return the calendar of one jurisdiction and clock, 48 rows a market day."""
    day_count = (last_day - first_day).days + 1
    market_day = np.repeat(np.arange(day_count) + (first_day - _EPOCH).days, HALF_HOURS)
    half_hour = np.tile(np.arange(1, HALF_HOURS + 1), day_count)
    market_minute = market_day * _DAY_MINUTES + (half_hour - 1) * _HALF_HOUR_MINUTES
    local_minute = market_minute
    if clock == "LOCAL":
        local_minute = market_minute - _MARKET_OFFSET_MINUTES + _offsets(ZONES[jurisdiction], first_day, day_count)
    local_day, minute_of_day = np.divmod(local_minute, _DAY_MINUTES)
    weekday = (local_day + _EPOCH_WEEKDAY) % len(_WEEKDAYS)
    is_holiday = _holiday_flags(jurisdiction, local_day, minute_of_day)
    is_business = ((weekday < _SATURDAY) & (is_holiday == 0)).astype(np.int64)
    size = len(market_day)
    columns = [
        pa.repeat(jurisdiction, size), pa.repeat(clock, size), _dates(market_day), pa.array(half_hour),
        _dates(local_day), pa.array(minute_of_day), pa.array(np.array(_WEEKDAYS)[weekday]),
        pa.array(is_holiday), pa.array(is_business),
    ]  # fmt: skip
    return pa.Table.from_arrays(columns, schema=arrow_schema(RAW_TABLES[_TABLE]))


def _dates(days: Integers) -> pa.Array:
    return pa.array(days.astype("datetime64[D]"), type=pa.date32())


def _offsets(zone_name: str, first_day: date, day_count: int) -> Integers:
    """Return the zone's offset from UTC in minutes at the start of each half hour."""
    zone = ZoneInfo(zone_name)
    midnight = datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC) - timedelta(
        minutes=_MARKET_OFFSET_MINUTES
    )
    ends = [_offset(midnight + timedelta(days=number), zone) for number in range(day_count + 1)]
    offsets = np.repeat(np.array(ends[:-1]), HALF_HOURS)
    for number in range(day_count):
        if ends[number] != ends[number + 1]:
            start = midnight + timedelta(days=number)
            offsets[number * HALF_HOURS : (number + 1) * HALF_HOURS] = [
                _offset(start + timedelta(minutes=_HALF_HOUR_MINUTES * step), zone) for step in range(HALF_HOURS)
            ]
    return offsets


def _offset(instant: datetime, zone: ZoneInfo) -> int:
    offset = instant.astimezone(zone).utcoffset()
    return int(offset.total_seconds()) // 60 if offset is not None else 0


def _holiday_flags(jurisdiction: str, local_day: Integers, minute_of_day: Integers) -> Integers:
    first, last = int(local_day[0]), int(local_day[-1])
    years = range((_EPOCH + timedelta(days=first)).year, (_EPOCH + timedelta(days=last)).year + 1)
    begins = np.full(last - first + 1, _DAY_MINUTES, dtype=np.int64)
    for day, from_minute in public_holidays(jurisdiction, years).from_minute.items():
        place = (day - _EPOCH).days - first
        if 0 <= place < len(begins):
            begins[place] = from_minute
    flags: Integers = (minute_of_day >= begins[local_day - first]).astype(np.int64)
    return flags
