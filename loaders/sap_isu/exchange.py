"""One batch's exchange with SAP: claim, send once, read back, record.

What belongs here: the fixed order of these steps, so that a crash between any two of them leaves a ledger that the
next run can settle by reading SAP back.
What stays out: rounds, concurrency and leases (``loader``); what the answers mean (``judgement``).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from loaders.errors import LoaderError
from loaders.sap_isu.judgement import LedgerReading, judge_read_back, vanished_message
from loaders.sap_isu.lease import Lease
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.ledger_rows import Change
from loaders.sap_isu.readings import (
    DeviceGroup,
    OrderBook,
    Outcome,
    OutcomeKind,
    ReadingId,
    SapReading,
    Transport,
    device_groups,
)
from loaders.sap_isu.states import Event, State


@dataclass(frozen=True)
class BatchReport:
    """What an exchange came to.

    Attributes:
        sent: readings that left.
        open: readings of these whose outcome is still to be found out, or that are to be sent again.
        is_failure: no answer about any reading came.
        is_turned_away: the requests did not even get through, after all retries.
        retry_after_seconds: the pause that SAP asked for.
    """

    sent: int
    open: int
    is_failure: bool = False
    is_turned_away: bool = False
    message: str = ""
    retry_after_seconds: float = 0.0


@dataclass(frozen=True)
class Exchange:
    """The steps of one batch; stateless, so that many threads can share it."""

    ledger: Ledger
    transport: Transport
    lease: Lease

    def send(self, keys: Sequence[str], *, is_last_round: bool) -> BatchReport:
        """Claim readings, send them once, and record what became of them.

        Raises:
            LoaderError: nothing reached SAP and trying on makes no sense; the readings wait again.
        """
        claimed = self.ledger.claim(keys, self.lease)
        groups = list(device_groups(claimed))
        if not groups:
            return BatchReport(sent=0, open=0)
        try:
            outcomes = self.transport.send(groups)
        except LoaderError as error:
            self._record([Change(one.id.key, Event.NOT_TAKEN, error.why) for one in claimed])
            raise
        except Exception as error:
            # A fault of ours: whether the request had left is not known, so it is treated as if it had.
            self._record([Change(one.id.key, Event.OUTCOME_UNKNOWN, type(error).__name__) for one in claimed])
            raise
        pairs = list(zip(groups, outcomes, strict=True))
        unanswered = [(g, o) for g, o in pairs if o.kind in {OutcomeKind.UNKNOWN, OutcomeKind.NOT_TAKEN}]
        self._record(_unanswered_changes(unanswered))
        still_open = self._settle_answered(
            [pair for pair in pairs if pair not in unanswered], is_last_round=is_last_round
        )
        return BatchReport(
            sent=len(claimed),
            open=still_open + sum(len(group) for group, _ in unanswered),
            is_failure=len(unanswered) == len(pairs),
            is_turned_away=all(outcome.kind == OutcomeKind.NOT_TAKEN for outcome in outcomes),
            message=unanswered[0][1].message if unanswered else "",
            retry_after_seconds=max((o.retry_after_seconds or 0.0 for _, o in unanswered), default=0.0),
        )

    def settle(self, ids: Sequence[ReadingId]) -> None:
        """Ask SAP about readings and record what it shows.

        Raises:
            LoaderError: SAP could not be asked; the ledger is as it was.
        """
        found = self.transport.read_back(ids)
        known = self.ledger.known([one.key for one in ids])
        self._record([change for one in ids for change in _read_back_changes(known[one.key], found.get(one))])

    def _settle_answered(self, pairs: Sequence[tuple[DeviceGroup, Outcome]], *, is_last_round: bool) -> int:
        """Read back what SAP has answered for; only that makes a success a success, and a refusal final."""
        if not pairs:
            return 0
        ids = [one.id for group, _ in pairs for one in group]
        try:
            found = self.transport.read_back(ids)
            refused = [one.id for group, outcome in pairs if outcome.kind == OutcomeKind.REFUSED for one in group]
            absent = [one for one in refused if one not in found]
            gone = self._without_order(absent)
        except LoaderError as error:
            self._record(_not_read_back_changes(pairs, error.why))
            return len(ids)
        known = self.ledger.known([one.key for one in ids])
        changes: list[Change] = []
        for group, outcome in pairs:
            changes += _answered_changes(group, outcome, known, found, gone, is_last_round=is_last_round)
        self._record(changes)
        return sum(change.event in {Event.NOT_FOUND, Event.OUTCOME_UNKNOWN} for change in changes)

    def _without_order(self, absent: Sequence[ReadingId]) -> set[ReadingId]:
        """Which refused readings have lost their order; none where the transport cannot tell."""
        return self.transport.without_order(absent) if absent and isinstance(self.transport, OrderBook) else set()

    def _record(self, changes: Sequence[Change]) -> None:
        if changes:
            self.ledger.apply(changes)


def wait_until_settled(sent_at: Collection[datetime | None], settle_seconds: float) -> None:
    """Give SAP the time to end what it may still be at, before its silence is taken for an answer."""
    last = max((one for one in sent_at if one is not None), default=None)
    if last is not None:
        # The clock of a database server may run ahead: never wait longer than the time itself.
        left = settle_seconds - (datetime.now(UTC) - last).total_seconds()
        time.sleep(min(max(left, 0.0), settle_seconds))


def _unanswered_changes(pairs: Sequence[tuple[DeviceGroup, Outcome]]) -> list[Change]:
    events = {OutcomeKind.UNKNOWN: Event.OUTCOME_UNKNOWN, OutcomeKind.NOT_TAKEN: Event.NOT_TAKEN}
    return [Change(one.id.key, events[outcome.kind], outcome.message) for group, outcome in pairs for one in group]


def _not_read_back_changes(pairs: Sequence[tuple[DeviceGroup, Outcome]], why: str) -> list[Change]:
    return [
        Change(
            one.id.key,
            Event.OUTCOME_UNKNOWN,
            f"SAP answered {outcome.kind} {outcome.message} but could not be read back: {why}",
            document_id=(outcome.document_ids or {}).get(one.id),
        )
        for group, outcome in pairs
        for one in group
    ]


def _answered_changes(
    group: DeviceGroup,
    outcome: Outcome,
    known: Mapping[str, LedgerReading],
    found: Mapping[ReadingId, SapReading],
    gone: Collection[ReadingId],
    *,
    is_last_round: bool,
) -> list[Change]:
    """What the answer and the read-back together say of one device's readings."""
    is_refused = outcome.kind == OutcomeKind.REFUSED
    has_company = any(one.id in found or one.id in gone for one in group)
    changes: list[Change] = []
    for one in group:
        document = (outcome.document_ids or {}).get(one.id)
        if one.id in gone:
            changes.append(
                Change(one.id.key, Event.REFUSED_WITHOUT_ORDER, f"{outcome.message}; SAP has no open order for it")
            )
        elif one.id in found or (is_refused and not (has_company and not is_last_round)):
            refusal = outcome.message or "refused without a reason" if is_refused else None
            changes += _read_back_changes(known[one.id.key], found.get(one.id), refusal)
        elif is_refused:
            # It was refused only because another register of its device was: alone it may pass.
            changes.append(Change(one.id.key, Event.NOT_FOUND, f"refused with its device: {outcome.message}"))
        else:
            message = vanished_message(document) if document else "SAP accepted it but does not show it"
            changes.append(Change(one.id.key, Event.OUTCOME_UNKNOWN, message, document_id=document))
    return changes


def _read_back_changes(known: LedgerReading, found: SapReading | None, refusal: str | None = None) -> list[Change]:
    decision = judge_read_back(known, found, refusal=refusal)
    if known.state == State.REJECTED and decision.event == Event.NOT_FOUND:
        return []  # as it was; its own message says more
    return [
        Change(
            known.reading_key,
            decision.event,
            decision.message,
            document_id=found.document_id if found else None,
            status_code=found.status_code if found else None,
            is_billed=decision.is_billed if found else None,
            takes_wanted=decision.takes_wanted,
        )
    ]
