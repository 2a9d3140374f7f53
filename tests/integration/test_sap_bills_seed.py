"""The pretend SAP over a whole generated seed: every closing contract is billed but those planted as not priceable."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from sandbox.generate import seed_sandbox
from sandbox.generate_orders import Spec
from sandbox.sap.billing import Biller
from sandbox.sap.readings import Refusals, create
from sandbox.sap.store import SapStore, load_from_retailer


def load_every_order(store: SapStore) -> None:
    """Answer each order with a reading a little above the previous one; the amount does not hang on it."""
    orders = store.rows(
        "select o.*, r.decimal_places, r.integer_places from orders o join registers r using (device_id, register_id)"
    )
    with store.writing() as connection:
        for order in orders:
            unit = Decimal(1).scaleb(-order["decimal_places"])
            value = (Decimal(order["previous_reading"]) + unit) % (10 ** order["integer_places"])
            payload = {
                "DeviceID": order["device_id"],
                "RegisterID": order["register_id"],
                "ReadingResult": f"{value:f}",
                "ReadingDateTime": f"{order['scheduled_read_date']}T00:00:00",
                "MeterReadingReasonID": order["meter_reading_reason"],
                "MeterReadingCategoryID": "01",
            }
            create(connection, payload, Refusals())


def test_billing_run_over_a_seed_bills_all_but_the_planted_plans(tmp_path: Path) -> None:
    spec = Spec()
    seed_sandbox(tmp_path, spec)
    load_from_retailer(tmp_path / "retailer.db", tmp_path / "sap.db")
    store = SapStore(tmp_path / "sap.db")
    load_every_order(store)
    run = Biller(store, tmp_path).bill(spec.day.isoformat())
    planted = json.loads((tmp_path / "truth" / "planted.json").read_text(encoding="utf-8"))
    stops = {"PLAN_NOT_PRICEABLE", "PLAN_UNKNOWN", "ORDER_WITHOUT_CONTRACT"}
    # A register that went backwards stops our bill, not SAP's, which is given a reading like any other here.
    backwards = {plant["contract_id"] for plant in planted if plant["rule_code"] == "REGISTER_BACKWARDS"}
    expected = {plant["contract_id"] for plant in planted if plant["rule_code"] in stops} - backwards
    left = {row["contract_id"] for row in store.rows("select contract_id from not_billed")}
    assert left == expected
    assert run.not_billed == len(expected)
    assert run.billed >= 60
    differing = json.loads((tmp_path / "truth" / "differing_bills.json").read_text(encoding="utf-8"))
    billed = {row["contract_id"] for row in store.rows("select contract_id from consumption_values")}
    assert len(differing) == 10
    assert {entry["contract_id"] for entry in differing} <= billed
    store.close()
