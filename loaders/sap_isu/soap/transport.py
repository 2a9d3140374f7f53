"""Readings over SAP's asynchronous SOAP services: handed over in bulks, confirmed later, read back by another road.

What belongs here: the order of preparing, posting and looking up answers. What stays out: UUIDs and what answers mean
(``outbox``), XML (``messages``, ``envelope``), HTTP (``client``), receiving (``receiver``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from loaders.errors import PermanentError, TransientError
from loaders.sap_isu.readings import ReadingId, SapReading, SentReading
from loaders.sap_isu.soap.client import SoapClient, is_surely_undone
from loaders.sap_isu.soap.envelope import XmlError, schema_problem
from loaders.sap_isu.soap.messages import compose_results, new_uuid
from loaders.sap_isu.soap.outbox import Bulk, Outbox
from loaders.sap_isu.transport import Capabilities, DeviceGroup, Outcome, OutcomeKind, Transport, least_certain, typed

DEFAULT_WAIT_SECONDS = 300.0


class SoapTransport(Transport):
    """The road into SAP over MeterReadingDocumentERPResultBulkCreateRequest.

    Args:
        client: where messages are posted.
        outbox: what was sent and what SAP confirmed.
        reading_types: SAP's reading type for a category, where they differ.
        reader: the transport that reads SAP back; None where there is none, then a person decides what stays open.
        can_correct: whether SAP is known to change a reading that is sent again under its document's number.
        answer_wait_seconds: how long after sending a confirmation may come.
        on_close: called last, such as the end of our own receiver.
    """

    name = "soap"

    def __init__(
        self,
        client: SoapClient,
        outbox: Outbox,
        *,
        reading_types: Mapping[str, str] | None = None,
        reader: Transport | None,
        can_correct: bool = False,
        answer_wait_seconds: float = DEFAULT_WAIT_SECONDS,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.client = client
        self.outbox = outbox
        self.reader = reader
        self._reading_types = reading_types or {}
        self._capabilities = Capabilities(
            can_read_back=reader is not None,
            can_correct=can_correct,
            knows_orders=reader is not None and reader.capabilities.knows_orders,
            answer_wait_seconds=answer_wait_seconds,
        )
        self._on_close = on_close

    @property
    def capabilities(self) -> Capabilities:
        """What this road can do, as configured."""
        return self._capabilities

    def close(self) -> None:
        """Give back connections and end the receiver."""
        self.client.close()
        if self.reader:
            self.reader.close()
        if self._on_close:
            self._on_close()

    def send(self, groups: Sequence[DeviceGroup]) -> list[Outcome]:
        """Hand readings over in one bulk, once; what does not fit SAP's schema is refused here, the others go."""
        groups = typed(groups, self._reading_types)
        problems = {number: problem for number, group in enumerate(groups) if (problem := _misfit(group))}
        fitting = [one for number, group in enumerate(groups) if number not in problems for one in group]
        posted: dict[ReadingId, Outcome] = {}
        for bulk in self.outbox.prepare(fitting):
            outcome = self._post(bulk)
            posted.update((one.id, outcome) for _, one in bulk.messages)
        return [
            Outcome(OutcomeKind.REFUSED, problems[number])
            if number in problems
            else least_certain(posted[one.id] for one in group)
            for number, group in enumerate(groups)
        ]

    def correct(self, groups: Sequence[DeviceGroup]) -> list[Outcome]:
        """Send new values under the numbers of the documents that SAP has."""
        return self.send(groups)

    def answers(self, ids: Sequence[ReadingId]) -> Mapping[ReadingId, Outcome]:
        """What SAP has confirmed or refused so far."""
        by_key = {one.key: one for one in ids}
        return {by_key[key]: outcome for key, outcome in self.outbox.answers(list(by_key)).items()}

    def read_back(self, ids: Sequence[ReadingId]) -> Mapping[ReadingId, SapReading]:
        """What SAP has, by the configured reader."""
        return super().read_back(ids) if self.reader is None else self.reader.read_back(ids)

    def without_order(self, ids: Sequence[ReadingId]) -> set[ReadingId]:
        """Readings whose order SAP does not have open, by the configured reader."""
        return super().without_order(ids) if self.reader is None else self.reader.without_order(ids)

    def _post(self, bulk: Bulk[SentReading]) -> Outcome:
        message = compose_results(
            bulk.bulk_uuid, bulk.messages, sender=self.client.connection.sender, created_at=datetime.now(UTC)
        )
        try:
            self.client.post(message, bulk.bulk_uuid)
        except TransientError as error:
            kind = OutcomeKind.UNKNOWN if error.outcome_unknown else OutcomeKind.NOT_TAKEN
            return Outcome(kind, error.why, retry_after_seconds=error.retry_after_seconds)
        except XmlError:
            raise
        except PermanentError as error:
            if is_surely_undone(error):
                raise
            return Outcome(OutcomeKind.UNKNOWN, error.why)
        return Outcome(OutcomeKind.AWAITED, f"handed over in message {bulk.bulk_uuid}")


def _misfit(group: DeviceGroup) -> str | None:
    """Why readings cannot be written as SAP's schema wants them; None when they can."""
    probe: list[tuple[str, SentReading]] = [(new_uuid(), one) for one in group]
    return schema_problem(compose_results(new_uuid(), probe, sender="", created_at=datetime.now(UTC)))
