"""The loader's decisions as pure functions: what a new plan means, what a read-back means.

What belongs here: values in, event and message out.
What stays out: the ledger's storage and the wire; nothing here reads a clock or a database.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from loaders.sap_isu.readings import PlannedReading, SapReading, content_hash, plain_text
from loaders.sap_isu.states import HELD_BY_SAP, IN_DOUBT, Event, State

ORDER_STATUS = "0"
BILLABLE_STATUSES = frozenset({"1", "4", "5"})
LOCKED_STATUSES = frozenset({"2", "3"})
BILLED_STATUSES = frozenset({"7", "*"})


@dataclass(frozen=True)
class LedgerReading:
    """What the ledger knows of a reading, as far as decisions need it."""

    reading_key: str
    state: State
    reading_result: Decimal
    content_hash: str
    wanted_reading_result: Decimal | None = None
    wanted_content_hash: str | None = None
    is_held: bool = False
    is_billed: bool = False
    sap_status_code: str | None = None
    sap_document_id: str | None = None


class PlanStep(StrEnum):
    """What planning does with a reading.

    Attributes:
        ADD: new to the ledger.
        REPLACE: not in SAP; the plan's row takes its place, to be sent.
        NOTE_WISH: on its way; the new value is noted and judged after the read-back.
        CORRECT: SAP has another value, or may have one since a correction left.
        WISH_GONE: SAP was sent just the value that is wanted again.
        KEEP: SAP has the wanted value.
    """

    ADD = "ADD"
    REPLACE = "REPLACE"
    NOTE_WISH = "NOTE_WISH"
    CORRECT = "CORRECT"
    WISH_GONE = "WISH_GONE"
    KEEP = "KEEP"


@dataclass(frozen=True)
class PlanDecision:
    """A step and, where the state or the history is touched, its event."""

    step: PlanStep
    event: Event | None = None
    message: str | None = None


@dataclass(frozen=True)
class ReadBackDecision:
    """What SAP's answer means for a ledger row.

    Attributes:
        takes_wanted: the noted wish becomes the row's value.
    """

    event: Event
    message: str | None
    takes_wanted: bool = False
    is_billed: bool = False


def judge_plan(known: LedgerReading | None, planned: PlannedReading) -> PlanDecision:
    """Decide what a planned reading means beside what the ledger knows of it."""
    if known is None:
        return PlanDecision(PlanStep.ADD, Event.PLAN, "planned")
    if _waits_for_a_person(known, planned):
        return PlanDecision(PlanStep.KEEP)
    if known.state not in HELD_BY_SAP | IN_DOUBT:
        return PlanDecision(PlanStep.REPLACE, Event.PLAN, _replan_message(known, planned))
    return _judge_beside_sent(known, planned)


def _judge_beside_sent(known: LedgerReading, planned: PlannedReading) -> PlanDecision:
    """SAP has a value, or may have one: compare the plan with it and with the wish noted so far."""
    latest_wish = known.wanted_content_hash or known.content_hash
    if planned.content_hash == latest_wish:
        return PlanDecision(PlanStep.KEEP)
    if planned.content_hash == known.content_hash:
        return _judge_wish_gone(known)
    if known.state in IN_DOUBT:
        wish = f"the value changed to {plain_text(planned.reading_result)} while the outcome of sending is open"
        return PlanDecision(PlanStep.NOTE_WISH, Event.VALUE_CHANGED, wish)
    return PlanDecision(
        PlanStep.CORRECT,
        Event.VALUE_CHANGED,
        correction_message(known.reading_result, planned.reading_result, is_billed=known.is_billed),
    )


def judge_read_back(known: LedgerReading, found: SapReading | None, *, refusal: str | None = None) -> ReadBackDecision:
    """Decide what reading SAP back tells about a ledger row.

    Args:
        known: the ledger row.
        found: what SAP has under the row's key, None when it has nothing.
        refusal: SAP's message when it refused the reading in this run.
    """
    if found is None or found.status_code == ORDER_STATUS:
        return _judge_absent(known, refusal)
    found_hash = content_hash(found.reading_result)
    is_billed = found.status_code in BILLED_STATUSES
    if found_hash == known.wanted_content_hash:
        return ReadBackDecision(_found_event(found), _found_message(found), takes_wanted=True, is_billed=is_billed)
    if found_hash == known.content_hash and known.wanted_reading_result is None:
        return ReadBackDecision(_found_event(found), _found_message(found), is_billed=is_billed)
    if found_hash == known.content_hash and known.state in IN_DOUBT:
        # SAP has the value sent; the wish that came meanwhile becomes a correction in a step of its own.
        return ReadBackDecision(_found_event(found), _found_message(found), is_billed=is_billed)
    wanted = known.wanted_reading_result if known.wanted_reading_result is not None else known.reading_result
    message = correction_message(found.reading_result, wanted, is_billed=is_billed)
    return ReadBackDecision(
        Event.FOUND_DIFFERENT,
        f"{message}; {_twins_message(found)}" if found.twin_ids else message,
        is_billed=is_billed,
    )


def correction_message(in_sap: Decimal, wanted: Decimal, *, is_billed: bool) -> str:
    """Say what a person has to do, since the OData interface can neither change nor delete a reading."""
    values = f"SAP has {plain_text(in_sap)}, {plain_text(wanted)} is right"
    if is_billed:
        return (
            f"reversal needed: {values}, and SAP has billed it. Reverse the bill in SAP (full or adjustment reversal), "
            "correct the reading, bill again; the next run sees it"
        )
    return (
        f"correction needed: {values}; it is not billed yet. Correct the reading in SAP (EL29) before billing; "
        "the next run sees it"
    )


def vanished_message(document_id: str) -> str:
    """Say why a reading that SAP took but does not show is not simply sent again."""
    return (
        f"SAP said that it stored document {document_id} but does not show it; look for it in SAP. "
        "It is not sent again until a person says that it is not there"
    )


def status_event(status_code: str | None) -> Event:
    """The event that SAP's reading status stands for when the value is ours."""
    if status_code in BILLED_STATUSES:
        return Event.FOUND_BILLED
    # A status that is missing or not known is no proof that SAP will bill the reading.
    return Event.FOUND_BILLABLE if status_code in BILLABLE_STATUSES else Event.FOUND_LOCKED


