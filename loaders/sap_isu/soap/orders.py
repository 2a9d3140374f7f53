"""Meter reading orders that SAP sends: kept, cancelled, and what SAP is owed for each.

What belongs here: the state of each order, what SAP said of its register before, and the answers still to be given.
What stays out: receiving (``receiver``), sending answers (``order_answers``); what an order means for a bill (dbt).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from loaders.operational_db import load_readings, reading, utc_now
from loaders.sap_isu.readings import plain_text
from loaders.sap_isu.soap.messages import FAILED, SUCCESSFUL, OrderAnswer, OrderMessage, Reference, new_uuid
from loaders.sap_isu.soap.tables import sap_order_answers, sap_orders
from loaders.sap_isu.states import State

OPEN: Final = "OPEN"
CANCELLED: Final = "CANCELLED"
_PAGE: Final = 2000
_ORDER = sap_orders.c
_ANSWER = sap_order_answers.c


class PreviousReading(NamedTuple):
    """What SAP has of a register before the reading that an order asks for."""

    reading: Decimal
    read_date: date


class OrderBook:
    """The orders of one operational database; safe to use from many threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def take(self, request_name: str, bulk: Reference, messages: Sequence[OrderMessage]) -> None:
        """Keep orders or cancellations and the answers to them, all or nothing; the same again changes nothing.

        A cancellation that overtakes its order cancels it when it comes.
        """
        if not bulk.uuid:
            bulk = Reference(new_uuid())
        with self.engine.begin() as connection:
            now = utc_now(connection)
            for message in messages:
                code, note = _take_one(connection, message, now)
                own = Reference(message.message_uuid, message.message_id)
                _owe(connection, request_name, bulk, OrderAnswer(own, message.order_id, code, note))

    def changed_since(self, moment: datetime | None) -> Iterator[dict[str, Any]]:
        """Orders that came, were cancelled or learnt their previous reading at this instant or later; None: all.

        A cancellation without its order is left out: nothing is known of it.
        """
        query = sa.select(sap_orders).where(_ORDER.scheduled_read_date.is_not(None)).order_by(_ORDER.order_id)
        if moment is not None:
            query = query.where(_ORDER.changed_at >= moment)
        with reading(self.engine) as connection:
            for row in connection.execution_options(yield_per=_PAGE).execute(query).mappings():
                yield dict(row)

    def without_previous(self, last: date) -> list[dict[str, Any]]:
        """Open orders scheduled up to a day of whose register SAP has not said what it showed before."""
        query = (
            sa.select(sap_orders)
            .where(_ORDER.state == OPEN, _ORDER.scheduled_read_date <= last, _ORDER.previous_read_date.is_(None))
            .order_by(_ORDER.order_id)
        )
        with reading(self.engine) as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def note_previous(self, found: Mapping[str, PreviousReading]) -> None:
        """Keep what SAP said of registers, by order."""
        with self.engine.begin() as connection:
            now = utc_now(connection)
            for order_id, previous in found.items():
                connection.execute(
                    sa.update(sap_orders)
                    .where(_ORDER.order_id == order_id)
                    .values(
                        previous_reading=plain_text(previous.reading),
                        previous_read_date=previous.read_date,
                        changed_at=now,
                    )
                )

    def withdrawn(self) -> list[str]:
        """Cancelled orders for which a reading still waits in the ledger."""
        query = (
            sa.select(_ORDER.order_id)
            .join(load_readings, load_readings.c.meter_reading_order_id == _ORDER.order_id)
            .where(_ORDER.state == CANCELLED, load_readings.c.state.in_([State.PLANNED, State.REJECTED]))
            .distinct()
            .order_by(_ORDER.order_id)
        )
        with reading(self.engine) as connection:
            return list(connection.execute(query).scalars())


def _take_one(connection: Connection, message: OrderMessage, now: datetime) -> tuple[str, str]:
    """Bring one order up to date; returns the result code and the note for SAP."""
    known = (
        connection.execute(sa.select(sap_orders).where(_ORDER.order_id == message.order_id)).mappings().one_or_none()
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
        "changed_at": now,
    }
    if known is None:
        connection.execute(
            sa.insert(sap_orders).values({**row, "order_id": message.order_id, "state": OPEN, "received_at": now})
        )
        return SUCCESSFUL, ""
    connection.execute(sa.update(sap_orders).where(_ORDER.order_id == message.order_id).values(row))
    if known["state"] == CANCELLED:
        return FAILED, "the order had been cancelled before"
    return SUCCESSFUL, ""


def _cancel(connection: Connection, message: OrderMessage, is_known: bool, now: datetime) -> tuple[str, str]:  # noqa: FBT001
    if not is_known:
        connection.execute(
            sa.insert(sap_orders).values(
                order_id=message.order_id, state=CANCELLED, received_at=now, cancelled_at=now, changed_at=now
            )
        )
        return SUCCESSFUL, "the order was not known here"
    connection.execute(
        sa.update(sap_orders)
        .where(_ORDER.order_id == message.order_id, _ORDER.state == OPEN)
        .values(state=CANCELLED, cancelled_at=now, changed_at=now)
    )
    return SUCCESSFUL, ""


def _owe(connection: Connection, request_name: str, bulk: Reference, answer: OrderAnswer) -> None:
    """Note what SAP is to be told; one that asks again is told again."""
    same = (
        _ANSWER.bulk_uuid == bulk.uuid, _ANSWER.message_uuid == answer.message.uuid, _ANSWER.order_id == answer.order_id
    )  # fmt: skip
    if connection.execute(sa.update(sap_order_answers).where(*same).values(sent_at=None)).rowcount:
        return
    row = {
        "request_name": request_name,
        "bulk_uuid": bulk.uuid,
        "bulk_id": bulk.id,
        "message_uuid": answer.message.uuid,
        "message_id": answer.message.id,
        "order_id": answer.order_id,
        "result_code": answer.result_code,
        "note": answer.note,
        "written_at": utc_now(connection),
    }
    connection.execute(sa.insert(sap_order_answers).values(row))
