"""Bills of the pretend SAP's pricer over given energy, for the tests of its arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sandbox.sap.plan import PlanVersions
from sandbox.sap.pricer import BillData, ChannelDay, PricedBill, price_bill
from tests.unit.sandbox.sap_plans import window

START, END = date(2026, 2, 6), date(2026, 3, 5)
D = Decimal
PEAK, OFF = [window("15:00", "20:59")], [window("21:00", "14:59")]


def days_between(start: date, end: date) -> list[date]:
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


def level(start: date, end: date, half_hour_kwh: str = "0.5") -> list[ChannelDay]:
    """The same energy in every half hour: 24 kWh a day by default."""
    return [ChannelDay(day, 30, [D(half_hour_kwh)] * 48) for day in days_between(start, end)]


def only(start: date, end: date, energy: Mapping[tuple[date, int], str]) -> list[ChannelDay]:
    """No energy but in the named half hours (0 is 00:00 to 00:30 market time)."""
    return [ChannelDay(day, 30, [D(energy.get((day, n), "0")) for n in range(48)]) for day in days_between(start, end)]


def bill(
    answer: dict[str, Any],
    energy: list[ChannelDay] | Mapping[str, list[ChannelDay]] | None = None,
    jurisdiction: str = "QLD",
    **more: Any,
) -> PricedBill:
    channels = energy if isinstance(energy, Mapping) else {"E1": energy or level(START, END)}
    days = sorted(one.market_date for one in next(iter(channels.values())))
    usage = {"E": "GENERAL", "1": "GENERAL", "B": "GENERATION"}
    versions = PlanVersions([answer])
    values: dict[str, Any] = {
        "jurisdiction": jurisdiction,
        "start": days[0],
        "end": days[-1],
        "is_gst_registered": False,
        "usage_types": {s: "CONTROLLED_LOAD" if s == "E2" else usage[s[0]] for s in channels},
        "energy": channels,
        "plan_on": lambda day: versions,
    }
    return price_bill(BillData(**(values | more)))


def quantities(priced: PricedBill, kind: str = "USAGE") -> dict[str, Fraction]:
    return {line.name: line.quantity for line in priced.lines if line.kind == kind}


def amounts(priced: PricedBill, kind: str) -> list[Decimal]:
    return [line.amount for line in priced.lines if line.kind == kind]
