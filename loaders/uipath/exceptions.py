"""Exceptions that a robot can handle: into a UiPath queue, and its results back into the exception queue.

What belongs here: which exceptions go, what a robot is told, and what its answer means. What stays out: Orchestrator's
interface (``orchestrator``), the states of an exception (``loaders.exception_queue``), and which rules go to which
queue, which is the seed ``reference.robot_queues``.

Exactly once, without a table of our own: the history of an exception says ``robot_sending`` before a request leaves
and ``robot_sent`` when Orchestrator has the item. What only says ``robot_sending`` (killed, no answer) is looked up by
its reference and sent again only if the queue does not have it; the queue itself refuses a reference twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from loaders.errors import LoaderError, PermanentError
from loaders.exception_queue import ExceptionQueue, ExceptionState
from loaders.operational_db import exception_history, reading
from loaders.sap_isu.lease import Lease
from loaders.uipath.orchestrator import Item, Orchestrator, OrchestratorRefusal, Queue

Row = Mapping[str, Any]

ACTOR_PREFIX: Final = "uipath:"
LEASE: Final = "uipath:exceptions"
LEASE_WAIT_SECONDS: Final = 30.0
SENDING: Final = "robot_sending"
SENT: Final = "robot_sent"
DONE: Final = "robot_done"
FAILED: Final = "robot_failed"
EVENTS: Final = (SENDING, SENT, DONE, FAILED)
IN_FLIGHT: Final = frozenset({SENDING, SENT})
# What a robot may be told beside the exception's id, rule and billing day; names as a robot reads them.
FIELDS: Final = {
    "nmi": "Nmi",
    "nmi_suffix": "NmiSuffix",
    "contract_id": "ContractId",
    "first_market_date": "FirstMarketDate",
    "last_market_date": "LastMarketDate",
    "detail": "Detail",
}
PRIORITY: Final = {"TERMINATE": "High", "ISSUE": "Normal", "INFORMATION": "Low"}
# Characters that a robot's activities cannot take in the value of a string argument.
_UNSAFE: Final = str.maketrans({"[": "(", "]": ")", '"': "'"})
_FAILURES: Final = {
    "Failed": "the robot failed",
    "Abandoned": "a robot took it and did not finish within a day",
    "Deleted": "somebody deleted it from the queue",
}


@dataclass(frozen=True)
class Assignment:
    """A row of ``reference.robot_queues``: robots of a queue handle a rule.

    Attributes:
        rule_code: the rule.
        queue_name: Orchestrator's queue.
        success_state: the state of the exception when the robot succeeded.
        most_attempts: how often one exception is given to robots; it comes again only after it was found again.
        fields: what the robot is told beside id, rule and billing day.
    """

    rule_code: str
    queue_name: str
    success_state: ExceptionState
    most_attempts: int
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Handed:
    """An exception that was given to robots: its last attempt.

    Attributes:
        exception_id: the exception.
        queue_name: the queue it went to.
        event: the last of ``EVENTS``.
        attempt: 1 for the first.
        was_found_again: whether a run opened the exception again after that event.
    """

    exception_id: str
    queue_name: str
    event: str
    attempt: int
    was_found_again: bool = False

    @property
    def reference(self) -> str:
        """Its reference in the queue."""
        return reference_of(self.exception_id, self.attempt)


@dataclass
class Outcome:
    """What a pass did; ``problems`` name what could not be done, and the next pass tries it again."""

    sent: int = 0
    already_there: int = 0
    refused: int = 0
    done: int = 0
    failed: int = 0
    waiting: int = 0
    problems: list[str] = field(default_factory=list)


def assignments_of(rows: Iterable[Row]) -> dict[str, Assignment]:
    """The rows of ``reference.robot_queues`` by rule.

    Raises:
        PermanentError: a state or a field that a robot cannot have.
    """
    found = {}
    for row in rows:
        what = f"Reading robot_queues for {row['rule_code']}"
        fields = tuple(str(row["fields"] or "").split())
        unknown = [name for name in fields if name not in FIELDS]
        if unknown:
            raise PermanentError(what, f"no field {', '.join(unknown)}", f"Known fields: {', '.join(FIELDS)}.")
        state = str(row["success_state"])
        if state not in set(ExceptionState) - {ExceptionState.OPEN}:
            raise PermanentError(what, f"success_state {state} is none", "Use RESOLVED, RELEASED or WAIVED.")
        attempts, queue_name = int(row["most_attempts"]), str(row["queue_name"])
        rule = str(row["rule_code"])
        found[rule] = Assignment(rule, queue_name, ExceptionState(state), attempts, fields)
    return found


def reference_of(exception_id: str, attempt: int) -> str:
    """The exception's id; an exception that came back after a robot had it needs another reference than the first."""
    return exception_id if attempt == 1 else f"{exception_id}-{attempt}"


