"""One billing day with every kind of bad input: each is named in the queue, and the good contracts are billed.

One home per kind of trouble, each with real load shapes on a real plan, so that whatever is not billed is not billed
because of its own trouble.
"""

from __future__ import annotations

import copy
import json
import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from .harness import Retailer, assert_balanced, differences
from .own_systems import Home, RawAnswer, plan_register, read_profiles, write_nem12, write_retailer_database

pytestmark = [pytest.mark.e2e, pytest.mark.shared_data]

PERIOD = (date(2013, 5, 15), date(2013, 6, 14))
FLAT_PLAN = "dmo6_ausgrid_residential_flat_equals_cap__FXP791812SRE1_EME.json"
BAD_ANSWERS = {
    "HTML@X": RawAnswer(200, b"<html><body>Please log on</body></html>", "text/html"),
    "BROKEN@X": RawAnswer(500, b'{"errors": []}'),
    "LIST@X": RawAnswer(200, b"[1, 2]"),
    "NULLS@X": RawAnswer(200, b'{"data": {"planId": "NULLS@X", "electricityContract": null}}'),
}
(
    GOOD, NO_PLAN, NO_CONTRACT, OVERLAP, NO_REGISTER_READ, NO_DATA, UNKNOWN_FIELD, HTML, BROKEN, LIST, NULLS, PLANLESS,
    MANUAL, REGISTERLESS, DEVICELESS, NO_PREVIOUS, NO_FIRST_DAY, BACKWARDS, NEM13, NO_POINT, ENDED,
) = range(1, 22)  # fmt: skip


# Each bad home, the rule that must name it and how far its bill got.
EXPECTED = {
    NO_PLAN: ("PLAN_UNKNOWN", "NOT_PRICEABLE"),
    NO_CONTRACT: ("ORDER_WITHOUT_CONTRACT", "NOT_PRICEABLE"),
    OVERLAP: ("CONTRACT_OVERLAP", "HELD"),
    NO_REGISTER_READ: ("READING_WITHOUT_REGISTER", "HELD"),
    NO_DATA: ("ORDER_WITHOUT_DATA", "HELD"),
    UNKNOWN_FIELD: ("PLAN_FIELD_UNKNOWN", "NOT_PRICEABLE"),
    HTML: ("PLAN_UNKNOWN", "NOT_PRICEABLE"),
    BROKEN: ("PLAN_UNKNOWN", "NOT_PRICEABLE"),
    LIST: ("PLAN_UNKNOWN", "NOT_PRICEABLE"),
    NULLS: ("PLAN_UNKNOWN", "NOT_PRICEABLE"),
    PLANLESS: ("PLAN_UNKNOWN", "NOT_PRICEABLE"),
    REGISTERLESS: ("REGISTER_UNKNOWN", "HELD"),
    DEVICELESS: ("REGISTER_UNKNOWN", "HELD"),
    NO_FIRST_DAY: ("ORDER_DATES_INVALID", None),
    BACKWARDS: ("ORDER_DATES_INVALID", None),
    NO_POINT: ("NMI_UNKNOWN", "NOT_PRICEABLE"),
    ENDED: ("ORDER_DATES_INVALID", "HELD"),
    NO_PREVIOUS: ("READING_NOT_FORMED", "READY"),
}


def contract(number: int) -> str:
    return f"{number:010d}"


def device(number: int) -> str:
    return f"{number:018d}"


