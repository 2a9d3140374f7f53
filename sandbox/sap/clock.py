"""Local clocks and public holidays for the pretend SAP's prices: market half hours seen on a plan's clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo

import holidays

from sandbox.sap.plan import DAY_MINUTES, WEEKDAYS, CannotPrice

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
    """A day on a plan's clock; ``holiday_from`` is the minute at which it becomes a public holiday, if it does."""

    iso: str
    weekday: str
    holiday_from: int = DAY_MINUTES

    def is_holiday(self, minute: int) -> bool:
        """Say whether a minute of the day belongs to a public holiday."""
        return minute >= self.holiday_from


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
    """Describe a day: its name, and from when it is a public holiday of the jurisdiction."""
    holiday_from = _holidays(jurisdiction, day.year).get(day, DAY_MINUTES)
    return LocalDay(day.isoformat(), WEEKDAYS[day.weekday()], holiday_from)


@cache
def _holidays(jurisdiction: str, year: int) -> dict[date, int]:
    """List a year's holidays with the minute from which they hold: some evenings before Christmas are part holidays."""
    found = {}
    parts = holidays.country_holidays("AU", subdiv=jurisdiction, years=year, categories=("half_day",))
    for day, name in parts.items():
        if match := re.search(r"from (\d+)pm", name):
            found[day] = (int(match[1]) + 12) * 60
    found |= dict.fromkeys(holidays.country_holidays("AU", subdiv=jurisdiction, years=year), 0)
    return found
