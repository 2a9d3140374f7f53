"""The exception queue: problems found in the data, and what people decided about them.

What belongs here: merging what a run detected into what is known, people's decisions, the history of both.
What stays out: finding problems (``dbt_project/``) and what a decision means for a bill (the billing models).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from loaders.errors import PermanentError
from loaders.operational_db import exception_history, exceptions, reading, utc_now

Row = dict[str, Any]

_CHUNK = 400
_ID_LENGTH = 16
_TABLE = exceptions.c
_LOCK_HINT = "WITH (UPDLOCK, ROWLOCK)"
_SNAPSHOT_COLUMNS = (
    "exception_id", "billing_day", "rule_code", "severity", "nmi", "nmi_suffix", "contract_id",
    "first_market_date", "last_market_date", "detail",
    "state", "state_reason", "state_actor", "state_at", "detected_at",
)  # fmt: skip
_FACTS = ("severity", "nmi", "nmi_suffix", "contract_id", "first_market_date", "last_market_date", "detail")


class ExceptionState(StrEnum):
    """Where an exception stands.

    Attributes:
        OPEN: nobody has decided; of severity ISSUE it holds bills.
        RELEASED: a person lets the bills go although the problem is there.
        WAIVED: a person says that it is no problem.
        RESOLVED: it is gone from the data, or a person says so; found again it opens again.
    """

    OPEN = "OPEN"
    RELEASED = "RELEASED"
    WAIVED = "WAIVED"
    RESOLVED = "RESOLVED"


@dataclass
class MergeCounts:
    """What a merge did."""

    detected: int = 0
    added: int = 0
    reopened: int = 0
    resolved: int = 0


def exception_id_of(problem_key: str) -> str:
    """The short, stable name of a problem."""
    return hashlib.sha256(problem_key.encode()).hexdigest()[:_ID_LENGTH]


class ExceptionQueue:
    """The queue of one operational database.

    Args:
        engine: the operational database, already upgraded.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def merge(
        self,
        detected: Iterable[Mapping[str, object]],
        scope: Iterable[Mapping[str, object]],
        *,
        first_day: date,
        last_day: date,
        actor: str,
    ) -> MergeCounts:
        """Take what a run found into the queue; doing it again changes nothing.

        People's decisions stay. What was resolved and is found again opens again. What is open, was looked for
        again in this run and is not found any more becomes resolved.

        Args:
            detected: rows of a ``int_problems__…`` model.
            scope: rule_code, nmi, contract_id (and, if given, first_market_date, last_market_date) that this run
                looked at; a null looks at all.
            first_day: first billing day of the run.
            last_day: last billing day of the run.
            actor: who acts.
        """
        run = f"the run of {first_day}" if first_day == last_day else f"the run of {first_day} to {last_day}"
        counts = MergeCounts()
        with self.engine.begin() as connection:
            merger = _Merger(connection, actor[:200], run, first_day, counts)
            found = merger.take_all(detected)
            merger.resolve(_no_longer_found(_open_rows(connection), scope, found))
        return counts

    def release(self, exception_id: str, *, actor: str, reason: str) -> Row:
        """Let the bills go although the problem is there."""
        return self._decide(exception_id, ExceptionState.RELEASED, actor, reason)

    def waive(self, exception_id: str, *, actor: str, reason: str) -> Row:
        """Say that it is no problem."""
        return self._decide(exception_id, ExceptionState.WAIVED, actor, reason)

    def resolve(self, exception_id: str, *, actor: str, reason: str) -> Row:
        """Say that the problem is gone; if a run finds it again it opens again."""
        return self._decide(exception_id, ExceptionState.RESOLVED, actor, reason)

    def note(
        self, exception_id: str, event: str, *, actor: str, reason: str, state: ExceptionState | None = None
    ) -> Row:
        """Write down what is done about an exception; while it is open it moves to ``state``, if one is given.

        What was decided in the meantime stands: then only the history says what came of the work.
        """
        with self.engine.begin() as connection:
            row = _find(connection, exception_id)
            now = utc_now(connection)
            moved = {
                "state": state or ExceptionState.OPEN,
                "state_reason": reason[:1000],
                "state_actor": actor[:200],
                "state_at": now,
            }
            is_open = (_TABLE.exception_id == row["exception_id"]) & (_TABLE.state == ExceptionState.OPEN)
            before = row["state"]
            if connection.execute(sa.update(exceptions).where(is_open).values(moved)).rowcount:
                row = {**row, **moved}
            _note(connection, [{**_history(row, event, before, now, actor), "reason": reason[:1000]}])
            return row

    def list_rows(
        self,
        *,
        states: Collection[str] = (),
        billing_day: date | None = None,
        rule_code: str | None = None,
        severity: str | None = None,
        nmi: str | None = None,
        contract_id: str | None = None,
    ) -> list[Row]:
        """The exceptions that fit, ordered by day, rule and subject."""
        query = sa.select(exceptions)
        if states:
            query = query.where(_TABLE.state.in_(states))
        wanted = {"billing_day": billing_day, "rule_code": rule_code, "severity": severity}
        for name, value in {**wanted, "nmi": nmi, "contract_id": contract_id}.items():
            if value is not None:
                query = query.where(_TABLE[name] == value)
        query = query.order_by(_TABLE.billing_day, _TABLE.rule_code, _TABLE.nmi, _TABLE.exception_id)
        with reading(self.engine) as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def show(self, exception_id: str) -> Row:
        """One exception with its history (key ``history``); the first characters of its id are enough.

        Raises:
            PermanentError: no exception, or more than one, begins like this.
        """
        with reading(self.engine) as connection:
            row = _find(connection, exception_id)
            query = sa.select(exception_history).where(exception_history.c.exception_id == row["exception_id"])
            history = connection.execute(query.order_by(exception_history.c.history_id)).mappings()
            return {**row, "history": [dict(entry) for entry in history]}

    def snapshot(self) -> Iterator[Row]:
        """Rows of ``raw.exception_queue``."""
        query = sa.select(*(_TABLE[name] for name in _SNAPSHOT_COLUMNS)).order_by(_TABLE.exception_id)
        with reading(self.engine) as connection:
            for row in connection.execution_options(yield_per=_CHUNK).execute(query).mappings():
                yield dict(row)

    def _decide(self, exception_id: str, state: ExceptionState, actor: str, reason: str) -> Row:
        if not reason.strip():
            raise PermanentError(
                f"Setting exception {exception_id} to {state}",
                "no reason was given",
                "Say why: the reason is kept for the auditor.",
            )
        with self.engine.begin() as connection:
            row = _find(connection, exception_id)
            old = row["state"]
            if old in {ExceptionState.RESOLVED, state}:
                raise PermanentError(
                    f"Setting exception {row['exception_id']} to {state}",
                    f"it is {old} already ({row['state_reason'] or 'no reason noted'})",
                    "Nothing needs to be done.",
                )
            now = utc_now(connection)
            changed = {"state": state, "state_reason": reason[:1000], "state_actor": actor[:200], "state_at": now}
            connection.execute(sa.update(exceptions).where(_TABLE.exception_id == row["exception_id"]).values(changed))
            event = {ExceptionState.RELEASED: "release", ExceptionState.WAIVED: "waive"}.get(state, "resolve")
            _note(connection, [_history({**row, **changed}, event, old, now, actor)])
            return {**row, **changed}


