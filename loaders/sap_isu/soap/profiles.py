"""Profile days on their way to EDM: what is wanted, what was sent, what SAP has confirmed; each day once.

What belongs here: the days' states in transactions, and the order of sending and hearing.
What stays out: values and XML (``time_series``), UUIDs and what an answer means (``outbox``), HTTP (``client``).

    PLANNED ──send──▶ SENT ──confirmed──▶ CONFIRMED ──other values──▶ PLANNED (the difference is sent)
                       │ └───refused────▶ REJECTED  ──planned again─▶ PLANNED
                       └──no answer: the same message leaves again, under the same MessageId

A message is always made from what was marked as sent, so one that leaves twice says the same twice. Other values that
come meanwhile wait until SAP has answered.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import groupby
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from loaders import fence
from loaders.errors import LoaderError, PermanentError, TransientError
from loaders.operational_db import reading, utc_now
from loaders.sap_isu.lease import Lease
from loaders.sap_isu.ledger_rows import batched
from loaders.sap_isu.soap.client import SoapClient, is_surely_undone
from loaders.sap_isu.soap.outbox import Outbox
from loaders.sap_isu.soap.tables import sap_profile_days
from loaders.sap_isu.soap.time_series import BETWEEN, DAY_MINUTES, SeriesMessage, compose_series
from loaders.sap_isu.transport import Outcome, OutcomeKind

PLANNED, SENT, CONFIRMED, REJECTED = "PLANNED", "SENT", "CONFIRMED", "REJECTED"
LEASE: Final = "sap_profiles"
_DAYS_PER_CHANGE: Final = 100
_DAYS_PER_BULK: Final = 20
_MOST_FAILURES: Final = 3
_POLL_SECONDS: Final = 0.2
_UNKNOWN_VALUES: Final = ""
"""Confirmed values of a day of which SAP says that it has some: all are sent as a change."""
_DAY = sap_profile_days.c
Row = dict[str, Any]


class ProfileDay(NamedTuple):
    """A channel's day as EDM is to have it; ``values`` as ``time_series`` writes them."""

    profile_number: str
    market_date: date
    nmi: str
    nmi_suffix: str
    interval_minutes: int
    values: str


@dataclass
class ProfileResult:
    """What sending came to: days by state among those that were worked, and what went wrong."""

    sent: int = 0
    states: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


class ProfileDays:
    """The profile days of one operational database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def plan(self, days: Iterable[ProfileDay]) -> int:
        """Note what EDM is to have; returns the days that are to be sent because of it. The same again changes nothing.

        A day that SAP refused is tried again.
        """
        planned = 0
        for chunk in batched(days, _DAYS_PER_CHANGE):
            with self.engine.begin() as connection:
                planned += sum(_plan_one(connection, one) for one in chunk)
        return planned

    def page(self, states: Sequence[str], after: tuple[str, date] | None, size: int) -> list[Row]:
        """The next days in these states, by profile and date: a profile's values go in the order of time."""
        query = (
            sa.select(sap_profile_days)
            .where(_DAY.state.in_(states))
            .order_by(_DAY.profile_number, _DAY.market_date)
            .limit(size)
        )
        if after is not None:
            number, day = after
            query = query.where(
                sa.or_(_DAY.profile_number > number, sa.and_(_DAY.profile_number == number, _DAY.market_date > day))
            )
        with reading(self.engine) as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def counts(self) -> Counter[str]:
        """Days by state."""
        query = sa.select(_DAY.state, sa.func.count().label("number")).group_by(_DAY.state)
        with reading(self.engine) as connection:
            return Counter({str(row.state): int(row.number) for row in connection.execute(query)})

    def mark_sent(self, rows: Sequence[Row], lease: Lease) -> list[Row]:
        """Note that days leave, before they do; what was sent before and has no answer leaves as it was."""
        with self.engine.begin() as connection:
            lease.verify(connection)
            now = utc_now(connection)
            for row in rows:
                row["is_first"] = row["state"] != SENT
                if row["is_first"]:
                    row["sent_values"] = row["wanted_values"]
                row.update(state=SENT, attempt_count=row["attempt_count"] + 1, sent_at=now, message=None)
                _write(connection, row, now, "state", "sent_values", "attempt_count", "sent_at", "message")
        return list(rows)

    def mark_failed(self, rows: Sequence[Row], lease: Lease, *, is_undone: bool) -> None:
        """Note that days got no good answer on leaving: they may leave again at once, being the same messages.

        Args:
            rows: the days.
            lease: under which they left.
            is_undone: nothing can have reached SAP; what may have reached it earlier stays sent.
        """
        with self.engine.begin() as connection:
            lease.verify(connection)
            now = utc_now(connection)
            for row in rows:
                row.update(state=PLANNED if is_undone and row["is_first"] else SENT, sent_at=None)
                _write(connection, row, now, "state", "sent_at")

    def record(self, rows: Sequence[Row], outcomes: Sequence[Outcome], lease: Lease) -> None:
        """Note SAP's answers."""
        with self.engine.begin() as connection:
            lease.verify(connection)
            now = utc_now(connection)
            for row, outcome in zip(rows, outcomes, strict=True):
                # What is wanted may have changed since the row was read.
                wanted: str = connection.execute(
                    sa.select(_DAY.wanted_values).where(*_is(row["profile_number"], row["market_date"]))
                ).scalar_one()
                row.update(_answered(row, wanted, outcome), message=outcome.message[:1000] or None)
                _write(connection, row, now, "state", "confirmed_values", "message")


