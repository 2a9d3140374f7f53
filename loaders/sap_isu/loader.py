"""Loading readings into SAP IS-U exactly once: the plan, then the act under a lease, in rounds.

What belongs here: the order of work, concurrency, and when to stop.
What stays out: single batches (``exchange``), decisions (``judgement``), the wire (a ``Transport``).

The order that makes it exactly once: what an earlier run left open is read back first; a reading is marked as sent
before it leaves; a success is confirmed only by reading it back; what has no answer is read back, and sent again only
if SAP was seen not to have it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from loaders.errors import LoaderError, TransientError
from loaders.sap_isu.exchange import BatchReport, Exchange, Tally, wait_until_settled
from loaders.sap_isu.lease import DEFAULT_SECONDS, PLAN_LEASE, Lease, LeaseHeldError, day_lease
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.ledger_rows import batched
from loaders.sap_isu.readings import PlannedReading, ReadingError, reading_from_row
from loaders.sap_isu.states import IN_DOUBT, State
from loaders.sap_isu.transport import Transport

if TYPE_CHECKING:
    from loaders.sap_isu.gate import PlanGuard

Progress = Callable[[int, int, float], None]
"""Called with readings done, readings in all, and readings per second."""

# What a run looks at again: open outcomes, and what people may have put right in SAP meanwhile.
_LOOKED_AT_AGAIN = IN_DOUBT | {State.LOCKED, State.REJECTED, State.REVERSAL_NEEDED}
_PLAN_WAIT_SECONDS = 120.0
_POLL_SECONDS = 0.5
_UNFINISHED = frozenset({State.PLANNED, *IN_DOUBT})


class PlanReplacedError(TransientError):
    """The plan in the ledger is not this run's any more."""


@dataclass(frozen=True)
class LoadPolicy:
    """Limits of a load.

    Attributes:
        rounds: how often what SAP turned out not to have is sent.
        settle_seconds: how long SAP may still be at work on a request that got no answer.
        most_failed_batches: batches in a row without any answer after which a round stops.
        longest_pause_seconds: the longest pause between rounds that SAP may ask for.
        read_back_size: readings asked about at once.
        lease_seconds: how long a lease stands without being renewed.
        lease_wait_seconds: how long to wait for another run on the same day.
    """

    rounds: int = 5
    settle_seconds: float = 2.0
    most_failed_batches: int = 3
    longest_pause_seconds: float = 60.0
    read_back_size: int = 200
    lease_seconds: float = DEFAULT_SECONDS
    lease_wait_seconds: float = 0.0


@dataclass(frozen=True)
class LoadPlan:
    """What is to be loaded, before anything is.

    Attributes:
        billing_days: the days of the window and of every planned reading.
        steps: planned readings by what planning did with them.
        cancelled: waiting readings whose order is gone.
        to_send: readings that wait to be sent.
        held: readings that wait because an exception holds their bill.
        size: readings in the plan.
        problems: rows that cannot be readings, and readings planned twice.
    """

    plan_id: str
    billing_days: tuple[date, ...]
    steps: Mapping[str, int]
    cancelled: int
    to_send: int
    held: int
    size: int
    problems: Sequence[str] = ()


@dataclass(frozen=True)
class LoadResult:
    """What a load came to.

    Attributes:
        states: the plan's readings by state; held ones count as ``HELD``.
        sent: readings that left in this run.
        problems: what went wrong, each told as what, why and what to do.
        is_write_enabled: False when the load was only planned.
    """

    plan: LoadPlan
    states: Mapping[str, int]
    sent: int
    problems: Sequence[str]
    elapsed_seconds: float
    is_write_enabled: bool

    @property
    def is_complete(self) -> bool:
        """Whether nothing of the day is left to be done by the loader."""
        if self.problems:
            return False
        return not self.is_write_enabled or not any(self.states.get(state) for state in _UNFINISHED)


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
        run = _Run(Exchange(ledger, transport, lease), plan, policy, concurrency, batch_size, progress, guard)
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