class _Merger:
    """One merge, inside one transaction."""

    def __init__(self, connection: Connection, actor: str, run: str, first_day: date, counts: MergeCounts) -> None:
        self.connection = connection
        self.actor = actor
        self.run = run
        self.first_day = first_day
        self.counts = counts
        self.now = utc_now(connection)

    def take_all(self, detected: Iterable[Mapping[str, object]]) -> set[str]:
        """Take every detected row; returns their ids."""
        found: set[str] = set()
        stream = iter(detected)
        while chunk := list(islice(stream, _CHUNK)):
            problems = {row["exception_id"]: row for row in (self._problem(row) for row in chunk)}
            fresh = {key: row for key, row in problems.items() if key not in found}
            found.update(fresh)
            self._take_chunk(fresh)
        self.counts.detected = len(found)
        return found

    def resolve(self, gone: Sequence[Row]) -> None:
        """Close what was looked for and is not there any more."""
        changed = [self._moved(row, ExceptionState.RESOLVED, f"no longer found by {self.run}") for row in gone]
        _update(self.connection, changed)
        _note(self.connection, [_history(row, "resolve", ExceptionState.OPEN, self.now, self.actor) for row in changed])
        self.counts.resolved = len(changed)

    def _take_chunk(self, problems: Mapping[str, Row]) -> None:
        query = sa.select(exceptions).where(_TABLE.exception_id.in_(list(problems)))
        rows = self.connection.execute(query.with_hint(exceptions, _LOCK_HINT, "mssql")).mappings()
        known = {row["exception_id"]: dict(row) for row in rows}
        new = [row for key, row in problems.items() if key not in known]
        history = [_history(row, "detect", None, self.now, self.actor) for row in new]
        changed = []
        for key, old in known.items():
            row = {**old, **{name: problems[key][name] for name in _FACTS}}
            if reason := _reason_to_reopen(old, row, self.run):
                row = self._moved(row, ExceptionState.OPEN, reason)
                history.append(_history(row, "reopen", old["state"], self.now, self.actor))
                self.counts.reopened += 1
            if row != old:
                changed.append(row)
        if new:
            self.connection.execute(sa.insert(exceptions), new)
        _update(self.connection, changed)
        _note(self.connection, history)
        self.counts.added += len(new)

    def _problem(self, row: Mapping[str, object]) -> Row:
        """A detected row as a new row of the queue, its texts cut to what the queue keeps."""
        problem: Row = {name: _clip(row.get(name), name) for name in (*_FACTS, "rule_code", "problem_key")}
        for name in ("first_market_date", "last_market_date"):
            problem[name] = _date(row.get(name))
        problem.update(
            exception_id=exception_id_of(str(row["problem_key"])),
            billing_day=_date(row.get("billing_day")) or self.first_day,
            state=ExceptionState.OPEN,
            state_reason=None,
            state_actor=self.actor,
            state_at=self.now,
            detected_at=self.now,
        )
        return problem

    def _moved(self, row: Row, state: ExceptionState, reason: str) -> Row:
        return {**row, "state": state, "state_reason": reason, "state_actor": self.actor, "state_at": self.now}