def content_of(exception: Row, assignment: Assignment) -> dict[str, str]:
    """What the robot is told: ids and days, and no more of the customer than its work needs."""
    told = {
        "ExceptionId": exception["exception_id"],
        "RuleCode": exception["rule_code"],
        "BillingDay": exception["billing_day"],
        **{FIELDS[name]: exception[name] for name in assignment.fields},
    }
    return {name: str(value).translate(_UNSAFE) for name, value in told.items() if value is not None}


def meaning_of(item: Item | None) -> tuple[str | None, str]:
    """The event that an item's status stands for (None while it waits), and why in words."""
    if item is None:
        return FAILED, "the queue does not have it any more"
    if item.status == "Successful":
        said = "; ".join(f"{name}: {value}" for name, value in item.output.items() if value is not None)
        return DONE, said[:600] or "done"
    if item.status in _FAILURES:
        return FAILED, f"{_FAILURES[item.status]}{': ' + item.failure[:600] if item.failure else ''}"
    return None, item.status


def handed_over(engine: Engine) -> dict[str, Handed]:
    """The last attempt of every exception that was ever given to robots, by exception."""
    table = exception_history.c
    ever = sa.select(table.exception_id).where(table.event == SENDING)
    query = (
        sa.select(table.exception_id, table.event, table.actor)
        .where(table.event.in_([*EVENTS, "reopen"]), table.exception_id.in_(ever))
        .order_by(table.history_id)
    )
    found: dict[str, Handed] = {}
    with reading(engine) as connection:
        for row in connection.execute(query):
            before = found.get(row.exception_id)
            if row.event in EVENTS:
                attempt = (before.attempt if before else 0) + (row.event == SENDING)
                queue_name = row.actor.removeprefix(ACTOR_PREFIX)
                found[row.exception_id] = Handed(row.exception_id, queue_name, row.event, attempt)
            elif before:
                found[row.exception_id] = replace(before, was_found_again=True)
    return found


def next_attempt(handed: Handed | None, assignment: Assignment) -> int | None:
    """Which attempt an open exception's next is; None when a robot has it, or a person has to look.

    A robot that failed, or whose success a run did not confirm too often, is not tried again by itself.
    """
    if handed is None:
        return 1
    if handed.event in IN_FLIGHT or not handed.was_found_again or handed.attempt >= assignment.most_attempts:
        return None
    return handed.attempt + 1


