"""The road into SAP, as the loader sees it: one small interface in front of OData, SOAP, RFC and IDoc files.

What belongs here: what a road can do, what sending comes to, and how readings are gathered to be sent together.
What stays out: the roads themselves (``odata_transport`` and its neighbours) and the order of work (``loader``).

Three rules hold for every road. ``send`` sends once and says for each device what is known, at worst that nothing is.
An answer that comes later (``AWAITED``) is fetched with ``answers``. Only ``read_back`` makes a reading billable.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Protocol

from loaders.errors import PermanentError
from loaders.sap_isu.readings import ReadingId, SapReading, SentReading


class OutcomeKind(StrEnum):
    """What a modifying request came to.

    Attributes:
        ACCEPTED: SAP said it stored the reading (to be read back all the same).
        REFUSED: SAP answered for this very reading and said no.
        NOT_TAKEN: the request was turned away before SAP looked at it; sending again is safe.
        AWAITED: SAP has the message and answers later; see ``Transport.answers``.
        UNKNOWN: nothing tells.
    """

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    NOT_TAKEN = "NOT_TAKEN"
    AWAITED = "AWAITED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class Outcome:
    """The answer for one device's readings.

    Attributes:
        was_there: SAP called it a failure because it has something already.
        is_partial: SAP stored a part of what it was given, so that what it does not show was refused.
    """

    kind: OutcomeKind
    message: str = ""
    document_ids: Mapping[ReadingId, str] | None = None
    retry_after_seconds: float | None = None
    was_there: bool = False
    is_partial: bool = False


DeviceGroup = tuple[SentReading, ...]
"""The registers of one device, date and reason; where the road has the means they are stored all or none."""


@dataclass(frozen=True)
class Capabilities:
    """What a road can do besides creating readings.

    Attributes:
        can_read_back: whether SAP can be asked what it has; where not, open outcomes stay UNKNOWN for a person.
        can_correct: whether a reading that SAP has, and has not billed, can be changed.
        knows_orders: whether SAP can be asked for which registers it still has an open order.
        stores_groups_whole: whether SAP stores a device's readings all or none, so that one that was refused may only
            have been refused because of its neighbour.
        answer_wait_seconds: how long after sending an answer may come before SAP is read back without one; zero where
            ``send`` brings the answer with it.
    """

    can_read_back: bool = True
    can_correct: bool = False
    knows_orders: bool = False
    stores_groups_whole: bool = False
    answer_wait_seconds: float = 0.0


class Transport(Protocol):
    """A road into SAP; its capabilities say which methods are called. Each may be called from several threads at once.

    A class that derives from it need only write the methods of its capabilities.
    """

    name: str

    @property
    def capabilities(self) -> Capabilities:
        """What this road can do, as configured."""

    def close(self) -> None:
        """Give back connections and end what listens; the transport is not used afterwards."""

    def send(self, groups: Sequence[DeviceGroup]) -> list[Outcome]:
        """Send readings once, without retrying; one outcome per group, whatever happens on the wire.

        Raises:
            LoaderError: nothing can have reached SAP (no logon, no connection).
        """

    def correct(self, groups: Sequence[DeviceGroup]) -> list[Outcome]:
        """Send new values for readings that SAP has; outcomes as of ``send``. Where ``can_correct``."""
        raise _not_offered(self.name, f"correct of {len(groups)}")

    def answers(self, ids: Sequence[ReadingId]) -> Mapping[ReadingId, Outcome]:
        """Answers, ACCEPTED or REFUSED, to the last sending of these readings; a missing one has not come.

        They may have come to another process. Where ``answer_wait_seconds`` is not zero.
        """
        raise _not_offered(self.name, f"answers of {len(ids)}")

    def read_back(self, ids: Sequence[ReadingId]) -> Mapping[ReadingId, SapReading]:
        """What SAP has for these readings; one that is missing from the answer is not in SAP. Where ``can_read_back``.

        Raises:
            LoaderError: SAP could not be asked; nothing is known.
        """
        raise _not_offered(self.name, f"read_back of {len(ids)}")

    def without_order(self, ids: Sequence[ReadingId]) -> set[ReadingId]:
        """Those of these readings for whose register SAP says that it has no open order. Where ``knows_orders``.

        Raises:
            LoaderError: SAP could not be asked; nothing is known.
        """
        raise _not_offered(self.name, f"without_order of {len(ids)}")


def _not_offered(name: str, method: str) -> PermanentError:
    return PermanentError(
        what=f"{method} over {name}",
        why="this transport has no such capability",
        remedy="report this as a fault of the loader: it has to look at the capabilities first",
    )


def device_groups(readings: Iterable[SentReading]) -> Iterator[DeviceGroup]:
    """Gather readings that go together, in the order they come."""
    groups: dict[tuple[str, date, str], list[SentReading]] = defaultdict(list)
    for one in readings:
        groups[one.id.device_id, one.id.reading_date, one.id.reason].append(one)
    yield from (tuple(group) for group in groups.values())


def least_certain(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of a device whose readings went in several messages, none of which has an answer."""
    order = (OutcomeKind.UNKNOWN, OutcomeKind.AWAITED, OutcomeKind.NOT_TAKEN)
    return min(outcomes, key=lambda outcome: order.index(outcome.kind))


def typed(groups: Sequence[DeviceGroup], reading_types: Mapping[str, str]) -> list[DeviceGroup]:
    """The readings with SAP's reading type (TE436, customer-set) in place of the category, for roads that name it.

    A category without a type of its own goes as it is; OData, which names the category itself, does without.
    """
    return [
        tuple(replace(one, category=reading_types.get(one.category, one.category)) for one in group) for group in groups
    ]
