"""Our endpoint for SAP's messages, and the messages themselves: stored once, hostile ones refused within bounds."""

from __future__ import annotations

import http.client
import socket
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from loaders.operational_db import open_engine, reading, upgrade
from loaders.sap_isu.readings import ReadingId, SentReading
from loaders.sap_isu.soap.envelope import XmlError, parse_message, write_message
from loaders.sap_isu.soap.inbox import Inbox
from loaders.sap_isu.soap.messages import compose_results
from loaders.sap_isu.soap.order_answers import owed_confirmations
from loaders.sap_isu.soap.orders import OrderBook
from loaders.sap_isu.soap.receiver import Receiver, ReceiverError, is_receiver_at
from loaders.sap_isu.soap.tables import sap_confirmations
from sandbox.sap.soap_messages import RESULTS, Verdict, write_cancellations, write_confirmation, write_orders

DAY = date(2026, 3, 5)
ONE = "0A0A0A0A-0000-4000-8000-000000000001"
BULK = "0A0A0A0A-0000-4000-8000-0000000000FF"
ORDER = {
    "meter_reading_order_id": "815", "meter_reading_reason": "01", "scheduled_read_date": "2026-03-05",
    "register_id": "001", "nmi_suffix": "E1", "device_id": "4711",
}  # fmt: skip


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = open_engine(f"sqlite:///{tmp_path}/operations.db")
    upgrade(engine)
    return engine


@pytest.fixture
def receiver(engine: Engine) -> Iterator[Receiver]:
    receiver = Receiver(engine, host="127.0.0.1", port=0)
    yield receiver
    receiver.close()


def post(receiver: Receiver, body: bytes, **more: object) -> requests.Response:
    return requests.post(receiver.url, data=body, timeout=10, **more)  # type: ignore[arg-type]


def stored(engine: Engine) -> list[dict[str, object]]:
    with reading(engine) as connection:
        return [dict(row) for row in connection.execute(sa.select(sap_confirmations)).mappings()]


def test_message_is_spelt_as_sap_spells_it_and_inner_elements_have_no_namespace() -> None:
    one = SentReading(ReadingId("4711", "001", DAY, "01"), "01", Decimal("152.50"), "KWH", order_id="815", nmi="41030")
    root = compose_results(BULK, [(ONE, one)], sender="BILLSYNC", created_at=datetime(2026, 3, 6, tzinfo=UTC))
    assert root.tag == "{http://sap.com/xi/SAPGlobal20/Global}MeterReadingDocumentERPResultBulkCreateRequest"
    path = "MeterReadingDocumentERPResultCreateRequestMessage/MeterReadingDocument/"
    assert root.findtext(path + "ID") == "815"
    assert root.findtext(path + "UtiltiesMeasurementTask/UtiltiesDevice/UtilitiesDeviceID") == "4711"
    assert root.findtext(path + "Result/MeterReadingResultValue") == "152.5"
    assert root.findtext("MessageHeader/UUID") == BULK
    assert root.findtext("MessageHeader/CreationDateTime") == "2026-03-06T00:00:00Z"
    assert b"Envelope" in write_message(root)


def test_message_that_does_not_fit_the_schema_is_not_written() -> None:
    one = SentReading(ReadingId("4711", "001", DAY, "01"), "01", Decimal("0.123456789012"), "KWH")
    with pytest.raises(XmlError, match="MeterReadingResultValue"):
        write_message(compose_results(BULK, [(ONE, one)], sender="", created_at=datetime.now(UTC)))


def test_confirmation_is_stored_once_however_often_it_comes(engine: Engine, receiver: Receiver) -> None:
    body = write_confirmation(RESULTS, BULK, [Verdict(ONE, "99", "5", "EL/206", "cannot be determined")])
    assert [post(receiver, body).status_code for _ in range(3)] == [200, 200, 200]
    rows = {bool(row["is_bulk"]): row for row in stored(engine)}
    assert {row["received_count"] for row in rows.values()} == {3}
    assert (rows[False]["reference_uuid"], rows[False]["result_code"], rows[False]["type_ids"]) == (ONE, "5", "EL/206")
    assert rows[False]["note"] == "cannot be determined"
    assert rows[True]["reference_uuid"] == BULK
    assert len(Inbox(engine).unknown()) == 2


def test_orders_are_kept_and_cancellations_too_also_in_the_wrong_order(engine: Engine, receiver: Receiver) -> None:
    assert post(receiver, write_orders([ORDER])).status_code == 200
    assert post(receiver, write_cancellations(["815", "816"])).status_code == 200
    assert post(receiver, write_orders([{**ORDER, "meter_reading_order_id": "816"}])).status_code == 200
    book = OrderBook(engine)
    orders = {row["order_id"]: (row["state"], row["device_id"], row["obis_code"]) for row in book.changed_since(None)}
    assert orders == {"815": ("CANCELLED", "4711", "E1"), "816": ("CANCELLED", "4711", "E1")}
    answers = [[(one.order_id, one.result_code) for one in owed.answers] for owed in owed_confirmations(engine)]
    assert answers == [[("815", "3")], [("815", "3"), ("816", "3")], [("816", "5")]]


BOMB = b'<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><b>&b;</b>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<html><body>logon</body></html>",
        b"<a>" * 10_000,
        BOMB,
        BOMB.decode().encode("utf-16"),
        b'<!DOCTYPE b SYSTEM "file:///etc/passwd"><b/>',
        b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body/></e:Envelope>',
        write_orders([{**ORDER, "scheduled_read_date": "soon"}]),
    ],
)
def test_body_that_is_no_message_is_refused_and_nothing_is_stored(
    engine: Engine, receiver: Receiver, body: bytes
) -> None:
    answer = post(receiver, body)
    assert answer.status_code == 400
    assert b"faultstring" in answer.content
    assert stored(engine) == []
    assert list(OrderBook(engine).changed_since(None)) == []
    assert post(receiver, write_confirmation(RESULTS, BULK, [Verdict(ONE, "", "3")])).status_code == 200


def test_body_of_200_megabytes_is_refused_unread(receiver: Receiver) -> None:
    tracemalloc.start()
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=10)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", str(200 * 1024 * 1024))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * 1024 * 1024


def test_large_message_read_from_a_caller_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(XmlError, match="more than 10"):
        parse_message(b"<aaaaaaaaaaaa/>", what="a test", max_bytes=10)


def test_body_without_a_length_is_refused(receiver: Receiver) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=10) as raw:
        raw.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert b" 411 " in raw.recv(200)


def test_credentials_are_asked_for_when_configured(engine: Engine) -> None:
    passwords = ["pass"]
    receiver = Receiver(engine, host="127.0.0.1", port=0, credentials=lambda: ("SAP", passwords[-1]))
    body = write_confirmation(RESULTS, BULK, [Verdict(ONE, "", "3")])
    try:
        assert post(receiver, body).status_code == 401
        assert post(receiver, body, auth=("SAP", "other")).status_code == 401
        assert stored(engine) == []
        assert post(receiver, body, auth=("SAP", "pass")).status_code == 200
        passwords.append("rotated")
        assert post(receiver, body, auth=("SAP", "pass")).status_code == 401
        assert post(receiver, body, auth=("SAP", "rotated")).status_code == 200
    finally:
        receiver.close()


def test_second_receiver_on_the_same_port_is_refused_and_the_first_is_recognised(
    engine: Engine, receiver: Receiver
) -> None:
    with pytest.raises(ReceiverError, match="taken"):
        Receiver(engine, host="127.0.0.1", port=receiver.port)
    assert is_receiver_at("127.0.0.1", receiver.port)
