"""SAP's meter reading orders by SOAP, over real HTTP: received, completed, confirmed once, and cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from lxml import etree

from loaders.errors import LoaderError
from loaders.operational_db import reading
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.loader import plan_load
from loaders.sap_isu.odata import ODataClient, SapConnection
from loaders.sap_isu.soap.client import SoapClient, SoapConnection
from loaders.sap_isu.soap.order_answers import owed_confirmations, tell_sap
from loaders.sap_isu.soap.orders import OrderBook, PreviousReading
from loaders.sap_isu.soap.previous import ask_previous
from loaders.sap_isu.soap.receiver import Receiver
from loaders.sap_isu.soap.tables import sap_order_answers
from loaders.sources.sap_orders import extract_sap_orders
from loaders.warehouse import open_warehouse
from sandbox.faults import from_mapping
from sandbox.sap.soap import SOAP_PATH, SoapSettings
from sandbox.sap.soap_messages import CANCELLATION_ANSWERS, ORDER_ANSWERS
from tests.integration.sap_load_process import BILLING_DAY, HTTP, open_ledger, rows
from tests.unit.sandbox.conftest import World, sap  # noqa: F401 - the fixture
from tests.unit.sandbox.sap_world import PASSWORD, USER


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path}/operations.db")


@pytest.fixture
def book(sap: World, ledger: Ledger) -> Iterator[OrderBook]:  # noqa: F811
    receiver = Receiver(ledger.engine, host="127.0.0.1", port=0)
    sap.soap.settings = SoapSettings(confirmations_url=receiver.url)
    yield OrderBook(ledger.engine)
    receiver.close()


@pytest.fixture
def soap_client(sap: World) -> Iterator[SoapClient]:  # noqa: F811
    client = SoapClient(SoapConnection(sap.client.url, USER, PASSWORD, client="100", sender="BILLSYNC", policy=HTTP))
    yield client
    client.close()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "SAP's message did not come"
        time.sleep(0.02)


def send(world: World, book: OrderBook, kind: str, order_ids: list[str], state: str) -> None:
    assert world.client.control(f"sap/send-{kind}", {"order_ids": order_ids}).status_code == 200
    wait_for(lambda: set(order_ids) <= {r["order_id"] for r in book.changed_since(None) if r["state"] == state})


def at_sap(world: World, name: str) -> list[tuple[str, int, etree._Element]]:
    """Our confirmations as SAP has them: MessageId, how often it came, the message."""
    found = world.store.rows("select message_id, body, received_count from soap_messages where name = ?", (name,))
    return [(row["message_id"], row["received_count"], etree.fromstring(row["body"])[1][0]) for row in found]


def test_order_is_confirmed_to_sap_once_and_a_cancellation_too(
    sap: World,  # noqa: F811
    ledger: Ledger,
    book: OrderBook,
    soap_client: SoapClient,
) -> None:
    send(sap, book, "orders", ["O1001", "O1002"], "OPEN")
    assert tell_sap(ledger.engine, soap_client) == 2
    assert tell_sap(ledger.engine, soap_client) == 0
    send(sap, book, "cancellations", ["O1002"], "CANCELLED")
    assert tell_sap(ledger.engine, soap_client) == 1
    ((_, times, orders),) = at_sap(sap, ORDER_ANSWERS)
    assert times == 1
    path = "SmartMeterMeterReadingDocumentERPCreateConfirmationMessage/MeterReadingDocument/ID"
    assert [one.text for one in orders.findall(path)] == ["O1001", "O1002"]
    assert orders.findtext("Log/BusinessDocumentProcessingResultCode") == "3"
    ((_, times, cancellations),) = at_sap(sap, CANCELLATION_ANSWERS)
    assert times == 1
    path = "SmartMeterMeterReadingDocumentERPCancellationConfirmationMessage/MeterReadingDocument/ID"
    assert [one.text for one in cancellations.findall(path)] == ["O1002"]


@pytest.mark.parametrize("fault", ["cut-before", "cut-after"])
def test_confirmation_without_an_answer_leaves_again_as_the_same_message(
    sap: World,  # noqa: F811
    ledger: Ledger,
    book: OrderBook,
    soap_client: SoapClient,
    fault: str,
) -> None:
    send(sap, book, "orders", ["O1001"], "OPEN")
    (owed,) = owed_confirmations(ledger.engine)
    sap.faults.add(from_mapping({"fault": fault, "count": 1, "path_prefix": SOAP_PATH}))
    with pytest.raises(LoaderError):
        tell_sap(ledger.engine, soap_client)
    assert tell_sap(ledger.engine, soap_client) == 1
    ((message_id, times, message),) = at_sap(sap, ORDER_ANSWERS)
    assert (message_id, times) == (owed.confirmation_uuid, 2 if fault == "cut-after" else 1)
    assert message.findtext("MessageHeader/ReferenceUUID") == owed.bulk.uuid


def test_bulk_that_sap_sends_again_is_confirmed_again_under_the_same_message_id(
    sap: World,  # noqa: F811
    ledger: Ledger,
    book: OrderBook,
    soap_client: SoapClient,
) -> None:
    send(sap, book, "orders", ["O1001"], "OPEN")
    tell_sap(ledger.engine, soap_client)
    with sap.store.writing() as connection:
        connection.execute("update soap_outbox set sent_at = null, due_at = 0")
    with_answer = sa.select(sap_order_answers.c.sent_at)

    def is_owed() -> bool:
        with reading(ledger.engine) as connection:
            return connection.execute(with_answer).scalar_one() is None

    wait_for(is_owed)
    assert tell_sap(ledger.engine, soap_client) == 1
    ((_, times, _),) = at_sap(sap, ORDER_ANSWERS)
    assert times == 2


def test_sap_is_asked_what_the_register_showed_before_and_the_answer_stays(
    sap: World,  # noqa: F811
    book: OrderBook,
) -> None:
    send(sap, book, "orders", ["O1001", "O1002"], "OPEN")
    client = ODataClient(SapConnection(sap.client.url, USER, PASSWORD, client="100", policy=HTTP))
    found = ask_previous(client, book.without_previous(BILLING_DAY))
    client.close()
    before = PreviousReading(Decimal(1000), date(2026, 2, 5))
    assert found == {"O1001": before, "O1002": before}
    book.note_previous(found)
    assert book.without_previous(BILLING_DAY) == []


def test_orders_reach_the_raw_layer_once_and_their_cancellation_follows(
    sap: World,  # noqa: F811
    book: OrderBook,
    tmp_path: Path,
) -> None:
    warehouse = open_warehouse("duckdb", duckdb_path=tmp_path / "warehouse.duckdb")
    warehouse.ensure_raw_schema()

    def extract(name: str) -> dict[str, str]:
        (newest,) = warehouse.fetch("select max(changed_at) as at from raw.sap_meter_reading_orders")
        known = newest["at"].replace(tzinfo=UTC) if isinstance(newest["at"], datetime) else None
        writes = extract_sap_orders(book, tmp_path / name, known_until=known).writes
        if writes:
            warehouse.replace(writes)
        found = warehouse.fetch("select meter_reading_order_id as id, state from raw.sap_meter_reading_orders")
        assert len(found) == len({row["id"] for row in found})
        return {str(row["id"]): str(row["state"]) for row in found}

    assert extract("none") == {}
    send(sap, book, "orders", ["O1001", "O2001"], "OPEN")
    assert extract("one") == {"O1001": "OPEN", "O2001": "OPEN"}
    send(sap, book, "cancellations", ["O2001"], "CANCELLED")
    assert extract("two") == {"O1001": "OPEN", "O2001": "CANCELLED"}


def test_readings_that_wait_for_a_withdrawn_order_are_cancelled_on_any_day(
    sap: World,  # noqa: F811
    ledger: Ledger,
    book: OrderBook,
) -> None:
    send(sap, book, "orders", ["O1001", "O2001"], "OPEN")
    plan_load(ledger, list(rows(2)), first_day=BILLING_DAY, last_day=BILLING_DAY)
    assert book.withdrawn() == []
    send(sap, book, "cancellations", ["O2001"], "CANCELLED")
    assert ledger.cancel_orders(book.withdrawn(), "SAP has withdrawn its order") == 1
    states = {row["meter_reading_order_id"]: row["state"] for row in ledger.snapshot()}
    assert states == {"O1001": "PLANNED", "O1002": "PLANNED", "O2001": "CANCELLED", "O2002": "PLANNED"}
    assert book.withdrawn() == []
