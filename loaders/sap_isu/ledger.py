"""The load ledger: what is known of every reading on its way into SAP, in transactions and with a history.

What belongs here: planning into the ledger, claiming readings before they leave, recording what became of them.
What stays out: decisions (``judgement``, ``states``), the wire (``odata``) and the order of work (``loader``).
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from loaders.operational_db import load_history, load_readings, reading, utc_now
from loaders.sap_isu.judgement import LedgerReading, PlanStep, correction_message, judge_plan
from loaders.sap_isu.lease import Lease, day_lease, refuse_if_held
from loaders.sap_isu.ledger_rows import (
    CHUNK,
    Change,
    Row,
    batched,
    change_row,
    hold_note,
    id_of,
    is_correctable,
    known_of,
    planned_row,
    rows_by_key,
    sent_of,
    shown_state,
    snapshot_row,
    twin_conflict,
    write_rows,
)
from loaders.sap_isu.readings import PlannedReading, ReadingId, SentReading
from loaders.sap_isu.states import HELD_BY_SAP, IN_DOUBT, Event, State, next_state

_PAGE = 2000
_MESSAGE_LENGTH = 1000
_TABLE = load_readings.c
_CORRECTABLE = (
    _TABLE.state == State.REVERSAL_NEEDED,
    _TABLE.wanted_reading_result.is_not(None),
    _TABLE.is_held == 0,
    _TABLE.is_billed == 0,
)


@dataclass
class PlanCounts:
    """What planning did, for the summary shown before the act."""

    plan_id: str
    steps: Counter[PlanStep] = field(default_factory=Counter)
    conflicts: list[str] = field(default_factory=list)
    billing_days: set[date] = field(default_factory=set)


class Ledger:
    """The ledger of one operational database; safe to use from many threads.

    Args:
        engine: the operational database, already upgraded.
        actor: who acts, as it will stand in the history.
    """

    def __init__(self, engine: Engine, *, actor: str) -> None:
        self.engine = engine
        self.actor = actor[:200]

    def plan(self, planned: Iterable[PlannedReading]) -> PlanCounts:
        """Take a plan into the ledger; doing it again changes nothing.

        Raises:
            LeaseHeldError: another run is sending readings of one of these days just now.
        """
        counts = PlanCounts(plan_id=str(uuid.uuid4()))
        for chunk in batched(planned, CHUNK):
            days = {one.billing_day for one in chunk}
            counts.billing_days |= days
            with self.engine.begin() as connection:
                refuse_if_held(connection, [day_lease(day) for day in days])
                self._plan_chunk(connection, chunk, counts)
        return counts

    def cancel_missing(self, plan_id: str, days: Collection[date]) -> int:
        """Cancel what waits on these days but is not in the plan any more: its order is gone.

        Raises:
            LeaseHeldError: another run is sending readings of one of these days just now.
        """
        cancelled = 0
        for some_days in batched(sorted(days), CHUNK):
            with self.engine.begin() as connection:
                refuse_if_held(connection, [day_lease(day) for day in some_days])
                keys: Iterable[str] = connection.execute(
                    sa.select(_TABLE.reading_key).where(
                        _TABLE.billing_day.in_(some_days),
                        _TABLE.plan_run_id != plan_id,
                        _TABLE.state.in_([State.PLANNED, State.REJECTED]),
                    )
                ).scalars()
                gone = [
                    Change(key, Event.ORDER_GONE, "its order is not in the plan of its day any more") for key in keys
                ]
                self._apply(connection, gone)
                cancelled += len(gone)
        return cancelled

    def cancel_orders(self, order_ids: Iterable[str], why: str) -> int:
        """Cancel what waits for these orders, whatever its billing day.

        Raises:
            LeaseHeldError: another run is sending readings of one of these days just now.
        """
        cancelled = 0
        for some_ids in batched(order_ids, CHUNK):
            query = sa.select(_TABLE.reading_key, _TABLE.billing_day).where(
                _TABLE.meter_reading_order_id.in_(some_ids), _TABLE.state.in_([State.PLANNED, State.REJECTED])
            )
            with self.engine.begin() as connection:
                waiting = connection.execute(query).all()
                refuse_if_held(connection, sorted({day_lease(row.billing_day) for row in waiting}))
                self._apply(connection, [Change(row.reading_key, Event.ORDER_GONE, why) for row in waiting])
                cancelled += len(waiting)
        return cancelled

    def sendable_groups(self, plan_id: str) -> Iterator[tuple[str, ...]]:
        """The keys of what is to be sent, one tuple per device, date and reason; pages through, never holds all."""
        after: tuple[str, date, str] | None = None
        while True:
            with reading(self.engine) as connection:
                rows = connection.execute(_sendable_page(plan_id, after)).all()
            groups: dict[tuple[str, date, str], list[str]] = {}
            for row in rows:
                groups.setdefault((row.device_id, row.reading_date, row.meter_reading_reason), []).append(
                    row.reading_key
                )
            is_last = len(rows) < _PAGE
            if not is_last and len(groups) > 1:
                groups.popitem()  # its other registers may stand on the next page
            for after, keys in groups.items():  # noqa: B007 - the page after this one starts behind the last group
                yield tuple(keys)
            if is_last:
                return

    def claim(self, keys: Sequence[str], lease: Lease) -> list[SentReading]:
        """Mark planned readings as sent before they leave; what another run has taken meanwhile is left out.

        Raises:
            LeaseLostError: nothing was claimed.
        """
        batch_id = str(uuid.uuid4())
        with self.engine.begin() as connection:
            lease.verify(connection)
            now = utc_now(connection)
            for chunk in batched(keys, CHUNK):
                connection.execute(
                    sa.update(load_readings)
                    .where(_TABLE.reading_key.in_(chunk), _TABLE.state == State.PLANNED, _TABLE.is_held == 0)
                    .values(
                        state=next_state(State.PLANNED, Event.SEND),
                        batch_id=batch_id,
                        sent_at=now,
                        attempt_count=_TABLE.attempt_count + 1,
                        message=None,
                        updated_at=now,
                    )
                )
            rows = connection.execute(
                sa.select(load_readings)
                .where(_TABLE.batch_id == batch_id, _TABLE.state == State.SENT)
                .order_by(_TABLE.device_id, _TABLE.reading_date, _TABLE.meter_reading_reason, _TABLE.register_id)
            ).mappings()
            claimed = [dict(row) for row in rows]
            self._note(connection, [self._history(row, Event.SEND, State.PLANNED, now, None) for row in claimed])
        return [sent_of(row) for row in claimed]

    def correctable(self, plan_id: str) -> list[str]:
        """Keys of the plan's readings of which SAP has another value that it has not billed, by device."""
        query = (
            sa.select(_TABLE.reading_key)
            .where(_TABLE.plan_run_id == plan_id, *_CORRECTABLE)
            .order_by(_TABLE.device_id, _TABLE.reading_date, _TABLE.meter_reading_reason, _TABLE.register_id)
        )
        with reading(self.engine) as connection:
            return list(connection.execute(query).scalars())

    def claim_corrections(self, keys: Sequence[str], lease: Lease) -> list[SentReading]:
        """Note that new values leave for readings that SAP has, and give them as they are to be sent.

        Raises:
            LeaseLostError: nothing was noted.
        """
        batch_id = str(uuid.uuid4())
        with self.engine.begin() as connection:
            lease.verify(connection)
            now = utc_now(connection)
            found = rows_by_key(connection, keys, lock=True)
            before = {key: dict(row) for key, row in found.items()}
            claimed = [row for row in found.values() if is_correctable(row)]
            for row in claimed:
                row.update(batch_id=batch_id, sent_at=now, attempt_count=row["attempt_count"] + 1)
            write_rows(connection, before, found, now)
            event, state = Event.CORRECTION_SENT, State.REVERSAL_NEEDED
            self._note(connection, [self._history(row, event, state, now, row["message"]) for row in claimed])
        return [sent_of({**row, "reading_result": row["wanted_reading_result"]}) for row in claimed]

    def apply(self, changes: Sequence[Change], lease: Lease | None = None) -> None:
        """Record what happened to readings, all or nothing, along the state diagram."""
        with self.engine.begin() as connection:
            if lease:
                lease.verify(connection)
            self._apply(connection, changes)

    def day_of(self, reading_key: str) -> date:
        """The billing day of a reading that is in the ledger."""
        with reading(self.engine) as connection:
            query = sa.select(_TABLE.billing_day).where(_TABLE.reading_key == reading_key)
            day: date = connection.execute(query).scalar_one()
            return day

    def sent_before(self, plan_id: str) -> list[ReadingId]:
        """The plan's readings that wait to be sent and have been on their way before."""
        query = sa.select(_TABLE.device_id, _TABLE.register_id, _TABLE.reading_date, _TABLE.meter_reading_reason).where(
            _TABLE.plan_run_id == plan_id,
            _TABLE.state == State.PLANNED,
            _TABLE.is_held == 0,
            _TABLE.attempt_count > 0,
        )
        with reading(self.engine) as connection:
            return [id_of(dict(row)) for row in connection.execute(query.order_by(_TABLE.reading_key)).mappings()]

    def known(self, keys: Sequence[str]) -> dict[str, LedgerReading]:
        """What the ledger has under these keys."""
        with reading(self.engine) as connection:
            return {key: known_of(row) for key, row in rows_by_key(connection, keys, lock=False).items()}

    def to_read_back(
        self, days: Collection[date], states: Collection[State]
    ) -> Iterator[tuple[ReadingId, datetime | None]]:
        """The readings that SAP should be asked about; with the instant of sending where the outcome is open."""
        for some_days in batched(sorted(days), CHUNK):
            with reading(self.engine) as connection:
                rows = connection.execute(
                    sa.select(load_readings)
                    .where(_TABLE.billing_day.in_(some_days), _TABLE.state.in_(states))
                    .order_by(_TABLE.device_id, _TABLE.register_id)
                ).mappings()
                found = [(id_of(dict(row)), row["sent_at"] if row["state"] in IN_DOUBT else None) for row in rows]
            yield from found

    def counts(self, plan_id: str) -> Counter[str]:
        """Readings of a plan by state; what waits because it is held counts as ``HELD``."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                sa.select(_TABLE.state, _TABLE.is_held, sa.func.count().label("number"))
                .where(_TABLE.plan_run_id == plan_id)
                .group_by(_TABLE.state, _TABLE.is_held)
            )
            counted: Counter[str] = Counter()
            for row in rows.mappings():
                counted[shown_state(str(row["state"]), int(row["is_held"]))] += int(row["number"])
        return counted

    def snapshot(self, days: Collection[date] | None = None) -> Iterator[Row]:
        """Rows of ``raw.load_ledger``, of some billing days or of all."""
        query = sa.select(load_readings).order_by(_TABLE.reading_key)
        if days is not None:
            query = query.where(_TABLE.billing_day.in_(sorted(days)))
        with reading(self.engine) as connection:
            for row in connection.execution_options(yield_per=_PAGE).execute(query).mappings():
                yield snapshot_row(dict(row))

    def last_unrounded(self, device_id: str, register_id: str) -> Decimal | None:
        """The unrounded value behind the latest reading that SAP has of a register."""
        with reading(self.engine) as connection:
            text = connection.execute(
                sa.select(_TABLE.unrounded_reading)
                .where(
                    _TABLE.device_id == device_id,
                    _TABLE.register_id == register_id,
                    _TABLE.state.in_(HELD_BY_SAP),
                )
                .order_by(_TABLE.reading_date.desc())
                .limit(1)
            ).scalar_one_or_none()
        return None if text is None else Decimal(text)

    def history(self, reading_key: str) -> list[Row]:
        """All that happened to a reading, oldest first."""
        with reading(self.engine) as connection:
            query = sa.select(load_history).where(load_history.c.reading_key == reading_key)
            return [dict(row) for row in connection.execute(query.order_by(load_history.c.history_id)).mappings()]

    def _plan_chunk(self, connection: Connection, chunk: Sequence[PlannedReading], counts: PlanCounts) -> None:
        now = utc_now(connection)
        rows = rows_by_key(connection, [one.id.key for one in chunk], lock=True)
        before = {key: dict(row) for key, row in rows.items()}
        history: list[Row] = []
        for planned in chunk:
            row = rows.get(planned.id.key)
            if row and row["plan_run_id"] == counts.plan_id:
                counts.conflicts.extend(twin_conflict(row, planned))
                continue
            decision = judge_plan(known_of(row) if row else None, planned)
            counts.steps[decision.step] += 1
            rows[planned.id.key] = changed = planned_row(row, planned, decision, counts.plan_id)
            note = hold_note(row, changed) or decision.message
            if decision.event and note:
                from_state = State(row["state"]) if row else None
                history.append(self._history(changed, decision.event, from_state, now, note))
        write_rows(connection, before, rows, now)
        self._note(connection, history)

    def _apply(self, connection: Connection, changes: Sequence[Change]) -> None:
        now = utc_now(connection)
        rows = rows_by_key(connection, [change.reading_key for change in changes], lock=True)
        before = {key: dict(row) for key, row in rows.items()}
        history: list[Row] = []
        for change in changes:
            row = rows[change.reading_key]
            from_state = State(row["state"])
            change_row(row, change, next_state(from_state, change.event))
            if row != before[change.reading_key] or change.event == Event.ACCEPTED:
                history.append(self._history(row, change.event, from_state, now, change.message))
            if row["wanted_content_hash"]:
                history.extend(self._correct_if_settled(row, now))
        write_rows(connection, before, rows, now)
        self._note(connection, history)

    def _correct_if_settled(self, row: Row, now: datetime) -> list[Row]:
        """Turn a wish noted while the outcome was open into a correction once SAP is seen to have the old value."""
        from_state = State(row["state"])
        if from_state not in {State.CONFIRMED, State.LOCKED}:
            return []
        row["state"] = next_state(from_state, Event.VALUE_CHANGED)
        row["message"] = correction_message(
            Decimal(row["reading_result"]), Decimal(row["wanted_reading_result"]), is_billed=bool(row["is_billed"])
        )
        return [self._history(row, Event.VALUE_CHANGED, from_state, now, row["message"])]

    def _history(self, row: Row, event: Event, from_state: State | None, now: datetime, message: str | None) -> Row:
        return {
            "reading_key": row["reading_key"],
            "at": now,
            "actor": self.actor,
            "event": event,
            "from_state": from_state,
            "to_state": row["state"],
            "reading_result": row["wanted_reading_result"] or row["reading_result"],
            "batch_id": row["batch_id"],
            "message": message and message[:_MESSAGE_LENGTH],
        }

    @staticmethod
    def _note(connection: Connection, history: Sequence[Row]) -> None:
        if history:
            connection.execute(sa.insert(load_history), list(history))


def _sendable_page(plan_id: str, after: tuple[str, date, str] | None) -> sa.Select[Any]:
    """One page of what is to be sent, in the order of the groups."""
    query = (
        sa.select(_TABLE.reading_key, _TABLE.device_id, _TABLE.reading_date, _TABLE.meter_reading_reason)
        .where(_TABLE.plan_run_id == plan_id, _TABLE.state == State.PLANNED, _TABLE.is_held == 0)
        .order_by(_TABLE.device_id, _TABLE.reading_date, _TABLE.meter_reading_reason, _TABLE.register_id)
        .limit(_PAGE)
    )
    if after is None:
        return query
    device, day, reason = after
    # Spelled out, since SQL Server cannot compare rows of columns.
    return query.where(
        sa.or_(
            _TABLE.device_id > device,
            sa.and_(_TABLE.device_id == device, _TABLE.reading_date > day),
            sa.and_(_TABLE.device_id == device, _TABLE.reading_date == day, _TABLE.meter_reading_reason > reason),
        )
    )
