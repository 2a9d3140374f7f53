"""The act of a load: settle what is open, then send in rounds until nothing waits or nothing moves.

What belongs here: the order of rounds, requests in flight, pauses, and when to stop.
What stays out: planning and the lease (``loader``), single batches (``exchange``), decisions (``judgement``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loaders.errors import LoaderError, TransientError
from loaders.sap_isu.exchange import BatchReport, Exchange, Tally, wait_until_settled
from loaders.sap_isu.ledger_rows import batched
from loaders.sap_isu.loads import UNFINISHED, LoadPlan, LoadPolicy, Progress, summary
from loaders.sap_isu.states import IN_DOUBT, State

if TYPE_CHECKING:
    from loaders.sap_isu.gate import PlanGuard

# What a run looks at again: open outcomes, and what people may have put right in SAP meanwhile.
_LOOKED_AT_AGAIN = IN_DOUBT | {State.LOCKED, State.REJECTED, State.REVERSAL_NEEDED}


@dataclass
class Rounds:
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
        if self._is_refused() or not self._correct() or not self._look_before_sending_again():
            return
        for number in range(1, self.policy.rounds + 1):
            if self._is_refused():
                return
            is_last = number == self.policy.rounds
            was_tried = self._send_round(is_last_round=is_last)
            # Before SAP is asked, not only before it is sent to: it may still be at work.
            time.sleep(min(self._pause_seconds, self.policy.longest_pause_seconds))
            if not was_tried or not self._settle(IN_DOUBT) or self._stop.is_set():
                return

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

    def _look_before_sending_again(self) -> bool:
        """Read back what an earlier run sent in vain; False when SAP cannot be asked, so nothing may be sent either."""
        again = self.exchange.ledger.sent_before(self.plan.plan_id)
        if not again or not self.exchange.transport.capabilities.can_read_back:
            return True
        for chunk in batched(again, self.policy.read_back_size):
            try:
                self.exchange.look_before_sending_again(chunk)
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
        left = {str(state): states[state] for state in UNFINISHED if states[state]}
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