def _waits_for_a_person(known: LedgerReading, planned: PlannedReading) -> bool:
    """A refusal stays visible as one while its exception holds the contract; a release lets it go again."""
    is_same = known.content_hash == planned.content_hash
    return known.state == State.REJECTED and planned.is_held and is_same


def _judge_wish_gone(known: LedgerReading) -> PlanDecision:
    again = f"the value is {plain_text(known.reading_result)} again, as SAP was given it"
    if known.state == State.REVERSAL_NEEDED:
        # A correction may have reached SAP without an answer: only SAP can say which value it has now.
        return PlanDecision(PlanStep.CORRECT, Event.VALUE_CHANGED, f"{again}: the next load reads SAP back")
    return PlanDecision(PlanStep.WISH_GONE, message=again)


def _judge_absent(known: LedgerReading, refusal: str | None) -> ReadBackDecision:
    if refusal is not None:
        return ReadBackDecision(Event.REFUSED, refusal)
    if known.state in IN_DOUBT and known.sap_document_id:
        return ReadBackDecision(Event.OUTCOME_UNKNOWN, vanished_message(known.sap_document_id))
    if known.state in IN_DOUBT:
        return ReadBackDecision(Event.NOT_FOUND, "SAP does not have it: planned again", takes_wanted=True)
    if known.state == State.REVERSAL_NEEDED:
        return ReadBackDecision(
            Event.NOT_FOUND, "the old reading was taken out of SAP: planned again", takes_wanted=True
        )
    return ReadBackDecision(
        Event.NOT_FOUND, "SAP does not have this reading (any more); check it there before it is sent again"
    )


def _found_event(found: SapReading) -> Event:
    return Event.FOUND_LOCKED if found.twin_ids else status_event(found.status_code)


def _found_message(found: SapReading) -> str | None:
    if found.twin_ids:
        return _twins_message(found)
    if found.status_code not in BILLABLE_STATUSES | BILLED_STATUSES | LOCKED_STATUSES:
        return f"SAP has it, but shows no status that is known to be billable ({found.status_code!r}): look at it there"
    if found.status_code in LOCKED_STATUSES:
        agent = "an agent" if found.status_code == "3" else "SAP's plausibility check"
        return f"stored but locked by {agent} (status {found.status_code}): release or correct it in SAP"
    return None


def _twins_message(found: SapReading) -> str:
    documents = ", ".join((found.document_id, *found.twin_ids))
    return f"SAP has several readings of this register, day and reason (documents {documents}): take out the wrong ones"


def _replan_message(known: LedgerReading, planned: PlannedReading) -> str | None:
    if known.state != State.PLANNED:
        return f"planned again after {known.state}"
    if known.content_hash != planned.content_hash:
        return f"the value changed from {plain_text(known.reading_result)} before it was sent"
    return None
