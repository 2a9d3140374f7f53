"""Meter reading orders that SAP sends: kept, cancelled, answered, and staged for the raw layer.

What belongs here: the state of each order and what SAP is still to be told of it.
What stays out: receiving (``receiver``); what an order means for a bill (dbt).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from loaders.operational_db import reading, utc_now
from loaders.sap_isu.soap.messages import FAILED, SUCCESSFUL, OrderAnswer, OrderMessage
from loaders.sap_isu.soap.tables import sap_order_answers, sap_orders

OPEN: Final = "OPEN"
CANCELLED: Final = "CANCELLED"
_MOST_ANSWERS = 1000
_ANSWER = sap_order_answers.c


@dataclass(frozen=True)
class OwedConfirmation:
    """Answers to one bulk of SAP's that SAP has not been told yet."""

    request_name: str
    bulk_uuid: str
    answers: Sequence[OrderAnswer]
    answer_ids: Sequence[int]


class OrderBook:
    """The orders of one operational database; safe to use from many threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def take(self, request_name: str, bulk_uuid: str, messages: Sequence[OrderMessage]) -> None:
        """Keep orders or cancellations and the answers to them, all or nothing; the same again changes nothing.

        A cancellation that overtakes its order cancels it when it comes.
        """
        with self.engine.begin() as connection:
            now = utc_now(connection)
            for message in messages:
                code, note = _take_one(connection, message, now)
                _owe(
                    connection, request_name, bulk_uuid, OrderAnswer(message.message_uuid, message.order_id, code, note)
                )

    def owed(self) -> list[OwedConfirmation]:
        """What SAP is still to be told, by the bulk it sent."""
        query = (
            sa.select(sap_order_answers)
            .where(_ANSWER.sent_at.is_(None))
            .order_by(_ANSWER.request_name, _ANSWER.bulk_uuid, _ANSWER.answer_id)
            .limit(_MOST_ANSWERS)
        )
        with reading(self.engine) as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        grouped = groupby(rows, key=lambda row: (str(row["request_name"]), str(row["bulk_uuid"])))
        return [_owed(name, bulk_uuid, list(of_bulk)) for (name, bulk_uuid), of_bulk in grouped]

    def answer(self, send: Callable[[OwedConfirmation], None]) -> int:
        """Tell SAP what it is owed; each bulk is marked once it has left. Returns the number of orders answered."""
        told = 0
        for owed in self.owed():
            send(owed)
            with self.engine.begin() as connection:
                connection.execute(
                    sa.update(sap_order_answers)
                    .where(_ANSWER.answer_id.in_(owed.answer_ids))
                    .values(sent_at=utc_now(connection))
                )
            told += len(owed.answer_ids)
        return told

    def scheduled(self, first: date, last: date) -> list[dict[str, Any]]:
        """Orders scheduled for these days, cancelled ones too."""
        query = (
            sa.select(sap_orders)
            .where(sap_orders.c.scheduled_read_date.between(first, last))
            .order_by(sap_orders.c.order_id)
        )
        with reading(self.engine) as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def _take_one(connection: Connection, message: OrderMessage, now: datetime) -> tuple[str, str]:
    """Bring one order up to date; returns the result code and the note for SAP."""
    known = (
        connection.execute(sa.select(sap_orders).where(sap_orders.c.order_id == message.order_id))
        .mappings()
        .one_or_none()
    )
    if message.is_cancellation:
        return _cancel(connection, message, known is not None, now)
    row = {
        "meter_reading_reason": message.reason,
        "scheduled_read_date": message.scheduled_date,
        "device_id": message.device_id,
        "task_id": message.task_id,
        "obis_code": message.obis_code,
        "nmi": message.nmi,
    }
    if known is None:
        connection.execute(
            sa.insert(sap_orders).values({**row, "order_id": message.order_id, "state": OPEN, "received_at": now})
        )
        return SUCCESSFUL, ""
    connection.execute(sa.update(sap_orders).where(sap_orders.c.order_id == message.order_id).values(row))
    if known["state"] == CANCELLED:
        return FAILED, "the order had been cancelled before"
    return SUCCESSFUL, ""


def _cancel(connection: Connection, message: OrderMessage, is_known: bool, now: datetime) -> tuple[str, str]:  # noqa: FBT001
    if not is_known:
        connection.execute(
            sa.insert(sap_orders).values(order_id=message.order_id, state=CANCELLED, received_at=now, cancelled_at=now)
        )
        return SUCCESSFUL, "the order was not known here"
    connection.execute(
        sa.update(sap_orders)
        .where(sap_orders.c.order_id == message.order_id, sap_orders.c.state == OPEN)
        .values(state=CANCELLED, cancelled_at=now)
    )
    return SUCCESSFUL, ""


def _owe(connection: Connection, request_name: str, bulk_uuid: str, answer: OrderAnswer) -> None:
    """Note what SAP is to be told; one that asks again is told again."""
    same = (
        _ANSWER.bulk_uuid == bulk_uuid, _ANSWER.message_uuid == answer.message_uuid, _ANSWER.order_id == answer.order_id
    )  # fmt: skip
    if connection.execute(sa.update(sap_order_answers).where(*same).values(sent_at=None)).rowcount:
        return
    row = {
        "request_name": request_name,
        "bulk_uuid": bulk_uuid,
        "message_uuid": answer.message_uuid,
        "order_id": answer.order_id,
        "result_code": answer.result_code,
        "note": answer.note,
        "written_at": utc_now(connection),
    }
    connection.execute(sa.insert(sap_order_answers).values(row))


def _owed(name: str, bulk_uuid: str, rows: Sequence[dict[str, Any]]) -> OwedConfirmation:
    answers = [OrderAnswer(row["message_uuid"], row["order_id"], row["result_code"], row["note"]) for row in rows]
    return OwedConfirmation(name, bulk_uuid, answers, [row["answer_id"] for row in rows])
