"""Messages on their way to SAP: their UUIDs, kept before they leave and used again until SAP has answered.

What belongs here: which bulk a reading (or a profile's day) goes in and under which UUIDs, and what a stored
confirmation means for it.
What stays out: writing and posting messages, receiving confirmations (``inbox``).

The rule that makes a retry harmless: a bulk that SAP has not answered is sent again as the same bulk under the same
UUIDs, so that whatever stands between recognises it. Once SAP has answered, the next try is a new message.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from loaders.operational_db import reading, utc_now
from loaders.sap_isu.ledger_rows import CHUNK, batched
from loaders.sap_isu.soap.messages import FAILED, FINAL_CODES, PARTLY, new_uuid
from loaders.sap_isu.soap.tables import sap_confirmations, sap_messages
from loaders.sap_isu.transport import Outcome, OutcomeKind

Row = Mapping[str, Any]


class Subject(Protocol):
    """What a message is about: it is known by a key, and is the same message while its content is."""

    @property
    def key(self) -> str:
        """What the message is about."""

    @property
    def content_hash(self) -> str:
        """Changes when, and only when, the message would say something else."""


S = TypeVar("S", bound=Subject)


@dataclass
class Bulk(Generic[S]):
    """One bulk to send: its UUID and its subjects, each with the UUID of its message."""

    bulk_uuid: str
    messages: list[tuple[str, S]] = field(default_factory=list)


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


@dataclass(frozen=True)
class MessageNumber:
    """What a message is known by where a UUID has no room: a number, and when it was first put together."""

    number: int
    written_at: datetime


class Outbox:
    """The messages of one operational database; safe to use from many threads.

    Args:
        engine: the operational database, already upgraded.
        harmless_type_ids: log items by which SAP calls a failure what is none, such as "already exists".
    """

    def __init__(self, engine: Engine, *, harmless_type_ids: Iterable[str] = ()) -> None:
        self.engine = engine
        self.harmless_type_ids = frozenset(harmless_type_ids)

    def prepare(self, subjects: Sequence[S]) -> list[Bulk[S]]:
        """Give subjects their bulks and UUIDs, and remember them before anything is sent."""
        with self.engine.begin() as connection:
            last = _last_messages(connection, [one.key for one in subjects])
            answers = _answers(connection, last.values())
            open_rows = {
                one.key: row
                for one in subjects
                if (row := last.get(one.key)) is not None
                and row["content_hash"] == one.content_hash
                and answers[row["message_id"]].deciding is None
            }
            bulks = _known_bulks(connection, subjects, open_rows)
            placed = {one.key for bulk in bulks for _, one in bulk.messages}
            rest = [one for one in subjects if one.key not in placed]
            if rest:
                bulk = Bulk(new_uuid(), [(_uuid_of(open_rows.get(one.key)), one) for one in rest])
                _remember(connection, bulk)
                bulks.append(bulk)
        return bulks

    def answers(self, keys: Sequence[str], contents: Mapping[str, str] | None = None) -> dict[str, Outcome]:
        """What SAP has answered to the last message about each key; one without a final answer is missing.

        Args:
            keys: what the messages are about.
            contents: content hashes by key, where an answer to other content is none.
        """
        with reading(self.engine) as connection:
            last = _last_messages(connection, keys)
            if contents is not None:
                last = {key: row for key, row in last.items() if row["content_hash"] == contents[key]}
            found = _answers(connection, last.values())
        return {
            key: self._outcome(deciding)
            for key, row in last.items()
            if (deciding := found[row["message_id"]].deciding) is not None
        }

    def numbers(self, bulk: Bulk[S]) -> dict[str, MessageNumber]:
        """The numbers of a bulk's messages by UUID; a message keeps its number in whatever bulk it goes."""
        found: dict[str, MessageNumber] = {}
        columns = sap_messages.c
        for chunk in batched([message_uuid for message_uuid, _ in bulk.messages], CHUNK):
            query = (
                sa.select(
                    columns.message_uuid,
                    sa.func.min(columns.message_id).label("number"),
                    sa.func.min(columns.written_at).label("written_at"),
                )
                .where(columns.message_uuid.in_(chunk))
                .group_by(columns.message_uuid)
            )
            with reading(self.engine) as connection:
                for row in connection.execute(query):
                    found[str(row.message_uuid)] = MessageNumber(int(row.number), row.written_at)
        return found

    def _outcome(self, confirmation: Row) -> Outcome:
        note = confirmation["note"] or f"result code {confirmation['result_code']} without a text"
        type_ids = confirmation["type_ids"].split()
        was_there = bool(self.harmless_type_ids.intersection(type_ids))
        if confirmation["result_code"] == FAILED and not was_there:
            shown = f" ({', '.join(type_ids)})" if type_ids else ""
            return Outcome(OutcomeKind.REFUSED, f"{note}{shown}")
        is_partial = confirmation["result_code"] == PARTLY
        return Outcome(OutcomeKind.ACCEPTED, confirmation["note"], was_there=was_there, is_partial=is_partial)


def _known_bulks(connection: Connection, subjects: Sequence[S], open_rows: Mapping[str, Row]) -> list[Bulk[S]]:
    """Unanswered bulks of which every message is to be sent again: they go as they were."""
    members: dict[str, list[S]] = defaultdict(list)
    for one in subjects:
        if row := open_rows.get(one.key):
            members[row["bulk_uuid"]].append(one)
    sizes = _bulk_sizes(connection, list(members))
    return [
        Bulk(bulk_uuid, [(open_rows[one.key]["message_uuid"], one) for one in of_bulk])
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


def _remember(connection: Connection, bulk: Bulk[S]) -> None:
    now = utc_now(connection)
    rows = [
        {
            "message_uuid": message_uuid,
            "bulk_uuid": bulk.bulk_uuid,
            "subject_key": one.key,
            "content_hash": one.content_hash,
            "written_at": now,
        }
        for message_uuid, one in bulk.messages
    ]
    connection.execute(sa.insert(sap_messages), rows)
