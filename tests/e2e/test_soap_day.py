"""A billing day by SOAP: orders come from SAP, readings go there, confirmed to our endpoint and read back by OData.

Of two contracts SAP's orders come by SOAP alone; those of one are withdrawn again before the day is run.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import duckdb
import pytest

from .harness import Retailer, Row, sandboxed

pytestmark = pytest.mark.e2e

DAY = "2026-03-05"
SEED = ("--service-points", "40", "--days", "10", "--day", DAY, "--closings", "12")
PROFILE = "000000000000000815"
PLAIN_CONTRACTS = """
select contract_id from meter_reading_orders where scheduled_read_date = '2026-03-05' and contract_id in (
    select c.contract_id from contracts c join service_points p on p.nmi = c.nmi where p.delivery = 'FILE')
group by contract_id having min(period_start_date) = max(period_start_date) order by contract_id"""


@dataclass
class SoapDay:
    """What was there after the day was run once, and after it was run again."""

    retailer: Retailer
    sent: str
    withdrawn: str
    states: dict[str, dict[str, int]]
    documents: list[list[Row]]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoapDay]:
    with sandboxed(tmp_path_factory.mktemp("soap"), *SEED) as retailer:
        assert retailer.call("sandbox", "up").returncode == 0
        sent, withdrawn = take_orders_away(retailer)
        with listening(retailer):
            control(retailer, "send-orders", order_ids=[*orders_of(retailer, sent), *orders_of(retailer, withdrawn)])
            wait_for_states(retailer, {"OPEN"})
            control(retailer, "send-cancellations", order_ids=orders_of(retailer, withdrawn))
            wait_for_states(retailer, {"OPEN", "CANCELLED"})
        found = SoapDay(retailer, sent, withdrawn, {}, [])
        intervals = {
            "BILLSYNC_SAP_PROFILES": str(list_profile(retailer, sent)),
            "BILLSYNC_SAP_PROFILE_STATUSES": "A=W S=S F=F E=E",
        }
        for _ in range(2):
            retailer.run(DAY, BILLSYNC_SAP_TRANSPORT="soap", **intervals)
            found.documents.append(retailer.sap_documents())
        for contract, state, count in retailer.fetch(
            "select contract_id, load_status, count(*) from marts.fct_isu_meter_readings group by 1, 2"
        ):
            found.states.setdefault(contract, {})[state] = count
        yield found


def take_orders_away(retailer: Retailer) -> tuple[str, str]:
    """Two contracts whose orders the retailer's database has not got any more; SAP keeps them."""
    contracts = [row[0] for row in retailer.retailer(PLAIN_CONTRACTS)]
    ready = [one for one in contracts if not has_defect(retailer, one)]
    sent, withdrawn = ready[0], ready[1]
    retailer.retailer(f"delete from meter_reading_orders where contract_id in ('{sent}', '{withdrawn}')")
    return sent, withdrawn


def has_defect(retailer: Retailer, contract: str) -> bool:
    planted = (retailer.sandbox / "truth" / "planted.json").read_text(encoding="utf-8")
    return contract in planted or nmi_of(retailer, contract) in planted


def nmi_of(retailer: Retailer, contract: str) -> str:
    ((nmi,),) = retailer.retailer(f"select nmi from contracts where contract_id = '{contract}'")
    return str(nmi)


def list_profile(retailer: Retailer, contract: str) -> Path:
    """The list of channels whose intervals go to EDM: the one of a contract's consumption."""
    path = retailer.root / "profiles.csv"
    path.write_text(f"nmi,nmi_suffix,profile_number\n{nmi_of(retailer, contract)},E1,{PROFILE}\n", encoding="utf-8")
    return path


def orders_of(retailer: Retailer, contract: str) -> list[str]:
    query = f"select meter_reading_order_id from orders where contract_id = '{contract}' order by 1"
    return [str(row[0]) for row in retailer.sap(query)]


class listening:  # noqa: N801 - used as a function
    """``billsync sap-confirmations serve`` while the block runs."""

    def __init__(self, retailer: Retailer) -> None:
        self.retailer = retailer

    def __enter__(self) -> None:
        environment = self.retailer.variables(BILLSYNC_SAP_TRANSPORT="soap", PYTHONUNBUFFERED="1")
        self.process = subprocess.Popen(
            self.retailer.command("sap-confirmations", "serve"), env=environment, cwd=self.retailer.root,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout
        assert "receiving" in self.process.stdout.readline()

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)


