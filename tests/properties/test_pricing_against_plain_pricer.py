"""Every cent of the SQL's bills is that of a plain pricer, over drawn plans and loads."""

from __future__ import annotations

import os
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.properties import plain_bill
from tests.properties.generated_cases import CaseDrawer
from tests.properties.plain_pricer import Bill, LineKey, NotPriceableError
from tests.properties.pricing_warehouse import Case, PricingWarehouse

CASE_COUNT = int(os.environ.get("BILLSYNC_TEST_PRICING_CASES", "500"))
SEED = int(os.environ.get("BILLSYNC_TEST_SEED", "20261123"))
MODELS = ["+int_bills__price", "+fct_shadow_bill_lines", "+fct_billing_determinants"]


def plain_bill_of(case: Case) -> Bill | None:
    """Return the oracle's bill, or None when it refuses."""
    try:
        return plain_bill.price(case.contract, case.plans)
    except NotPriceableError:
        return None


def bills_in(warehouse: PricingWarehouse) -> dict[str, dict[str, Any]]:
    return {row["contract_id"]: row for row in warehouse.fetch("select * from intermediate.int_bills__price")}


def lines_in(warehouse: PricingWarehouse) -> dict[str, dict[LineKey, dict[str, Any]]]:
    lines: dict[str, dict[LineKey, dict[str, Any]]] = defaultdict(dict)
    for row in warehouse.fetch("select * from marts.fct_shadow_bill_lines"):
        lines[row["contract_id"]][row["charge_id"], row["price_start_date"]] = row
    return lines


def differences(case: Case, bill: dict[str, Any], lines: dict[LineKey, dict[str, Any]]) -> list[str]:
    """Return what differs between the warehouse's bill and the oracle's, in words."""
    expected = plain_bill_of(case)
    if expected is None or bill["not_priceable_reason"]:
        same = expected is None and bill["not_priceable_reason"]
        return [] if same else [f"{case.contract_id}: SQL says {bill['not_priceable_reason']!r}, oracle {expected}"]
    found = []
    for key in sorted(set(expected.lines) | set(lines)):
        mine, other = expected.lines.get(key), lines.get(key)
        wanted = (mine.quantity, mine.unit_price, mine.amount, mine.gst) if mine else None
        got = tuple(
            Decimal(other[name]) for name in ("quantity", "unit_price_ex_gst_aud", "amount_ex_gst_aud", "gst_aud")
        ) if other else None  # fmt: skip
        if wanted != got:
            found.append(f"{case.contract_id} {key}: oracle {wanted}, SQL {got}")
    totals = (expected.total_ex_gst, expected.gst, expected.total_ex_gst + expected.gst)
    got_totals = (bill["total_ex_gst_aud"], bill["gst_aud"], bill["total_inc_gst_aud"])
    if totals != got_totals:
        found.append(f"{case.contract_id} totals: oracle {totals}, SQL {got_totals}")
    return found


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return CaseDrawer(Random(SEED)).cases(CASE_COUNT)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory, cases: list[Case]) -> PricingWarehouse:
    folder: Path = tmp_path_factory.mktemp("pricing")
    built = PricingWarehouse(folder)
    built.load(cases)
    first = min(case.contract.first_day for case in cases)
    built.run(first, max(case.contract.last_day for case in cases), MODELS)
    return built


def test_bills_over_drawn_plans_and_loads_equal_the_plain_pricer_to_the_cent(
    warehouse: PricingWarehouse, cases: list[Case]
) -> None:
    bills, lines = bills_in(warehouse), lines_in(warehouse)
    assert set(bills) == {case.contract_id for case in cases}
    found = [text for case in cases for text in differences(case, bills[case.contract_id], lines[case.contract_id])]
    assert not found, f"seed {SEED}: {len(found)} differences\n" + "\n".join(found[:20])


def test_drawn_cases_are_mostly_priceable_and_some_are_refused(cases: list[Case]) -> None:
    refused = sum(plain_bill_of(case) is None for case in cases)
    assert 0 < refused < len(cases) / 2


def test_drawn_cases_hold_every_kind_of_line(cases: list[Case]) -> None:
    kinds = {charge_id.split(":")[0] for case in cases if (bill := plain_bill_of(case)) for charge_id, _ in bill.lines}
    assert kinds >= {"SUPPLY", "USAGE", "CONTROLLED_LOAD", "FEED_IN", "DEMAND", "FEE", "DISCOUNT", "GREEN_POWER",
                     "CONCESSION_PERCENT", "CONCESSION_FIXED"}  # fmt: skip
