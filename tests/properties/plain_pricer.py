"""A slow, plain pricer: the oracle that the warehouse's SQL is compared with.

Written from the market contract, sections B, C and E, on the register's own JSON and on half-hour readings, with exact
decimals and no thought of speed. It shares no code with the product: not its SQL, not its flattening, not its calendar.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays

Json = Mapping[str, Any]
LineKey = tuple[str, date]

ZONES = {
    "NSW": "Australia/Sydney", "ACT": "Australia/Canberra", "VIC": "Australia/Melbourne", "TAS": "Australia/Hobart",
    "QLD": "Australia/Brisbane", "SA": "Australia/Adelaide", "NT": "Australia/Darwin", "WA": "Australia/Perth",
}  # fmt: skip
DAY_NAMES = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
KWH = Decimal(10) ** -14
PRICE = Decimal(10) ** -8
CENT = Decimal("0.01")
FIRST_DAY = date(1900, 1, 1)
LAST_DAY = date(9999, 12, 31)


class NotPriceableError(Exception):
    """The plan says something that has no price beyond doubt."""


@dataclass(frozen=True)
class Line:
    """One line of a bill; amounts are ex GST, credits negative."""

    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    gst: Decimal


@dataclass(frozen=True)
class Term:
    """What was agreed besides the plan, both days included."""

    name: str
    value: str
    first_day: date = FIRST_DAY
    last_day: date = LAST_DAY


@dataclass
class Contract:
    """What is billed, and the readings: ``loads[suffix][market day]`` are 48 half hours of kWh."""

    jurisdiction: str
    first_day: date
    last_day: date
    plan_spells: Sequence[tuple[str, date]]
    uses: Mapping[str, str]
    loads: Mapping[str, Mapping[date, Sequence[Decimal]]]
    is_gst_registered: bool = False
    terms: Sequence[Term] = ()

    @property
    def days(self) -> list[date]:
        return [self.first_day + timedelta(n) for n in range((self.last_day - self.first_day).days + 1)]

    def terms_on(self, name: str, day: date) -> list[Term]:
        """The terms that hold on a day; a row that the database holds twice is one term."""
        return [
            term for term in dict.fromkeys(self.terms) if term.name == name and term.first_day <= day <= term.last_day
        ]

    def terms_in_bill(self, name: str) -> list[Term]:
        found = [term for term in self.terms if any(term in self.terms_on(name, day) for day in self.days)]
        return list(dict.fromkeys(found))


@dataclass
class Bill:
    """Lines by charge and first day of their price, and the totals."""

    lines: dict[LineKey, Line] = field(default_factory=dict)

    @property
    def total_ex_gst(self) -> Decimal:
        return sum((line.amount for line in self.lines.values()), Decimal(0))

    @property
    def gst(self) -> Decimal:
        return rounded(sum((line.gst for line in self.lines.values()), Decimal(0)), CENT)


def rounded(value: Decimal, unit: Decimal) -> Decimal:
    return value.quantize(unit, rounding=ROUND_HALF_UP)


# --- time ------------------------------------------------------------------------------------------------------------


@cache
def local_moment(market_day: date, half_hour: int, jurisdiction: str, clock: str) -> tuple[date, int]:
    """Return the day and the minute that the clock shows when a half hour (0 to 47) of a market day begins."""
    instant = datetime(market_day.year, market_day.month, market_day.day, tzinfo=UTC) + timedelta(
        hours=-10, minutes=30 * half_hour
    )
    zone = ZoneInfo(ZONES[jurisdiction]) if clock == "LOCAL" else ZoneInfo("Australia/Brisbane")
    shown = instant.astimezone(zone)
    return shown.date(), shown.hour * 60 + shown.minute


@cache
def is_holiday(day: date, minute: int, jurisdiction: str) -> bool:
    if day in _whole_holidays(jurisdiction, day.year):
        return True
    name = _part_holidays(jurisdiction, day.year).get(day)
    found = re.search(r"from (\d+)pm", name) if name else None
    return found is not None and minute >= (int(found.group(1)) + 12) * 60


@cache
def _whole_holidays(jurisdiction: str, year: int) -> Mapping[date, str]:
    return dict(holidays.country_holidays("AU", subdiv=jurisdiction, years=year).items())


@cache
def _part_holidays(jurisdiction: str, year: int) -> Mapping[date, str]:
    return dict(holidays.country_holidays("AU", subdiv=jurisdiction, years=year, categories=("half_day",)).items())


def clock_minute(text: str | None) -> int:
    """Read 700, 0700, 07:00."""
    if text is None:
        raise NotPriceableError("a window without a time")
    digits = text.replace(":", "").rjust(4, "0")
    return int(digits[:2]) * 60 + int(digits[2:])


@cache
def window_minutes(start_text: str | None, end_text: str | None, *, may_lack_times: bool = False) -> set[int]:
    """Return the half hours (their first minute) of a day that a window holds."""
    if may_lack_times and start_text is None and end_text is None:
        return set(range(0, 1440, 30))
    start, end = clock_minute(start_text), clock_minute(end_text)
    if end % 60 == 59:
        end += 1
    if end == 0:
        end = 1440
    if start == end or start % 30 or end % 30:
        raise NotPriceableError("a window that half hours cannot tell")
    if start < end:
        return {minute for minute in range(0, 1440, 30) if start <= minute < end}
    return {minute for minute in range(0, 1440, 30) if minute >= start or minute < end}


def days_hold(days: Sequence[str], day: date, *, holiday: bool, follows_holidays: bool) -> bool:
    if holiday and follows_holidays:
        return "PUBLIC_HOLIDAYS" in days
    if DAY_NAMES[day.weekday()] in days:
        return True
    return "BUSINESS_DAYS" in days and day.weekday() < 5 and not holiday


# --- plans -----------------------------------------------------------------------------------------------------------


@cache
def market_day_of(text: str) -> date:
    instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (instant.astimezone(UTC) + timedelta(hours=10)).date()


def dated_from(plan: Json) -> date:
    return max(market_day_of(plan["effectiveFrom"]), market_day_of(plan["lastUpdated"]))


def version_on(versions: Sequence[Json], day: date) -> Json:
    in_order = sorted(versions, key=lambda plan: (dated_from(plan), plan["lastUpdated"]))
    holding = [plan for plan in in_order if dated_from(plan) <= day]
    return holding[-1] if holding else in_order[0]


def first_day_of(versions: Sequence[Json], plan: Json) -> date:
    return date(1900, 1, 1) if plan is min(versions, key=dated_from) else dated_from(plan)


def decimal(text: Any) -> Decimal | None:
    return None if text in (None, "") else Decimal(str(text))


def supply_of(parent: Json) -> Decimal | None:
    return decimal(parent.get("dailySupplyCharge") or parent.get("dailySupplyCharges"))


def rates_of(parent: Json) -> list[Json]:
    """Return the rates of a tariff period, controlled load or feed-in, the single one or those by time."""
    singles = [parent[name] for name in ("singleRate", "singleTariff") if parent.get(name)]
    timed = [*(parent.get("timeOfUseRates") or []), *(parent.get("timeVaryingTariffs") or [])]
    if singles and timed:
        raise NotPriceableError("single rate beside time of use")
    return singles or timed


def is_timed(parent: Json) -> bool:
    return bool(parent.get("timeOfUseRates") or parent.get("timeVaryingTariffs"))


def prices_of(parents: Sequence[Json]) -> list[Decimal]:
    """Return all prices above zero of some tariffs."""
    texts = [step.get("unitPrice") for parent in parents for rate in rates_of(parent) for step in rate["rates"]]
    return [price for price in map(decimal, texts) if price is not None and price > 0]


def factor_to_dollars(plan: Json) -> Decimal:
    """Decide between dollars and cents for supply and rates together; absurd prices are no decision."""
    contract = plan["electricityContract"]
    banded = [decimal(band.get("unitPrice")) for period in contract["tariffPeriod"]
              for band in period.get("bandedDailySupplyCharges") or []]  # fmt: skip
    supplies = [price for price in [*map(supply_of, contract["tariffPeriod"]), *banded] if price and price > 0]
    usage = prices_of([*contract["tariffPeriod"], *(contract.get("controlledLoad") or [])])
    credit = prices_of(contract.get("solarFeedInTariff") or [])
    dearest, best = max(usage, default=None), max(credit, default=Decimal(0))
    looks_like_cents = (min(supplies) > 20 and (dearest is None or dearest > 2)) if supplies else (dearest or 0) > 5
    looks_like_dollars = (not supplies or max(supplies) <= 20) and (dearest or 0) <= 2
    if looks_like_cents and (dearest or 0) <= 200 and best <= 200:
        return CENT
    if looks_like_dollars and best <= (2 if supplies or dearest else 1):
        return Decimal(1)
    raise NotPriceableError("dollars or cents")


def season_of(plan: Json, day: date) -> tuple[int, Json]:
    """Return the number and the content of the tariff period that prices energy on a day."""
    mmdd = day.strftime("%m-%d")
    found = []
    for number, period in enumerate(plan["electricityContract"]["tariffPeriod"], 1):
        start, end = period["startDate"], period["endDate"]
        inside = start <= mmdd <= end if start <= end else (mmdd >= start or mmdd <= end)
        if inside and rates_of(period):
            found.append((number, period))
    if len(found) != 1:
        raise NotPriceableError(f"{len(found)} tariff periods on {day}")
    return found[0]


def clock_of(plan: Json, period: Json | None = None) -> str:
    own = period.get("timeZone") if period else None
    return own or plan["electricityContract"].get("timeZone") or "AEST"


def rate_at(parent: Json, day: date, minute: int, jurisdiction: str, *, timeless: bool = False) -> list[int]:
    """Return the positions of all rates that claim a half hour of the plan's clock."""
    if not is_timed(parent):
        return [0]
    rates = rates_of(parent)
    windows = [
        (position, window)
        for position, rate in enumerate(rates)
        for window in (rate.get("timeOfUse") or rate.get("timeVariations"))
    ]
    follows = any("PUBLIC_HOLIDAYS" in window["days"] for _, window in windows)
    holiday = is_holiday(day, minute, jurisdiction)
    claims = set()
    for position, window in windows:
        minutes = window_minutes(window.get("startTime"), window.get("endTime"), may_lack_times=timeless)
        if minute in minutes and days_hold(window["days"], day, holiday=holiday, follows_holidays=follows):
            claims.add(position)
    return sorted(claims)