def send_profiles(
    days: ProfileDays, client: SoapClient, outbox: Outbox, *, wait_seconds: float, days_per_bulk: int = _DAYS_PER_BULK
) -> ProfileResult:
    """Bring every planned day to EDM and hear what became of it; safe to call again after any interruption.

    Args:
        days: what is planned.
        client: where messages are posted.
        outbox: UUIDs, and the confirmations that came.
        wait_seconds: how long after sending a confirmation may come before the same message leaves again.
        days_per_bulk: profile days in one bulk.

    Raises:
        LeaseHeldError: another run is at it.
        LoaderError: SAP turns everything away.
    """
    result = ProfileResult()
    with Lease(days.engine, (LEASE,)) as lease:
        run = _Sending(days, client, outbox, lease, wait_seconds, days_per_bulk, result)
        run.hear()
        # The second time sends what got no answer, and what an answer has left to be sent: a difference that came
        # meanwhile, or the values of a day that SAP had already.
        for _ in range(2):
            if not run.send():
                break
            run.hear(is_waiting=True)
        result.states = days.counts()
    waiting = {state: number for state in (PLANNED, SENT, REJECTED) if (number := result.states[state])}
    if waiting:
        shown = ", ".join(f"{number} {state}" for state, number in waiting.items())
        why = f" ({run.last_failure})" if run.last_failure else ""
        result.problems.append(f"profile days that SAP has not confirmed: {shown}; a later run goes on{why}")
    return result


@dataclass
class _Sending:
    """One run under its lease."""

    days: ProfileDays
    client: SoapClient
    outbox: Outbox
    lease: Lease
    wait_seconds: float
    days_per_bulk: int
    result: ProfileResult
    last_failure: str = ""

    def send(self) -> bool:
        """Post what is planned, and again what got no answer in time; False when there is nothing more to do."""
        after: tuple[str, date] | None = None
        failures, is_open = 0, False
        while rows := self.days.page((PLANNED, SENT), after, self.days_per_bulk):
            after = (rows[-1]["profile_number"], rows[-1]["market_date"])
            due = [row for row in rows if row["state"] == PLANNED or _is_overdue(row, self.wait_seconds)]
            is_open = is_open or len(due) < len(rows)
            for _, same in groupby(self.days.mark_sent(due, self.lease), key=lambda row: _message(row).interface):
                is_open = True
                failures = 0 if self._post(list(same)) else failures + 1
                if failures >= _MOST_FAILURES:
                    return False
        return is_open

    def hear(self, *, is_waiting: bool = False) -> None:
        """Take the answers that have come; wait for those that may still come in time."""
        while self._take_answers() and is_waiting:
            time.sleep(_POLL_SECONDS)

    def _take_answers(self) -> bool:
        """Record what has come; whether more may still come in time."""
        after: tuple[str, date] | None = None
        is_open = False
        while rows := self.days.page((SENT,), after, _DAYS_PER_CHANGE):
            after = (rows[-1]["profile_number"], rows[-1]["market_date"])
            messages = {(message := _message(row)).key: (row, message.content_hash) for row in rows}
            # By content: a day marked as sent whose message was never written must not take an older message's answer.
            contents = {key: content for key, (_, content) in messages.items()}
            answers = self.outbox.answers(list(messages), contents)
            waiting = [row for key, (row, _) in messages.items() if key not in answers]
            is_open = is_open or any(not _is_overdue(row, self.wait_seconds) for row in waiting)
            if answers:
                self.days.record([messages[key][0] for key in answers], list(answers.values()), self.lease)
        return is_open

    def _post(self, rows: Sequence[Row]) -> bool:
        """Post a bulk's days, which may be several bulks where some of them have left before; whether SAP took them."""
        for bulk in self.outbox.prepare([_message(row) for row in rows]):
            message = compose_series(
                bulk.bulk_uuid, bulk.messages, sender=self.client.connection.sender, created_at=datetime.now(UTC)
            )
            try:
                with fence.raised(self.lease.refuse_if_lapsed):
                    self.client.post(message, bulk.bulk_uuid)
            except LoaderError as error:
                is_refused = isinstance(error, PermanentError) and is_surely_undone(error)
                is_undone = is_refused or (isinstance(error, TransientError) and not error.outcome_unknown)
                keys = {one.key for _, one in bulk.messages}
                failed = [row for row in rows if _message(row).key in keys]
                self.days.mark_failed(failed, self.lease, is_undone=is_undone)
                if is_refused:
                    raise
                self.last_failure = str(error)
                return False
            self.result.sent += len(bulk.messages)
        return True


