"""A revision, a late file, a changed tariff and a corrected contract reach exactly their bills, each with its outcome.

Amounts are worked out by hand from 0.30 a kWh, 1.00 a day and a tenth of GST.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.revised_bills import HALF_KWH, RevisedBills, flat_case, flat_plan

FIRST, LAST = date(2026, 2, 1), date(2026, 2, 28)
OLD_FIRST, OLD_LAST = date(2025, 9, 1), date(2025, 9, 30)
LATER, NEXT = date(2026, 4, 9), date(2026, 4, 10)
DAY, OLD_DAY = date(2026, 2, 10), date(2025, 9, 10)

ISSUED_UP, NOT_ISSUED, SAME, CENTS, TARIFF, PLAN, LATE, UNTOUCHED, OLDER_STAMP, NEIGHBOUR = (
    f"{number:010}" for number in range(1, 11)
)
OLD_UP, OLD_DOWN = "0000000021", "0000000022"
MORE, LESS = [Decimal("1.5")] * 48, [Decimal("0.25")] * 48
A_LITTLE_MORE = [Decimal(1), *[HALF_KWH] * 47]
ISSUED = (ISSUED_UP, SAME, CENTS, TARIFF, UNTOUCHED, OLDER_STAMP)

Days = dict[str, Any]


def _state(bills: RevisedBills) -> dict[str, list[dict[str, Any]]]:
    tables = ("fct_shadow_bills", "fct_shadow_bill_versions", "fct_shadow_bill_line_versions", "fct_bill_revisions")
    return {name: bills.fetch(f"select * from marts.{name} order by all") for name in tables}


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    bills = RevisedBills(tmp_path_factory.mktemp("revised"))
    plain = [ISSUED_UP, NOT_ISSUED, SAME, CENTS, PLAN, UNTOUCHED, OLDER_STAMP]
    cases = [flat_case(key, FIRST, LAST) for key in plain]
    cases.append(flat_case(TARIFF, FIRST, LAST, plan="FLAT2"))
    cases += [flat_case(key, OLD_FIRST, OLD_LAST, "VIC") for key in (OLD_UP, OLD_DOWN)]
    late = flat_case(LATE, FIRST, LAST)
    late.contract.loads["E1"].pop(LAST)  # type: ignore[attr-defined]
    bills.built.load([*cases, late])
    bills.publish(flat_plan("CHEAP", "0.20", "1.00"), LAST)
    bills.seed(LAST)
    bills.run(OLD_LAST, LAST)
    found: Days = {
        "bills": bills,
        "first": {row["contract_id"]: row for row in bills.fetch("select * from marts.fct_shadow_bills")},
    }

    closed = [*plain, TARIFF]
    bills.confirm(closed, LAST)
    bills.confirm((OLD_UP, OLD_DOWN), OLD_LAST)
    bills.bill_in_sap(ISSUED, FIRST, LAST)
    bills.bill_in_sap((OLD_UP, OLD_DOWN), OLD_FIRST, OLD_LAST)
    bills.deliver(LATER, ISSUED_UP, DAY, MORE, "20260409010000")
    bills.deliver(LATER, NOT_ISSUED, DAY, LESS, "20260409010000")
    bills.deliver(LATER, SAME, DAY, [HALF_KWH] * 48, "20260409010000")
    bills.deliver(LATER, CENTS, DAY, A_LITTLE_MORE, "20260409010000")
    bills.deliver(LATER, OLDER_STAMP, DAY, MORE, "20260101010000")
    bills.deliver(LATER, OLD_UP, OLD_DAY, MORE, "20260409010000")
    bills.deliver(LATER, OLD_DOWN, OLD_DAY, LESS, "20260409010000")
    bills.deliver(LAST, LATE, LAST, [HALF_KWH] * 48, "20260301010000")
    bills.publish(flat_plan("FLAT2", "0.30", "2.00", since="2026-02-14"), LATER)
    bills.insert("retailer_contract_plans", contract_id=PLAN, plan_id="CHEAP", start_date="2026-02-15")
    bills.run(LATER)
    found |= {"work": bills.work(), "later": bills.revisions(LATER), "state": _state(bills)}
    bills.run(LATER)
    found |= {"work again": bills.work(), "state again": _state(bills)}

    bills.deliver(NEXT, ISSUED_UP, DAY, [HALF_KWH] * 48, "20260410010000")
    bills.deliver(NEXT, CENTS, date(2026, 2, 11), A_LITTLE_MORE, "20260410010000")
    bills.run(NEXT)
    found |= {"next work": bills.work(), "next": bills.revisions(NEXT)}
    return found


def test_first_bills_are_right_by_hand(days: Days) -> None:
    first = days["first"]
    assert first[UNTOUCHED]["total_inc_gst_aud"] == Decimal("252.56")
    # 27 days of energy, 28 of supply: (194.40 + 28.00) x 1.1.
    assert first[LATE]["total_inc_gst_aud"] == Decimal("244.64")


def test_revision_forty_days_later_works_exactly_the_bills_it_reaches(days: Days) -> None:
    assert days["work"] == {
        ISSUED_UP: ("REVISED", "READS"),
        NOT_ISSUED: ("REVISED", "READS"),
        SAME: ("REVISED", "READS"),
        CENTS: ("REVISED", "READS"),
        OLDER_STAMP: ("REVISED", "READS"),
        OLD_UP: ("REVISED", "READS"),
        OLD_DOWN: ("REVISED", "READS"),
        LATE: ("OPEN", "READS"),
        TARIFF: ("REVISED", "PRICES"),
        PLAN: ("REVISED", "CONTRACT"),
    }


@pytest.mark.parametrize(
    ("contract_id", "outcome", "difference", "cause"),
    [
        # 48 kWh more: 14.40 x 1.1.
        (ISSUED_UP, "ADJUSTMENT_AFTER_ISSUE", "15.84", "READS"),
        # 12 kWh less: 3.60 x 1.1.
        (NOT_ISSUED, "REBILL_BEFORE_ISSUE", "-3.96", "READS"),
        (SAME, "NO_CHANGE", "0.00", "READS"),
        (OLDER_STAMP, "NO_CHANGE", "0.00", "READS"),
        # Half a kWh: 0.15 and GST of 22.975 that rounds up.
        (CENTS, "BELOW_TOLERANCE", "0.17", "READS"),
        # 15 days (14 to 28 February) at a dollar more.
        (TARIFF, "ADJUSTMENT_AFTER_ISSUE", "16.50", "PRICES"),
        # 14 days of 24 kWh at ten cents less.
        (PLAN, "REBILL_BEFORE_ISSUE", "-36.96", "PRICES"),
        # A day of 24 kWh.
        (LATE, "REBILL_BEFORE_ISSUE", "7.92", "READS"),
        (OLD_UP, "OUTSIDE_RECOVERY_WINDOW", "15.84", "READS"),
        (OLD_DOWN, "ADJUSTMENT_AFTER_ISSUE", "-3.96", "READS"),
    ],
)
def test_revised_bill_gets_its_outcome(days: Days, contract_id: str, outcome: str, difference: str, cause: str) -> None:
    found = days["later"][contract_id]
    assert (found["outcome"], found["difference_aud"], found["cause"]) == (outcome, Decimal(difference), cause)


def test_revision_names_the_days_that_changed_and_the_window(days: Days) -> None:
    found = days["later"][OLD_UP]
    assert (found["first_changed_date"], found["last_changed_date"]) == (OLD_DAY, OLD_DAY)
    assert found["recovery_start_date"] == date(2025, 12, 9)


def test_changed_tariff_is_measured_from_the_day_from_which_it_holds(days: Days) -> None:
    assert days["later"][TARIFF]["first_changed_date"] == date(2026, 2, 14)
    assert days["later"][PLAN]["first_changed_date"] == date(2026, 2, 15)


def test_untouched_bill_has_no_revision(days: Days) -> None:
    assert UNTOUCHED not in days["later"]
    assert NEIGHBOUR not in days["later"]


def test_running_the_day_again_decides_nothing_anew(days: Days) -> None:
    assert days["state again"] == days["state"]
    # What was corrected in the retailer's database is worked, so it is no revision any more; its outcome stays.
    assert days["work again"].keys() == days["work"].keys() - {PLAN}


def test_next_revision_is_compared_with_what_the_customer_was_billed(days: Days) -> None:
    later = days["next"]
    assert days["next work"].keys() >= {ISSUED_UP, CENTS}
    assert (later[ISSUED_UP]["from_version"], later[ISSUED_UP]["to_version"]) == (2, 3)
    assert later[ISSUED_UP]["difference_aud"] == Decimal("-15.84")
    # Two times half a kWh since the issued version: what was below the tolerance counts again.
    assert (later[CENTS]["from_version"], later[CENTS]["to_version"]) == (1, 3)
    assert later[CENTS]["difference_aud"] == Decimal("0.33")


def test_every_version_keeps_its_lines(days: Days) -> None:
    bills: RevisedBills = days["bills"]
    rows = bills.fetch(
        "select v.bill_version, v.total_ex_gst_aud, sum(l.amount_ex_gst_aud) as lines "
        "from marts.fct_shadow_bill_versions as v inner join marts.fct_shadow_bill_line_versions as l "
        f"using (contract_id, period_start_date, period_end_date, bill_version) where contract_id = '{ISSUED_UP}' "
        "group by all order by 1"
    )
    assert [(row["bill_version"], row["lines"]) for row in rows] == [
        (1, Decimal("229.60")),
        (2, Decimal("244.00")),
        (3, Decimal("229.60")),
    ]
    assert all(row["lines"] == row["total_ex_gst_aud"] for row in rows)
