"""A day that did not come: estimated beside the bill, inside it once a person releases it, and gone when reads come.

Amounts are worked out by hand from 24 kWh a day at 0.30 and 1.00 a day, and a tenth of GST.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.revised_bills import HALF_KWH, RevisedBills, flat_case
from tests.properties.pricing_warehouse import nmi_of

FIRST, LAST, LATER = date(2026, 2, 1), date(2026, 2, 28), date(2026, 4, 9)
HELD, RELEASED = "0000000001", "0000000002"
Days = dict[str, dict[str, Any]]


def _now(bills: RevisedBills) -> dict[str, Any]:
    """The bills, the last day's usage and the estimates by contract, and the released bill's reads."""
    usage = bills.fetch(f"select * from marts.fct_daily_usage where market_date = '{LAST}'")
    names = {nmi_of(key): key for key in (HELD, RELEASED)}
    return {
        "bills": {row["contract_id"]: row for row in bills.fetch("select * from marts.fct_shadow_bills")},
        "usage": {names[row["nmi"]]: row for row in usage},
        "estimates": {names[row["nmi"]]: row for row in bills.fetch("select * from marts.fct_estimated_reads")},
        "reads": bills.fetch(
            "select bill_version, register_key, source, energy_kwh from marts.fct_bill_read_versions "
            f"where contract_id = '{RELEASED}' and market_date = '{LAST}' order by 1, 2"
        ),
        "revisions": bills.revisions(LATER),
    }


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    bills = RevisedBills(tmp_path_factory.mktemp("estimated"))
    cases = [flat_case(key, FIRST, LAST) for key in (HELD, RELEASED)]
    for case in cases:
        case.contract.loads["E1"].pop(LAST)  # type: ignore[attr-defined]
    bills.built.load(cases)
    bills.seed(LAST)
    bills.run(LAST)
    found = {"first": _now(bills)}
    bills.insert(
        "exception_queue", exception_id="x", billing_day=LAST, rule_code="READ_MISSING_DAY", severity="ISSUE",
        nmi=nmi_of(RELEASED), nmi_suffix="E1", contract_id=RELEASED, first_market_date=LAST, last_market_date=LAST,
        state="RELEASED",
    )  # fmt: skip
    bills.run(LAST)
    found["released"] = _now(bills)
    bills.confirm([RELEASED], LAST)
    bills.bill_in_sap([RELEASED], FIRST, LAST)
    bills.deliver(LATER, RELEASED, LAST, [HALF_KWH * 2] * 48, "20260409010000")
    bills.run(LATER)
    found["actual"] = _now(bills)
    return found


def test_missing_day_is_estimated_beside_the_bill(days: Days) -> None:
    first = days["first"]
    for key in (HELD, RELEASED):
        assert (first["usage"][key]["usage_kwh"], first["usage"][key]["filled_kwh"]) == (0, 24)
        assert first["estimates"][key]["method"] == "LIKE_DAY"
        assert first["estimates"][key]["taken_from"] == "2026-02-21"
        assert (first["estimates"][key]["first_half_hour"], first["estimates"][key]["last_half_hour"]) == (1, 48)
        bill = first["bills"][key]
        # 27 days of energy, 28 of supply: (194.40 + 28.00) x 1.1.
        assert (bill["usage_kwh"], bill["total_inc_gst_aud"], bill["has_estimates"]) == (648, Decimal("244.64"), 0)


def test_released_day_is_billed_with_its_estimate_and_says_so(days: Days) -> None:
    now = days["released"]
    bill = now["bills"][RELEASED]
    assert (bill["usage_kwh"], bill["total_inc_gst_aud"], bill["has_estimates"]) == (672, Decimal("252.56"), 1)
    assert now["usage"][RELEASED]["is_fill_billed"] == 1
    assert now["reads"] == [
        {"bill_version": 2, "register_key": "ESTIMATE LIKE_DAY", "source": "ESTIMATE", "energy_kwh": Decimal(24)}
    ]
    assert now["bills"][HELD] == days["first"]["bills"][HELD]


def test_actual_read_replaces_the_estimate_and_trues_the_bill_up(days: Days) -> None:
    now = days["actual"]
    assert RELEASED not in now["estimates"]
    assert (now["usage"][RELEASED]["usage_kwh"], now["usage"][RELEASED]["filled_kwh"]) == (48, 0)
    assert now["bills"][RELEASED]["has_estimates"] == 0
    revision = now["revisions"][RELEASED]
    # 24 kWh more than the estimate: 7.20 x 1.1.
    assert (revision["outcome"], revision["difference_aud"]) == ("ADJUSTMENT_AFTER_ISSUE", Decimal("7.92"))
    assert (revision["first_changed_date"], revision["cause"]) == (LAST, "READS")
