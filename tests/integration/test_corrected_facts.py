"""A correction in the retailer's database, or a read that is gone, finds exactly the bills whose price it decides.

Amounts are worked out by hand from 672 kWh at 0.30 a kWh, 28 days at 1.00 a day and a tenth of GST: 252.56.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.revised_bills import MODELS, RevisedBills, flat_case
from tests.properties.pricing_warehouse import Case, nmi_of

FIRST, LAST, LATER = date(2026, 2, 1), date(2026, 2, 28), date(2026, 4, 9)
BEGUN, ENDED, TERM, PREVIOUS, READING, RECORD, DROPPED = (f"{number:010}" for number in range(1, 8))
REACHED = (BEGUN, ENDED, TERM, PREVIOUS, READING, RECORD, DROPPED)
# What is corrected of these decides no price of theirs: a later end, a meter's number, a vacant site, the reading that
# an interval meter's order begins from, and nothing at all.
ENDS_LATER, SERIAL, VACANT, INTERVALS, PLAIN = (f"{number:010}" for number in range(11, 16))
UNREACHED = (ENDS_LATER, SERIAL, VACANT, INTERVALS, PLAIN)
BY_HAND, BY_RECORD = (PREVIOUS, READING), (RECORD, DROPPED)
Found = dict[str, Any]


def _case(key: str) -> Case:
    case = flat_case(key, FIRST, LAST)
    if key in BY_HAND or key in BY_RECORD:
        case.contract.uses, case.contract.loads = {"11": "GENERAL"}, {"11": {}}
    return case


def _deliver_record(bills: RevisedBills, key: str, day: date, kwh: str) -> None:
    bills.deliver_read(key, day, (date(2026, 1, 31), LAST), kwh, stamp=f"{day:%Y%m%d}230000", name=f"{key}-{day}")


def _correct(bills: RevisedBills) -> None:
    for key, column, value in (
        (BEGUN, "start_date", "2026-02-05"),
        (ENDED, "end_date", "2026-02-20"),
        (ENDS_LATER, "end_date", "2026-03-20"),
    ):
        bills.execute(f"update raw.retailer_contracts set {column} = ? where contract_id = ?", [value, key])
    bills.insert(
        "retailer_contract_terms", contract_id=TERM, term="CONCESSION_PERCENT", value="10", start_date="2026-02-10"
    )
    bills.execute(
        "update raw.retailer_meter_reading_orders set previous_reading = '100' where contract_id in (?, ?)",
        [PREVIOUS, INTERVALS],
    )
    bills.execute(
        "update raw.retailer_meter_readings set meter_reading = '700' where meter_id = ?", [f"{READING:0>18}"]
    )
    bills.execute("update raw.retailer_devices set serial_number = 'X' where device_id = ?", [f"{SERIAL:0>18}"])
    bills.execute("update raw.retailer_service_points set is_vacant = '1' where nmi = ?", [nmi_of(VACANT)])
    _deliver_record(bills, RECORD, LATER, "700")
    # The file was landed again without its record, as a withdrawn edit is.
    bills.execute("delete from raw.meter_accumulation_records where file_name = ?", [f"{DROPPED}-{LAST}"])
    bills.execute("update raw.meter_files set file_hash = 'other' where file_name = ?", [f"{DROPPED}-{LAST}"])


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    bills = RevisedBills(tmp_path_factory.mktemp("corrected"))
    bills.built.load([_case(key) for key in (*REACHED, *UNREACHED)])
    for key in BY_HAND:
        bills.execute("update raw.retailer_service_points set delivery = 'READING' where nmi = ?", [nmi_of(key)])
        bills.insert(
            "retailer_meter_readings", meter_id=f"{key:0>18}", register_id="001", reading_date=str(LAST),
            meter_reading="672", reading_type="ACTUAL",
        )  # fmt: skip
    for key in BY_RECORD:
        _deliver_record(bills, key, LAST, "672")
    bills.seed(LAST)
    bills.run(LAST)
    seen: Found = {"first": {row["total_inc_gst_aud"] for row in bills.fetch("select * from marts.fct_shadow_bills")}}
    bills.confirm((*REACHED, *UNREACHED), LAST)
    bills.bill_in_sap((*REACHED, *UNREACHED), FIRST, LAST)
    _correct(bills)
    bills.run(LATER)
    seen |= {"work": bills.work(), "revisions": bills.revisions(LATER)}
    bills.run(date(2026, 4, 10), models=MODELS)
    return {**seen, "next": bills.work()}


def test_correction_works_exactly_the_bills_that_it_reaches(found: Found) -> None:
    assert found["first"] == {Decimal("252.56")}
    assert found["work"].keys() == set(REACHED)
    assert {key: by for key, (_, by) in found["work"].items()} == {
        **dict.fromkeys(REACHED, "CONTRACT"), **dict.fromkeys(BY_RECORD, "READS")
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "outcome", "difference"),
    [
        # The order's period is billed; that it reaches outside the contract is ORDER_DATES_INVALID.
        (BEGUN, "NO_CHANGE", "0.00"),
        (ENDED, "NO_CHANGE", "0.00"),
        # A tenth of 19 of the 28 days' 252.56, before rounding 17.138.
        (TERM, "ADJUSTMENT_AFTER_ISSUE", "-17.14"),
        # 100 kWh less, and 28 more.
        (PREVIOUS, "ADJUSTMENT_AFTER_ISSUE", "-33.00"),
        (READING, "ADJUSTMENT_AFTER_ISSUE", "9.24"),
        (RECORD, "ADJUSTMENT_AFTER_ISSUE", "9.24"),
        # Nothing but the supply is left; that no read came is ORDER_WITHOUT_DATA, which holds the bill.
        (DROPPED, "ADJUSTMENT_AFTER_ISSUE", "-221.76"),
    ],
)
def test_corrected_bill_gets_its_outcome(found: Found, key: str, outcome: str, difference: str) -> None:
    revision = found["revisions"][key]
    assert (revision["outcome"], revision["difference_aud"]) == (outcome, Decimal(difference))


def test_correction_is_worked_once(found: Found) -> None:
    assert found["next"] == {}
