"""The same bills priced row by row with pandas, as such pipelines are often written: what the SQL is compared with."""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pandas as pd

CENT = Decimal("0.01")
PEAK, FREE, OFF_PEAK = 1, 2, 3
Lines = dict[tuple[str, str], Decimal]


@dataclass(frozen=True)
class PlanPrices:
    """The numbers of a plan, as text."""

    supply: str
    peak: str
    free_volume: str
    free_after: str
    step_volume: str
    step_price: str
    rest_price: str
    demand: str


def price_bills(
    due: pd.DataFrame, energy: pd.DataFrame, demand: pd.DataFrame, plans: Mapping[str, PlanPrices]
) -> Lines:
    """Price the bills that are due from their daily determinants; amounts by contract and charge."""
    energy_of = dict(iter(energy.groupby("contract_id", sort=False)))
    demand_of = dict(iter(demand.groupby("contract_id", sort=False)))
    lines: Lines = {}
    for bill in due.itertuples(index=False):
        contract = str(bill.contract_id)
        first, last = _day(bill.period_start_date), _day(bill.period_end_date)
        days = energy_of[contract]
        prices = plans[str(days["plan_id"].iloc[0])]
        charges = {"SUPPLY": _cents(Decimal((last - first).days + 1) * Decimal(prices.supply))}
        charges |= _energy_charges(days, prices, (last - first).days + 1)
        charges |= _demand_charges(demand_of[contract], Decimal(prices.demand), first, last)
        lines |= {(contract, charge): amount for charge, amount in charges.items()}
    return lines


def _energy_charges(days: pd.DataFrame, prices: PlanPrices, day_count: int) -> dict[str, Decimal]:
    by_day: dict[tuple[int, object], Decimal] = defaultdict(Decimal)
    for row in days.itertuples(index=False):
        by_day[int(row.rate_number), row.local_date] += _exact(row.energy_kwh)
    totals = {PEAK: Decimal(0), OFF_PEAK: Decimal(0)}
    free = after = Decimal(0)
    for (rate, _), energy in by_day.items():
        if rate == FREE:
            free += min(energy, Decimal(prices.free_volume))
            after += max(energy - Decimal(prices.free_volume), Decimal(0))
        else:
            totals[rate] += energy
    limit = (Decimal(prices.step_volume) * day_count * 12 / 365).quantize(Decimal(10) ** -14, ROUND_HALF_UP)
    rest = max(totals[OFF_PEAK] - limit, Decimal(0))
    charges = {
        "USAGE:PEAK:1": _cents(totals[PEAK] * Decimal(prices.peak)),
        "USAGE:SHOULDER1:1": _cents(free * 0),
        "USAGE:OFF_PEAK:1": _cents((totals[OFF_PEAK] - rest) * Decimal(prices.step_price)),
    }
    if after:
        charges["USAGE:SHOULDER1:2"] = _cents(after * Decimal(prices.free_after))
    if rest:
        charges["USAGE:OFF_PEAK:2"] = _cents(rest * Decimal(prices.rest_price))
    return charges


def _demand_charges(days: pd.DataFrame, price: Decimal, first: date, last: date) -> dict[str, Decimal]:
    greatest: dict[tuple[int, int], Decimal] = {}
    for row in days.itertuples(index=False):
        day = min(max(_day(row.local_date), first), last)
        month = (day.year, day.month)
        greatest[month] = max(greatest.get(month, Decimal(0)), _exact(row.demand_kw))
    charges = {}
    for (year, month), demand in greatest.items():
        begins = max(first, date(year, month, 1))
        ends = min(last, date(year, month, calendar.monthrange(year, month)[1]))
        charged = (ends - begins).days + 1
        charges[f"DEMAND:1.1:{year}-{month:02}"] = _cents(demand * charged * price)
    return charges


def _day(moment: object) -> date:
    return pd.Timestamp(str(moment)).date()


def _exact(value: object) -> Decimal:
    """A decimal column arrives as Decimal or, from some engines, as float: the meter reads whole watt hours."""
    return value if isinstance(value, Decimal) else Decimal(str(value)).quantize(Decimal("0.001"))


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)
