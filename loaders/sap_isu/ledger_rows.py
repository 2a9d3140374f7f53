"""How a ledger row is built, changed and stored; the small mechanics beneath ``ledger``.

What belongs here: rows in, rows out, and the two statements that read and write them.
What stays out: transactions and the order of work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from loaders.operational_db import load_readings
from loaders.sap_isu.judgement import LedgerReading, PlanDecision, PlanStep
from loaders.sap_isu.readings import PlannedReading, ReadingId, SentReading, plain_text
from loaders.sap_isu.states import Event, State, next_state

Row = dict[str, Any]
T = TypeVar("T")

CHUNK = 400
"""Keys per statement: SQL Server takes at most 2,100 parameters."""

_MESSAGE_LENGTH = 1000
# SQL Server locks the rows it reads for a change; SQLite has locked the whole file by BEGIN IMMEDIATE.
_LOCK_HINT = "WITH (UPDLOCK, ROWLOCK)"
_WISH = ("wanted_reading_result", "wanted_unrounded_reading", "wanted_content_hash")
_NEVER_SENT = {"sap_document_id": None, "sap_status_code": None, "is_billed": 0}


@dataclass(frozen=True)
class Change:
    """Something that happened to a reading.

    Attributes:
        takes_wanted: the noted wish becomes the value.
    """

    reading_key: str
    event: Event
    message: str | None = None
    document_id: str | None = None
    status_code: str | None = None
    is_billed: bool | None = None
    takes_wanted: bool = False


def batched(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """Cut a stream into tuples, the last one maybe shorter."""
    iterator = iter(items)
    while chunk := tuple(islice(iterator, size)):
        yield chunk


def planned_row(row: Row | None, planned: PlannedReading, decision: PlanDecision, plan_id: str) -> Row:
    """The row after planning."""
    if row is None:
        return {**_fresh_row(planned), **_planned_values(planned), "plan_run_id": plan_id}
    changed = {**row, "plan_run_id": plan_id}
    if decision.event is not None:
        changed["state"] = next_state(State(row["state"]), decision.event)
        changed["message"] = decision.message
    if decision.step == PlanStep.REPLACE:
        changed.update(_planned_values(planned), **dict.fromkeys(_WISH))
        if row["state"] != State.PLANNED:
            changed.update(_NEVER_SENT)
    elif decision.step in {PlanStep.NOTE_WISH, PlanStep.CORRECT}:
        changed.update(
            wanted_reading_result=plain_text(planned.reading_result),
            wanted_unrounded_reading=plain_text(planned.unrounded_reading),
            wanted_content_hash=planned.content_hash,
            is_held=int(planned.is_held),
            hold_reason=planned.hold_reason,
        )
    elif row["state"] == State.REVERSAL_NEEDED and decision.step == PlanStep.KEEP:
        changed.update(is_held=int(planned.is_held), hold_reason=planned.hold_reason)
    elif decision.step == PlanStep.WISH_GONE:
        changed.update(dict.fromkeys(_WISH), message=decision.message)
    return changed


def hold_note(row: Row | None, changed: Row) -> str | None:
    """What the history should say when a reading starts or ends to be held back."""
    was_held = bool(row and row["is_held"])
    if was_held == bool(changed["is_held"]) or changed["state"] != State.PLANNED:
        return None
    return f"held: {changed['hold_reason'] or 'no reason given'}" if changed["is_held"] else "no longer held"


def twin_conflict(row: Row, planned: PlannedReading) -> list[str]:
    """Hold a reading that one plan lists twice with different values; the same value twice is one reading."""
    if planned.content_hash in {row["content_hash"], row["wanted_content_hash"]}:
        return []
    message = (
        f"two values are planned for device {planned.id.device_id} register {planned.id.register_id} on "
        f"{planned.id.reading_date} reason {planned.id.reason}: {row['reading_result']} and "
        f"{plain_text(planned.reading_result)}; neither is sent"
    )
    if row["state"] == State.PLANNED:
        row.update(is_held=1, hold_reason=message[:400])
    return [message]


def change_row(row: Row, change: Change, state: State) -> None:
    """Bring a row to its next state."""
    if change.takes_wanted and row["wanted_content_hash"] is not None:
        row.update(
            reading_result=row["wanted_reading_result"],
            unrounded_reading=row["wanted_unrounded_reading"],
            content_hash=row["wanted_content_hash"],
            **dict.fromkeys(_WISH),
        )
    row["state"] = state
    row["message"] = change.message and change.message[:_MESSAGE_LENGTH]
    if state == State.PLANNED:
        row.update(_NEVER_SENT)
        return
    if change.document_id:
        row["sap_document_id"] = change.document_id
    if change.status_code is not None:
        row["sap_status_code"] = change.status_code
    if change.is_billed is not None:
        row["is_billed"] = int(change.is_billed)


def known_of(row: Row) -> LedgerReading:
    """The part of a row that decisions are made from."""
    wanted = row["wanted_reading_result"]
    return LedgerReading(
        reading_key=row["reading_key"],
        state=State(row["state"]),
        reading_result=Decimal(row["reading_result"]),
        content_hash=row["content_hash"],
        wanted_reading_result=None if wanted is None else Decimal(wanted),
        wanted_content_hash=row["wanted_content_hash"],
        is_held=bool(row["is_held"]),
        is_billed=bool(row["is_billed"]),
        sap_status_code=row["sap_status_code"],
        sap_document_id=row["sap_document_id"],
    )


def id_of(row: Mapping[str, Any]) -> ReadingId:
    """The identity of a row's reading."""
    return ReadingId(row["device_id"], row["register_id"], row["reading_date"], row["meter_reading_reason"])


