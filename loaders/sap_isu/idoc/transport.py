"""Readings by IDoc files: handed over in an outbox folder, answered by status files, read back by another road.

What belongs here: which readings are one IDoc and one file, and the order of noting, writing and looking up answers.
What stays out: numbers kept between tries (``soap.outbox``), bytes (``files``, ``layout``), answers (``statuses``).

One IDoc is a device's readings; where SAP cannot be read back it is a single one, since a status says nothing of rows.
A batch that got no answer is written again as the same bytes under the same name, so that a transfer that has had it
knows it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from loaders import fence
from loaders.errors import PermanentError, TransientError
from loaders.sap_isu.bapi import upload_row
from loaders.sap_isu.idoc.files import FileForm, Idoc, put, write_idocs
from loaders.sap_isu.idoc.statuses import take_statuses
from loaders.sap_isu.readings import ReadingId, SapReading, SerialNumbers
from loaders.sap_isu.soap.outbox import Bulk, Outbox
from loaders.sap_isu.transport import Capabilities, DeviceGroup, Outcome, OutcomeKind, Transport, least_certain, typed

QUIET_SECONDS: Final = 1.0
_NAME_PREFIX: Final = "ISU_MR_UPLOAD_"


@dataclass(frozen=True)
class IdocFolders:
    """Where files change hands."""

    outbox: Path
    inbox: Path


@dataclass(frozen=True)
class _DeviceIdoc:
    """What one IDoc is about: a device's readings of one day and reason, or one of them."""

    key: str
    rows: tuple[Mapping[str, str], ...]

    @property
    def content_hash(self) -> str:
        said = "\n".join(f"{name}={text}" for row in self.rows for name, text in sorted(row.items()))
        return hashlib.sha256(said.encode()).hexdigest()


class IdocTransport(Transport):
    """The road into SAP by files of ISU_MR_UPLOAD01.

    Args:
        form: what all files have in common.
        folders: where files change hands.
        outbox: what was handed over and what SAP has answered.
        serial_numbers: the serial number of each device.
        reading_types: SAP's reading type for a category, where they differ.
        reader: the transport that reads SAP back; None where there is none, then a person decides what stays open.
        answer_wait_seconds: how long after writing a status may come.
        quiet_seconds: how long a status file has to be unchanged before it is read.
    """

    name = "idoc"

    def __init__(
        self,
        form: FileForm,
        folders: IdocFolders,
        outbox: Outbox,
        *,
        serial_numbers: SerialNumbers,
        reading_types: Mapping[str, str] | None = None,
        reader: Transport | None,
        answer_wait_seconds: float,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        self.form = form
        self.folders = folders
        self.outbox = outbox
        self.reader = reader
        self._serial_numbers = serial_numbers
        self._reading_types = reading_types or {}
        self._quiet_seconds = quiet_seconds
        # The fields of the segment for changes are not known, so corrections are a person's.
        self._capabilities = Capabilities(
            can_read_back=reader is not None,
            knows_orders=reader is not None and reader.capabilities.knows_orders,
            answer_wait_seconds=answer_wait_seconds,
        )

    @property
    def capabilities(self) -> Capabilities:
        """What this road can do, as configured."""
        return self._capabilities

    def close(self) -> None:
        """Give back what reads SAP back."""
        if self.reader:
            self.reader.close()

    def send(self, groups: Sequence[DeviceGroup]) -> list[Outcome]:
        """Write readings into one file; what does not fit its fields is refused here, the others go."""
        serials = self._serial_numbers([group[0].id.device_id for group in groups])
        outcomes: dict[str, Outcome] = {}
        fitting: list[_DeviceIdoc] = []
        for group in typed(groups, self._reading_types):
            try:
                fitting += self._idocs_of(group, serials.get(group[0].id.device_id))
            except PermanentError as error:
                outcomes.update((self._key(one.id), Outcome(OutcomeKind.REFUSED, error.why)) for one in group)
        for bulk in self.outbox.prepare(fitting):
            outcome = self._put(bulk)
            outcomes.update((one.key, outcome) for _, one in bulk.messages)
        return [self._of_group(group, outcomes) for group in groups]

    def answers(self, ids: Sequence[ReadingId]) -> Mapping[ReadingId, Outcome]:
        """What SAP's status files have said so far."""
        take_statuses(self.outbox.engine, self.folders.inbox, self.form.layout, quiet_seconds=self._quiet_seconds)
        keys = {one: self._key(one) for one in ids}
        found = self.outbox.answers(list(keys.values()))
        return {one: found[key] for one, key in keys.items() if key in found}

    def read_back(self, ids: Sequence[ReadingId]) -> Mapping[ReadingId, SapReading]:
        """What SAP has, by the configured reader."""
        return super().read_back(ids) if self.reader is None else self.reader.read_back(ids)

    def without_order(self, ids: Sequence[ReadingId]) -> set[ReadingId]:
        """Readings whose order SAP does not have open, by the configured reader."""
        return super().without_order(ids) if self.reader is None else self.reader.without_order(ids)

    def _idocs_of(self, group: DeviceGroup, serial_number: str | None) -> list[_DeviceIdoc]:
        """A device's IDocs.

        Raises:
            PermanentError: a value does not fit its field; none of them is to be written.
        """
        rows: dict[str, list[Mapping[str, str]]] = {}
        for one in group:
            rows.setdefault(self._key(one.id), []).append(upload_row(one, serial_number))
        write_idocs(self.form, "", [Idoc(0, some) for some in rows.values()], datetime.now(UTC))
        return [_DeviceIdoc(key, tuple(some)) for key, some in rows.items()]

    def _of_group(self, group: DeviceGroup, outcomes: Mapping[str, Outcome]) -> Outcome:
        found = [outcomes[self._key(one.id)] for one in group]
        return found[0] if found[0].kind == OutcomeKind.REFUSED else least_certain(found)

    def _key(self, one: ReadingId) -> str:
        """The text by which the IDoc of a reading is known."""
        register = "" if self.reader else f"|{one.register_id}"
        return f"idoc|{one.device_id}|{one.reading_date.isoformat()}|{one.reason}{register}"

    def _put(self, bulk: Bulk[_DeviceIdoc]) -> Outcome:
        fence.ask()
        try:
            path = put(self.folders.outbox, f"{_NAME_PREFIX}{bulk.bulk_uuid}", self._file_of(bulk))
        except TransientError as error:
            return Outcome(OutcomeKind.NOT_TAKEN, error.why)
        return Outcome(OutcomeKind.AWAITED, f"handed over in {path.name}")

    def _file_of(self, bulk: Bulk[_DeviceIdoc]) -> bytes:
        numbers = self.outbox.numbers(bulk)
        idocs = [Idoc(numbers[message_uuid].number, one.rows) for message_uuid, one in bulk.messages]
        written_at = min(one.written_at for one in numbers.values())
        return write_idocs(self.form, bulk.bulk_uuid, sorted(idocs, key=lambda one: one.number), written_at)
