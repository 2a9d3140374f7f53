"""A bill shown as of a day is the same, word for word, whatever became known later.

Each contract is reached by something else after its first bill; what ``billsync explain --as-of`` says of the first
day is taken on that day and again at the end.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from billsync.explain import as_json, explain_bill
from loaders.warehouse import open_warehouse
from tests.integration.revised_bills import RevisedBills, flat_case, flat_plan
from tests.properties.pricing_warehouse import nmi_of

FIRST, LAST, LATER = date(2026, 2, 1), date(2026, 2, 28), date(2026, 4, 9)
THEN = datetime(2026, 2, 28, 14, tzinfo=UTC)
DAY, OTHER_DAY = date(2026, 2, 10), date(2026, 2, 11)
RESENT, SWAPPED, REVISED, CONFIRMED, NOTHING_USED, WAITING, TARIFF, PLAN = (f"{number:010}" for number in range(1, 9))
EVERY = (RESENT, SWAPPED, REVISED, CONFIRMED, NOTHING_USED, WAITING, TARIFF, PLAN)
PLAIN, MORE, NONE = ([Decimal(value)] * 48 for value in ("0.5", "0.75", "0"))
Found = dict[str, Any]


def _then(bills: RevisedBills) -> dict[str, Any]:
    warehouse = open_warehouse("duckdb", duckdb_path=bills.built.path)
    return {key: as_json(explain_bill(warehouse, key, (FIRST, LAST), THEN)) for key in EVERY}


def _first_days(bills: RevisedBills) -> None:
    """One contract has an estimated day, one lacks its last day, one has a day more used than another."""
    cases = [flat_case(key, FIRST, LAST, plan=f"P{key[-1]}") for key in EVERY]
    cases[4].contract.loads["E1"].pop(LAST)  # type: ignore[attr-defined]
    bills.built.load(cases)
    bills.publish(flat_plan("CHEAP", "0.20", "1.00"), LAST)
    bills.execute(
        "update raw.meter_interval_records set quality_method = 'E52' where nmi = ? and interval_date = ?",
        [nmi_of(CONFIRMED), f"{DAY:%Y%m%d}"],
    )
    bills.deliver(LAST, SWAPPED, DAY, MORE, "20260301010000")
    bills.insert(
        "exception_queue", exception_id="x", billing_day=LAST, rule_code="READ_SPIKE", severity="ISSUE",
        nmi=nmi_of(WAITING), contract_id=WAITING, first_market_date=DAY, last_market_date=DAY, detail="too much",
        state="OPEN",
    )  # fmt: skip


def _later(bills: RevisedBills) -> None:
    for key in (RESENT, CONFIRMED):
        bills.deliver(LATER, key, DAY, PLAIN, "20260409010000")
    bills.deliver(LATER, REVISED, DAY, MORE, "20260409010000")
    bills.deliver(LATER, SWAPPED, DAY, PLAIN, "20260409010000")
    bills.deliver(LATER, SWAPPED, OTHER_DAY, MORE, "20260409010000")
    bills.deliver(LATER, NOTHING_USED, LAST, NONE, "20260409010000")
    bills.execute("update raw.exception_queue set state = 'RELEASED'")
    bills.publish(flat_plan("P7", "0.30", "2.00", since="2026-02-14"), LATER)
    bills.insert("retailer_contract_plans", contract_id=PLAN, plan_id="CHEAP", start_date="2026-02-15")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    bills = RevisedBills(tmp_path_factory.mktemp("as of"))
    _first_days(bills)
    bills.seed(LAST)
    bills.run(LAST)
    seen: Found = {"bills": bills, "then": _then(bills)}
    bills.confirm([key for key in EVERY if key != WAITING], LAST)
    _later(bills)
    bills.run(LATER)
    seen["work"] = bills.work()
    seen["later"] = _then(bills)
    bills.run(LATER)
    seen["again"] = _then(bills)
    seen["versions"] = {
        row["contract_id"]: row["bill_version"] for row in bills.fetch("select * from marts.fct_shadow_bills")
    }
    return seen


@pytest.mark.parametrize("key", EVERY)
def test_bill_as_of_its_first_day_is_the_same_word_for_word_whatever_came_later(found: Found, key: str) -> None:
    assert key in found["work"]
    assert found["later"][key] == found["then"][key]
    assert found["again"][key] == found["then"][key]


def test_bill_has_a_new_version_when_its_energy_or_the_quality_of_its_reads_is_another(found: Found) -> None:
    """A resend that says the same makes none, nor do two days that exchange their energy on a plan of one price."""
    assert found["versions"] == {
        RESENT: 1, SWAPPED: 1, REVISED: 2, CONFIRMED: 2, NOTHING_USED: 2, WAITING: 1, TARIFF: 2, PLAN: 2
    }  # fmt: skip


def test_actual_read_that_confirms_an_estimate_is_a_version_of_the_same_bill(found: Found) -> None:
    rows = found["bills"].fetch(
        f"select has_estimates, total_inc_gst_aud from marts.fct_shadow_bill_versions "
        f"where contract_id = '{CONFIRMED}' order by bill_version"
    )
    assert [tuple(row.values()) for row in rows] == [(1, Decimal("252.56")), (0, Decimal("252.56"))]
    assert found["bills"].revisions(LATER)[CONFIRMED]["outcome"] == "NO_CHANGE"


def test_reads_of_every_version_hold_its_energy(found: Found) -> None:
    torn = found["bills"].fetch(
        "select v.contract_id, v.bill_version from marts.fct_shadow_bill_versions as v "
        "left join marts.fct_bill_read_versions as r "
        "using (contract_id, period_start_date, period_end_date, bill_version) "
        "group by all having max(v.usage_kwh) <> coalesce(sum(r.energy_kwh), 0)"
    )
    assert torn == []
