"""The pretend SAP's asynchronous SOAP services over the same store as its OData gateway.

A message is kept on receipt and known again by its MessageId; its business is done afterwards, each inner message in a
transaction of its own, and the confirmation is put in the outbox with the last of them. What stays out: posting the
outbox and the worker's thread (``soap_worker``), XML (``soap_messages``), the rules on readings (``readings``).
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from lxml import etree

from sandbox.http import Request, Response
from sandbox.sap.edm import EdmValueError, parse_decimal, plain_decimal
from sandbox.sap.errors import BusinessError, ServiceError
from sandbox.sap.readings import Refusals, create
from sandbox.sap.sessions import SYSTEM_ID, Sessions
from sandbox.sap.soap_messages import (
    CANCELLATION_ANSWERS,
    ORDER_ANSWERS,
    REQUESTS,
    RESULTS,
    SERIES_CREATE,
    SoapMessageError,
    Verdict,
    read_request,
    uuid_of,
    write_confirmation,
)
from sandbox.sap.store import SapStore

SOAP_PATH = "/sap/bc/srt/xip/sap"
_CHANGEABLE = frozenset({"1", "2", "3", "4", "5"})
_ANSWERS = {
    "malformed": b"<soap-env:Envelope><soap-env:Body",
    "entities": b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><b>&b;</b>',
    "fault": (
        b'<soap-env:Envelope xmlns:soap-env="http://schemas.xmlsoap.org/soap/envelope/"><soap-env:Body><soap-env:Fault>'
        b"<faultcode>soap-env:Server</faultcode><faultstring>Web service processing error</faultstring>"
        b"</soap-env:Fault></soap-env:Body></soap-env:Envelope>"
    ),
}
_HUGE_BYTES = 64 * 1024 * 1024


@dataclass
class SoapSettings:
    """What a command may change while the services run.

    Attributes:
        confirmations_url: where confirmations and orders are posted; empty keeps them in the outbox.
        confirmations: ``normal``, or what goes wrong with the next ones: ``never``, ``twice``, ``unknown``,
            ``received-first``, ``bulk-only`` (its log, none of its messages), ``malformed``, ``entities``, ``huge``.
        confirmations_left: how many confirmations that still hits.
        confirmation_delay_seconds: how long a confirmation waits in the outbox.
        processing_delay_seconds: how long a message waits before its business is done.
        answer: ``normal``, or what the next posts are answered with: ``malformed``, ``entities``, ``huge``, ``fault``.
        answers_left: how many posts that still hits; they are stored all the same.
    """

    confirmations_url: str = ""
    confirmations: str = "normal"
    confirmations_left: int = 0
    confirmation_delay_seconds: float = 0.0
    processing_delay_seconds: float = 0.0
    answer: str = "normal"
    answers_left: int = 0


class SoapServices:
    """The services over one store; safe to use from many threads."""

    def __init__(self, store: SapStore, sessions: Sessions, refusals: Refusals) -> None:
        self.store = store
        self.sessions = sessions
        self.refusals = refusals
        self.settings = SoapSettings()
        self.confirmation_credentials: tuple[str, str] | None = None

    def handle(self, request: Request) -> Response:
        """Take a message over: 202 and nothing more, whatever its business will come to."""
        if not self.sessions.knows(request.headers.get("Authorization"), request.query.get("sap-client")):
            realm = f'Basic realm="SAP NetWeaver Application Server [{SYSTEM_ID}]"'
            return Response(401, (("WWW-Authenticate", realm),), b"Logon failed")
        if request.method != "POST":
            return Response(405, (), b"")
        try:
            name, root = read_request(request.body)
            own = _checked_uuid(name, root)
            message_id = request.query.get("MessageId", own).upper()
        except SoapMessageError as error:
            fault = _ANSWERS["fault"].replace(b"Web service processing error", str(error)[:200].encode())
            return Response(500, (("Content-Type", "text/xml; charset=utf-8"),), fault)
        self._keep(name, message_id, request.body)
        return self._answer()

    def _keep(self, name: str, message_id: str, body: bytes) -> None:
        """Store a message once; the same MessageId again is the same message, whatever it holds."""
        state = "WAITING" if name in REQUESTS else "DONE"
        with self.store.writing() as connection:
            connection.execute(
                "insert into soap_messages (message_id, name, body, state, due_at) "
                "values (?, ?, ?, ?, ?) "
                "on conflict (message_id) do update set received_count = received_count + 1",
                (message_id, name, body, state, time.time() + self.settings.processing_delay_seconds),
            )

    def _answer(self) -> Response:
        settings = self.settings
        if settings.answers_left <= 0:
            return Response(202, (), b"")
        settings.answers_left -= 1
        body = b"<a>" + b"x" * _HUGE_BYTES if settings.answer == "huge" else _ANSWERS.get(settings.answer, b"")
        return Response(500 if settings.answer == "fault" else 200, (("Content-Type", "text/xml"),), body)

    def process_waiting(self) -> int:
        """Do the business of every message that is due; returns how many there were."""
        due = self.store.rows(
            "select message_id, name, body from soap_messages where state = 'WAITING' and due_at <= ? order by rowid",
            (time.time(),),
        )
        for row in due:
            self._process(row["message_id"], row["name"], row["body"])
        return len(due)

    def _process(self, message_id: str, name: str, body: bytes) -> None:
        _, root = read_request(body)
        verdicts = [self._process_one(name, message) for message in root.findall(REQUESTS[name][0])]
        with self.store.writing() as connection:
            connection.execute("update soap_messages set state = 'DONE' where message_id = ?", (message_id,))
            put_in_outbox(connection, write_confirmation(name, uuid_of(root), verdicts), self.settings)

    def _process_one(self, name: str, message: etree._Element) -> Verdict:
        """One inner message in a transaction of its own: a bad row takes no other with it."""
        message_uuid = uuid_of(message)
        try:
            with self.store.writing() as connection:
                if name == RESULTS:
                    document = _store_result(connection, message, self.refusals)
                else:
                    document = _store_series(connection, message, is_create=name == SERIES_CREATE)
        except ServiceError as error:
            return Verdict(message_uuid, "", "5", error.code, error.message)
        return Verdict(message_uuid, document, "3")


def _checked_uuid(name: str, root: etree._Element) -> str:
    """The UUID of a message that is served here and whose inner messages can be told apart."""
    if name not in REQUESTS and name not in {ORDER_ANSWERS, CANCELLATION_ANSWERS}:
        raise SoapMessageError(f"{name} is not served here")
    for message in root.findall(REQUESTS[name][0]) if name in REQUESTS else ():
        uuid_of(message)
    return uuid_of(root)


def put_in_outbox(connection: sqlite3.Connection, body: bytes, settings: SoapSettings) -> None:
    """Leave a message to be posted, when it is due, to the system that reads the meters."""
    connection.execute(
        "insert into soap_outbox (body, due_at) values (?, ?)",
        (body, time.time() + settings.confirmation_delay_seconds),
    )


def _store_result(connection: sqlite3.Connection, message: etree._Element, refusals: Refusals) -> str:
    """Create a reading, for the order whose number is given or by device and register; or correct one."""
    document = message.find("MeterReadingDocument")
    if document is None:
        raise BusinessError("EL/910", "MeterReadingDocument is missing")
    given = document.findtext("ID", "")
    value = document.findtext("Result/MeterReadingResultValue", "")
    known = connection.execute("select * from results where printf('%020d', seq) = ?", (given,)).fetchone()
    if known is not None:
        return _correct(connection, known, value)
    task = document.find("UtiltiesMeasurementTask")
    device = task.findtext("UtiltiesDevice/UtilitiesDeviceID", "") if task is not None else ""
    register = task.findtext("UtilitiesMeasurementTaskID", "") if task is not None else ""
    reason = document.findtext("MeterReadingReasonCode", "")
    if given:
        order = connection.execute("select * from orders where meter_reading_order_id = ?", (given,)).fetchone()
        if order is None:
            raise BusinessError("EL/904", f"No meter reading order {given}")
        device, register, reason = order["device_id"], order["register_id"], order["meter_reading_reason"]
    day = document.findtext("Result/ActualMeterReadingDate", "")
    clock = document.findtext("Result/ActualMeterReadingTime", "")
    stored = create(
        connection,
        {
            "DeviceID": device,
            "RegisterID": register.zfill(3),
            "ReadingResult": value,
            "ReadingDateTime": f"{day}T{clock}",
            "MeterReadingReasonID": reason,
            "MeterReadingCategoryID": document.findtext("Result/MeterReadingTypeCode", ""),
        },
        refusals,
    )
    return f"{stored.parent:020d}"


def _correct(connection: sqlite3.Connection, known: sqlite3.Row, value: str) -> str:
    """Change a reading that is not billed; its consumption changes with it."""
    if known["status"] not in _CHANGEABLE:
        raise BusinessError("EL/907", "The reading is billed and cannot be changed")
    try:
        reading = parse_decimal(value)
    except EdmValueError as error:
        raise BusinessError("EL/906", str(error)) from error
    multiplier = connection.execute(
        "select multiplier from registers where device_id = ? and register_id = ?",
        (known["device_id"], known["register_id"]),
    ).fetchone()[0]
    moved = (reading - Decimal(known["reading_result"])) * Decimal(multiplier)
    connection.execute(
        "update results set reading_result = ?, consumption = ? where seq = ?",
        (plain_decimal(reading), plain_decimal(Decimal(known["consumption"]) + moved), known["seq"]),
    )
    return f"{known['seq']:020d}"


def _store_series(connection: sqlite3.Connection, message: etree._Element, *, is_create: bool) -> str:
    """Keep interval values; rows that come twice in a message, or out of order, abort the posting as in EDM."""
    series = message.find("UtilitiesTimeSeries")
    profile = series.findtext("ID", "") if series is not None else ""
    if series is None or not profile:
        raise BusinessError("EE/901", "The profile's number is missing")
    last = ""
    for item in series.findall("Item"):
        start = item.findtext("UTCValidityStartDateTime", "")
        end = item.findtext("UTCValidityEndDateTime", "")
        if not start.endswith("Z") or not end.endswith("Z") or not start < end or start <= last:
            raise BusinessError("EE/902", f"Intervals have to be in UTC, in order and once: {start}")
        last = start
        _store_interval(connection, profile, item, is_create=is_create)
    return profile


def _store_interval(connection: sqlite3.Connection, profile: str, item: etree._Element, *, is_create: bool) -> None:
    start, end = item.findtext("UTCValidityStartDateTime", ""), item.findtext("UTCValidityEndDateTime", "")
    quantity = item.find("Quantity")
    try:
        value = Decimal(quantity.text or "") if quantity is not None else None
    except InvalidOperation as error:
        raise BusinessError("EE/904", f"The quantity of {start} is no number") from error
    exists = connection.execute(
        "select 1 from profile_values where profile_number = ? and start_at = ?", (profile, start)
    ).fetchone()
    if exists and is_create:
        raise BusinessError("EE/903", f"Profile {profile} has a value for {start} already")
    connection.execute(
        "insert or replace into profile_values (profile_number, start_at, end_at, value, unit, status) "
        "values (?, ?, ?, ?, ?, ?)",
        (
            profile,
            start,
            end,
            None if value is None else plain_decimal(value),
            quantity.get("unitCode") if quantity is not None else None,
            item.findtext("ItemStatus/UtilitiesTimeSeriesItemTypeCode", ""),
        ),
    )