def sent_of(row: Row) -> SentReading:
    """What a transport sends of a row."""
    return SentReading(
        id=id_of(row),
        category=row["meter_reading_category"],
        reading_result=Decimal(row["reading_result"]),
        unit=row["unit"],
        order_id=row["meter_reading_order_id"],
        nmi=row["nmi"],
        document_id=row["sap_document_id"],
    )


def is_correctable(row: Row) -> bool:
    """Whether a new value may be sent for what SAP has: it differs, is not billed, and nothing holds its bill."""
    return (
        row["state"] == State.REVERSAL_NEEDED
        and row["wanted_reading_result"] is not None
        and not row["is_held"]
        and not row["is_billed"]
    )


def shown_state(state: str, is_held: int) -> str:
    """The state as people see it: what is planned but held back is ``HELD``."""
    return "HELD" if state == State.PLANNED and is_held else state


def snapshot_row(row: Mapping[str, Any]) -> Row:
    """A row of ``raw.load_ledger``: the value that SAP has, or will be given, never the unfulfilled wish."""
    return {
        "reading_key": row["reading_key"],
        "meter_reading_order_id": row["meter_reading_order_id"],
        "billing_day": row["billing_day"],
        "contract_id": row["contract_id"],
        "device_id": row["device_id"],
        "register_id": row["register_id"],
        "reading_date": row["reading_date"],
        "meter_reading_reason": row["meter_reading_reason"],
        "reading_result": row["reading_result"],
        "unrounded_reading": row["unrounded_reading"],
        "content_hash": row["content_hash"],
        "state": shown_state(row["state"], row["is_held"]),
        "sap_document_id": row["sap_document_id"],
        "sap_status_code": row["sap_status_code"],
        "attempt_count": row["attempt_count"],
        "message": row["message"],
        "updated_at": row["updated_at"],
    }


def rows_by_key(connection: Connection, keys: Sequence[str], *, lock: bool) -> dict[str, Row]:
    """The rows under these keys, locked for a change if asked."""
    found: dict[str, Row] = {}
    for chunk in batched(dict.fromkeys(keys), CHUNK):
        query = sa.select(load_readings).where(load_readings.c.reading_key.in_(chunk))
        if lock:
            query = query.with_hint(load_readings, _LOCK_HINT, "mssql")
        found.update((row["reading_key"], dict(row)) for row in connection.execute(query).mappings())
    return found


def write_rows(connection: Connection, before: Mapping[str, Row], rows: Mapping[str, Row], now: datetime) -> None:
    """Insert what is new and update what differs; a row that only moved to a newer plan keeps its time."""
    new, changed, names = [], [], {"updated_at"}
    for key, row in rows.items():
        old = before.get(key)
        if old is None:
            new.append({**row, "created_at": now, "updated_at": now})
        elif old != row:
            differing = {name for name, value in row.items() if value != old[name]}
            names |= differing
            is_touched = differing != {"plan_run_id"}
            changed.append({**row, "updated_at": now if is_touched else old["updated_at"], "row_key": key})
    if new:
        connection.execute(sa.insert(load_readings), new)
    if changed:
        # Only columns that differ in a row at least: writing all of them cost twice as much.
        # Core reserves the bare column names for its own use in an update of many rows.
        named: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in sorted(names)}
        statement = sa.update(load_readings).where(load_readings.c.reading_key == sa.bindparam("row_key")).values(named)
        parameters = [{"row_key": row["row_key"], **{f"new_{name}": row[name] for name in names}} for row in changed]
        connection.execute(statement, parameters)


def _fresh_row(planned: PlannedReading) -> Row:
    row: Row = {column.name: None for column in load_readings.c}
    row.update(
        reading_key=planned.id.key,
        device_id=planned.id.device_id,
        register_id=planned.id.register_id,
        reading_date=planned.id.reading_date,
        meter_reading_reason=planned.id.reason,
        state=State.PLANNED,
        attempt_count=0,
        **_NEVER_SENT,
    )
    return row


def _planned_values(planned: PlannedReading) -> Row:
    return {
        "meter_reading_order_id": planned.meter_reading_order_id,
        "billing_day": planned.billing_day,
        "contract_id": planned.contract_id,
        "nmi": planned.nmi,
        "meter_reading_category": planned.category,
        "unit": planned.unit,
        "reading_result": plain_text(planned.reading_result),
        "unrounded_reading": plain_text(planned.unrounded_reading),
        "usage_kwh": None if planned.usage_kwh is None else plain_text(planned.usage_kwh),
        "content_hash": planned.content_hash,
        "is_held": int(planned.is_held),
        "hold_reason": planned.hold_reason,
    }
