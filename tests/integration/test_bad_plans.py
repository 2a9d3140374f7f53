"""Plans that contradict themselves, from the register's answer to the exception: named, held, and nobody else is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.properties.plain_pricer import Contract
from tests.properties.pricing_warehouse import Case, PricingWarehouse

FIRST, LAST = date(2026, 3, 2), date(2026, 3, 5)
EVERY_DAY = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
MODELS = ["+int_bills__price", "+int_problems__plan_stops_bill"]

Plan = dict[str, Any]


def rate(kind: str, price: str, *windows: tuple[list[str], str, str]) -> Plan:
    times = [{"days": days, "startTime": start, "endTime": end} for days, start, end in windows]
    return {"type": kind, "displayName": kind, "rates": [{"unitPrice": price}], "timeOfUse": times}


def season(*rates: Plan, start: str = "11-01", end: str | None = "03-31", supply: str = "1.10") -> Plan:
    return {"displayName": "Summer", "startDate": start, "endDate": end, "dailySupplyCharge": supply,
            "rateBlockUType": "timeOfUseRates", "timeOfUseRates": list(rates)}  # fmt: skip


WINTER = {"displayName": "Winter", "startDate": "04-01", "endDate": "10-31", "dailySupplyCharge": "1.10",
          "rateBlockUType": "singleRate",
          "singleRate": {"displayName": "All", "rates": [{"unitPrice": "0.30"}]}}  # fmt: skip
PEAK = rate("PEAK", "0.45", (EVERY_DAY, "15:00", "21:00"))
REST = rate("OFF_PEAK", "0.25", (EVERY_DAY, "21:00", "15:00"))
LONG_REST = rate("OFF_PEAK", "0.25", (EVERY_DAY, "20:00", "15:00"))
SHORT_REST = rate("OFF_PEAK", "0.25", (EVERY_DAY, "21:30", "15:00"))
ODD_DAYS = rate("OFF_PEAK", "0.25", ([*EVERY_DAY, "HOLIDAYS"], "21:00", "15:00"))

PLANS: Mapping[str, tuple[list[Plan], str | None]] = {
    "SOUND": ([season(PEAK, REST), WINTER], None),
    "OVERLAP": (
        [season(PEAK, LONG_REST), WINTER],
        (
            "plan OVERLAP, timeOfUse: tariff period 1 'Summer' (11-01 to 03-31): "
            "MON-SUN 20:00-21:00 lies in PEAK and OFF_PEAK"
        ),
    ),
    # The bill's own season is sound: what is wrong in another one still holds everybody on the plan.
    "OTHERSEASON": (
        [WINTER | {"startDate": "11-01", "endDate": "03-31"}, season(PEAK, LONG_REST, start="04-01", end="10-31")],
        (
            "plan OTHERSEASON, timeOfUse: tariff period 2 'Summer' (04-01 to 10-31): "
            "MON-SUN 20:00-21:00 lies in PEAK and OFF_PEAK"
        ),
    ),
    "UNCOVERED": (
        [season(PEAK, SHORT_REST), WINTER],
        "plan UNCOVERED, timeOfUse: tariff period 1 'Summer' (11-01 to 03-31): MON-SUN 21:00-21:30 lies in no rate",
    ),
    "NEGATIVE": (
        [season(rate("PEAK", "-0.45", (EVERY_DAY, "15:00", "21:00")), REST), WINTER],
        "plan NEGATIVE, rates: tariff period 1 'Summer' (11-01 to 03-31), PEAK: the price -0.45 is negative",
    ),
    "ABSURD": (
        [season(PEAK, rate("OFF_PEAK", "25", (EVERY_DAY, "21:00", "15:00"))), WINTER],
        (
            "plan ABSURD, prices: the prices are neither dollars nor cents beyond doubt, or absurd: "
            "tariff period 1 'Summer' (11-01 to 03-31), OFF_PEAK, costs 25 a kWh beside a supply charge of 1.10 a day"
        ),
    ),
    "NOEND": (
        [season(PEAK, REST, end=None), WINTER],
        (
            "plan NOEND, tariffPeriod: tariff period 1 'Summer' (11-01 to ?): "
            "it runs from 11-01 to nothing, which is no season"
        ),
    ),
    "TWOSEASONS": (
        [season(PEAK, REST, end="04-01"), WINTER],
        (
            "plan TWOSEASONS, tariffPeriod: tariff period 1 'Summer' (11-01 to 04-01) and "
            "tariff period 2 'Winter' (04-01 to 10-31) both hold on 04-01"
        ),
    ),
    "UNKNOWNDAY": (
        [season(PEAK, ODD_DAYS), WINTER],
        (
            "plan UNKNOWNDAY, electricityContract.tariffPeriod[0].timeOfUseRates[1].timeOfUse[0].days: "
            "the field or value "
            'electricityContract.tariffPeriod[0].timeOfUseRates[1].timeOfUse[0].days = "HOLIDAYS" has no rule'
        ),
    ),
    "SILENT": (
        [season(PEAK, REST), WINTER],
        (
            "plan SILENT, version: the content seen on 2020-01-01 is new, "
            "but neither effectiveFrom nor lastUpdated is; "
            "tariff period 1 'Summer' (11-01 to 03-31), PEAK step 1 went from "
        ),
    ),
}


def answer(plan_id: str, periods: list[Plan]) -> Plan:
    contract = {"pricingModel": "TIME_OF_USE", "timeZone": "LOCAL", "isFixed": False, "paymentOption": [],
                "tariffPeriod": periods}  # fmt: skip
    return {"planId": plan_id, "effectiveFrom": "2025-07-01T00:00:00Z", "lastUpdated": "2025-07-01T00:00:00Z",
            "customerType": "RESIDENTIAL", "electricityContract": contract}  # fmt: skip


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> PricingWarehouse:
    """One contract on each plan; the silent plan was answered twice with different prices and the same dates."""
    days = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
    warehouse = PricingWarehouse(tmp_path_factory.mktemp("bad_plans"))
    cases = [
        Case(
            f"{number:010}",
            Contract("QLD", FIRST, LAST, [(plan_id, FIRST - timedelta(days=30))], {"E1": "GENERAL"},
                     {"E1": {day: [Decimal("0.5")] * 48 for day in days}}),
            {plan_id: [answer(plan_id, periods)]},
        )
        for number, (plan_id, (periods, _)) in enumerate(PLANS.items(), 1)
    ]  # fmt: skip
    dearer = season(rate("PEAK", "0.55", (EVERY_DAY, "15:00", "21:00")), REST)
    warehouse._add_plan("SILENT", answer("SILENT", [dearer, WINTER]))
    warehouse.load(cases)
    warehouse.run(FIRST, LAST, MODELS)
    return warehouse


def test_plan_that_contradicts_itself_is_named_with_period_and_minutes_and_its_contract_is_not_billed(
    priced: PricingWarehouse,
) -> None:
    rows = priced.fetch("select plan_id, not_priceable_reason, total_ex_gst_aud from intermediate.int_bills__price")
    assert {row["plan_id"] for row in rows} == set(PLANS)
    for row in rows:
        expected = PLANS[row["plan_id"]][1]
        reason = row["not_priceable_reason"]
        assert (reason is None) if expected is None else reason.startswith(expected), (reason, expected)
        assert (row["total_ex_gst_aud"] is None) == (expected is not None)


def test_sound_plan_beside_the_bad_ones_is_billed_to_the_cent(priced: PricingWarehouse) -> None:
    (row,) = priced.fetch("select total_ex_gst_aud from intermediate.int_bills__price where plan_id = 'SOUND'")
    # Four days: supply 4 x 1.10, peak 4 x 12 x 0.5 kWh x 0.45, the other 36 half hours x 0.5 kWh x 0.25 each day.
    assert row["total_ex_gst_aud"] == Decimal("4.40") + Decimal("10.80") + Decimal("18.00")


def test_every_contract_on_a_bad_plan_goes_to_the_queue_and_no_other(priced: PricingWarehouse) -> None:
    rows = priced.fetch("select contract_id, rule_code from intermediate.int_problems__plan_stops_bill")
    found = {row["contract_id"]: row["rule_code"] for row in rows}
    expected = {
        f"{number:010}": "PLAN_FIELD_UNKNOWN" if plan_id == "UNKNOWNDAY" else "PLAN_NOT_PRICEABLE"
        for number, plan_id in enumerate(PLANS, 1)
        if plan_id != "SOUND"
    }
    assert found == expected
