"""Our confirmations of SAP's orders and cancellations: sent once in effect, however often they have to leave.

What belongs here: which answers go in which confirmation, and under which UUID.
What stays out: what the answers say (``orders``), the XML (``messages``), HTTP (``client``).

The answers to one bulk go in one confirmation. Its UUID is kept before it leaves and used until SAP has taken it, so
that what stands between recognises it as the same message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from loaders.errors import LoaderError, TransientError
from loaders.operational_db import reading, utc_now
from loaders.sap_isu.lease import Lease, LeaseHeldError
from loaders.sap_isu.soap.client import SoapClient
from loaders.sap_isu.soap.messages import OrderAnswer, Reference, compose_order_confirmation, new_uuid
from loaders.sap_isu.soap.tables import sap_order_answers

LEASE: Final = "sap_order_confirmations"
_MOST_BULKS: Final = 200
_ANSWER = sap_order_answers.c


@dataclass(frozen=True)
class OwedConfirmation:
    """One confirmation that SAP has not been given: of one bulk that it sent."""

    request_name: str
    bulk: Reference
    confirmation_uuid: str
    written_at: datetime
    answers: Sequence[OrderAnswer]


def tell_sap(engine: Engine, client: SoapClient) -> int:
    """Send every confirmation that is owed; one that SAP turns away keeps none of the others back.

    Returns:
        The number of orders and cancellations that SAP was told of; zero where another process is at it.

    Raises:
        LoaderError: of the first confirmation that SAP did not take; it leaves again next time, under the same UUID.
    """
    told = 0
    failure: LoaderError | None = None
    try:
        with Lease(engine, (LEASE,)):
            for one in owed_confirmations(engine):
                try:
                    _send(client, one)
                except LoaderError as error:
                    failure = failure or error
                    if isinstance(error, TransientError):
                        break  # the next would only wait as long
                    continue
                _mark_sent(engine, one)
                told += len(one.answers)
    except LeaseHeldError:
        return told
    if failure is not None:
        raise failure
    return told


def owed_confirmations(engine: Engine) -> list[OwedConfirmation]:
    """The confirmations that SAP is owed, oldest first, each with the UUID that it keeps."""
    first_owed = sa.func.min(_ANSWER.answer_id)
    query = (
        sa.select(_ANSWER.request_name, _ANSWER.bulk_uuid)
        .where(_ANSWER.sent_at.is_(None))
        .group_by(_ANSWER.request_name, _ANSWER.bulk_uuid)
        .order_by(first_owed)
        .limit(_MOST_BULKS)
    )
    with reading(engine) as connection:
        bulks = connection.execute(query).all()
    found = []
    for bulk in bulks:
        with engine.begin() as connection:
            found.append(_owed(connection, str(bulk.request_name), str(bulk.bulk_uuid)))
    return found


def _owed(connection: Connection, request_name: str, bulk_uuid: str) -> OwedConfirmation:
    """A bulk's confirmation with all its answers: what leaves twice is the same both times."""
    of_bulk = (_ANSWER.request_name == request_name, _ANSWER.bulk_uuid == bulk_uuid)
    connection.execute(
        sa.update(sap_order_answers)
        .where(*of_bulk, _ANSWER.confirmation_uuid.is_(None))
        .values(confirmation_uuid=new_uuid())
    )
    query = sa.select(sap_order_answers).where(*of_bulk).order_by(_ANSWER.answer_id)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    return OwedConfirmation(
        request_name=request_name,
        bulk=Reference(bulk_uuid, rows[0]["bulk_id"] or ""),
        confirmation_uuid=str(rows[0]["confirmation_uuid"]),
        written_at=rows[0]["written_at"],
        answers=[_answer(row) for row in rows],
    )


def _answer(row: Mapping[str, Any]) -> OrderAnswer:
    own = Reference(row["message_uuid"], row["message_id"] or "")
    return OrderAnswer(own, row["order_id"], row["result_code"], row["note"])


def _send(client: SoapClient, one: OwedConfirmation) -> None:
    message = compose_order_confirmation(
        one.request_name,
        one.bulk,
        one.answers,
        own_uuid=one.confirmation_uuid,
        sender=client.connection.sender,
        created_at=one.written_at,
    )
    client.post(message, one.confirmation_uuid)


def _mark_sent(engine: Engine, one: OwedConfirmation) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.update(sap_order_answers)
            .where(_ANSWER.request_name == one.request_name, _ANSWER.bulk_uuid == one.bulk.uuid)
            .values(sent_at=utc_now(connection))
        )