def is_in_scope(row: Mapping[str, Any], scope: Mapping[str, object]) -> bool:
    """Whether a scope row says that the problem of a queue row was looked for.

    Subjects are compared where both sides name one, and at least one has to agree unless the scope names none.
    """
    if row["rule_code"] != scope["rule_code"]:
        return False
    pairs = [(row[name], scope.get(name)) for name in ("nmi", "contract_id")]
    if all(wanted is None for _, wanted in pairs):
        return _is_within(row, scope)
    both = [(have, wanted) for have, wanted in pairs if have is not None and wanted is not None]
    return bool(both) and all(str(have) == str(wanted) for have, wanted in both) and _is_within(row, scope)


def _is_within(row: Mapping[str, Any], scope: Mapping[str, object]) -> bool:
    """Whether the problem's days touch the days looked at; open on every side that names no day."""
    first, last = _date(scope.get("first_market_date")), _date(scope.get("last_market_date"))
    begins_in_time = last is None or row["first_market_date"] is None or row["first_market_date"] <= last
    ends_in_time = first is None or row["last_market_date"] is None or row["last_market_date"] >= first
    return begins_in_time and ends_in_time


def _no_longer_found(open_rows: Iterable[Row], scope: Iterable[Mapping[str, object]], found: set[str]) -> list[Row]:
    """The open rows that the scope covers and the run did not find; the scope is streamed, it can be large."""
    by_subject: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    by_rule: dict[str, list[Row]] = defaultdict(list)
    for row in open_rows:
        if row["exception_id"] in found:
            continue
        by_rule[row["rule_code"]].append(row)
        for name in ("nmi", "contract_id"):
            if row[name] is not None:
                by_subject[row["rule_code"], name, row[name]].append(row)
    gone: dict[str, Row] = {}
    for line in scope:
        rule = str(line["rule_code"])
        subjects = [(name, line.get(name)) for name in ("nmi", "contract_id") if line.get(name) is not None]
        near = [row for name, value in subjects for row in by_subject.get((rule, name, str(value)), ())]
        for row in near if subjects else by_rule.get(rule, []):
            if is_in_scope(row, line):
                gone[row["exception_id"]] = row
    return list(gone.values())


