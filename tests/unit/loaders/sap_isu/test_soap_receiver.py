"""Our endpoint for SAP's messages, and the messages themselves: stored once, hostile ones refused within bounds."""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from loaders.operational_db import open_engine, reading, upgrade
from loaders.sap_isu.readings import ReadingId, SentReading
from loaders.sap_isu.soap.envelope import XmlError, parse_message, schema_problem, write_message
from loaders.sap_isu.soap.inbox import Inbox
from loaders.sap_isu.soap.messages import compose_order_confirmation, compose_results
from loaders.sap_isu.soap.order_answers import owed_confirmations
from loaders.sap_isu.soap.orders import OrderBook
from loaders.sap_isu.soap.receiver import Receiver, ReceiverError, is_receiver_at
from loaders.sap_isu.soap.tables import sap_confirmations, sap_messages
from sandbox.sap.soap_messages import RESULTS, Verdict, envelope, write_cancellations, write_confirmation, write_orders

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
        raw.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 411 " in raw.recv(200)


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_confirmation_in_chunks_is_stored(engine: Engine, receiver: Receiver, size: int) -> None:
    body = write_confirmation(RESULTS, BULK, [Verdict(ONE, "99", "3")])
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    assert requests.post(receiver.url, data=pieces, timeout=10).status_code == 200
    assert {row["reference_uuid"] for row in stored(engine)} == {ONE, BULK}


@pytest.mark.parametrize(
    ("chunks", "answer"),
    [(b"FFFFFFF\r\n", b" 413 "), (b"5\r\nhello" * 10, b""), (b"-5\r\nhello\r\n0\r\n\r\n", b""), (b"x" * 5000, b"")],
)
def test_chunks_that_are_none_or_too_large_are_refused(receiver: Receiver, chunks: bytes, answer: bytes) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=10) as raw:
        raw.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        raw.shutdown(socket.SHUT_WR)
        try:
            assert answer in raw.recv(200)
        except ConnectionResetError:
            assert not answer


@pytest.mark.parametrize(
    "start",
    [b"POST / HTTP/1.1\r\nX-Slow: ", b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n",
     b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3E8\r\n"],
)  # fmt: skip
def test_sender_that_drips_is_not_waited_for_and_the_endpoint_ends(engine: Engine, start: bytes) -> None:
    """Every byte comes well within the socket's time-out."""
    receiver = Receiver(engine, host="127.0.0.1", port=0, silence_seconds=0.5)
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=10) as raw:
        raw.sendall(start)
        raw.settimeout(0.05)
        deadline = time.monotonic() + 10
        is_open = True
        while is_open and time.monotonic() < deadline:
            with suppress(TimeoutError):
                try:
                    raw.sendall(b"a")
                    is_open = bool(raw.recv(200))
                except (BrokenPipeError, ConnectionResetError):
                    is_open = False
        receiver.close()
    assert not is_open


def test_connections_without_end_leave_room_for_sap_again(engine: Engine) -> None:
    before = threading.active_count()
    receiver = Receiver(engine, host="127.0.0.1", port=0, silence_seconds=0.5)
    idle = [socket.create_connection(("127.0.0.1", receiver.port), timeout=10) for _ in range(200)]
    try:
        deadline = time.monotonic() + 20
        status = None
        while status != 200 and time.monotonic() < deadline:
            with suppress(requests.ConnectionError):
                status = post(receiver, write_confirmation(RESULTS, BULK, [Verdict(ONE, "", "3")])).status_code
        assert status == 200
        # Its own thread, and for each of 64 connections one that serves and one that keeps the time.
        assert threading.active_count() <= before + 1 + 2 * 64
    finally:
        for one in idle:
            one.close()
        receiver.close()


@pytest.mark.parametrize(
    ("header", "reference"),
    [
        (f"<ID>0000004711</ID><UUID>{BULK}</UUID>", ("0000004711", BULK)),
        (f"<UUID>{BULK.lower()}</UUID>", (BULK.replace("-", ""), BULK)),
        ("<ID>0000004711</ID>", ("0000004711", None)),
    ],
)
def test_order_is_confirmed_under_the_names_that_sap_gave_its_messages(
    engine: Engine, receiver: Receiver, header: str, reference: tuple[str, str | None]
) -> None:
    body = write_orders([ORDER]).decode()
    body = re.sub("<MessageHeader>.*?</UUID>", f"<MessageHeader>{header}", body)
    assert [post(receiver, body.encode()).status_code for _ in range(2)] == [200, 200]
    (owed,) = owed_confirmations(engine)
    message = compose_order_confirmation(
        owed.request_name, owed.bulk, owed.answers, own_uuid=ONE, sender="", created_at=datetime.now(UTC)
    )
    assert schema_problem(message) is None
    inner = "SmartMeterMeterReadingDocumentERPCreateConfirmationMessage/"
    for path in ("", inner):
        names = (
            message.findtext(f"{path}MessageHeader/ReferenceID"),
            message.findtext(f"{path}MessageHeader/ReferenceUUID"),
        )
        assert names == reference


def message_of(engine: Engine, message_uuid: str, bulk_uuid: str, key: str) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.insert(sap_messages).values(
                message_uuid=message_uuid, bulk_uuid=bulk_uuid, subject_key=key, content_hash="x",
                written_at=datetime.now(UTC),
            )
        )  # fmt: skip


@pytest.mark.parametrize(
    ("reference", "tie"),
    [
        ("<ReferenceUUID>{uuid}</ReferenceUUID>", ""),
        ("<ReferenceUUID>{bare}</ReferenceUUID>", ""),
        ("<ReferenceID>{bare}</ReferenceID>", ""),
        ("", ("<UtiltiesMeasurementTask><UtilitiesMeasurementTaskID>1</UtilitiesMeasurementTaskID><UtiltiesDevice>"
         "<UtilitiesDeviceID>000000000000004711</UtilitiesDeviceID></UtiltiesDevice></UtiltiesMeasurementTask>")),
    ],
)  # fmt: skip
def test_confirmation_is_tied_to_its_message_by_whatever_it_names(
    engine: Engine, receiver: Receiver, reference: str, tie: str
) -> None:
    message_of(engine, ONE, BULK, "4711|001|2026-03-05|01")
    message_of(engine, "0A0A0A0A-0000-4000-8000-000000000002", BULK, "4711|002|2026-03-05|01")
    named = reference.format(uuid=ONE.lower(), bare=ONE.replace("-", "").lower())
    code = "<Log><BusinessDocumentProcessingResultCode>5</BusinessDocumentProcessingResultCode></Log>"
    body = envelope(
        "MeterReadingDocumentERPResultBulkCreateConfirmation",
        f"<MessageHeader><ReferenceUUID>{BULK}</ReferenceUUID></MessageHeader>"
        "<MeterReadingDocumentERPResultCreateConfirmationMessage>"
        f"<MessageHeader>{named}</MessageHeader><MeterReadingDocument>{tie}</MeterReadingDocument>{code}"
        "</MeterReadingDocumentERPResultCreateConfirmationMessage>",
    )
    assert post(receiver, body).status_code == 200
    assert [row["reference_uuid"] for row in stored(engine)] == [ONE]
    assert Inbox(engine).unknown() == []


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
