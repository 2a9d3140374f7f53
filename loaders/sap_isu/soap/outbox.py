"""Messages on their way to SAP: their UUIDs, kept before they leave and used again until SAP has answered.

What belongs here: which bulk a reading goes in and under which UUIDs, and what a stored confirmation means for it.
What stays out: writing and posting messages, receiving confirmations (``inbox``).

The rule that makes a retry harmless: a bulk that SAP has not answered is sent again as the same bulk under the same
UUIDs, so that whatever stands between recognises it. Once SAP has answered, the next try is a new message.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from loaders.operational_db import reading, utc_now
from loaders.sap_isu.ledger_rows import CHUNK, batched
from loaders.sap_isu.readings import SentReading, content_hash
from loaders.sap_isu.soap.messages import FAILED, FINAL_CODES, new_uuid
from loaders.sap_isu.soap.tables import sap_confirmations, sap_messages
from loaders.sap_isu.transport import Outcome, OutcomeKind

Row = Mapping[str, Any]


@dataclass
class Bulk:
    """One bulk to send: its UUID and its readings, each with the UUID of its message."""

    bulk_uuid: str
    messages: list[tuple[str, SentReading]] = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    """The confirmations that stand for a message: its own, or its bulk's."""

    own: Sequence[Row] = ()
    of_bulk: Sequence[Row] = ()

    @property
    def deciding(self) -> Row | None:
        """The confirmation that counts: the message's own before the bulk's, a success before a failure."""
        for rows in (self.own, self.of_bulk):
            final = [row for row in rows if row["result_code"] in FINAL_CODES]
            if final:
                return min(final, key=lambda row: (row["result_code"] == FAILED, row["confirmation_id"]))
        return None


class Outbox:
    """The messages of one operational database; safe to use from many threads.

    Args:
        engine: the operational database, already upgraded.
        harmless_type_ids: log items by which SAP calls a failure what is none, such as "already exists".
    """

    def __init__(self, engine: Engine, *, harmless_type_ids: Iterable[str] = ()) -> None:
        self.engine = engine
        self.harmless_type_ids = frozenset(harmless_type_ids)

    def prepare(self, readings: Sequence[SentReading]) -> list[Bulk]:
        """Give readings their bulks and UUIDs, and remember them before anything is sent."""
        with self.engine.begin() as connection:
            last = _last_messages(connection, [one.id.key for one in readings])
            answers = _answers(connection, last.values())
            open_rows = {
                one.id.key: row
                for one in readings
                if (row := last.get(one.id.key)) is not None
                and row["content_hash"] == content_hash(one.reading_result)
                and answers[row["message_id"]].deciding is None
            }
            bulks = _known_bulks(connection, readings, open_rows)
            placed = {one.id.key for bulk in bulks for _, one in bulk.messages}
            rest = [one for one in readings if one.id.key not in placed]
            if rest:
                bulk = Bulk(new_uuid(), [(_uuid_of(open_rows.get(one.id.key)), one) for one in rest])
                _remember(connection, bulk)
                bulks.append(bulk)
        return bulks

    def answers(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """What SAP has answered to the last message about each key; one without a final answer is missing."""
        with reading(self.engine) as connection:
            last = _last_messages(connection, keys)
            found = _answers(connection, last.values())
        return {
            key: self._outcome(deciding)
            for key, row in last.items()
            if (deciding := found[row["message_id"]].deciding) is not None
        }

    def _outcome(self, confirmation: Row) -> Outcome:
        note = confirmation["note"] or f"result code {confirmation['result_code']} without a text"
        type_ids = confirmation["type_ids"].split()
        if confirmation["result_code"] == FAILED and not self.harmless_type_ids.intersection(type_ids):
            shown = f" ({', '.join(type_ids)})" if type_ids else ""
            return Outcome(OutcomeKind.REFUSED, f"{note}{shown}")
        return Outcome(OutcomeKind.ACCEPTED, confirmation["note"])


def _known_bulks(connection: Connection, readings: Sequence[SentReading], open_rows: Mapping[str, Row]) -> list[Bulk]:
    """Unanswered bulks of which every message is to be sent again: they go as they were."""
    members: dict[str, list[SentReading]] = defaultdict(list)
    for one in readings:
        if row := open_rows.get(one.id.key):
            members[row["bulk_uuid"]].append(one)
    sizes = _bulk_sizes(connection, list(members))
    return [
        Bulk(bulk_uuid, [(open_rows[one.id.key]["message_uuid"], one) for one in of_bulk])
        for bulk_uuid, of_bulk in members.items()
        if sizes[bulk_uuid] == len(of_bulk)
    ]


def _bulk_sizes(connection: Connection, bulk_uuids: Sequence[str]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for chunk in batched(bulk_uuids, CHUNK):
        rows = connection.execute(
            sa.select(sap_messages.c.bulk_uuid, sa.func.count().label("size"))
            .where(sap_messages.c.bulk_uuid.in_(chunk))
            .group_by(sap_messages.c.bulk_uuid)
        )
        sizes.update((row.bulk_uuid, row.size) for row in rows)
    return sizes


def _last_messages(connection: Connection, keys: Sequence[str]) -> dict[str, Row]:
    last: dict[str, Row] = {}
    for chunk in batched(dict.fromkeys(keys), CHUNK):
        newest = (
            sa.select(sa.func.max(sap_messages.c.message_id))
            .where(sap_messages.c.subject_key.in_(chunk))
            .group_by(sap_messages.c.subject_key)
        )
        rows = connection.execute(sa.select(sap_messages).where(sap_messages.c.message_id.in_(newest))).mappings()
        last.update((row["subject_key"], dict(row)) for row in rows)
    return last


def _answers(connection: Connection, messages: Iterable[Row]) -> dict[int, Answer]:
    """The confirmations of messages, by message id."""
    rows = list(messages)
    by_reference: dict[str, list[Row]] = defaultdict(list)
    for chunk in batched({row[name] for row in rows for name in ("message_uuid", "bulk_uuid")}, CHUNK):
        query = sa.select(sap_confirmations).where(sap_confirmations.c.reference_uuid.in_(chunk))
        for found in connection.execute(query).mappings():
            by_reference[found["reference_uuid"]].append(dict(found))
    return {
        row["message_id"]: Answer(by_reference[row["message_uuid"]], by_reference[row["bulk_uuid"]]) for row in rows
    }


def _uuid_of(open_row: Row | None) -> str:
    return str(open_row["message_uuid"]) if open_row else new_uuid()


def _remember(connection: Connection, bulk: Bulk) -> None:
    now = utc_now(connection)
    rows = [
        {
            "message_uuid": message_uuid,
            "bulk_uuid": bulk.bulk_uuid,
            "subject_key": one.id.key,
            "content_hash": content_hash(one.reading_result),
            "written_at": now,
        }
        for message_uuid, one in bulk.messages
    ]
    connection.execute(sa.insert(sap_messages), rows)
