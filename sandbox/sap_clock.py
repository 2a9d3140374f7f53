"""Local clocks and public holidays for the pretend SAP's prices: market half hours seen on a plan's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo

import holidays

from sandbox.sap_plan import WEEKDAYS, CannotPrice

HALF_HOUR = 30
HALF_HOURS = 48
MARKET_TIME = timezone(timedelta(hours=10))
_ZONES = {
    "NSW": "Australia/Sydney",
    "ACT": "Australia/Sydney",
    "VIC": "Australia/Melbourne",
    "QLD": "Australia/Brisbane",
    "SA": "Australia/Adelaide",
    "TAS": "Australia/Hobart",
    "NT": "Australia/Darwin",
    "WA": "Australia/Perth",
}


@dataclass(frozen=True)
class LocalDay:
    """A day on a plan's clock."""

    iso: str
    weekday: str
    is_holiday: bool


@dataclass(frozen=True)
class Slot:
    """A market half hour on a plan's clock: the local day, and the minute at which it begins there."""

    day: LocalDay
    minute: int


@cache
def half_hours(clock: str, jurisdiction: str, market_date: date) -> tuple[Slot, ...]:
    """See the 48 half hours of a market day on a clock (LOCAL or AEST) of a jurisdiction.

    Raises:
        CannotPrice: for a clock or jurisdiction that is not known.
    """
    if clock not in {"LOCAL", "AEST"} or jurisdiction not in _ZONES:
        raise CannotPrice(f"clock {clock} in {jurisdiction}")
    zone = ZoneInfo(_ZONES[jurisdiction] if clock == "LOCAL" else "Australia/Brisbane")
    midnight = datetime(market_date.year, market_date.month, market_date.day, tzinfo=MARKET_TIME)
    slots = []
    for number in range(HALF_HOURS):
        local = (midnight + timedelta(minutes=HALF_HOUR * number)).astimezone(zone)
        slots.append(Slot(local_day(local.date(), jurisdiction), local.hour * 60 + local.minute))
    return tuple(slots)


@cache
def local_day(day: date, jurisdiction: str) -> LocalDay:
    """Describe a day: its name, and whether it is a public holiday of the jurisdiction."""
    return LocalDay(day.isoformat(), WEEKDAYS[day.weekday()], day in _holidays(jurisdiction, day.year))


@cache
def _holidays(jurisdiction: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("AU", subdiv=jurisdiction, years=year))
