"""The life of one reading on its way into SAP, written as data.

What belongs here: the states, the events and which event leads from where to where.
What stays out: what makes an event happen (``loader``, ``judgement``) and where it is stored (``ledger``).

    PLANNED ──(sent before, found in SAP)──▶ CONFIRMED │ LOCKED │ REJECTED
    PLANNED ──SEND──▶ SENT ──found in SAP──▶ CONFIRMED │ LOCKED
       ▲               │ └──OUTCOME_UNKNOWN─▶ UNKNOWN ──(read back)──▶ CONFIRMED │ LOCKED │ PLANNED │ REJECTED
       └──NOT_FOUND────┘ ├──REFUSED─────────▶ REJECTED ──PLAN──▶ PLANNED
                         └──…_WITHOUT_ORDER─▶ CANCELLED ─PLAN──▶ PLANNED
    CONFIRMED, LOCKED ──VALUE_CHANGED──▶ REVERSAL_NEEDED ──(read back)──▶ CONFIRMED │ LOCKED │ PLANNED
                                           └──CORRECTION_SENT──┘ where the transport can correct and SAP has not billed
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from loaders.errors import PermanentError


class State(StrEnum):
    """Where a reading stands.

    Attributes:
        PLANNED: to be sent; SAP has not got it.
        SENT: marked before the request left; what became of it is not yet read back.
        CONFIRMED: read back from SAP with our value, billable or billed.
        LOCKED: read back from SAP with our value, but SAP finds it implausible.
        REJECTED: SAP refused it and does not have it, or has another value in its place.
        UNKNOWN: no answer arrived; only reading SAP back can tell.
        CANCELLED: its order is gone; it will not be sent.
        REVERSAL_NEEDED: SAP has a value that is not right any more: corrected where the transport can and SAP has
            not billed it, else by a person.
    """

    PLANNED = "PLANNED"
    SENT = "SENT"
    CONFIRMED = "CONFIRMED"
    LOCKED = "LOCKED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    CANCELLED = "CANCELLED"
    REVERSAL_NEEDED = "REVERSAL_NEEDED"


class Event(StrEnum):
    """What can happen to a reading."""

    PLAN = "PLAN"
    VALUE_CHANGED = "VALUE_CHANGED"
    ORDER_GONE = "ORDER_GONE"
    SEND = "SEND"
    ACCEPTED = "ACCEPTED"
    NOT_TAKEN = "NOT_TAKEN"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    REFUSED = "REFUSED"
    REFUSED_WITHOUT_ORDER = "REFUSED_WITHOUT_ORDER"
    NOT_FOUND = "NOT_FOUND"
    FOUND_BILLABLE = "FOUND_BILLABLE"
    FOUND_BILLED = "FOUND_BILLED"
    FOUND_LOCKED = "FOUND_LOCKED"
    FOUND_DIFFERENT = "FOUND_DIFFERENT"
    CORRECTION_SENT = "CORRECTION_SENT"


_FOUND: Mapping[Event, State] = {
    Event.FOUND_BILLABLE: State.CONFIRMED,
    Event.FOUND_BILLED: State.CONFIRMED,
    Event.FOUND_LOCKED: State.LOCKED,
}

TRANSITIONS: Mapping[State, Mapping[Event, State]] = MappingProxyType(
    {
        State.PLANNED: {
            # What was sent before is looked for in SAP before it is sent again: a person may have entered it since.
            **_FOUND,
            Event.FOUND_DIFFERENT: State.REJECTED,
            Event.PLAN: State.PLANNED,
            Event.ORDER_GONE: State.CANCELLED,
            Event.SEND: State.SENT,
        },
        State.SENT: {
            **_FOUND,
            Event.REFUSED_WITHOUT_ORDER: State.CANCELLED,
            Event.ACCEPTED: State.SENT,
            # The wish is noted; what happened to the value on its way is settled first.
            Event.VALUE_CHANGED: State.SENT,
            Event.NOT_TAKEN: State.PLANNED,
            Event.OUTCOME_UNKNOWN: State.UNKNOWN,
            Event.REFUSED: State.REJECTED,
            Event.NOT_FOUND: State.PLANNED,
            Event.FOUND_DIFFERENT: State.REJECTED,
        },
        State.UNKNOWN: {
            **_FOUND,
            Event.REFUSED_WITHOUT_ORDER: State.CANCELLED,
            Event.VALUE_CHANGED: State.UNKNOWN,
            Event.OUTCOME_UNKNOWN: State.UNKNOWN,
            Event.REFUSED: State.REJECTED,
            Event.NOT_FOUND: State.PLANNED,
            Event.FOUND_DIFFERENT: State.REJECTED,
        },
        State.CONFIRMED: {
            **_FOUND,
            Event.VALUE_CHANGED: State.REVERSAL_NEEDED,
            Event.FOUND_DIFFERENT: State.REVERSAL_NEEDED,
            # Someone took it out of SAP: a person has to say whether it should go there again.
            Event.NOT_FOUND: State.REJECTED,
        },
        State.LOCKED: {
            **_FOUND,
            Event.VALUE_CHANGED: State.REVERSAL_NEEDED,
            Event.FOUND_DIFFERENT: State.REVERSAL_NEEDED,
            Event.NOT_FOUND: State.REJECTED,
        },
        State.REJECTED: {
            **_FOUND,
            Event.PLAN: State.PLANNED,
            Event.ORDER_GONE: State.CANCELLED,
            Event.NOT_FOUND: State.REJECTED,
            Event.FOUND_DIFFERENT: State.REJECTED,
        },
        State.REVERSAL_NEEDED: {
            **_FOUND,
            # A correction sets a value, so what a crash leaves open is read back and, if need be, set again.
            Event.CORRECTION_SENT: State.REVERSAL_NEEDED,
            Event.VALUE_CHANGED: State.REVERSAL_NEEDED,
            Event.FOUND_DIFFERENT: State.REVERSAL_NEEDED,
            Event.NOT_FOUND: State.PLANNED,
        },
        State.CANCELLED: {
            Event.PLAN: State.PLANNED,
        },
    }
)

IN_DOUBT = frozenset({State.SENT, State.UNKNOWN})
"""SAP may or may not have the reading: read back before anything else."""

HELD_BY_SAP = frozenset({State.CONFIRMED, State.LOCKED, State.REVERSAL_NEEDED})
"""SAP was seen to have the reading: it is never created again."""


class IllegalTransitionError(PermanentError):
    """An event that the diagram does not allow in this state."""


def next_state(state: State, event: Event) -> State:
    """The state after an event.

    Raises:
        IllegalTransitionError: the diagram has no such step.
    """
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalTransitionError(
            what=f"a reading that is {state} cannot take the event {event}",
            why="the state diagram of the load ledger has no such step",
            remedy="report this as a fault of the loader; the ledger was left as it was",
        ) from None


def can_take(state: State, event: Event) -> bool:
    """Whether the diagram allows the event in this state."""
    return event in TRANSITIONS[state]