def spoil(path: Path, homes: list[Home]) -> None:
    """Give each home its own trouble."""
    nmi = {home.number: home.nmi for home in homes}
    plans = {
        NO_PLAN: "NOPE@X",
        UNKNOWN_FIELD: "FIELD@X",
        HTML: "HTML@X",
        BROKEN: "BROKEN@X",
        LIST: "LIST@X",
        NULLS: "NULLS@X",
    }
    statements = [
        *(f"update contract_plans set plan_id = '{plan}' where contract_id = '{contract(n)}'"
          for n, plan in plans.items()),
        f"delete from contracts where contract_id = '{contract(NO_CONTRACT)}'",
        f"insert into contracts values ('9999999999', '{OVERLAP:012d}', '{nmi[OVERLAP]}', '2013-01-01', null)",
        *(f"update service_points set delivery = 'READING', meter_type = 'BASIC' where nmi = '{nmi[n]}'"
          for n in (NO_REGISTER_READ, MANUAL)),
        f"update registers set nmi_suffix = '11' where device_id in ('{device(MANUAL)}', '{device(NEM13)}')",
        *(f"insert into meter_readings values ('C{n}', '{device(n)}', '{register}', {value}, '{day}', 'ACTUAL', "
          f"'{day}T09:00:00Z')"
          for n, register, value, day in (
              (NO_REGISTER_READ, "009", 1000, "2013-05-14"), (NO_REGISTER_READ, "009", 1300, "2013-06-14"),
              (MANUAL, "001", 1000, "2013-05-14"), (MANUAL, "001", 1310.5, "2013-06-14"))),
        f"delete from contract_plans where contract_id = '{contract(PLANLESS)}'",
        f"delete from registers where device_id in ('{device(REGISTERLESS)}', '{device(DEVICELESS)}')",
        f"delete from devices where device_id = '{device(DEVICELESS)}'",
        f"update meter_reading_orders set previous_reading = null where contract_id = '{contract(NO_PREVIOUS)}'",
        f"update meter_reading_orders set period_start_date = null where contract_id = '{contract(NO_FIRST_DAY)}'",
        f"update meter_reading_orders set period_start_date = '2013-07-01' where contract_id = '{contract(BACKWARDS)}'",
        f"delete from service_points where nmi = '{nmi[NO_POINT]}'",
        f"update contracts set end_date = '2013-06-01' where contract_id = '{contract(ENDED)}'",
    ]  # fmt: skip
    with sqlite3.connect(path) as database:
        for statement in statements:
            database.execute(statement)


@pytest.fixture(scope="module")
def told(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Retailer, str]]:
    """Run the spoilt day; yields the retailer, whose register still answers, and what stood on standard error."""
    root = tmp_path_factory.mktemp("bad input")
    plan = json.loads((shared_data / "cdr_plans" / FLAT_PLAN).read_text())
    unknown: dict[str, Any] = copy.deepcopy(plan)
    unknown["data"] |= {"planId": "FIELD@X"}
    unknown["data"]["electricityContract"]["tariffPeriod"][0]["surcharge"] = [{"amount": "1"}]
    days = [PERIOD[0] + timedelta(n) for n in range((PERIOD[1] - PERIOD[0]).days + 1)]
    shapes = [s for s in read_profiles(shared_data / "load_profiles").values() if all(day in s for day in days)]
    flat = plan["data"]["planId"]
    homes = [Home(n, flat, "NSW", shapes[n % len(shapes)]) for n in range(1, ENDED + 1)]
    write_retailer_database(root / "retailer.db", homes, PERIOD)
    spoil(root / "retailer.db", homes)
    folder = root / f"landing/nem12/billing_day={PERIOD[1]}"
    write_nem12(
        folder / "intervals.csv",
        [h for h in homes if h.number not in {NO_REGISTER_READ, NO_DATA, MANUAL, NEM13}],
        PERIOD,
    )
    (folder / "dials.csv").write_text(
        "100,NEM13,201306150400,MDP1,RETAILER\r\n"
        f"250,{homes[NEM13 - 1].nmi},11,001,11,,SN{NEM13},I,00001000,20130515000001,A,,,00001400,20130614235900,A,,,"
        "400,KWH,,20130615010000,\r\n900\r\n"
    )
    with plan_register({flat: plan, "FIELD@X": unknown, **BAD_ANSWERS}) as plans_url:
        retailer = Retailer(root, {
            "BILLSYNC_ENV": "test", "BILLSYNC_FIRST_DAY": "2012-01-01", "BILLSYNC_LANDING": str(root / "landing"),
            "BILLSYNC_SOURCE_DB_URL": f"sqlite:///{root / 'retailer.db'}", "BILLSYNC_TARIFF_API_URL": plans_url,
        })  # fmt: skip
        yield retailer, retailer.run(PERIOD[1])


