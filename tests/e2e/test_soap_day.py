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
from typing import Any
from urllib.request import Request, urlopen

import pytest

from .harness import Retailer, Row, sandboxed

pytestmark = pytest.mark.e2e

DAY = "2026-03-05"
SEED = ("--service-points", "40", "--days", "10", "--day", DAY, "--closings", "12")
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
        for _ in range(2):
            retailer.run(DAY, BILLSYNC_SAP_TRANSPORT="soap")
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
    ((nmi,),) = retailer.retailer(f"select nmi from contracts where contract_id = '{contract}'")
    return contract in planted or nmi in planted


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
    ((heard,),) = operations(day.retailer, "select count(*) from sap_confirmations where is_bulk = 0")
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
