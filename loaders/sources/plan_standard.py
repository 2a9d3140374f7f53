"""What the Consumer Data Standards name in the priced parts of a plan, and what a plan says beyond it.

What belongs here: the fields and values that the flattening carries or may ignore, of the present standard and of the
register as it was in 2024. What stays out: flattening (``plan_flattening.py``) and pricing (dbt).

A field or value not listed here may change the price: it becomes a row of ``raw.plan_unknown_fields``, and the plan
waits for a person. So does a price under an older name beside another price under the present one: which of them
holds, nothing says. ``generalUnitPrice`` (QUOTA plans) is in the standard but not carried, so it is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from loaders.sources.exact_json import Json, JsonObject, canonical

_MAX_VALUE = 500

_DAYS = {"MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN", "PUBLIC_HOLIDAYS", "BUSINESS_DAYS"}
_BANDS = {"PEAK", "OFF_PEAK", "SHOULDER", "SHOULDER1", "SHOULDER2", "SOLAR_SPONGE"}
_CLOCKS = {"LOCAL", "AEST"}
_MEASURES = {"KWH", "KVA", "KVAR", "KVARH", "KW", "DAYS", "METER", "MONTH"}
_PERIODS = {"DAY", "MONTH", "TARIFF_PERIOD"}
_SUPPLY = "dailySupplyCharge dailySupplyCharges"

_FIELDS: dict[str, str] = {
    "electricityContract": "additionalFeeInformation pricingModel timeZone isFixed variation onExpiryDescription "
    "paymentOption intrinsicGreenPower controlledLoad incentives discounts greenPowerCharges eligibility fees "
    "solarFeedInTariff tariffPeriod termType benefitPeriod terms meterTypes coolingOffDays billFrequency",
    "tariffPeriod": f"type displayName startDate endDate dailySupplyChargeType {_SUPPLY} bandedDailySupplyCharges "
    "timeZone rateBlockUType singleRate timeOfUseRates demandCharges",
    "singleRate": f"displayName description rates period {_SUPPLY}",
    "timeOfUseRates": f"displayName description rates period timeOfUse type {_SUPPLY}",
    "rates": "unitPrice measureUnit volume",
    "timeOfUse": "days startTime endTime additionalInfo additionalInfoUri",
    "demandCharges": "displayName description amount measureUnit startTime endTime days minDemand maxDemand "
    "measurementPeriod chargePeriod",
    "bandedDailySupplyCharges": "unitPrice measureUnit volume",
    "controlledLoad": "displayName rateBlockUType startDate endDate singleRate timeOfUseRates",
    "solarFeedInTariff": "displayName description startDate endDate scheme payerType tariffUType singleTariff "
    "timeVaryingTariffs",
    "singleTariff": "rates period amount",
    "timeVaryingTariffs": "type displayName rates period timeVariations amount",
    "timeVariations": "days startTime endTime",
    "discounts": "displayName description type category endDate methodUType percentOfBill percentOfUse fixedAmount "
    "percentOverThreshold",
    "percentOfBill": "rate",
    "percentOfUse": "rate",
    "fixedAmount": "amount",
    "percentOverThreshold": "rate usageAmount",
    "fees": "type term amount rate description",
    "greenPowerCharges": "displayName description scheme type tiers",
    "tiers": "percentGreen rate amount",
}

_VALUES: dict[tuple[str, str], set[str]] = {
    ("electricityContract", "pricingModel"): {
        "SINGLE_RATE", "SINGLE_RATE_CONT_LOAD", "TIME_OF_USE", "TIME_OF_USE_CONT_LOAD", "FLEXIBLE",
        "FLEXIBLE_CONT_LOAD", "QUOTA",
    },
    ("electricityContract", "timeZone"): _CLOCKS,
    ("tariffPeriod", "timeZone"): _CLOCKS,
    ("tariffPeriod", "type"): {
        "ENVIRONMENTAL", "REGULATED", "NETWORK", "METERING", "RETAIL_SERVICE", "RCTI", "OTHER",
    },
    ("tariffPeriod", "dailySupplyChargeType"): {"SINGLE", "BAND"},
    ("tariffPeriod", "rateBlockUType"): {"singleRate", "timeOfUseRates", "demandCharges"},
    ("controlledLoad", "rateBlockUType"): {"singleRate", "timeOfUseRates"},
    ("timeOfUseRates", "type"): _BANDS,
    ("timeVaryingTariffs", "type"): _BANDS,
    ("timeOfUse", "days"): _DAYS,
    ("timeVariations", "days"): _DAYS,
    ("demandCharges", "days"): _DAYS,
    ("rates", "measureUnit"): _MEASURES,
    ("bandedDailySupplyCharges", "measureUnit"): _MEASURES,
    ("demandCharges", "measureUnit"): _MEASURES,
    ("demandCharges", "measurementPeriod"): _PERIODS,
    ("demandCharges", "chargePeriod"): _PERIODS,
    ("solarFeedInTariff", "scheme"): {"PREMIUM", "CURRENT", "VARIABLE", "OTHER"},
    ("solarFeedInTariff", "payerType"): {"GOVERNMENT", "RETAILER"},
    ("solarFeedInTariff", "tariffUType"): {"singleTariff", "timeVaryingTariffs"},
    ("discounts", "type"): {"CONDITIONAL", "GUARANTEED", "OTHER"},
    ("discounts", "category"): {"PAY_ON_TIME", "DIRECT_DEBIT", "GUARANTEED_DISCOUNT", "OTHER"},
    ("discounts", "methodUType"): {"percentOfBill", "percentOfUse", "fixedAmount", "percentOverThreshold"},
    ("fees", "type"): {
        "EXIT", "ESTABLISHMENT", "LATE_PAYMENT", "DISCONNECTION", "DISCONNECT_MOVE_OUT", "DISCONNECT_NON_PAY",
        "RECONNECTION", "CONNECTION", "PAYMENT_PROCESSING", "CC_PROCESSING", "CHEQUE_DISHONOUR", "DD_DISHONOUR",
        "MEMBERSHIP", "CONTRIBUTION", "PAPER_BILL", "OTHER",
    },
    ("fees", "term"): {
        "FIXED", "1_YEAR", "2_YEAR", "3_YEAR", "4_YEAR", "5_YEAR", "PERCENT_OF_BILL", "ANNUAL", "DAILY", "WEEKLY",
        "MONTHLY", "BIANNUAL", "VARIABLE",
    },
    ("greenPowerCharges", "scheme"): {"GREENPOWER", "OTHER"},
    ("greenPowerCharges", "type"): {
        "FIXED_PER_DAY", "FIXED_PER_WEEK", "FIXED_PER_MONTH", "FIXED_PER_UNIT", "PERCENT_OF_USE", "PERCENT_OF_BILL",
    },
}  # fmt: skip

_KNOWN = {part: frozenset(names.split()) for part, names in _FIELDS.items()}


def unknown_fields(contract: Json) -> list[tuple[str, str]]:
    """Return (path, value) of everything in the priced parts of a plan that the standard does not name."""
    return list(_walk(contract, "electricityContract", "electricityContract"))


def _walk(value: Json, part: str, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _walk(item, part, f"{path}[{number}]")
    elif isinstance(value, dict):
        yield from _contradictions(value, path)
        for name, member in value.items():
            place = f"{path}.{name}"
            if member in (None, "", [], {}):
                continue
            if name not in _KNOWN[part]:
                yield place, canonical(member)[:_MAX_VALUE]
            elif allowed := _VALUES.get((part, name)):
                yield from _odd_values(member, allowed, place)
            elif name in _KNOWN:
                yield from _walk(member, name, place)


def _contradictions(value: JsonObject, path: str) -> Iterator[tuple[str, str]]:
    """Yield the price under an older name that stands beside another price under the present one."""
    steps = value.get("rates")
    beside: list[tuple[str, Json]] = [("dailySupplyCharges", value.get("dailySupplyCharge") or None)]
    if isinstance(steps, list) and steps:
        first = steps[0]
        beside.append(("amount", first.get("unitPrice") if len(steps) == 1 and isinstance(first, dict) else "steps"))
    for older, present in beside:
        price = value.get(older)
        if price and present is not None and not _is_same_number(price, present):
            yield f"{path}.{older}", canonical(price)[:_MAX_VALUE]


def _is_same_number(one: Json, other: Json) -> bool:
    try:
        return Decimal(str(one)) == Decimal(str(other))
    except InvalidOperation:
        return one == other


def _odd_values(value: Json, allowed: set[str], path: str) -> Iterator[tuple[str, str]]:
    for item in value if isinstance(value, list) else [value]:
        if item not in allowed:
            yield path, canonical(item)[:_MAX_VALUE]