def band_names(parent: Json) -> list[tuple[str, str]]:
    """Return (band, label) of each rate; a band's second rate is labelled with its number."""
    names = []
    seen: dict[str, int] = {}
    for rate in rates_of(parent):
        band = rate.get("type") or "ALL" if is_timed(parent) else "ALL"
        seen[band] = seen.get(band, 0) + 1
        names.append((band, band if seen[band] == 1 else f"{band}.{seen[band]}"))
    return names


# --- steps -----------------------------------------------------------------------------------------------------------


def pooled_share(period: str, days: int) -> tuple[int, int]:
    """Return days / period length as a fraction: a month is 365/12 days, a year 365."""
    found = re.fullmatch(r"P(\d+)([DWMY])", period)
    if found is None or int(found.group(1)) == 0:
        raise NotPriceableError(f"period {period}")
    count = int(found.group(1))
    return {"D": (days, count), "W": (days, 7 * count), "M": (days * 12, 365 * count), "Y": (days, 365 * count)}[
        found.group(2)
    ]


def exact_share(volume: Decimal, share: tuple[int, int]) -> Decimal:
    """volume x numerator / denominator, half up to a kWh's 14 decimals, by whole numbers."""
    scaled = int(volume * 10**6) * share[0] * 10**8
    return Decimal((2 * scaled + share[1]) // (2 * share[1])).scaleb(-14)


def split(energy: Decimal, limits: Sequence[Decimal | None]) -> list[Decimal]:
    """Split an energy into steps that end at cumulative limits; what lies beyond a last limit is left over."""
    parts = []
    lower = Decimal(0)
    for limit in limits:
        upper = energy if limit is None else min(energy, limit)
        parts.append(max(upper - lower, Decimal(0)))
        lower = lower if limit is None else limit
    return parts


def split_rate(rate: Json, by_day: Mapping[date, Decimal], days: int) -> list[Decimal]:
    """Return the energy in each step of a rate over a bill (or the part of it at one price)."""
    steps = rate["rates"]
    total = sum(by_day.values(), Decimal(0))
    volumes = [decimal(step.get("volume")) for step in steps]
    if any(volume is None for volume in volumes[:-1]) or any(volume is not None and volume <= 0 for volume in volumes):
        raise NotPriceableError("steps without size")
    if len(steps) == 1 and volumes[0] is None:
        return [total]
    cumulative: list[Decimal | None] = []
    for position, volume in enumerate(volumes):
        cumulative.append(None if volume is None else sum((v for v in volumes[: position + 1] if v), Decimal(0)))
    period = rate.get("period") or "P1Y"
    if period == "P1D":
        daily = [split(energy, cumulative) for energy in by_day.values()]
        return [sum((parts[n] for parts in daily), Decimal(0)) for n in range(len(steps))]
    share = pooled_share(period, days)
    return split(total, [None if limit is None else exact_share(limit, share) for limit in cumulative])
