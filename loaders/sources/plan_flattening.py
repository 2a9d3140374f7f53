"""One answer of the plan register, flattened into the rows of the plan tables.

What belongs here: which member of the JSON becomes which column, for the present standard and for the register as it
was in 2024. What stays out: fetching (``plans_api.py``) and every interpretation, cents or dollars included (dbt).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date

from loaders.sources.exact_json import JsonObject, as_object, canonical, objects, parse_exact, text, texts
from loaders.sources.plan_standard import unknown_fields

Row = tuple[object, ...]
_HASH_LENGTH = 32
_VERSION_MEMBERS = ("planId", "effectiveFrom", "effectiveTo", "lastUpdated", "customerType", "electricityContract")
_CONTRACT = "electricityContract"
_DISCOUNT_METHODS = ("percentOfBill", "percentOfUse", "fixedAmount", "percentOverThreshold")


@dataclass
class FlatPlan:
    """The rows of one plan version.

    Attributes:
        plan_id: the plan.
        version_hash: identifies this answer; part of every row.
        rows: rows by raw table.
    """

    plan_id: str
    version_hash: str
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: str, *values: object) -> None:
        """Add a row; plan_id and version_hash come in front."""
        self.rows.setdefault(table, []).append((self.plan_id, self.version_hash, *values))


def flatten_plan(body: bytes, plan_id: str, first_seen: date) -> FlatPlan:
    """Flatten the answer to ``GET /energy/plans/{planId}``.

    Args:
        body: the answer.
        plan_id: the plan that was asked for.
        first_seen: billing day of the run.

    Raises:
        MalformedError: the answer does not have the shape of a plan.
    """
    answer = as_object(parse_exact(body), "$")
    data = as_object(answer.get("data"), "data")
    contract = as_object(data.get(_CONTRACT), f"data.{_CONTRACT}")
    kept = {name: data[name] for name in _VERSION_MEMBERS if name in data}
    digest = hashlib.sha256(canonical({"requestedPlanId": plan_id, **kept}).encode()).hexdigest()
    plan = FlatPlan(plan_id, digest[:_HASH_LENGTH])
    plan.add(
        "plan_versions", first_seen, text(data, "effectiveFrom", "data"), text(data, "lastUpdated", "data"),
        text(data, "customerType", "data"), text(contract, "pricingModel", _CONTRACT),
        text(contract, "timeZone", _CONTRACT), text(data, "displayName", "data"), text(data, "brand", "data"),
        canonical(kept),
    )  # fmt: skip
    for number, (path, period) in enumerate(objects(contract, "tariffPeriod", _CONTRACT), 1):
        _tariff_period(plan, number, path, period)
    for number, (path, load) in enumerate(objects(contract, "controlledLoad", _CONTRACT), 1):
        names = ("displayName", "rateBlockUType", "startDate", "endDate")
        plan.add("plan_controlled_loads", number, *(text(load, name, path) for name in names))
        _rates(plan, "CONTROLLED_LOAD", number, path, load)
    for number, (path, feed_in) in enumerate(objects(contract, "solarFeedInTariff", _CONTRACT), 1):
        _feed_in(plan, number, path, feed_in)
    _simple_lists(plan, contract)
    for path, value in unknown_fields(dict(contract)):
        plan.add("plan_unknown_fields", path, value)
    return plan


def _supply(parent: JsonObject, path: str) -> str | None:
    """Return the supply charge under its present name or that of 2024."""
    return text(parent, "dailySupplyCharge", path) or text(parent, "dailySupplyCharges", path)


def _tariff_period(plan: FlatPlan, number: int, path: str, period: JsonObject) -> None:
    names = ("displayName", "startDate", "endDate", "dailySupplyChargeType")
    plan.add(
        "plan_tariff_periods", number, *(text(period, name, path) for name in names), _supply(period, path),
        text(period, "timeZone", path), text(period, "rateBlockUType", path),
    )  # fmt: skip
    for band_number, (place, band) in enumerate(objects(period, "bandedDailySupplyCharges", path), 1):
        values = (text(band, name, place) for name in ("unitPrice", "measureUnit", "volume"))
        plan.add("plan_supply_bands", number, band_number, *values)
    _rates(plan, "TARIFF_PERIOD", number, path, period)
    for demand_number, (place, demand) in enumerate(objects(period, "demandCharges", path), 1):
        first = ("displayName", "description", "amount", "measureUnit", "startTime", "endTime")
        last = ("minDemand", "maxDemand", "measurementPeriod", "chargePeriod")
        plan.add(
            "plan_demand_charges", number, demand_number, *(text(demand, name, place) for name in first),
            texts(demand, "days", place), *(text(demand, name, place) for name in last),
        )  # fmt: skip


def _rates(plan: FlatPlan, section: str, parent_number: int, path: str, parent: JsonObject) -> None:
    """Add the single rate, then the time-of-use rates; real plans may hold both."""
    number = 0
    for place, rate in objects(parent, "singleRate", path):
        number += 1
        _rate(plan, (section, parent_number, "SINGLE_RATE", number), place, rate)
    for place, rate in objects(parent, "timeOfUseRates", path):
        number += 1
        _rate(plan, (section, parent_number, "TIME_OF_USE", number), place, rate)
        _windows(plan, (section, parent_number, number), "timeOfUse", place, rate)


def _rate(plan: FlatPlan, key: tuple[str, int, str, int], path: str, rate: JsonObject) -> None:
    """Add one row per step; a rate without steps (or with the amount of an older answer) is one step."""
    about = (
        text(rate, "type", path), text(rate, "displayName", path), text(rate, "description", path),
        text(rate, "period", path), _supply(rate, path),
    )  # fmt: skip
    steps = objects(rate, "rates", path)
    if not steps:
        plan.add("plan_rates", *key, *about, 1, text(rate, "amount", path), None, None)
    for step_number, (place, step) in enumerate(steps, 1):
        prices = (text(step, name, place) for name in ("unitPrice", "measureUnit", "volume"))
        plan.add("plan_rates", *key, *about, step_number, *prices)


def _windows(plan: FlatPlan, key: tuple[str, int, int], name: str, path: str, rate: JsonObject) -> None:
    for number, (place, window) in enumerate(objects(rate, name, path), 1):
        times = (text(window, member, place) for member in ("startTime", "endTime"))
        plan.add("plan_rate_windows", *key, number, texts(window, "days", place), *times)


def _feed_in(plan: FlatPlan, number: int, path: str, feed_in: JsonObject) -> None:
    names = ("displayName", "description", "scheme", "payerType", "tariffUType", "startDate", "endDate")
    plan.add("plan_feed_ins", number, *(text(feed_in, name, path) for name in names))
    rate_number = 0
    for place, rate in objects(feed_in, "singleTariff", path):
        rate_number += 1
        _rate(plan, ("FEED_IN", number, "SINGLE_RATE", rate_number), place, rate)
    for place, rate in objects(feed_in, "timeVaryingTariffs", path):
        rate_number += 1
        _rate(plan, ("FEED_IN", number, "TIME_OF_USE", rate_number), place, rate)
        _windows(plan, ("FEED_IN", number, rate_number), "timeVariations", place, rate)


def _simple_lists(plan: FlatPlan, contract: JsonObject) -> None:
    """Add fees, discounts and green power."""
    for number, (path, fee) in enumerate(objects(contract, "fees", _CONTRACT), 1):
        names = ("type", "term", "amount", "rate", "description")
        plan.add("plan_fees", number, *(text(fee, name, path) for name in names))
    for number, (path, discount) in enumerate(objects(contract, "discounts", _CONTRACT), 1):
        names = ("displayName", "description", "type", "category", "endDate")
        method = text(discount, "methodUType", path) or next((m for m in _DISCOUNT_METHODS if m in discount), None)
        details = objects(discount, method, path) if method else []
        place, detail = details[0] if details else (path, {})
        amounts = (text(detail, name, place) for name in ("rate", "amount", "usageAmount"))
        plan.add("plan_discounts", number, *(text(discount, name, path) for name in names), method, *amounts)
    for number, (path, green) in enumerate(objects(contract, "greenPowerCharges", _CONTRACT), 1):
        about = [text(green, name, path) for name in ("displayName", "description", "scheme", "type")]
        for tier_number, (place, tier) in enumerate(objects(green, "tiers", path), 1):
            values = (text(tier, name, place) for name in ("percentGreen", "amount", "rate"))
            plan.add("plan_green_power", number, *about, tier_number, *values)