def control(retailer: Retailer, command: str, **body: Any) -> None:
    state = json.loads((retailer.sandbox / "sandbox.json").read_text(encoding="utf-8"))
    url = f"{state['settings']['BILLSYNC_SAP_URL']}/control/sap/{command}"
    with urlopen(Request(url, json.dumps(body).encode(), method="POST"), timeout=30) as answer:
        assert answer.status == 200


def wait_for_states(retailer: Retailer, wanted: set[str]) -> None:
    deadline = time.monotonic() + 30
    while {row[0] for row in operations(retailer, "select state from sap_orders")} != wanted:
        assert time.monotonic() < deadline, "SAP's orders did not come"
        time.sleep(0.1)


def operations(retailer: Retailer, sql: str) -> list[Row]:
    with sqlite3.connect(f"file:{retailer.home / 'ledger.db'}?mode=ro", uri=True) as ledger:
        return ledger.execute(sql).fetchall()


def test_run_over_soap_confirms_every_reading_and_again_sends_none(day: SoapDay) -> None:
    confirmed = sum(states.get("CONFIRMED", 0) for states in day.states.values())
    assert confirmed == len(day.documents[0]) > 0
    assert {state for states in day.states.values() for state in states} <= {"CONFIRMED", "HELD", "LOCKED"}
    ((bulks,),) = day.retailer.sap(
        "select count(*) from soap_messages where name like 'MeterReadingDocumentERPResult%'"
    )
    ((heard,),) = operations(
        day.retailer, "select count(*) from sap_confirmations where is_bulk = 0 and message_name like 'MeterReading%'"
    )
    assert bulks > 0
    assert heard == len(day.documents[0])
    assert day.documents[1] == day.documents[0]


def test_order_that_came_by_soap_alone_is_billed_and_loaded(day: SoapDay) -> None:
    orders = orders_of(day.retailer, day.sent)
    assert day.states[day.sent] == {"CONFIRMED": len(orders)}
    answered = {row[0] for row in day.retailer.sap("select order_id from results")}
    assert set(orders) <= answered
    wanted = day.retailer.sap(
        f"select distinct period_start_date, scheduled_read_date from orders where contract_id = '{day.sent}'"
    )
    bills = day.retailer.fetch(
        "select cast(period_start_date as varchar), cast(period_end_date as varchar), status "
        "from marts.fct_shadow_bills where contract_id = ?",
        [day.sent],
    )
    assert bills == [(*wanted[0], "READY")]


def test_order_that_sap_withdrew_is_neither_billed_nor_loaded(day: SoapDay) -> None:
    assert day.withdrawn not in day.states
    assert day.retailer.fetch("select 1 from marts.fct_shadow_bills where contract_id = ?", [day.withdrawn]) == []
    assert operations(day.retailer, f"select 1 from load_readings where contract_id = '{day.withdrawn}'") == []


def test_sap_is_told_once_that_its_orders_and_cancellations_were_taken(day: SoapDay) -> None:
    told = day.retailer.sap(
        "select name, received_count from soap_messages where name like 'SmartMeter%Confirmation' order by name"
    )
    assert told == [
        ("SmartMeterMeterReadingDocumentERPBulkCancellationConfirmation", 1),
        ("SmartMeterMeterReadingDocumentERPBulkCreateConfirmation", 1),
    ]
    assert operations(day.retailer, "select 1 from sap_order_answers where sent_at is null") == []


def test_intervals_of_a_listed_channel_are_in_edm_as_they_were_delivered(day: SoapDay) -> None:
    truth = day.retailer.sandbox / "truth" / "intervals.parquet"
    rows = duckdb.execute(
        "select market_date, values from read_parquet(?) where nmi = ? and nmi_suffix = 'E1'",
        [str(truth), nmi_of(day.retailer, day.sent)],
    ).fetchall()
    wanted: dict[str, Decimal] = {}
    for market_date, text in rows:
        values = text.split(",")
        midnight = datetime(market_date.year, market_date.month, market_date.day, tzinfo=timezone(timedelta(hours=10)))
        for place, value in enumerate(values):
            start = midnight + timedelta(minutes=place * 1440 // len(values))
            wanted[start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")] = Decimal(value)
    stored = day.retailer.sap(f"select start_at, value from profile_values where profile_number = '{PROFILE}'")
    assert len(wanted) >= 10 * 48
    assert {start: Decimal(value) for start, value in stored} == wanted
    bulks = day.retailer.sap("select sum(received_count) from soap_messages where name like 'UtilitiesTimeSeries%'")
    assert bulks == [(1,)]
    assert operations(day.retailer, "select distinct state from sap_profile_days") == [("CONFIRMED",)]
