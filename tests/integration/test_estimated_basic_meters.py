"""A basic meter whose closing read did not come: estimated beside the bill, in it once released, gone with the read.

January's reads say 24 kWh a day. Amounts are worked out by hand from 0.30 a kWh and 1.00 a day, and a tenth of GST.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.revised_bills import MODELS, RevisedBills, basic_case
from tests.properties.pricing_warehouse import nmi_of

FIRST, LAST, LATER = date(2026, 2, 1), date(2026, 2, 28), date(2026, 4, 9)
WAITING, RELEASED, PARTLY = "0000000001", "0000000002", "0000000003"
JUDGED = [*MODELS, "+int_problems__detected"]
Days = dict[str, dict[str, Any]]


def now(bills: RevisedBills) -> dict[str, Any]:
    """Bills and estimates by contract, and what the released bill stands on."""
    names = {nmi_of(key): key for key in (WAITING, RELEASED, PARTLY)}
    estimates: dict[str, list[Any]] = {key: [] for key in names.values()}
    for row in bills.fetch("select * from marts.fct_estimated_reads order by market_date"):
        estimates[names[row["nmi"]]].append(
            (row["market_date"], row["filled_kwh"], row["method"], row["taken_from"], row["is_billed"])
        )
    return {
        "bills": {row["contract_id"]: row for row in bills.fetch("select * from marts.fct_shadow_bills")},
        "estimates": estimates,
        "reads": bills.fetch(
            "select source, register_key, sum(energy_kwh) as energy_kwh, count(*) as day_count "
            f"from marts.fct_bill_read_versions where contract_id = '{RELEASED}' and bill_version = "
            f"(select bill_version from marts.fct_shadow_bills where contract_id = '{RELEASED}') group by all"
        ),
        "problems": {
            (row["rule_code"], names[row["nmi"]], row["first_market_date"], row["last_market_date"])
            for row in bills.fetch("select * from intermediate.int_problems__detected where severity = 'ISSUE'")
        },
        "revisions": bills.revisions(LATER),
    }


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    bills = RevisedBills(tmp_path_factory.mktemp("basic"))
    bills.built.load([basic_case(key, FIRST, LAST) for key in (WAITING, RELEASED, PARTLY)])
    for key in (WAITING, RELEASED, PARTLY):
        bills.deliver_read(key, LAST, (date(2025, 12, 31), date(2026, 1, 31)), 31 * 24)
    bills.deliver_read(PARTLY, LAST, (date(2026, 1, 31), date(2026, 2, 18)), 18 * 10)
    bills.seed(LAST)
    bills.run(LAST, models=JUDGED)
    found = {"first": now(bills)}
    bills.insert(
        "exception_queue", exception_id="x", billing_day=LAST, rule_code="ORDER_WITHOUT_DATA", severity="ISSUE",
        nmi=nmi_of(RELEASED), contract_id=RELEASED, first_market_date=FIRST, last_market_date=LAST, state="RELEASED",
    )  # fmt: skip
    bills.run(LAST, models=JUDGED)
    found["released"] = now(bills)
    bills.confirm([RELEASED], LAST)
    bills.bill_in_sap([RELEASED], FIRST, LAST)
    bills.deliver_read(RELEASED, LATER, (date(2026, 1, 31), LAST), 28 * 24 + 10)
    bills.run(LATER, models=JUDGED)
    found["read"] = now(bills)
    return found


def test_basic_meter_without_its_closing_read_is_named_and_not_billed_in_part(days: Days) -> None:
    assert days["first"]["problems"] == {
        ("ORDER_WITHOUT_DATA", WAITING, FIRST, LAST),
        ("ORDER_WITHOUT_DATA", RELEASED, FIRST, LAST),
        ("READ_MISSING_DAY", PARTLY, date(2026, 2, 19), LAST),
    }


def test_basic_meter_is_estimated_to_the_bills_end_from_its_last_actual_reads(days: Days) -> None:
    waiting, partly = (days["first"]["estimates"][key] for key in (WAITING, PARTLY))
    assert {row[1:] for row in waiting} == {(24, "AVERAGE_DAILY_USE", "the reads of 2025-12-31 and 2026-01-31", 0)}
    assert [row[0] for row in waiting] == [date(2026, 2, day) for day in range(1, 29)]
    assert {row[1:] for row in partly} == {(10, "AVERAGE_DAILY_USE", "the reads of 2026-01-31 and 2026-02-18", 0)}
    assert [row[0] for row in partly] == [date(2026, 2, day) for day in range(19, 29)]
    assert days["first"]["bills"][WAITING]["usage_kwh"] == 0


def test_released_basic_meter_is_billed_with_its_average_daily_use(days: Days) -> None:
    bill = days["released"]["bills"][RELEASED]
    assert (bill["usage_kwh"], bill["total_inc_gst_aud"], bill["has_estimates"]) == (672, Decimal("252.56"), 1)
    [reads] = days["released"]["reads"]
    assert (reads["source"], reads["energy_kwh"], reads["day_count"]) == ("ESTIMATE", 672, 28)
    assert reads["register_key"].startswith("ESTIMATE AVERAGE_DAILY_USE")
    assert days["released"]["bills"][WAITING]["usage_kwh"] == 0


def test_closing_read_replaces_the_average_and_trues_the_bill_up(days: Days) -> None:
    bill = days["read"]["bills"][RELEASED]
    assert (bill["usage_kwh"], bill["has_estimates"]) == (682, 0)
    assert days["read"]["estimates"][RELEASED] == []
    revision = days["read"]["revisions"][RELEASED]
    # 10 kWh more: 3.00 x 1.1.
    assert (revision["outcome"], revision["difference_aud"]) == ("ADJUSTMENT_AFTER_ISSUE", Decimal("3.30"))