def test_every_trouble_is_named_in_the_queue_by_its_rule(told: tuple[Retailer, str]) -> None:
    found = told[0].fetch("select rule_code, contract_id from marts.fct_billing_exceptions where state = 'OPEN'")
    wanted = {(rule, contract(number)) for number, (rule, _) in EXPECTED.items()}
    assert wanted - set(found) == set()
    # A service point that nobody knows has no jurisdiction either, so nothing can be priced for it; energy that came
    # after a contract's end belongs to no contract; a basic meter whose reads name no register of it has no reads.
    more = {
        ("PLAN_NOT_PRICEABLE", contract(NO_POINT)), ("NMI_CLOSED", None), ("VACANT_USE", None),
        ("READ_MISSING_DAY", contract(NO_REGISTER_READ)),
    }  # fmt: skip
    assert set(found) - wanted == more


def test_every_trouble_stops_its_own_bill_and_no_other(told: tuple[Retailer, str]) -> None:
    found = dict(told[0].fetch("select contract_id, status from marts.fct_shadow_bills"))
    wanted = {contract(number): status for number, (_, status) in EXPECTED.items() if status}
    assert found == wanted | {contract(number): "READY" for number in (GOOD, MANUAL, NEM13)}


def test_only_good_readings_are_planned(told: tuple[Retailer, str]) -> None:
    planned = told[0].fetch(
        "select contract_id from marts.fct_isu_meter_readings where load_status = 'PENDING' order by 1"
    )
    assert planned == [(contract(number),) for number in (GOOD, MANUAL, NEM13)]


def test_dials_read_by_hand_and_by_file_are_billed_for_what_they_counted(told: tuple[Retailer, str]) -> None:
    usage = told[0].fetch(
        "select cast(usage_kwh as decimal(10, 1)) from marts.fct_shadow_bills "
        "where contract_id in (?, ?) order by contract_id",
        [contract(MANUAL), contract(NEM13)],
    )
    assert [str(value) for (value,) in usage] == ["310.5", "400.0"]


def test_plans_that_the_register_could_not_give_are_named_on_standard_error(told: tuple[Retailer, str]) -> None:
    assert [plan for plan in BAD_ANSWERS if f"plan {plan}:" not in told[1]] == []


def test_stages_balance(told: tuple[Retailer, str]) -> None:
    assert_balanced(told[0])


def test_second_run_with_the_register_down_keeps_bills_out_and_says_why(told: tuple[Retailer, str]) -> None:
    retailer = told[0]
    queue = "select exception_id, detail from marts.fct_billing_exceptions where state = 'OPEN' order by 1"
    before, waiting = retailer.marts(), retailer.fetch(queue)
    said = retailer.run(PERIOD[1], expect=1, BILLSYNC_TARIFF_API_URL="http://127.0.0.1:9/cds-au/v1")
    assert "plans_api (2013-06-14)" in said
    statuses = retailer.fetch("select distinct status from marts.fct_shadow_bills order by 1")
    assert statuses == [("HELD",), ("NOT_PRICEABLE",)]
    said = retailer.run(PERIOD[1], expect=1, BILLSYNC_TARIFF_API_URL="")
    assert "BILLSYNC_TARIFF_API_URL is not set" in said
    retailer.run(PERIOD[1])
    # What was not found while the register was down has a longer history; what waits is the same.
    assert set(differences(before, retailer.marts())) == {"fct_billing_exceptions"}
    assert retailer.fetch(queue) == waiting
