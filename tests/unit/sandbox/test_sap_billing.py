"""The pretend SAP's billing run over HTTP: which contracts it bills, what it publishes, and disturbing commands."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests

from tests.unit.sandbox.conftest import World
from tests.unit.sandbox.sap_plans import flat, plan, single_feed_in
from tests.unit.sandbox.sap_world import DAY, START, contract, device, reading
from tests.unit.sandbox.test_sap_gateway import code_of


def write_plan(folder: Path, answer: Mapping[str, Any]) -> None:
    (folder / "plans").mkdir(exist_ok=True)
    (folder / "plans" / "PLAN1.json").write_text(json.dumps(answer))


def write_truth(folder: Path, contracts: int = 3) -> None:
    """24 kWh a day taken and 4.8 kWh a day exported by every contract, 28 days."""
    rows = [
        {
            "nmi": f"4103{n:06d}",
            "nmi_suffix": suffix,
            "market_date": date.fromisoformat(START) + timedelta(days=offset),
            "interval_length_minutes": 30,
            "values": ",".join([value] * 48),
        }
        for n in range(1, contracts + 1)
        for suffix, value in (("E1", "0.500"), ("B1", "0.100"))
        for offset in range(28)
    ]
    (folder / "truth").mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "truth" / "intervals.parquet")


@pytest.fixture
def billing(sap: World) -> World:
    write_plan(sap.folder, plan(flat("0.30"), solarFeedInTariff=[single_feed_in("0.05")]))
    write_truth(sap.folder)
    sap.client.logon()
    return sap


def load(world: World, number: int, value: str = "1672.0", **more: Any) -> requests.Response:
    child = reading(number, "002", "1134.4", **more)
    return world.client.post(reading(number, value=value, DependentMeterReadingResults=[child], **more))


def billed(world: World, number: int) -> list[dict[str, Any]]:
    return world.client.results(f"Contracts('{contract(number)}')/ContractConsumptionValues")


def statuses(world: World) -> set[str]:
    return {r["MeterReadingStatusID"] for r in world.client.results("MeterReadingResults")}


def test_billing_publishes_quantity_amount_and_invoice(billing: World) -> None:
    load(billing, 1)
    assert billing.client.control("bill", {"day": DAY}).json() == {"billed": 1, "not_billed": 0}
    (value,) = billed(billing, 1)
    assert value["ConsumptionValue"] == "672.00000000000000"
    # 28 x 1.00 + 672 x 0.30 = 229.60, GST 22.96, feed-in 134.4 x 0.05 = 6.72: 245.84.
    assert Decimal(value["BilledAmount"]) == Decimal("245.84")
    assert (value["BillingPeriodYear"], value["BillingPeriodMonth"]) == ("2026", "03")
    # 2026-02-06 and 2026-03-05 at 00:00, as if UTC.
    assert (value["StartDate"], value["EndDate"]) == ("/Date(1770336000000)/", "/Date(1772668800000)/")
    (invoice,) = billing.client.results("Invoices", **{"$filter": "InvoiceDate ge datetime'2026-03-01T00:00:00'"})
    assert Decimal(invoice["AmountDue"]) == Decimal("245.84")
    assert statuses(billing) == {"7"}


def test_consumption_values_are_found_by_period(billing: World) -> None:
    load(billing, 1)
    billing.client.control("bill")
    condition = f"ContractID eq '{contract(1)}' and StartDate eq datetime'{START}T00:00:00'"
    (by_filter,) = billing.client.results("ContractConsumptionValues", **{"$filter": condition})
    key = f"ContractID='{contract(1)}',ConsumptionPeriodTypeID='02',StartDate=datetime'{START}T00:00:00'"
    assert billing.client.get(f"ContractConsumptionValues({key})").json()["d"] == by_filter


def test_quantity_counts_the_multiplier_and_no_generation(billing: World) -> None:
    with billing.store.writing() as db:
        db.execute("update registers set multiplier = '40'")
    load(billing, 1, value="1016.8")
    billing.client.control("bill")
    # 16.8 x 40
    assert billed(billing, 1)[0]["ConsumptionValue"] == "672.00000000000000"


def test_billing_twice_publishes_once(billing: World) -> None:
    load(billing, 1)
    billing.client.control("bill")
    assert billing.client.control("bill").json() == {"billed": 0, "not_billed": 0}
    assert len(billed(billing, 1)) == 1


def test_contract_with_a_register_missing_is_not_billed(billing: World) -> None:
    billing.client.post(reading(1, value="1672.0"))
    assert billing.client.control("bill").json()["billed"] == 0
    assert billed(billing, 1) == []
    assert statuses(billing) == {"1"}


def test_contract_with_a_locked_reading_is_not_billed(billing: World) -> None:
    load(billing, 1, value="7721.0")
    assert billing.client.control("bill").json()["billed"] == 0
    assert billed(billing, 1) == []


def test_readings_with_saps_default_reason_leave_the_contract_unbilled(billing: World) -> None:
    load(billing, 1, MeterReadingReasonID="")
    assert billing.client.control("bill").json()["billed"] == 0


def test_another_days_orders_are_left_alone(billing: World) -> None:
    load(billing, 1)
    assert billing.client.control("bill", {"day": "2026-03-04"}).json()["billed"] == 0
    assert billing.client.control("bill", {"day": DAY}).json()["billed"] == 1


def test_plan_that_cannot_be_priced_leaves_the_contract_unbilled_with_the_reason(billing: World) -> None:
    write_plan(billing.folder, plan(flat(demandCharges=[{"amount": "1"}])))
    load(billing, 1)
    assert billing.client.control("bill").json() == {"billed": 0, "not_billed": 1}
    assert billed(billing, 1) == []
    state = requests.get(f"{billing.client.url}/control/sap/state", timeout=5).json()
    assert [row["reason"] for row in state["not_billed"]] == ["demandCharges"]
    write_plan(billing.folder, plan(flat()))
    assert billing.client.control("bill").json() == {"billed": 1, "not_billed": 0}
    assert requests.get(f"{billing.client.url}/control/sap/state", timeout=5).json()["not_billed"] == []


def test_bill_is_changed_as_the_list_of_differing_bills_says(billing: World) -> None:
    entries = [
        {"contract_id": contract(1), "period_end_date": DAY, "measure": "amount", "change": "-7.35"},
        {"contract_id": contract(2), "period_end_date": DAY, "measure": "kwh", "change": "6.5"},
    ]
    (billing.folder / "truth" / "differing_bills.json").write_text(json.dumps(entries))
    for number in (1, 2, 3):
        load(billing, number)
    assert billing.client.control("bill").json()["billed"] == 3
    found = [billed(billing, number)[0] for number in (1, 2, 3)]
    assert [Decimal(v["BilledAmount"]) for v in found] == [Decimal("238.49"), Decimal("245.84"), Decimal("245.84")]
    assert [Decimal(v["ConsumptionValue"]) for v in found] == [Decimal("672"), Decimal("678.5"), Decimal("672")]


def test_estimated_reading_marks_the_billed_value_as_estimated(billing: World) -> None:
    load(billing, 1, MeterReadingCategoryID="03")
    billing.client.control("bill")
    assert billed(billing, 1)[0]["MeterReadingCategoryID"] == "03"


def test_billing_clock_bills_by_itself_until_stopped(billing: World) -> None:
    load(billing, 1)
    billing.client.control("billing-clock", {"seconds": "0.05"})
    deadline = time.monotonic() + 10
    while not billed(billing, 1) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(billed(billing, 1)) == 1
    billing.client.control("billing-clock", {"seconds": 0})
    load(billing, 2)
    time.sleep(0.2)
    assert billed(billing, 2) == []


# --- commands


def test_latency_delays_each_request_until_reset(sap: World) -> None:
    sap.client.control("latency", {"ms": 120})
    began = time.monotonic()
    sap.client.get("Devices")
    assert time.monotonic() - began >= 0.12
    sap.client.control("latency", {"ms": 0})
    assert sap.gateway.settings.latency_seconds == 0


def test_expired_sessions_need_a_new_token(sap: World) -> None:
    sap.client.logon()
    sap.client.control("sap/expire-sessions")
    assert sap.client.post(reading(1)).status_code == 403
    assert sap.client.logon().post(reading(1)).status_code == 201


def test_refuse_command_refuses_that_many_times(sap: World) -> None:
    sap.client.logon()
    sap.client.control("sap/refuse", {"device_id": device(1), "register_id": "001", "times": 2})
    assert [code_of(sap.client.post(reading(1))) for _ in range(2)] == ["EL/999", "EL/999"]
    assert sap.client.post(reading(1)).status_code == 201


def test_cancel_order_command_refuses_the_reading_and_the_bill(billing: World) -> None:
    assert billing.client.control("sap/cancel-order", {"order_id": "O1002"}).json() == {"cancelled": 1}
    assert code_of(load(billing, 1)) == "EL/905"
    assert billing.client.post(reading(1, value="1672.0")).status_code == 201
    assert billing.client.control("bill").json()["billed"] == 0


def test_limit_command_moves_what_is_implausible(sap: World) -> None:
    sap.client.control("sap/limit", {"device_id": device(1), "register_id": "001", "limit_per_day": "3"})
    # 28 days x 3 kWh = 84 < 100
    created = sap.client.logon().post(reading(1, value="1100.0")).json()["d"]
    assert created["MeterReadingStatusID"] == "2"


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        ("latency", {"ms": "fast"}),
        ("latency", {"ms": -1}),
        ("billing-clock", {}),
        ("sap/limit", {"limit_per_day": "x"}),
    ],
)
def test_command_with_a_wrong_value_is_refused(sap: World, path: str, payload: dict[str, Any]) -> None:
    answer = sap.client.control(path, payload)
    assert answer.status_code == 400
    assert "error" in answer.json()
