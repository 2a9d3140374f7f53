"""The building blocks of a plan answer, in the shapes of the public plan register."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Json = dict[str, Any]
EVERY_DAY = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]


@dataclass(frozen=True)
class Rate:
    """A band of a time-of-use period: its type, unit price (first step) and windows."""

    band: str
    unit_price: str
    windows: tuple[Json, ...]


def window(start: str, end: str, days: list[str] | None = None) -> Json:
    """A timeOfUse entry; every day unless days are named."""
    return {"days": list(days or EVERY_DAY), "endTime": end, "startTime": start}


def rate_block(steps: list[tuple[str, str | None]], period: str | None = None) -> Json:
    """A singleRate object from (unit price, step volume) pairs; the last step has no volume."""
    rates: list[Json] = []
    for price, volume in steps:
        rate: Json = {"unitPrice": price, "measureUnit": "KWH"}
        if volume is not None:
            rate["volume"] = Decimal(volume)
        rates.append(rate)
    block: Json = {"rates": rates, "displayName": "Single Rate Block"}
    return block | ({"period": period} if period else {})


def single_period(
    supply: str, block: Json, start: str = "07-01", end: str = "06-30", *, in_cents: bool = False
) -> Json:
    """A tariffPeriod with one rate at all times."""
    return {
        "displayName": "Anytime Usage",
        "startDate": start,
        "endDate": end,
        "rateBlockUType": "singleRate",
        "singleRate": block,
        **_supply(supply, in_cents=in_cents),
    }


def tou_period(
    supply: str, rates: list[Rate], start: str = "01-01", end: str = "12-31", *, in_cents: bool = False
) -> Json:
    """A tariffPeriod with bands."""
    return {
        "displayName": "Time of Use Tariff Period",
        "startDate": start,
        "endDate": end,
        "rateBlockUType": "timeOfUseRates",
        "timeOfUseRates": [
            {
                "type": rate.band,
                "displayName": f"{rate.band.replace('_', ' ').title()} Usage",
                "rates": [{"unitPrice": rate.unit_price, "measureUnit": "KWH"}],
                "timeOfUse": list(rate.windows),
            }
            for rate in rates
        ],
        **_supply(supply, in_cents=in_cents),
    }


def _supply(amount: str, *, in_cents: bool) -> Json:
    """The 2024 register wrote cents under another name; the later one dollars, and says single or banded."""
    if in_cents:
        return {"dailySupplyCharges": amount}
    return {"dailySupplyCharge": amount, "dailySupplyChargeType": "SINGLE"}


def controlled_load(price: str, supply: str | None) -> Json:
    """A controlledLoad entry with one rate."""
    block: Json = {"rates": [{"unitPrice": price, "measureUnit": "KWH"}], "displayName": "Controlled Load"}
    if supply is not None:
        block["dailySupplyCharge"] = supply
    return {"displayName": "Controlled Load", "rateBlockUType": "singleRate", "singleRate": block}


def feed_in(
    price: str, *, measure_unit: str | None = "KWH", name: str = "Solar Feed-in", scheme: str = "OTHER"
) -> Json:
    """A solarFeedInTariff entry that pays one price at all times."""
    rate = {"unitPrice": price} | ({"measureUnit": measure_unit} if measure_unit else {})
    return {
        "displayName": name,
        "description": f"{name}, all exported energy",
        "scheme": scheme,
        "payerType": "GOVERNMENT" if scheme == "PREMIUM" else "RETAILER",
        "tariffUType": "singleTariff",
        "singleTariff": {"rates": [rate]},
    }


def plan_answer(
    *,
    plan_id: str,
    name: str,
    brand: str,
    customer_type: str,
    distributors: list[str],
    time_zone: str | None,
    periods: list[Json],
    controlled_loads: list[Json],
    feed_ins: list[Json],
    extra: Json | None = None,
) -> Json:
    """Put a detail answer together: the ``data`` object of Get Generic Plan Detail."""
    is_vec = plan_id.endswith("@VEC")
    pricing = "TIME_OF_USE" if "timeOfUseRates" in periods[0] else "SINGLE_RATE"
    contract: Json = {
        "isFixed": is_vec,
        "pricingModel": pricing + ("_CONT_LOAD" if controlled_loads else ""),
        "paymentOption": ["DIRECT_DEBIT", "BPAY"],
        "billFrequency": ["P1M"],
        "terms": "A plan of the pretend retailer; nobody sells it.",
        "tariffPeriod": periods,
        "fees": [
            {"type": "CONNECTION", "term": "FIXED", "amount": "41.34", "description": "Special meter read (inc. GST)"},
            {
                "type": "DISCONNECTION",
                "term": "FIXED",
                "amount": "84.15",
                "description": "When supply is cut (inc. GST)",
            },
        ],
        **({"timeZone": time_zone} if time_zone else {}),
        **({"controlledLoad": controlled_loads} if controlled_loads else {}),
        **({"solarFeedInTariff": feed_ins} if feed_ins else {}),
        **(extra or {}),
    }
    return {
        "planId": plan_id,
        "type": "STANDING" if is_vec else "MARKET",
        "fuelType": "ELECTRICITY",
        "brand": brand.lower().replace(" ", "-"),
        "brandName": brand,
        "displayName": name,
        "customerType": customer_type,
        "effectiveFrom": "2025-06-30T14:00:00Z" if is_vec else "2025-07-01T00:00:00.000Z",
        "lastUpdated": "2025-06-30T14:00:00Z",
        "geography": {"distributors": distributors},
        "electricityContract": contract,
    }
