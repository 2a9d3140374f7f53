"""Confirmations from SAP, stored as they are received: before SAP is told that they were.

What belongs here: storing each once, whoever they are about, and listing those that are about nothing of ours.
What stays out: receiving (``receiver``), what they mean for a reading (``outbox``), orders (``orders``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from loaders.operational_db import load_readings, reading, utc_now
from loaders.sap_isu.soap.messages import Confirmation
from loaders.sap_isu.soap.tables import sap_confirmations, sap_messages

PROFILE = "profile"
"""What the keys of messages about interval profiles begin with."""
_TABLE = sap_confirmations.c


class Inbox:
    """The confirmations of one operational database; safe to use from many threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def store(self, confirmations: Sequence[Confirmation]) -> int:
        """Keep confirmations, all or nothing; one that has come before only counts up.

        Returns:
            How many were new.
        """
        with self.engine.begin() as connection:
            by_fingerprint = {_fingerprint(one): one for one in _referring(connection, confirmations)}
            now = utc_now(connection)
            new = 0
            for fingerprint, one in by_fingerprint.items():
                again = connection.execute(
                    sa.update(sap_confirmations)
                    .where(_TABLE.fingerprint == fingerprint)
                    .values(received_count=_TABLE.received_count + 1, last_received_at=now)
                )
                if again.rowcount:
                    continue
                row = {**_row(one, fingerprint), "first_received_at": now, "last_received_at": now}
                connection.execute(sa.insert(sap_confirmations).values(row))
                new += 1
        return new

    def unknown(self, limit: int = 100) -> list[dict[str, Any]]:
        """Confirmations that are about no message of ours, newest first: somebody should know what they are."""
        ours = sa.exists().where(
            sa.or_(
                sap_messages.c.message_uuid == _TABLE.reference_uuid, sap_messages.c.bulk_uuid == _TABLE.reference_uuid
            )
        )
        query = sa.select(sap_confirmations).where(~ours).order_by(_TABLE.confirmation_id.desc()).limit(limit)
        with reading(self.engine) as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def _referring(connection: Connection, confirmations: Sequence[Confirmation]) -> Iterator[Confirmation]:
    """The confirmations, each with the message it is about where only its bulk, device or document is named."""
    messages: dict[str, Sequence[Row[Any]]] = {}
    for one in confirmations:
        if one.is_bulk or one.reference_uuid or not one.bulk_reference:
            yield one
            continue
        if one.bulk_reference not in messages:
            messages[one.bulk_reference] = _messages_of(connection, one.bulk_reference)
        found = {str(row.message_uuid) for row in messages[one.bulk_reference] if _is_about(one, row)}
        # Of two that it may be about neither is answered: the bulk's own log, or the read-back, has to tell.
        yield replace(one, reference_uuid=found.pop()) if len(found) == 1 else one


def _messages_of(connection: Connection, bulk_uuid: str) -> Sequence[Row[Any]]:
    query = (
        sa.select(sap_messages.c.message_uuid, sap_messages.c.subject_key, load_readings.c.meter_reading_order_id)
        .join(load_readings, load_readings.c.reading_key == sap_messages.c.subject_key, isouter=True)
        .where(sap_messages.c.bulk_uuid == bulk_uuid)
    )
    return connection.execute(query).all()


def _is_about(one: Confirmation, message: Row[Any]) -> bool:
    """Whether a confirmation names a message's order, or its device and register, or its profile."""
    subject = [part.lstrip("0") for part in str(message.subject_key).split("|")]
    if one.device_id and one.task_id:
        return subject[:2] == [one.device_id.lstrip("0"), one.task_id.lstrip("0")]
    named = one.document_id.lstrip("0")
    order = str(message.meter_reading_order_id or "").lstrip("0")
    return bool(named) and (named == order or subject[:2] == [PROFILE, named])


def _fingerprint(one: Confirmation) -> str:
    """The same message of SAP has the same; where SAP gives no UUID, the same content counts as the same."""
    parts = (
        one.message_name, one.own_uuid, one.reference_uuid, str(one.is_bulk), one.document_id, one.result_code,
        one.severity_code, " ".join(one.type_ids), one.note,
    )  # fmt: skip
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()


def _row(one: Confirmation, fingerprint: str) -> dict[str, Any]:
    return {
        "fingerprint": fingerprint,
        "message_name": one.message_name[:100],
        "own_uuid": one.own_uuid,
        "reference_uuid": one.reference_uuid,
        "is_bulk": int(one.is_bulk),
        "document_id": one.document_id,
        "result_code": one.result_code,
        "severity_code": one.severity_code,
        "type_ids": " ".join(one.type_ids)[:400],
        "note": one.note,
        "received_count": 1,
    }
