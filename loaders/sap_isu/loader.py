"""Loading readings into SAP IS-U exactly once: the plan, then the act under a lease, in rounds.

What belongs here: from rows to a plan, and from a plan under its lease to a result.
What stays out: the rounds (``rounds``), single batches (``exchange``), decisions (``judgement``), the wire.

The order that makes it exactly once: what an earlier run left open is read back first; a reading is marked as sent
before it leaves; a success is confirmed only by reading it back; what has no answer is read back, and sent again only
if SAP was seen not to have it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING

from loaders.errors import TransientError
from loaders.sap_isu.exchange import Exchange
from loaders.sap_isu.lease import PLAN_LEASE, Lease, LeaseHeldError, day_lease
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.loads import LoadPlan, LoadPolicy, LoadResult, Progress
from loaders.sap_isu.readings import PlannedReading, ReadingError, reading_from_row
from loaders.sap_isu.rounds import Rounds
from loaders.sap_isu.states import State
from loaders.sap_isu.transport import Transport

if TYPE_CHECKING:
    from loaders.sap_isu.gate import PlanGuard

_PLAN_WAIT_SECONDS = 120.0
_POLL_SECONDS = 0.5


class PlanReplacedError(TransientError):
    """The plan in the ledger is not this run's any more."""


def plan_load(ledger: Ledger, rows: Iterable[Mapping[str, object]], *, first_day: date, last_day: date) -> LoadPlan:
    """Take the plan of the warehouse into the ledger; SAP is not contacted.

    Args:
        ledger: the ledger.
        rows: rows of ``int_meter_readings__plan``.
        first_day: first billing day of the run.
        last_day: last billing day of the run; what waits in between and is not in ``rows`` is cancelled.

    Raises:
        LeaseHeldError: another run is sending readings of one of these days just now.
    """
    problems: list[str] = []
    window = [first_day + timedelta(days=number) for number in range((last_day - first_day).days + 1)]
    with Lease(ledger.engine, (PLAN_LEASE,), wait_seconds=_PLAN_WAIT_SECONDS):
        counts = ledger.plan(_readable(rows, problems))
        cancelled = ledger.cancel_missing(counts.plan_id, window)
    states = ledger.counts(counts.plan_id)
    return LoadPlan(
        plan_id=counts.plan_id,
        billing_days=tuple(sorted({*window, *counts.billing_days})),
        steps={str(step): number for step, number in counts.steps.items()},
        cancelled=cancelled,
        to_send=states[State.PLANNED],
        held=states["HELD"],
        size=sum(states.values()),
        problems=[*problems, *counts.conflicts],
    )


def run_load(
    ledger: Ledger,
    transport: Transport,
    plan: LoadPlan,
    *,
    write_enabled: bool,
    concurrency: int = 5,
    batch_size: int = 50,
    progress: Progress | None = None,
    policy: LoadPolicy | None = None,
    guard: PlanGuard | None = None,
) -> LoadResult:
    """Bring the plan's readings into SAP; safe to call again after any interruption.

    Args:
        ledger: the ledger.
        transport: the road into SAP; not touched unless there is something to do.
        plan: from ``plan_load``.
        write_enabled: False only plans; nothing is contacted.
        concurrency: requests in flight.
        batch_size: devices in one request.
        progress: told after every batch.
        policy: limits.
        guard: may keep the load from sending, or stop it; what is open is read back all the same.

    Raises:
        LeaseHeldError: another run is loading one of these days.
        PlanReplacedError: another run has planned these readings since.
    """
    policy = policy or LoadPolicy()
    started = time.monotonic()
    if not write_enabled:
        return LoadResult(plan, ledger.counts(plan.plan_id), 0, plan.problems, 0.0, is_write_enabled=False)
    with _begin(ledger, plan, policy) as lease:
        run = Rounds(Exchange(ledger, transport, lease), plan, policy, concurrency, batch_size, progress, guard)
        run.work()
        run.note_leftovers()
    return LoadResult(
        plan=plan,
        states=ledger.counts(plan.plan_id),
        sent=run.sent,
        problems=[*plan.problems, *run.problems],
        elapsed_seconds=time.monotonic() - started,
        is_write_enabled=True,
    )


@contextmanager
def _begin(ledger: Ledger, plan: LoadPlan, policy: LoadPolicy) -> Iterator[Lease]:
    """Take the days of a plan, if it is still the plan.

    The plan lease comes first and is never held while waiting, so of runs that meet here exactly one goes on.
    """
    names = tuple(day_lease(day) for day in plan.billing_days)
    deadline = time.monotonic() + policy.lease_wait_seconds
    with ExitStack() as stack:
        while True:
            try:
                with Lease(ledger.engine, (PLAN_LEASE,), wait_seconds=_PLAN_WAIT_SECONDS):
                    lease = stack.enter_context(Lease(ledger.engine, names, seconds=policy.lease_seconds))
                    _refuse_replaced(ledger, plan)
                break
            except LeaseHeldError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_POLL_SECONDS)
        yield lease


def _refuse_replaced(ledger: Ledger, plan: LoadPlan) -> None:
    if sum(ledger.counts(plan.plan_id).values()) != plan.size:
        raise PlanReplacedError(
            "Loading readings into SAP",
            "another run has planned the same readings since this run did",
            "Nothing was sent by this run. See whether the other run completes the day, else run it again.",
        )


def _readable(rows: Iterable[Mapping[str, object]], problems: list[str]) -> Iterator[PlannedReading]:
    """Readings of the plan; a row that is none is noted and left out, the others go on."""
    for row in rows:
        try:
            yield reading_from_row(row)
        except ReadingError as error:
            problems.append(str(error))
