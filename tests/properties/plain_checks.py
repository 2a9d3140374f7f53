"""The oracle's view of a plan that contradicts itself: whoever is on it is refused, whatever the season of the bill."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from tests.properties.plain_pricer import (
    DAY_NAMES,
    Json,
    NotPriceableError,
    days_hold,
    decimal,
    factor_to_dollars,
    is_timed,
    rates_of,
    supply_of,
    window_minutes,
)

LEAP_YEAR = [date(2024, 1, 1) + timedelta(days=number) for number in range(366)]
A_MONDAY = date(2024, 1, 1)
MOST_SUPPLY = 20


def check_plan(plan: Json, uses: Collection[str]) -> None:
    """Refuse a plan whose seasons, windows or prices are wrong in its general usage, or in what a meter uses."""
    contract = plan["electricityContract"]
    if "CONTROLLED_LOAD" in uses:
        for load in contract.get("controlledLoad") or []:
            check_windows(load, must_cover=False)
    if "GENERATION" in uses:
        for feed_in in contract.get("solarFeedInTariff") or []:
            check_windows(feed_in, must_cover=False)
    periods = [period for period in contract["tariffPeriod"] if rates_of(period)]
    check_seasons(periods)
    for period in periods:
        check_windows(period, must_cover=True)
        supply = supply_of(period)
        if supply is not None and not 0 <= supply * factor_to_dollars(plan) <= MOST_SUPPLY:
            raise NotPriceableError("supply charge")
        for rate in rates_of(period):
            for step in rate["rates"]:
                price = decimal(step.get("unitPrice"))
                if price is None or price < 0:
                    raise NotPriceableError("price")


def check_seasons(periods: list[Json]) -> None:
    """Every day of a leap year lies in one season; 29 February alone may lie in none."""
    for day in LEAP_YEAR:
        text = day.strftime("%m-%d")
        holding = sum(
            start <= text <= end if start <= end else (text >= start or text <= end)
            for start, end in ((period["startDate"], period["endDate"]) for period in periods)
        )
        if holding > 1 or (holding == 0 and text != "02-29"):
            raise NotPriceableError(f"{holding} tariff periods on {text}")


def check_windows(parent: Json, *, must_cover: bool) -> None:
    """No half hour of any kind of day has two rates, and none of an ordinary day has no rate."""
    if not is_timed(parent):
        return
    windows = []
    for position, rate in enumerate(rates_of(parent)):
        for window in rate.get("timeOfUse") or rate.get("timeVariations"):
            try:
                minutes = window_minutes(window.get("startTime"), window.get("endTime"), may_lack_times=not must_cover)
            except NotPriceableError:
                return  # refused for the window itself, where a bill needs it
            windows.append((position, window["days"], minutes))
    follows = any("PUBLIC_HOLIDAYS" in days for _, days, _ in windows)
    for number in range(len(DAY_NAMES)):
        day = A_MONDAY + timedelta(days=number)
        for holiday in (False, True):
            holding = [
                (position, minutes) for position, days, minutes in windows
                if days_hold(days, day, holiday=holiday, follows_holidays=follows)
            ]  # fmt: skip
            for minute in range(0, 1440, 30):
                claims = {position for position, minutes in holding if minute in minutes}
                if len(claims) > 1 or (must_cover and not claims and not holiday):
                    raise NotPriceableError(f"{len(claims)} rates at {minute}")