def _plan_one(connection: Connection, one: ProfileDay) -> bool:
    """Bring one day's wish up to date; whether it is to be sent now because of it."""
    wanted_hash = sha256(f"{one.interval_minutes} {one.values}".encode()).hexdigest()
    known = (
        connection.execute(sa.select(sap_profile_days).where(*_is(one.profile_number, one.market_date)))
        .mappings()
        .one_or_none()
    )
    now = utc_now(connection)
    if known is None:
        if not one.values.strip(BETWEEN):
            return False
        row = {**one._asdict(), "wanted_hash": wanted_hash, "state": PLANNED, "attempt_count": 0, "updated_at": now}
        row["wanted_values"] = row.pop("values")
        connection.execute(sa.insert(sap_profile_days).values(row))
        return True
    if known["wanted_hash"] == wanted_hash and known["state"] != REJECTED:
        return False
    row = {
        **known,
        "interval_minutes": one.interval_minutes,
        "wanted_values": one.values,
        "wanted_hash": wanted_hash,
        "state": _state_with_wish(known["state"], is_confirmed=one.values == known["confirmed_values"]),
    }
    _write(connection, row, now, "interval_minutes", "wanted_values", "wanted_hash", "state")
    return bool(row["state"] == PLANNED)


def _state_with_wish(state: str, *, is_confirmed: bool) -> str:
    """A day's state with other values wanted: what is on its way is heard of first."""
    if state == SENT:
        return SENT
    return CONFIRMED if is_confirmed else PLANNED


def _answered(row: Row, wanted: str, outcome: Outcome) -> Row:
    """A day's state after SAP's answer."""
    if outcome.kind == OutcomeKind.REFUSED:
        return {"state": REJECTED if wanted == row["sent_values"] else PLANNED}
    confirmed = _UNKNOWN_VALUES if outcome.was_there and row["confirmed_values"] is None else row["sent_values"]
    return {"confirmed_values": confirmed, "state": CONFIRMED if wanted == confirmed else PLANNED}


def _message(row: Row) -> SeriesMessage:
    # From the values themselves: the interval's length may be another one in what is wanted now.
    minutes = DAY_MINUTES // len(row["sent_values"].split(BETWEEN))
    return SeriesMessage(
        row["profile_number"], row["market_date"], minutes, row["confirmed_values"], row["sent_values"]
    )


def _is_overdue(row: Row, wait_seconds: float) -> bool:
    return row["sent_at"] is None or datetime.now(UTC) - row["sent_at"] >= timedelta(seconds=wait_seconds)


def _is(profile_number: str, market_date: date) -> tuple[sa.ColumnElement[bool], ...]:
    return (_DAY.profile_number == profile_number, _DAY.market_date == market_date)


def _write(connection: Connection, row: Row, now: datetime, *names: str) -> None:
    connection.execute(
        sa.update(sap_profile_days)
        .where(*_is(row["profile_number"], row["market_date"]))
        .values({**{name: row[name] for name in names}, "updated_at": now})
    )
