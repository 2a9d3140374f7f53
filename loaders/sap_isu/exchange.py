"""One batch's exchange with SAP: claim, send once, read back, record.

What belongs here: the fixed order of these steps, so that a crash between any two of them leaves a ledger that the
next run can settle by reading SAP back.
What stays out: rounds, concurrency and leases (``loader``); what the answers mean (``judgement``).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from loaders import fence
from loaders.errors import LoaderError
from loaders.sap_isu.judgement import LedgerReading, judge_read_back, vanished_message
from loaders.sap_isu.lease import Lease
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.ledger_rows import Change
from loaders.sap_isu.readings import ReadingId, SapReading
from loaders.sap_isu.states import Event, State
from loaders.sap_isu.transport import (
    DeviceGroup,
    Outcome,
    OutcomeKind,
    Transport,
    device_groups,
)

_POLL_SECONDS = 0.2
_NO_ANSWER = Outcome(OutcomeKind.AWAITED)
_EVENT_WITHOUT_ANSWER = {
    OutcomeKind.UNKNOWN: Event.OUTCOME_UNKNOWN,
    OutcomeKind.NOT_TAKEN: Event.NOT_TAKEN,
    OutcomeKind.AWAITED: Event.ACCEPTED,
}


_REJECTING = frozenset({Event.REFUSED, Event.FOUND_DIFFERENT})
_STILL_OPEN = frozenset({Event.NOT_FOUND, Event.OUTCOME_UNKNOWN, Event.NOT_TAKEN, Event.ACCEPTED})


@dataclass(frozen=True)
class Tally:
    """How SAP answered: readings with a definite answer, and those of them that it rejected."""

    answered: int = 0
    rejected: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.answered + other.answered, self.rejected + other.rejected)

    @classmethod
    def of(cls, changes: Sequence[Change]) -> Tally:
        """Count what was recorded."""
        events = [change.event for change in changes if change.event not in _STILL_OPEN]
        return cls(len(events), sum(event in _REJECTING for event in events))


@dataclass(frozen=True)
class BatchReport:
    """What an exchange came to.

    Attributes:
        sent: readings that left.
        open: readings of these whose outcome is still to be found out, or that are to be sent again.
        is_failure: no answer about any reading came.
        is_turned_away: the requests did not even get through, after all retries.
        retry_after_seconds: the pause that SAP asked for.
        tally: how SAP answered.
    """

    sent: int
    open: int
    is_failure: bool = False
    is_turned_away: bool = False
    message: str = ""
    retry_after_seconds: float = 0.0
    tally: Tally = Tally()


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
        began = time.monotonic()
        try:
            with fence.raised(self.lease.refuse_if_lapsed):
                outcomes = self.transport.send(groups)
        except LoaderError as error:
            self._record([Change(one.id.key, Event.NOT_TAKEN, error.why) for one in claimed])
            raise
        except Exception as error:
            # A fault of ours: whether the request had left is not known, so it is treated as if it had.
            self._record([Change(one.id.key, Event.OUTCOME_UNKNOWN, type(error).__name__) for one in claimed])
            raise
        pairs = list(zip(groups, outcomes, strict=True))
        unanswered = [(g, o) for g, o in pairs if o.kind in _EVENT_WITHOUT_ANSWER]
        self._record(_unanswered_changes(unanswered))
        still_open, tally = self._settle_answered(
            [pair for pair in pairs if pair not in unanswered], is_last_round=is_last_round
        )
        return BatchReport(
            sent=len(claimed),
            open=still_open + sum(len(group) for group, _ in unanswered),
            is_failure=all(o.kind in {OutcomeKind.UNKNOWN, OutcomeKind.NOT_TAKEN} for o in outcomes),
            is_turned_away=all(outcome.kind == OutcomeKind.NOT_TAKEN for outcome in outcomes),
            message=unanswered[0][1].message if unanswered else "",
            retry_after_seconds=_pause_after(outcomes, time.monotonic() - began),
            tally=tally,
        )

    def correct(self, keys: Sequence[str]) -> BatchReport:
        """Send new values for readings that SAP has and has not billed, once, and read back what became of them.

        Raises:
            LoaderError: nothing reached SAP; the readings stay on the worklist.
        """
        claimed = self.ledger.claim_corrections(keys, self.lease)
        groups = list(device_groups(claimed))
        if not groups:
            return BatchReport(sent=0, open=0)
        with fence.raised(self.lease.refuse_if_lapsed):
            outcomes = self.transport.correct(groups)
        heard = {one.id: outcome for group, outcome in zip(groups, outcomes, strict=True) for one in group}
        awaited = [(one, datetime.now(UTC)) for one, outcome in heard.items() if outcome.kind == OutcomeKind.AWAITED]
        heard.update(self._late_answers(awaited))
        ids = [one.id for one in claimed]
        if self.transport.capabilities.can_read_back:
            found = self.transport.read_back(ids)
            known = self.ledger.known([one.key for one in ids])
            changes = [c for one in ids for c in _corrected_changes(known[one.key], found.get(one), heard[one])]
            self._record(changes)
        return BatchReport(sent=len(claimed), open=0)

    def settle(self, doubtful: Sequence[tuple[ReadingId, datetime | None]]) -> Tally:
        """Wait for late answers, ask SAP about readings and record what it shows.

        Args:
            doubtful: readings, each with the instant of sending where its outcome is open.

        Returns:
            How SAP has answered.

        Raises:
            LoaderError: SAP could not be asked; the ledger is as it was.
        """
        ids = [one for one, _ in doubtful]
        answers = self._late_answers(doubtful)
        if not self.transport.capabilities.can_read_back:
            return self._record(_changes_for_a_person(doubtful, answers))
        found = self.transport.read_back(ids)
        refused = [one for one, outcome in answers.items() if outcome.kind == OutcomeKind.REFUSED]
        gone = self._without_order([one for one in refused if one not in found])
        known = self.ledger.known([one.key for one in ids])
        return self._record([c for one in ids for c in _settled_changes(known[one.key], one, answers, found, gone)])

    def look_before_sending_again(self, ids: Sequence[ReadingId]) -> None:
        """Take what SAP has by now out of what waits: entered by a person, or stored after it was given up on.

        Raises:
            LoaderError: SAP could not be asked; the ledger is as it was.
        """
        found = self.transport.read_back(ids)
        known = self.ledger.known([one.key for one in found])
        self._record([c for one, shown in found.items() for c in _read_back_changes(known[one.key], shown)])

    def _late_answers(self, doubtful: Sequence[tuple[ReadingId, datetime | None]]) -> dict[ReadingId, Outcome]:
        """What has been answered since the readings left, waited for as long as the transport says."""
        wait_seconds = self.transport.capabilities.answer_wait_seconds
        if not wait_seconds:
            return {}
        open_since = {one: sent_at for one, sent_at in doubtful if sent_at is not None}
        wait_until = time.monotonic() + _seconds_left(open_since.values(), wait_seconds)
        answers: dict[ReadingId, Outcome] = {}
        while missing := [one for one in open_since if one not in answers]:
            answers.update(self.transport.answers(missing))
            if len(answers) == len(open_since) or time.monotonic() >= wait_until:
                break
            time.sleep(_POLL_SECONDS)
        return answers

    def _settle_answered(
        self, pairs: Sequence[tuple[DeviceGroup, Outcome]], *, is_last_round: bool
    ) -> tuple[int, Tally]:
        """Read back what SAP has answered for; only that makes a success a success, and a refusal final."""
        if not pairs:
            return 0, Tally()
        ids = [one.id for group, _ in pairs for one in group]
        if not self.transport.capabilities.can_read_back:
            changes = [c for group, o in pairs for one in group for c in _change_for_a_person(one.id, o)]
            tally = self._record(changes)
            return sum(change.event == Event.OUTCOME_UNKNOWN for change in changes), tally
        try:
            found = self.transport.read_back(ids)
            refused = [one.id for group, outcome in pairs if outcome.kind == OutcomeKind.REFUSED for one in group]
            absent = [one for one in refused if one not in found]
            gone = self._without_order(absent)
        except LoaderError as error:
            self._record(_not_read_back_changes(pairs, error.why))
            return len(ids), Tally()
        known = self.ledger.known([one.key for one in ids])
        is_final = is_last_round or not self.transport.capabilities.stores_groups_whole
        changes = []
        for group, outcome in pairs:
            changes += _answered_changes(group, outcome, known, found, gone, is_final=is_final)
        tally = self._record(changes)
        return sum(change.event in {Event.NOT_FOUND, Event.OUTCOME_UNKNOWN} for change in changes), tally

    def _without_order(self, absent: Sequence[ReadingId]) -> set[ReadingId]:
        """Which refused readings have lost their order; none where the transport cannot tell."""
        return self.transport.without_order(absent) if absent and self.transport.capabilities.knows_orders else set()

    def _record(self, changes: Sequence[Change]) -> Tally:
        if changes:
            # Under the lease: what another run has taken over is that run's to record.
            self.ledger.apply(changes, self.lease)
        return Tally.of(changes)


def _pause_after(outcomes: Sequence[Outcome], took_seconds: float) -> float:
    """How long SAP should be left alone: as it asked, or as long again as it took without giving an answer."""
    is_silent = any(one.kind == OutcomeKind.UNKNOWN for one in outcomes)
    asked = max((one.retry_after_seconds or 0.0 for one in outcomes), default=0.0)
    return max(asked, took_seconds if is_silent else 0.0)


def wait_until_settled(sent_at: Collection[datetime | None], settle_seconds: float) -> None:
    """Give SAP the time to end what it may still be at, before its silence is taken for an answer."""
    time.sleep(_seconds_left([one for one in sent_at if one is not None], settle_seconds))


def _seconds_left(sent_at: Collection[datetime], seconds: float) -> float:
    """How much is left of a time that began with the last sending."""
    if not sent_at:
        return 0.0
    left = seconds - (datetime.now(UTC) - max(sent_at)).total_seconds()
    # The clock of a database server may run ahead: never wait longer than the time itself.
    return min(max(left, 0.0), seconds)


def _unanswered_changes(pairs: Sequence[tuple[DeviceGroup, Outcome]]) -> list[Change]:
    return [
        Change(one.id.key, _EVENT_WITHOUT_ANSWER[outcome.kind], outcome.message)
        for group, outcome in pairs
        for one in group
    ]


def _changes_for_a_person(
    doubtful: Sequence[tuple[ReadingId, datetime | None]], answers: Mapping[ReadingId, Outcome]
) -> list[Change]:
    """Where SAP cannot be read back: a refusal is final, all else that is open stays UNKNOWN until a person decides."""
    return [
        change
        for one, sent_at in doubtful
        if sent_at is not None
        for change in _change_for_a_person(one, answers.get(one, _NO_ANSWER))
    ]


def _change_for_a_person(one: ReadingId, outcome: Outcome) -> list[Change]:
    if outcome.kind == OutcomeKind.REFUSED:
        return [Change(one.key, Event.REFUSED, outcome.message or "refused without a reason")]
    answered = f"SAP answered {outcome.kind} {outcome.message}".strip()
    heard = "no answer came" if outcome.kind == OutcomeKind.AWAITED else answered
    return [
        Change(
            one.key,
            Event.OUTCOME_UNKNOWN,
            f"{heard}; its status cannot be read back by this transport as configured: look into SAP and decide",
            document_id=(outcome.document_ids or {}).get(one),
        )
    ]


def _settled_changes(
    known: LedgerReading,
    one: ReadingId,
    answers: Mapping[ReadingId, Outcome],
    found: Mapping[ReadingId, SapReading],
    gone: Collection[ReadingId],
) -> list[Change]:
    """What a late answer, if one came, and the read-back together say of a reading."""
    outcome = answers.get(one, _NO_ANSWER)
    if one in gone:
        return [Change(one.key, Event.REFUSED_WITHOUT_ORDER, f"{outcome.message}; SAP has no open order for it")]
    if outcome.is_partial and one not in found:
        said = f": {outcome.message}" if outcome.message else ""
        return _read_back_changes(known, None, f"SAP stored only a part, and not this reading{said}")
    if outcome.kind == OutcomeKind.ACCEPTED and one not in found:
        document = (outcome.document_ids or {}).get(one)
        message = vanished_message(document) if document else "SAP accepted it but does not show it"
        return [Change(one.key, Event.OUTCOME_UNKNOWN, message, document_id=document)]
    refusal = outcome.message or "refused without a reason" if outcome.kind == OutcomeKind.REFUSED else None
    return _read_back_changes(known, found.get(one), refusal)


def _corrected_changes(known: LedgerReading, found: SapReading | None, outcome: Outcome) -> list[Change]:
    """What the read-back says after a correction; where SAP kept the old value, its own words go with it."""
    changes = _read_back_changes(known, found)
    said = f"correction {outcome.kind.lower()}: {outcome.message}".rstrip(": ")
    return [
        replace(change, message=f"{said}; {change.message}") if change.event == Event.FOUND_DIFFERENT else change
        for change in changes
    ]


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
    is_final: bool,
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
        elif one.id in found or (is_refused and not (has_company and not is_final)):
            refusal = outcome.message or "refused without a reason" if is_refused else None
            answered = _read_back_changes(known[one.id.key], found.get(one.id), refusal)
            # SAP's warnings stay in the history of what it took with them.
            changes += answered if is_refused else [_warned(change, outcome.message) for change in answered]
        elif is_refused:
            # It was refused only because another register of its device was: alone it may pass.
            changes.append(Change(one.id.key, Event.NOT_FOUND, f"refused with its device: {outcome.message}"))
        else:
            message = vanished_message(document) if document else "SAP accepted it but does not show it"
            changes.append(Change(one.id.key, Event.OUTCOME_UNKNOWN, message, document_id=document))
    return changes


def _warned(change: Change, warning: str) -> Change:
    said = f"SAP warns: {warning}" if warning else None
    return replace(change, message="; ".join(filter(None, (change.message, said))) or None)


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