def _reason_to_reopen(old: Row, new: Row, run: str) -> str | None:
    """Why a known problem that was found again must be looked at again, if it must."""
    if old["state"] == ExceptionState.RESOLVED:
        return f"found again by {run}"
    if old["state"] == ExceptionState.OPEN or new["severity"] != "ISSUE":
        return None
    if old["severity"] != "ISSUE" or _has_grown(old, new):
        # The decision was about what the person saw; more days than that would be billed unseen.
        return f"was {old['state']} by {old['state_actor']}, but has grown since: found by {run}"
    return None


def _has_grown(old: Row, new: Row) -> bool:
    earlier = bool(old["first_market_date"] and new["first_market_date"]) and (
        new["first_market_date"] < old["first_market_date"]
    )
    later = bool(old["last_market_date"] and new["last_market_date"]) and (
        new["last_market_date"] > old["last_market_date"]
    )
    return earlier or later


def _open_rows(connection: Connection) -> list[Row]:
    query = sa.select(exceptions).where(_TABLE.state == ExceptionState.OPEN)
    return [dict(row) for row in connection.execute(query).mappings()]


def _find(connection: Connection, exception_id: str) -> Row:
    query = sa.select(exceptions).where(_TABLE.exception_id.startswith(exception_id, autoescape=True))
    rows = connection.execute(query.limit(2)).mappings().all() if exception_id else []
    if len(rows) != 1:
        why = "more than one exception begins like this" if rows else "the queue has no such exception"
        raise PermanentError(
            f"Looking for exception {exception_id!r}", why, "See the ids with: billsync exceptions list"
        )
    return dict(rows[0])


def _update(connection: Connection, rows: Sequence[Row]) -> None:
    if not rows:
        return
    names = (*_FACTS, "state", "state_reason", "state_actor", "state_at")
    values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in names}
    statement = sa.update(exceptions).where(_TABLE.exception_id == sa.bindparam("row_id")).values(values)
    parameters = [{"row_id": row["exception_id"], **{f"new_{name}": row[name] for name in names}} for row in rows]
    connection.execute(statement, parameters)


def _note(connection: Connection, history: Sequence[Row]) -> None:
    if history:
        connection.execute(sa.insert(exception_history), list(history))


def _history(row: Row, event: str, from_state: str | None, now: datetime, actor: str) -> Row:
    return {
        "exception_id": row["exception_id"],
        "at": now,
        "actor": actor[:200],
        "event": event,
        "from_state": from_state,
        "to_state": row["state"],
        "reason": row["state_reason"],
    }


def _clip(value: object, column: str) -> str | None:
    """A text as the queue keeps it: one that is too long ends in three dots."""
    length = getattr(_TABLE[column].type, "length", None)
    if value is None:
        return None
    text = str(value)
    return text if length is None or len(text) <= length else f"{text[: length - 3]}..."


def _date(value: object) -> date | None:
    return None if value is None else date.fromisoformat(str(value)[:10])
