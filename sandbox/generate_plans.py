"""The plan catalogue: which plans the pretend retailer sells and which of them suits a service point.

Prices here are the invented retailer's; the shapes are those met in the public register. What stays out: how a
plan answer is put together (``generate_plan_parts``) and the rarer constructs (``generate_plan_specials``).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from sandbox.generate_plan_parts import (
    EVERY_DAY,
    Json,
    Rate,
    controlled_load,
    feed_in,
    plan_answer,
    rate_block,
    single_period,
    tou_period,
    window,
)
from sandbox.generate_plan_specials import WORDS_DEMAND_PLAN, special_plans

__all__ = ["UNKNOWN_PLAN_ID", "WORDS_DEMAND_PLAN", "CataloguePlan", "catalogue", "choose_plan"]

UNKNOWN_PLAN_ID = "BNK999999MRE1@EME"
_WORKDAYS = ["MON", "TUE", "WED", "THU", "FRI"]
_DISTRIBUTORS = {
    "NSW": ["Ausgrid", "Endeavour", "Essential Energy"],
    "VIC": ["Powercor", "CitiPower", "AusNet Services (electricity)", "Jemena", "United Energy"],
    "QLD": ["Energex", "Ergon Energy"],
    "SA": ["SA Power Networks"],
    "WA": ["Western Power"],
    "TAS": ["TasNetworks"],
    "ACT": ["Evoenergy"],
    "NT": ["Power and Water"],
}
_NUMBERS = {name: number for number, name in enumerate(_DISTRIBUTORS, start=1)}
_CLOCKS: dict[str, str | None] = {"QLD": "AEST", "TAS": "AEST", "NT": None}
# The two registers that still answer in the 2024 form: cents, and dailySupplyCharges.
_IN_CENTS = frozenset({"TAS", "ACT"})
# Supply a day, single rate, peak, off-peak, shoulder, controlled load, feed-in: dollars ex GST.
_PRICES = {
    "NSW": ("1.0245", "0.3118", "0.5426", "0.2267", "0.2891", "0.1834", "0.05"),
    "VIC": ("1.1966", "0.2487", "0.3684", "0.2234", "0.2601", "0.1922", "0.0333"),
    "QLD": ("1.2273", "0.2914", "0.4217", "0.2166", "0.2588", "0.1691", "0.08"),
    "SA": ("1.1700", "0.3955", "0.4861", "0.2719", "0.2222", "0.2133", "0.04"),
    "WA": ("1.0512", "0.2935", "0.5011", "0.2177", "0.3012", "0.1488", "0.025"),
    "TAS": ("1.1046", "0.26952", "0.3377", "0.15724", "0.2244", "0.18106", "0.08935"),
    "ACT": ("1.4832", "0.2545", "0.3812", "0.1918", "0.2405", "0.1544", "0.0700"),
    "NT": ("0.5604", ".2815", ".3277", ".2402", ".2600", ".1955", ".0933"),
}
# volume of the first step and its period; None leaves the period out, which means a year.
_STEPS: dict[str, tuple[str, str | None]] = {
    "NSW": ("10.9589", "P1D"),
    "VIC": ("340.06", "P1M"),
    "QLD": ("4000", None),
    "SA": ("1020", "P3M"),
    "WA": ("11.178", "P1D"),
    "TAS": ("500", "P1M"),
    "ACT": ("5000", "P1Y"),
    "NT": ("13.5", "P1D"),
}


@dataclass(frozen=True)
class CataloguePlan:
    """A plan on sale.

    Attributes:
        plan_id: as the register names it.
        kind: FLAT, STEPPED, TOU2 or TOU3 by its bands; SPECIAL for what only named contracts take.
        jurisdiction: where it is sold.
        is_business: for whom.
        has_controlled_load: whether it prices a second, controlled channel.
        answer: the register's detail answer (the ``data`` object).
    """

    plan_id: str
    kind: str
    jurisdiction: str
    is_business: bool
    has_controlled_load: bool
    answer: Json


@cache
def catalogue() -> tuple[CataloguePlan, ...]:
    """Build every plan on sale; the same on each call."""
    plans = []
    for jurisdiction in _DISTRIBUTORS:
        for has_cl in (False, True):
            plans += [_plan(jurisdiction, kind, has_cl=has_cl) for kind in ("FLAT", "STEPPED", "TOU")]
        plans += [_plan(jurisdiction, kind, is_business=True) for kind in ("FLAT", "TOU")]
    specials = [
        CataloguePlan(
            str(answer["planId"]),
            "SPECIAL",
            "",
            answer["customerType"] == "BUSINESS",
            has_controlled_load=False,
            answer=answer,
        )
        for answer in special_plans()
    ]
    return (*plans, *specials)


def choose_plan(rng: random.Random, jurisdiction: str, kind: str, *, is_business: bool, has_cl: bool) -> CataloguePlan:
    """Pick a plan of a kind (FLAT, STEPPED, TOU) that suits a service point."""
    fitting = [
        plan
        for plan in catalogue()
        if plan.jurisdiction == jurisdiction
        and plan.is_business == is_business
        and plan.has_controlled_load == has_cl
        and plan.kind.startswith(kind)
    ]
    return rng.choice(fitting)


def _plan(jurisdiction: str, kind: str, *, has_cl: bool = False, is_business: bool = False) -> CataloguePlan:
    prices = [_price(text, is_business=is_business) for text in _PRICES[jurisdiction]]
    in_cents = jurisdiction in _IN_CENTS
    money = [_in_cents(text) if in_cents else text for text in prices]
    periods, bands = _tariff_periods(jurisdiction, kind, money, in_cents=in_cents)
    number = _NUMBERS[jurisdiction] * 100 + {"FLAT": 10, "STEPPED": 20, "TOU": 30}[kind]
    number += (1 if has_cl else 0) + (5 if is_business else 0)
    is_vec = jurisdiction == "VIC"
    plan_id = f"WTL{number:06d}MR@VEC" if is_vec else f"BNK{number:06d}{'S' if is_business else 'M'}RE1@EME"
    answer = plan_answer(
        plan_id=plan_id,
        name=f"{'Business' if is_business else 'Home'} {_TITLES[kind]}{_CL_TITLE if has_cl else ''} {jurisdiction}",
        brand="Wattle Power" if is_vec else "Banksia Energy",
        customer_type="BUSINESS" if is_business else "RESIDENTIAL",
        distributors=_DISTRIBUTORS[jurisdiction],
        time_zone=_CLOCKS.get(jurisdiction, "LOCAL"),
        periods=periods,
        controlled_loads=[_controlled_load(jurisdiction, money[5], in_cents=in_cents)] if has_cl else [],
        feed_ins=[feed_in(money[6], measure_unit=None if is_vec else "KWH")],
    )
    return CataloguePlan(plan_id, bands, jurisdiction, is_business, has_cl, answer)


_CL_TITLE = " + Controlled Load"
_TITLES = {"FLAT": "Anytime", "STEPPED": "Saver Block", "TOU": "Time of Use"}


def _tariff_periods(jurisdiction: str, kind: str, money: list[str], *, in_cents: bool) -> tuple[list[Json], str]:
    supply, single = money[0], money[1]
    if kind == "FLAT" and jurisdiction == "SA":
        summer = single_period(supply, rate_block([(single, None)]), "12-01", "02-28", in_cents=in_cents)
        rest = single_period(supply, rate_block([(money[4], None)]), "03-01", "11-30", in_cents=in_cents)
        return [summer, rest], "FLAT"
    if kind == "FLAT":
        return [single_period(supply, rate_block([(single, None)], "P1D"), in_cents=in_cents)], "FLAT"
    if kind == "STEPPED":
        volume, period = _STEPS[jurisdiction]
        block = rate_block([(single, volume), (money[2], None)], period)
        return [single_period(supply, block, in_cents=in_cents)], "STEPPED"
    rates = _tou_rates(jurisdiction, money)
    if jurisdiction == "NSW":
        mild = [Rate(rate.band, money[3], rate.windows) for rate in rates]
        return [
            tou_period(supply, rates, "11-01", "03-31", in_cents=in_cents),
            tou_period(supply, mild, "04-01", "10-31", in_cents=in_cents),
        ], "TOU2"
    return [tou_period(supply, rates, in_cents=in_cents)], f"TOU{len(rates)}"


def _tou_rates(jurisdiction: str, money: list[str]) -> list[Rate]:
    """The windows of each jurisdiction, in the notations that the register really serves."""
    windows: dict[str, tuple[list[Json], ...]] = {
        "NSW": ([window("15:00", "20:59")], [window("21:00", "14:59")]),
        "VIC": ([window("15:00", "21:00")], [window("21:00", "00:00"), window("00:00", "15:00")]),
        "QLD": ([window("1600", "2059")], [window("2200", "0659")], [window("0700", "1559"), window("2100", "2159")]),
        "SA": (
            [window("06:00", "09:59"), window("16:00", "23:59")],
            [window("00:00", "05:59")],
            [window("10:00", "15:59")],
        ),
        "WA": (
            [window("15:00", "20:59", ["BUSINESS_DAYS"])],
            [
                window("00:00", "14:59", ["BUSINESS_DAYS"]),
                window("21:00", "23:59", ["BUSINESS_DAYS"]),
                window("00:00", "23:59", ["SAT", "SUN", "PUBLIC_HOLIDAYS"]),
            ],
        ),
        "TAS": (
            [window("07:00", "09:59", _WORKDAYS), window("16:00", "20:59", _WORKDAYS)],
            [
                window("00:00", "06:59", _WORKDAYS),
                window("10:00", "15:59", _WORKDAYS),
                window("21:00", "23:59", _WORKDAYS),
                window("00:00", "23:59", ["SAT", "SUN"]),
            ],
        ),
        "ACT": ([window("700", "859"), window("1700", "1959")], [window("2000", "659")], [window("900", "1659")]),
        "NT": ([window("06:00", "17:59", EVERY_DAY)], [window("18:00", "05:59")]),
    }
    bands = ("PEAK", "OFF_PEAK", "SHOULDER")
    return [Rate(bands[n], money[2 + n], tuple(entries)) for n, entries in enumerate(windows[jurisdiction])]


def _controlled_load(jurisdiction: str, price: str, *, in_cents: bool) -> Json:
    """Controlled load with a supply charge of its own, except in Victoria, where there is none."""
    if jurisdiction == "VIC":
        return controlled_load(price, None)
    return controlled_load(price, "5.12" if in_cents else "0.0512")


def _price(text: str, *, is_business: bool) -> str:
    return str(Decimal(text) + Decimal("0.0105")) if is_business else text


def _in_cents(text: str) -> str:
    return format((Decimal(text) * 100).normalize(), "f")
