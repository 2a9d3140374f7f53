"""The oracle's fees and demand charges."""

from __future__ import annotations

import calendar
import re
from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.properties.plain_pricer import (
    KWH,
    PRICE,
    Json,
    NotPriceableError,
    clock_minute,
    days_hold,
    decimal,
    is_holiday,
    rates_of,
    rounded,
    window_minutes,
)

if TYPE_CHECKING:
    from tests.properties.plain_bill import BillMaker

TERMS = {"ANNUAL": (1, 365), "BIANNUAL": (2, 365), "MONTHLY": (12, 365), "WEEKLY": (1, 7), "DAILY": (1, 1)}
EVERY_DAY = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN", "PUBLIC_HOLIDAYS"]
GST_DIVISOR = Decimal("1.1")


def quotient(numerator: Decimal, denominator: Decimal, unit: Decimal) -> Decimal:
    """Divide exactly and round half up, by whole numbers."""
    places = -int(unit.as_tuple().exponent)
    top, bottom = int(numerator.scaleb(20 + places)), int(denominator.scaleb(20))
    return Decimal((2 * top + bottom) // (2 * bottom)).scaleb(-places)


def gst_of_words(words: str | None, otherwise: str) -> str:
    text = (words or "").lower()
    if re.search(r"not subject to gst|gst[ -]free|\bno gst", text):
        return "FREE"
    if re.search(r"exc?l?\.? gst|excluding gst|plus gst|\+ ?gst", text):
        return "EX"
    return otherwise


def fee_lines(maker: BillMaker) -> None:
    for (plan_id, number, season), days in list(maker.day_count.items()):
        if season or not days:
            continue
        contract = maker.plans[plan_id][number]["electricityContract"]
        for place, fee in enumerate(contract.get("fees") or [], 1):
            if fee["term"] not in (*TERMS, "PERCENT_OF_BILL") or fee["type"] not in (
                "MEMBERSHIP",
                "CONTRIBUTION",
                "PAPER_BILL",
                "OTHER",
            ):
                continue
            amount = decimal(fee.get("amount"))
            if amount is None or amount < 0 or fee["type"] == "PAPER_BILL" or fee["term"] not in TERMS:
                raise NotPriceableError("fee")
            basis = gst_of_words(fee.get("description"), "INC")
            price = quotient(amount, GST_DIVISOR, PRICE) if basis == "INC" else amount
            times, divisor = TERMS[fee["term"]]
            quantity = quotient(Decimal(days * times), Decimal(divisor), KWH)
            if price > 0:
                start = maker.first_day[plan_id, number, 0]
                kind = "FREE" if basis == "FREE" else "CHARGE"
                maker.line((plan_id, number), (f"FEE:{fee['type']}:{place}", start), quantity, price, kind)


def demand_factor(plan: Json) -> Decimal:
    """Decide dollars or cents for the demand charges by themselves."""
    charges = [c for period in plan["electricityContract"]["tariffPeriod"] for c in period.get("demandCharges") or []]
    verdicts = set()
    for charge in charges:
        amount, is_daily = Decimal(charge["amount"]), charge["chargePeriod"] == "DAY"
        if amount > (5 if is_daily else 60):
            verdicts.add("cents" if amount >= (10 if is_daily else 150) else "doubt")
        elif amount > 0:
            verdicts.add("dollars")
    if "doubt" in verdicts or len(verdicts) > 1:
        raise NotPriceableError("demand in dollars or cents")
    return Decimal("0.01") if verdicts == {"cents"} else Decimal(1)


def check_demand(charge: Json) -> None:
    if charge.get("measureUnit", "KW") != "KW":
        raise NotPriceableError("kVA")
    measured, charged = charge["measurementPeriod"], charge["chargePeriod"]
    if (measured == "DAY" and charged != "DAY") or (measured == "MONTH" and charged == "TARIFF_PERIOD"):
        raise NotPriceableError("demand measured finer than charged")
    words = f"{charge.get('displayName', '')} {charge.get('description', '')}".lower()
    all_day = len(window_minutes(charge["startTime"], charge["endTime"])) == 48
    if all_day and re.search(r"\d ?[ap]\.?m|\d:\d\d|business day|weekday|working day", words):
        raise NotPriceableError("demand window in words")
    clock_minute(charge["startTime"])


def demand_lines(maker: BillMaker) -> None:
    """Charge every demand charge of every version that holds, in its season."""
    site = site_half_hours(maker)
    versions = [key for key, days in list(maker.day_count.items()) if key[2] == 0 and days]
    for plan_id, number, _ in versions:
        plan = maker.plans[plan_id][number]
        for season, period in enumerate(plan["electricityContract"]["tariffPeriod"], 1):
            for place, charge in enumerate(period.get("demandCharges") or [], 1):
                if not rates_of(period) or maker.day_count.get((plan_id, number, season)):
                    check_demand(charge)
                    demand_factor(plan)
                refuse_price_changes(maker, charge)
                one_charge(maker, (plan_id, number), (season, period), (place, charge), site)


def refuse_price_changes(maker: BillMaker, charge: Json) -> None:
    starts = [
        maker.first_day[key] for key, days in maker.day_count.items()
        if key[2] == 0 and days and maker.first_day[key] > maker.contract.first_day
    ]  # fmt: skip
    if charge["chargePeriod"] == "DAY":
        return
    if any(charge["measurementPeriod"] != "MONTH" or start.day != 1 for start in starts):
        raise NotPriceableError("price change inside a demand period")


def site_half_hours(maker: BillMaker) -> dict[tuple[date, int], Decimal]:
    site: dict[tuple[date, int], Decimal] = defaultdict(Decimal)
    for day, half_hour, energy in maker.half_hours("GENERAL"):
        site[day, half_hour] += energy
    return site


def in_season(period: Json, day: date) -> bool:
    text, start, end = day.strftime("%m-%d"), period["startDate"], period["endDate"]
    return start <= text <= end if start <= end else text >= start or text <= end


def one_charge(
    maker: BillMaker, version: tuple[str, int], season: tuple[int, Json], place: tuple[int, Json],
    site: dict[tuple[date, int], Decimal],
) -> None:  # fmt: skip
    (plan_id, number), (season_number, period), (charge_number, charge) = version, season, place
    days = [
        day for day in maker.contract.days
        if maker.plan_on(day) == plan_id and maker.version(plan_id, day)[0] == number and in_season(period, day)
    ]  # fmt: skip
    plan_days = [day for day in maker.contract.days if maker.plan_on(day) == plan_id]
    if not days:
        return

    def measurement(day: date) -> str:
        forms = {"DAY": day.isoformat(), "MONTH": day.isoformat()[:7], "TARIFF_PERIOD": "PERIOD"}
        return forms[charge["measurementPeriod"]]

    greatest: dict[str, Decimal] = {}
    minutes = window_minutes(charge["startTime"], charge["endTime"])
    names = charge.get("days") or EVERY_DAY
    for (day, half_hour), energy in site.items():
        if maker.plan_on(day) != plan_id:
            continue
        held, _, local_day, minute = maker.moment(plan_id, day, half_hour, use_season=True)
        holiday = is_holiday(local_day, minute, maker.contract.jurisdiction)
        if held != number or not in_season(period, local_day) or minute not in minutes:
            continue
        if days_hold(names, local_day, holiday=holiday, follows_holidays="PUBLIC_HOLIDAYS" in names):
            key = measurement(min(max(local_day, plan_days[0]), plan_days[-1]))
            greatest[key] = max(greatest.get(key, Decimal(0)), energy * 2)
    price = rounded(Decimal(charge["amount"]) * demand_factor(maker.plans[plan_id][number]), PRICE)
    for key, demand in greatest.items():
        charged = [day for day in days if measurement(day) == key]
        least, most = decimal(charge.get("minDemand")), decimal(charge.get("maxDemand"))
        demand = demand if least is None else max(demand, least)  # noqa: PLW2901
        demand = demand if most is None else min(demand, most)  # noqa: PLW2901
        if demand > 0 and charged:
            quantity = demand * days_or_months(charge, charged)
            if charge["chargePeriod"] == charge["measurementPeriod"] == "MONTH" and "pro-rat" in charge.get(
                "description", ""
            ):
                whole = calendar.monthrange(charged[0].year, charged[0].month)[1]
                quantity = quotient(demand * len(charged), Decimal(whole), KWH)
            charge_id = f"DEMAND:{season_number}.{charge_number}:{key}"
            maker.line(version, (charge_id, days[0]), quantity, price, "CHARGE")


def days_or_months(charge: Json, charged: list[date]) -> int:
    if charge["chargePeriod"] == "DAY":
        return len(charged)
    if charge["chargePeriod"] == "MONTH" and charge["measurementPeriod"] == "TARIFF_PERIOD":
        return len({(day.year, day.month) for day in charged})
    return 1
