"""Readings over OData: one deep insert per device in its own changeset, and reading them back.

What belongs here: readings to entities and entities to readings.
What stays out: sessions and multipart (``odata``, ``batch``), decisions (``judgement``), the ledger.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from loaders.errors import PermanentError, TransientError
from loaders.sap_isu.batch import ChangesetReply, Part
from loaders.sap_isu.judgement import ORDER_STATUS
from loaders.sap_isu.ledger_rows import batched
from loaders.sap_isu.odata import ODataClient, SapAnswerError
from loaders.sap_isu.odata_formats import (
    FormatError,
    datetime_literal,
    edm_datetime,
    parse_edm_date,
    parse_edm_decimal,
    parse_entity,
    parse_error,
    parse_sap_message,
    results_of,
    text_literal,
)
from loaders.sap_isu.readings import ReadingId, SapReading, SentReading, plain_text
from loaders.sap_isu.transport import Capabilities, DeviceGroup, Outcome, OutcomeKind, Transport

_SET = "MeterReadingResults"
_CHILDREN = "DependentMeterReadingResults"
_SUCCESS = range(200, 300)
_REFUSALS = range(400, 500)
_BROKEN = 500
_NOT_REFUSALS = frozenset({401, 403, 408, 425, 429})
_READS_PER_BATCH = 100


class ODataTransport(Transport):
    """The road into SAP over ERP_UTILITIES_UMC. It can create readings; it cannot change or delete any.

    Args:
        client: the service.
        reads_per_batch: questions in one ``$batch``.
    """

    name = "odata"
    capabilities = Capabilities(knows_orders=True, stores_groups_whole=True)

    def __init__(self, client: ODataClient, *, reads_per_batch: int = _READS_PER_BATCH) -> None:
        self.client = client
        self._reads_per_batch = reads_per_batch

    def check(self) -> None:
        """Log on; nothing is changed."""
        self.client.check()

    def close(self) -> None:
        """Give back every connection."""
        self.client.close()

    def send(self, groups: Sequence[DeviceGroup]) -> list[Outcome]:
        """Send each device's readings in a changeset of its own, once; one outcome per group.

        Raises:
            PermanentError: SAP turned the whole request away; nothing was stored.
        """
        try:
            parts = self.client.write_many([(_SET, json.dumps(deep_insert(group))) for group in groups])
        except TransientError as error:
            kind = OutcomeKind.UNKNOWN if error.outcome_unknown else OutcomeKind.NOT_TAKEN
            return [Outcome(kind, error.why, retry_after_seconds=error.retry_after_seconds)] * len(groups)
        except PermanentError as error:
            if is_surely_undone(error.status):
                raise
            return [Outcome(OutcomeKind.UNKNOWN, error.why)] * len(groups)
        return [outcome_of(group, part) for group, part in zip(groups, parts, strict=True)]

    def read_back(self, ids: Sequence[ReadingId]) -> dict[ReadingId, SapReading]:
        """What SAP has for these readings.

        Raises:
            LoaderError: SAP could not be asked about all of them.
        """
        wanted: dict[tuple[str, date], list[ReadingId]] = defaultdict(list)
        for one in ids:
            wanted[one.device_id, one.reading_date].append(one)
        found: dict[ReadingId, SapReading] = {}
        for chunk in batched(wanted.items(), self._reads_per_batch):
            answers = self.client.read_many([_readings_of_a_day(device, day) for (device, day), _ in chunk])
            for (_, of_device), rows in zip(chunk, answers, strict=True):
                found.update(match_readings(of_device, _checked(rows)))
        return found

    def without_order(self, ids: Sequence[ReadingId]) -> set[ReadingId]:
        """Those of these readings for whose register SAP says that it has no open order."""
        gone: set[ReadingId] = set()
        for chunk in batched(ids, self._reads_per_batch):
            paths = [
                f"RegistersToRead(DeviceID={text_literal(one.device_id)},RegisterID={text_literal(one.register_id)})"
                for one in chunk
            ]
            for one, rows in zip(chunk, self.client.read_many(paths), strict=True):
                # An error here only means that nothing is known about the order.
                if isinstance(rows, list) and any(row.get("NoMeterReadingOrderFlag") is True for row in rows):
                    gone.add(one)
        return gone


def deep_insert(group: DeviceGroup) -> dict[str, object]:
    """The entity to post: the first register on top, the device's others below it.

    Reason and category stand on every row, the children too: where they are missing SAP takes 09 and 02, and the
    order stays unbilled.
    """
    first, *others = (_entity(one) for one in group)
    return {**first, **({_CHILDREN: others} if others else {})}


def outcome_of(group: DeviceGroup, part: Part | ChangesetReply) -> Outcome:
    """What the answer to one changeset means for its readings."""
    if isinstance(part, ChangesetReply):
        if len(part.parts) != 1:
            return Outcome(OutcomeKind.UNKNOWN, f"one create has {len(part.parts)} answers")
        part = part.parts[0]
    if part.status in _SUCCESS:
        return _accepted(group, part)
    error = parse_error(part.body)
    message = f"HTTP {part.status} {error}"
    is_refusal = part.status in _REFUSALS and part.status not in _NOT_REFUSALS
    # 500 is a refusal where the application itself speaks, and a broken server where it does not.
    if is_refusal or (part.status == _BROKEN and error.is_business):
        return Outcome(OutcomeKind.REFUSED, str(error) or message)
    return Outcome(OutcomeKind.UNKNOWN, message)


def match_readings(ids: Iterable[ReadingId], rows: Sequence[Mapping[str, Any]]) -> dict[ReadingId, SapReading]:
    """Find the readings asked for among what SAP shows of a device.

    A document may carry several reasons and then shows one of them: it matches by register and day, unless another
    document matches exactly.
    """
    shown = [_sap_reading(row) for row in rows if _is_read(row)]
    found: dict[ReadingId, SapReading] = {}
    for wanted in ids:
        near = [one for one in shown if _same_register_and_day(one.id, wanted)]
        exact = [one for one in near if one.id.reason == wanted.reason]
        matches = {one.document_id: one for one in exact or [one for one in near if one.has_several_reasons]}
        if matches:
            first, *twins = matches
            found[wanted] = replace(matches[first], twin_ids=tuple(twins))
    return found


def is_surely_undone(status: int | None) -> bool:
    """Whether a request that failed for good with this status (None: it was never sent) cannot have had an effect."""
    return status is None or 300 <= status < 500  # noqa: PLR2004 - redirects and refusals of HTTP


def _entity(one: SentReading) -> dict[str, object]:
    return {
        "DeviceID": one.id.device_id,
        "RegisterID": one.id.register_id,
        "ReadingResult": plain_text(one.reading_result),
        "ReadingDateTime": edm_datetime(one.id.reading_date),
        "MeterReadingReasonID": one.id.reason,
        "MeterReadingCategoryID": one.category,
    }


def _accepted(group: DeviceGroup, part: Part) -> Outcome:
    """A success; where its body is not about this device nothing is known until the read-back."""
    warnings = parse_sap_message(part.headers.get("sap-message") or part.headers.get("sap-messages"))
    try:
        top = parse_entity(part.body)
        rows = [top, *(results_of(top[_CHILDREN]) if top.get(_CHILDREN) else [])]
    except FormatError:
        return Outcome(OutcomeKind.ACCEPTED, warnings)
    if _bare(top.get("DeviceID")) != _bare(group[0].id.device_id):
        return Outcome(OutcomeKind.UNKNOWN, f"the answer is about device {top.get('DeviceID')}")
    by_register = {_bare(row.get("RegisterID")): str(row.get("MeterReadingResultID") or "") for row in rows}
    documents = {one.id: by_register.get(_bare(one.id.register_id), "") for one in group}
    return Outcome(OutcomeKind.ACCEPTED, warnings, documents)


def _readings_of_a_day(device_id: str, day: date) -> str:
    after = day + timedelta(days=1)
    condition = f"ReadingDateTime ge {datetime_literal(day)} and ReadingDateTime lt {datetime_literal(after)}"
    return f"Devices({text_literal(device_id)})/{_SET}?$filter={condition.replace(' ', '%20')}"


def _is_read(row: Mapping[str, Any]) -> bool:
    """Whether a row is a reading: an order that nobody has read shows without a result, or with none and status 0."""
    return row.get("ReadingResult") not in (None, "") and str(row.get("MeterReadingStatusID")) != ORDER_STATUS


def _checked(rows: list[dict[str, Any]] | Part) -> list[dict[str, Any]]:
    if isinstance(rows, Part):
        raise SapAnswerError(
            "Reading back from SAP",
            f"HTTP {rows.status} {parse_error(rows.body)}",
            "Check that the user may read meter readings; nothing is sent until they can be read back.",
            status=rows.status,
        )
    return rows


def _sap_reading(row: Mapping[str, Any]) -> SapReading:
    try:
        day = parse_edm_date(row.get("ReadingDateTime"))
        result = parse_edm_decimal(row.get("ReadingResult"))
    except FormatError as error:
        raise SapAnswerError(
            "Reading back from SAP", str(error), "Check what stands between SAP and this machine."
        ) from error
    return SapReading(
        id=ReadingId(
            str(row.get("DeviceID") or ""),
            str(row.get("RegisterID") or ""),
            day or date.max,
            str(row.get("MeterReadingReasonID") or ""),
        ),
        reading_result=result,
        status_code=str(row.get("MeterReadingStatusID") or ""),
        document_id=str(row.get("MeterReadingResultID") or ""),
        category=str(row.get("MeterReadingCategoryID") or ""),
        has_several_reasons=row.get("MultipleMeterReadingReasonsFlag") is True,
    )


def _same_register_and_day(shown: ReadingId, wanted: ReadingId) -> bool:
    return (
        _bare(shown.device_id) == _bare(wanted.device_id)
        and _bare(shown.register_id) == _bare(wanted.register_id)
        and shown.reading_date == wanted.reading_date
    )


def _bare(value: object) -> str:
    """Ids are padded with zeros in some places and not in others."""
    return str(value or "").lstrip("0")