@dataclass
class Robots:
    """Hands exceptions to robots and takes their results.

    Attributes:
        engine: the operational database.
        orchestrator: where the queues are.
        assignments: by rule.
        say: where single steps are told.
    """

    engine: Engine
    orchestrator: Orchestrator
    assignments: Mapping[str, Assignment]
    say: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self._exceptions = ExceptionQueue(self.engine)

    def send(self) -> Outcome:
        """Give robots what they can handle and do not have yet; sending again sends nothing twice."""
        outcome = Outcome()
        with self._lease():
            open_rows = self._open_rows()
            for queue_name, rows in self._by_queue(open_rows).items():
                self._guarded(outcome, queue_name, partial(self._send_queue, rows=rows, outcome=outcome))
        return outcome

    def collect(self) -> Outcome:
        """Take what became of what robots have: success moves the exception, a failure leaves it to a person.

        While that person has not decided, a failed item is looked at again: Orchestrator lets people retry it by hand.
        """
        outcome = Outcome()
        with self._lease():
            by_queue: dict[str, list[Handed]] = defaultdict(list)
            assigned = {row["exception_id"]: self.assignments[row["rule_code"]] for row in self._open_rows()}
            for handed in handed_over(self.engine).values():
                theirs = assigned.get(handed.exception_id)
                may_be_retried = handed.event == FAILED and theirs and theirs.queue_name == handed.queue_name
                if handed.event in IN_FLIGHT or may_be_retried:
                    by_queue[handed.queue_name].append(handed)
            for queue_name, some in by_queue.items():
                self._guarded(outcome, queue_name, partial(self._collect_queue, some=some, outcome=outcome))
        return outcome

    def _lease(self) -> Lease:
        return Lease(self.engine, (LEASE,), wait_seconds=LEASE_WAIT_SECONDS)

    def _guarded(self, outcome: Outcome, queue_name: str, work: Callable[[Queue], None]) -> None:
        """Work on one queue; what goes wrong there is told and leaves the other queues alone."""
        try:
            queue = self.orchestrator.queue(queue_name)
            if not queue.is_unique:
                raise PermanentError(
                    f"Using the queue {queue_name}",
                    "it does not enforce unique references, so one exception could be worked twice",
                    "Recreate the queue in Orchestrator with 'Enforce unique references' on.",
                )
            work(queue)
        except LoaderError as error:
            outcome.problems.append(str(error))

    def _open_rows(self) -> list[Row]:
        rules = self.assignments
        rows = self._exceptions.list_rows(states=[ExceptionState.OPEN]) if rules else []
        return [row for row in rows if row["rule_code"] in rules]

    def _by_queue(self, open_rows: Sequence[Row]) -> dict[str, list[tuple[Row, int, bool]]]:
        """Open exceptions with their attempt, by queue; True for an attempt of which nobody knows whether it left."""
        log = handed_over(self.engine)
        by_queue: dict[str, list[tuple[Row, int, bool]]] = defaultdict(list)
        for row in open_rows:
            handed = log.get(row["exception_id"])
            if handed and handed.event == SENDING:
                by_queue[handed.queue_name].append((row, handed.attempt, True))
                continue
            assignment = self.assignments[row["rule_code"]]
            attempt = next_attempt(handed, assignment)
            if attempt:
                by_queue[assignment.queue_name].append((row, attempt, False))
        return by_queue

    def _send_queue(self, queue: Queue, rows: Sequence[tuple[Row, int, bool]], outcome: Outcome) -> None:
        unsure = [reference_of(row["exception_id"], attempt) for row, attempt, is_unsure in rows if is_unsure]
        there = self.orchestrator.items(queue, unsure)
        for row, attempt, is_unsure in rows:
            reference = reference_of(row["exception_id"], attempt)
            if not is_unsure:
                self._note(row["exception_id"], queue, SENDING, f"given to the robots' queue {queue.name}")
            if reference in there:
                outcome.already_there += 1
                self._note(row["exception_id"], queue, SENT, f"with robots: {queue.name}, reference {reference}")
                continue
            self._add(queue, row, reference, outcome)

    def _add(self, queue: Queue, row: Row, reference: str, outcome: Outcome) -> None:
        assignment = self.assignments[row["rule_code"]]
        priority = PRIORITY.get(row["severity"], "Normal")
        try:
            is_new = self.orchestrator.add_item(queue.name, reference, priority, content_of(row, assignment))
        except OrchestratorRefusal as refusal:
            if not refusal.is_about_request:
                raise
            outcome.refused += 1
            self._note(row["exception_id"], queue, FAILED, f"not taken by robots: {refusal.message}")
            return
        outcome.sent += is_new
        outcome.already_there += not is_new
        self._note(row["exception_id"], queue, SENT, f"with robots: {queue.name}, reference {reference}")

    def _collect_queue(self, queue: Queue, some: Sequence[Handed], outcome: Outcome) -> None:
        items = self.orchestrator.items(queue, [one.reference for one in some])
        for handed in some:
            item = items.get(handed.reference)
            event, why = meaning_of(item)
            if handed.event == FAILED and event != DONE:
                continue
            exception = self._exceptions.show(handed.exception_id)
            if item is None and handed.event == SENDING:
                # It never left. The next sending does it, unless nobody needs it any more.
                is_needed = exception["state"] == ExceptionState.OPEN and exception["rule_code"] in self.assignments
                event, why = (None, "") if is_needed else (FAILED, "was not sent, and is not needed any more")
            if event is None:
                outcome.waiting += 1
            else:
                self._take(exception, queue, event, why, outcome)

    def _take(self, exception: Row, queue: Queue, event: str, why: str, outcome: Outcome) -> None:
        rule = exception["rule_code"]
        assignment = self.assignments.get(rule)
        state = assignment.success_state if assignment and event == DONE else None
        if event == DONE and state is None:
            why = f"{why} (robots do not handle {rule} any more: a person decides)"
        self._note(exception["exception_id"], queue, event, f"robot: {why}", state)
        outcome.done += event == DONE
        outcome.failed += event == FAILED

    def _note(
        self, exception_id: str, queue: Queue, event: str, reason: str, state: ExceptionState | None = None
    ) -> None:
        actor = f"{ACTOR_PREFIX}{queue.name}"
        self._exceptions.note(exception_id, event, actor=actor, reason=reason, state=state)
        self.say(f"{exception_id} {event}: {reason}")