@dataclass
class _Run:
    """One load under its lease."""

    exchange: Exchange
    plan: LoadPlan
    policy: LoadPolicy
    concurrency: int
    batch_size: int
    progress: Progress | None
    guard: PlanGuard | None = None
    sent: int = 0
    problems: list[str] = field(default_factory=list)
    _done: int = 0
    _failures_in_a_row: int = 0
    _turned_away_in_a_row: int = 0
    _pause_seconds: float = 0.0
    _last_message: str = ""
    _tally: Tally = field(default_factory=Tally)
    _stop: threading.Event = field(default_factory=threading.Event)
    _started: float = field(default_factory=time.monotonic)

    def work(self) -> None:
        """Settle what is open, then send in rounds until nothing waits or nothing moves."""
        if not self._settle(_LOOKED_AT_AGAIN):
            return
        if self._is_refused() or not self._correct():
            return
        for number in range(1, self.policy.rounds + 1):
            if self._is_refused():
                return
            is_last = number == self.policy.rounds
            was_tried = self._send_round(is_last_round=is_last)
            if not was_tried or not self._settle(IN_DOUBT) or self._stop.is_set():
                return
            if not is_last and self._pause_seconds:
                time.sleep(min(self._pause_seconds, self.policy.longest_pause_seconds))

    def _is_refused(self) -> bool:
        """Whether something waits that may not be sent; the reason is told."""
        refusal = self.guard.refusal() if self.guard else None
        ledger = self.exchange.ledger
        if refusal is None or not (ledger.counts(self.plan.plan_id)[State.PLANNED] or self._corrections()):
            return False
        self._give_up(refusal)
        return True

    def _corrections(self) -> list[str]:
        """What SAP has, has not billed, and this transport can change."""
        wanted = self.exchange.ledger.correctable(self.plan.plan_id)
        # Asked for only where there is something: a run with nothing to do needs no transport.
        return wanted if wanted and self.exchange.transport.capabilities.can_correct else []

    def _correct(self) -> bool:
        """Send new values for what SAP has, once in a run; False when SAP could not be reached."""
        for keys in batched(self._corrections(), self.batch_size):
            try:
                self.sent += self.exchange.correct(keys).sent
            except LoaderError as error:
                self._give_up(error)
                return False
        return True

    def _settle(self, states: Iterable[State]) -> bool:
        """Read back what is in these states; False when SAP cannot be asked, so nothing may be sent either."""
        ledger = self.exchange.ledger
        found = ledger.to_read_back(self.plan.billing_days, frozenset(states))
        for chunk in batched(found, self.policy.read_back_size):
            wait_until_settled([sent_at for _, sent_at in chunk], self.policy.settle_seconds)
            try:
                tally = self.exchange.settle(chunk)
            except LoaderError as error:
                self._give_up(error)
                return False
            if self._tally.answered or self.sent:
                # What was rejected in an earlier run and still is does not count again.
                self._judge(tally)
        return True

    def _send_round(self, *, is_last_round: bool) -> bool:
        """Send everything that waits, with a bounded number of batches in flight; False when nothing waited."""
        self._failures_in_a_row, self._pause_seconds = 0, 0.0
        total = self._done + self.exchange.ledger.counts(self.plan.plan_id)[State.PLANNED]
        pending: set[Future[BatchReport]] = set()
        was_tried = False
        with ThreadPoolExecutor(self.concurrency, thread_name_prefix="sap") as pool:
            for keys in self._batches():
                was_tried = True
                pending.add(pool.submit(self.exchange.send, keys, is_last_round=is_last_round))
                # The first batch goes alone: where SAP rejects everything, little has left by then.
                if len(pending) >= (self.concurrency if self.sent else 1):
                    is_first = not self.sent
                    pending = self._take_finished(pending, total)
                    if is_first and self.guard and self.exchange.transport.capabilities.answer_wait_seconds:
                        self._settle(IN_DOUBT)
                if self._stop.is_set() or self._failures_in_a_row >= self.policy.most_failed_batches:
                    break
            while pending:
                pending = self._take_finished(pending, total)
        return was_tried

    def _batches(self) -> Iterator[list[str]]:
        groups = self.exchange.ledger.sendable_groups(self.plan.plan_id)
        for chunk in batched(groups, self.batch_size):
            yield [key for group in chunk for key in group]

    def _take_finished(self, pending: set[Future[BatchReport]], total: int) -> set[Future[BatchReport]]:
        finished, left = wait(pending, return_when=FIRST_COMPLETED)
        for future in finished:
            try:
                self._take(future.result())
            except LoaderError as error:
                self._give_up(error)
        if self.progress:
            self.progress(self._done, total, self._done / max(time.monotonic() - self._started, 0.001))
        return left

    def _take(self, report: BatchReport) -> None:
        self.sent += report.sent
        self._done += report.sent - report.open
        self._failures_in_a_row = self._failures_in_a_row + 1 if report.is_failure else 0
        self._pause_seconds = max(self._pause_seconds, report.retry_after_seconds)
        self._last_message = report.message or self._last_message
        self._judge(report.tally)
        self._turned_away_in_a_row = self._turned_away_in_a_row + 1 if report.is_turned_away else 0
        if self._turned_away_in_a_row >= self.policy.most_failed_batches:
            # The HTTP layer has retried each within its budget; more batches would only wait as long.
            self._give_up(
                TransientError("Sending readings to SAP", report.message, "Run the day again when SAP answers.")
            )

    def _judge(self, tally: Tally) -> None:
        """Add up how SAP answers; stop where the guard says so."""
        self._tally += tally
        brake = self.guard.brake(self._tally) if self.guard and tally.rejected else None
        if brake is not None:
            self._give_up(brake)

    def note_leftovers(self) -> None:
        """Say why the load is not complete when nothing else has said so."""
        states = self.exchange.ledger.counts(self.plan.plan_id)
        left = {str(state): states[state] for state in _UNFINISHED if states[state]}
        if left and not self.problems:
            error = TransientError(
                "Loading readings into SAP",
                f"left {summary(left)} after {self.policy.rounds} rounds; last: {self._last_message or 'no message'}",
                "Run the day again: what is open is read back first. Readings that stay UNKNOWN need a look into SAP.",
            )
            self.problems.append(str(error))

    def _give_up(self, error: LoaderError) -> None:
        self._stop.set()
        if str(error) not in self.problems:
            self.problems.append(str(error))


def _readable(rows: Iterable[Mapping[str, object]], problems: list[str]) -> Iterator[PlannedReading]:
    """Readings of the plan; a row that is none is noted and left out, the others go on."""
    for row in rows:
        try:
            yield reading_from_row(row)
        except ReadingError as error:
            problems.append(str(error))


def summary(states: Mapping[str, int]) -> str:
    """The states in one line, for a person."""
    return ", ".join(f"{number} {state}" for state, number in sorted(Counter(states).items()) if number)
