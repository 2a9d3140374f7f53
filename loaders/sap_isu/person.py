"""What a person has seen in SAP, where the loader cannot or could not look: it decides what is UNKNOWN.

What belongs here: a person's word into the ledger, along the same diagram and with the same judgement as a read-back.
What stays out: words and options (``billsync/sap_cli``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from loaders.errors import PermanentError
from loaders.sap_isu.judgement import judge_read_back
from loaders.sap_isu.lease import Lease, day_lease
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.ledger_rows import Change, Row
from loaders.sap_isu.readings import ReadingId, SapReading
from loaders.sap_isu.states import IN_DOUBT, Event, State, can_take

_DECIDABLE = IN_DOUBT | {State.REVERSAL_NEEDED}


class NoSuchReadingError(PermanentError):
    """The ledger has no reading under this key."""


class NothingToDecideError(PermanentError):
    """The reading is not in a state that waits for a person."""


@dataclass(frozen=True)
class Seen:
    """What SAP shows of a reading: EL31 or the device's list of readings.

    Attributes:
        status_code: 1 billable, 2 or 3 locked, 4 released, 5 checked, 7 billed, * partly billed.
    """

    reading_result: Decimal
    status_code: str
    document_id: str = ""


def waiting(ledger: Ledger, states: Collection[str], day: date | None = None) -> Iterator[Row]:
    """Readings in these states, of one billing day or of all."""
    return (row for row in ledger.snapshot(None if day is None else [day]) if row["state"] in states)


def decide(ledger: Ledger, reading_key: str, seen: Seen | None, reason: str) -> Row:
    """Take a person's word for what SAP has of a reading; the ledger's actor is that person.

    Args:
        ledger: the ledger.
        reading_key: device, register, date and reason, parted by ``|``.
        seen: what SAP shows; None when it shows nothing, and the reading may be sent again.
        reason: kept in the history.

    Returns:
        The reading as it stands now.

    Raises:
        NoSuchReadingError: no reading has this key.
        NothingToDecideError: its state does not wait for a person.
        LeaseHeldError: a load is working on its billing day just now.
    """
    known = ledger.known([reading_key]).get(reading_key)
    if known is None:
        raise NoSuchReadingError(
            f"Deciding on the reading {reading_key}", "the ledger has none of this key", "billsync sap open lists them."
        )
    day = ledger.day_of(reading_key)
    with Lease(ledger.engine, (day_lease(day),)) as lease:
        known = ledger.known([reading_key])[reading_key]
        if known.state not in _DECIDABLE:
            raise _nothing_to_decide(reading_key, known.state)
        said = f"said by {ledger.actor}: {reason}"
        if seen is None:
            change = Change(reading_key, Event.NOT_FOUND, f"not in SAP, {said}", takes_wanted=True)
        else:
            found = SapReading(_id(reading_key), seen.reading_result, seen.status_code, seen.document_id)
            judged = judge_read_back(known, found)
            message = f"{judged.message}; {said}" if judged.message else f"in SAP, {said}"
            change = Change(
                reading_key,
                judged.event,
                message,
                document_id=seen.document_id or None,
                status_code=seen.status_code,
                is_billed=judged.is_billed,
                takes_wanted=judged.takes_wanted,
            )
        if not can_take(known.state, change.event):
            raise _nothing_to_decide(reading_key, known.state)
        ledger.apply([change], lease)
    return next(row for row in ledger.snapshot([day]) if row["reading_key"] == reading_key)


def _id(reading_key: str) -> ReadingId:
    device, register, day, reason = reading_key.split("|")
    return ReadingId(device, register, date.fromisoformat(day), reason)


def _nothing_to_decide(reading_key: str, state: State) -> NothingToDecideError:
    return NothingToDecideError(
        f"Deciding on the reading {reading_key}",
        f"it is {state}, which does not wait for a person",
        "Only readings that are SENT, UNKNOWN or REVERSAL_NEEDED are decided; run the day again for any other.",
    )
