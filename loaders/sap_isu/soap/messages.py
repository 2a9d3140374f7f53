"""What the AMI/MDUS messages say: readings out, confirmations and orders in, our confirmations out.

What belongs here: values to elements and elements to values, with SAP's own spellings.
What stays out: envelopes (``envelope``), storage (``outbox``, ``inbox``), interval profiles (``time_series``).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final

from lxml import etree

from loaders.sap_isu.readings import SentReading, plain_text
from loaders.sap_isu.soap.envelope import XmlError, local_name, new_root

RESULTS: Final = "MeterReadingDocumentERPResultBulkCreateRequest"
ORDERS: Final = "SmartMeterMeterReadingDocumentERPBulkCreateRequest"
CANCELLATIONS: Final = "SmartMeterMeterReadingDocumentERPBulkCancellationRequest"
CONFIRMATIONS: Final = frozenset(
    {
        "MeterReadingDocumentERPResultBulkCreateConfirmation",
        "MeterReadingDocumentERPResultCreateConfirmation",
        "UtilitiesTimeSeriesERPItemBulkCreateConfirmation",
        "UtilitiesTimeSeriesERPItemBulkChangeConfirmation",
    }
)
# The inner message of the confirmation we owe for each request; SAP's names are not regular.
_OUR_CONFIRMATIONS: Final[Mapping[str, tuple[str, str]]] = {
    ORDERS: (
        "SmartMeterMeterReadingDocumentERPBulkCreateConfirmation",
        "SmartMeterMeterReadingDocumentERPCreateConfirmationMessage",
    ),
    CANCELLATIONS: (
        "SmartMeterMeterReadingDocumentERPBulkCancellationConfirmation",
        "SmartMeterMeterReadingDocumentERPCancellationConfirmationMessage",
    ),
}
SUCCESSFUL, PARTLY, FAILED = "3", "4", "5"
FINAL_CODES: Final = frozenset({SUCCESSFUL, PARTLY, FAILED})
"""1 received and 2 in process are no answers yet; 4 is partly successful."""

_TASK = ("MeterReadingDocument", "UtiltiesMeasurementTask")
_ID_LENGTH = 35
_NOTE_LENGTH = 1000
_OUR_NOTE_LENGTH = 200


@dataclass(frozen=True)
class Confirmation:
    """SAP's word on one message, or on a whole bulk.

    Attributes:
        reference_uuid: the message it is about, in upper case; empty when it says none.
        is_bulk: whether it is about the whole bulk.
        type_ids: identifiers of the log's items, by which customers know harmless failures.
        bulk_reference: the bulk that the message it is about went in, in upper case.
        device_id: the device it names, by which it is known where it refers to no message.
        task_id: the register it names.
    """

    message_name: str
    own_uuid: str
    reference_uuid: str
    is_bulk: bool
    document_id: str
    result_code: str
    severity_code: str
    type_ids: tuple[str, ...]
    note: str
    bulk_reference: str = ""
    device_id: str = ""
    task_id: str = ""


@dataclass(frozen=True)
class OrderMessage:
    """A meter reading order from SAP, or the cancellation of one.

    Attributes:
        message_uuid: of its message, or the message's id where it has no UUID.
        message_id: the message's id as SAP gave it, by which SAP may want to be answered.
        task_id: number of the logical register.
        obis_code: the register's code; in Australia the NMI suffix or an OBIS code, as the customer has it.
    """

    message_uuid: str
    order_id: str
    is_cancellation: bool
    reason: str = ""
    scheduled_date: date | None = None
    device_id: str = ""
    task_id: str = ""
    obis_code: str = ""
    nmi: str = ""
    message_id: str = ""


@dataclass(frozen=True)
class Reference:
    """How SAP names a message of its own: a UUID (or, without one, its id again) and an id, maybe empty."""

    uuid: str
    id: str = ""


@dataclass(frozen=True)
class OrderAnswer:
    """What we say to an order: its message, its number and the result."""

    message: Reference
    order_id: str
    result_code: str
    note: str


def compose_results(
    bulk_uuid: str, readings: Iterable[tuple[str, SentReading]], *, sender: str, created_at: datetime
) -> etree._Element:
    """A bulk of meter reading results.

    Args:
        bulk_uuid: the bulk's own UUID; the same again when the same bulk is sent again.
        readings: each with the UUID of its message.
        sender: our name as a business system, may be empty.
        created_at: instant of writing.
    """
    root = new_root(RESULTS)
    add_header(root, bulk_uuid, created_at, sender=sender)
    for message_uuid, reading in readings:
        message = etree.SubElement(root, "MeterReadingDocumentERPResultCreateRequestMessage")
        add_header(message, message_uuid, created_at)
        _add_result(message, reading)
    return root


def read_confirmations(root: etree._Element) -> list[Confirmation]:
    """What a confirmation says of each message and of the bulk.

    Raises:
        XmlError: it is no confirmation, or says of nothing what became of it.
    """
    name = local_name(root)
    bulk_reference = _reference(root)
    found = [
        replace(_confirmation(name, child, is_bulk=False), bulk_reference=bulk_reference)
        for child in root
        if isinstance(child.tag, str) and local_name(child).endswith("ConfirmationMessage")
    ]
    if _child(root, "Log") is not None:
        found.append(_confirmation(name, root, is_bulk=True))
    if not found:
        raise XmlError(f"Reading {name}", "it holds no log and no message", "Ask the owner of SAP's interface.")
    return found


def read_orders(root: etree._Element) -> list[OrderMessage]:
    """The orders, or the cancellations, of a bulk.

    Raises:
        XmlError: one has no number, or a date that is none.
    """
    is_cancellation = local_name(root) == CANCELLATIONS
    messages = [one for one in root if isinstance(one.tag, str) and local_name(one).endswith("RequestMessage")]
    return [_order(message, is_cancellation=is_cancellation) for message in messages]


def compose_order_confirmation(
    request_name: str,
    bulk: Reference,
    answers: Sequence[OrderAnswer],
    *,
    own_uuid: str,
    sender: str,
    created_at: datetime,
) -> etree._Element:
    """Our confirmation of orders or cancellations; the same words make the same bytes.

    Args:
        request_name: what SAP sent.
        bulk: the message that it came in.
        answers: what becomes of each.
        own_uuid: the confirmation's own UUID.
        sender: our name as a business system, may be empty.
        created_at: instant of writing.
    """
    name, inner = _OUR_CONFIRMATIONS[request_name]
    root = new_root(name)
    add_header(root, own_uuid, created_at, sender=sender, reference=bulk)
    for number, answer in enumerate(answers):
        message = etree.SubElement(root, inner)
        inner_uuid = str(uuid.uuid5(uuid.UUID(own_uuid), f"{number} {answer.order_id}")).upper()
        add_header(message, inner_uuid, created_at, reference=answer.message)
        _add(etree.SubElement(message, "MeterReadingDocument"), "ID", answer.order_id)
        _add_log(message, answer.result_code, answer.note)
    worst = FAILED if all(one.result_code == FAILED for one in answers) else SUCCESSFUL
    mixed = len({one.result_code for one in answers}) > 1
    _add_log(root, PARTLY if mixed else worst, "")
    return root


def add_header(
    parent: etree._Element,
    message_uuid: str,
    created_at: datetime,
    *,
    sender: str = "",
    reference: Reference | None = None,
) -> None:
    """A message's header; the id is the UUID without its dashes, which fits SAP's 35 characters."""
    header = etree.SubElement(parent, "MessageHeader")
    _add(header, "ID", message_uuid.replace("-", ""))
    _add(header, "UUID", message_uuid)
    if reference and (reference.id or reference.uuid):
        _add(header, "ReferenceID", (reference.id or reference.uuid.replace("-", ""))[:_ID_LENGTH])
        if _is_uuid(named := _dashed(reference.uuid)):
            _add(header, "ReferenceUUID", named)
    _add(header, "CreationDateTime", created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    if sender:
        _add(header, "SenderBusinessSystemID", sender)


def own_reference(element: etree._Element) -> Reference:
    """How a message, or a bulk, names itself; both parts are empty where it does not."""
    own_id = _text(element, "MessageHeader", "ID")[:_ID_LENGTH]
    return Reference(_dashed(_text(element, "MessageHeader", "UUID") or own_id).upper()[:36], own_id)


def new_uuid() -> str:
    """A UUID as SAP writes them."""
    return str(uuid.uuid4()).upper()


def _add_result(message: etree._Element, reading: SentReading) -> None:
    document = etree.SubElement(message, "MeterReadingDocument")
    if reading.document_id or reading.order_id:
        _add(document, "ID", reading.document_id or reading.order_id or "")
    _add(document, "MeterReadingReasonCode", reading.id.reason)
    _add(document, "ScheduledMeterReadingDate", reading.id.reading_date.isoformat())
    task = etree.SubElement(document, "UtiltiesMeasurementTask")
    _add(task, "UtilitiesMeasurementTaskID", reading.id.register_id)
    _add(etree.SubElement(task, "UtiltiesDevice"), "UtilitiesDeviceID", reading.id.device_id)
    if reading.nmi:
        _add(etree.SubElement(task, "UtilitiesPointOfDelivery"), "UtilitiesPointOfDeliveryPartyID", reading.nmi)
    result = etree.SubElement(document, "Result")
    _add(result, "ActualMeterReadingDate", reading.id.reading_date.isoformat())
    _add(result, "ActualMeterReadingTime", "00:00:00")
    _add(result, "MeterReadingTypeCode", reading.category)
    _add(result, "MeterReadingResultValue", plain_text(reading.reading_result))


def _add_log(parent: etree._Element, result_code: str, note: str) -> None:
    log = etree.SubElement(parent, "Log")
    _add(log, "BusinessDocumentProcessingResultCode", result_code)
    if note:
        _add(etree.SubElement(log, "Item"), "Note", note[:_OUR_NOTE_LENGTH])


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = text


def _confirmation(name: str, element: etree._Element, *, is_bulk: bool) -> Confirmation:
    log = _child(element, "Log")
    items = [one for one in _children(log) if local_name(one) == "Item"] if log is not None else []
    notes = [text for one in items if (text := _text(one, "Note"))]
    document = _text(element, "MeterReadingDocument", "ID") or _text(element, "UtilitiesTimeSeries", "ID")
    return Confirmation(
        message_name=name,
        own_uuid=_text(element, "MessageHeader", "UUID").upper()[:36],
        reference_uuid=_reference(element),
        is_bulk=is_bulk,
        document_id="" if is_bulk else document[:20],
        result_code=(_text(log, "BusinessDocumentProcessingResultCode") if log is not None else "").lstrip("0")[:2],
        severity_code=(_text(log, "MaximumLogItemSeverityCode") if log is not None else "")[:1],
        type_ids=tuple(text[:40] for one in items if (text := _text(one, "TypeID"))),
        note="; ".join(notes)[:_NOTE_LENGTH],
        device_id=_text(element, *_TASK, "UtiltiesDevice", "UtilitiesDeviceID")[:18],
        task_id=_text(element, *_TASK, "UtilitiesMeasurementTaskID")[:18],
    )


def _reference(element: etree._Element) -> str:
    """The UUID of the message that an element is about, also where it stands without dashes or only as an id."""
    header = ("MessageHeader",)
    named = _text(element, *header, "ReferenceUUID") or _text(element, *header, "ReferenceID")
    return _dashed(named).upper()[:36]


def _order(message: etree._Element, *, is_cancellation: bool) -> OrderMessage:
    order_id = _text(message, "MeterReadingDocument", "ID")
    if not order_id:
        raise XmlError("Reading orders from SAP", "an order has no number", "Ask the owner of SAP's interface.")
    scheduled = _text(message, "MeterReadingDocument", "ScheduledMeterReadingDate")
    if not scheduled and not is_cancellation:
        raise XmlError(
            "Reading orders from SAP",
            f"order {order_id[:20]} has no scheduled date",
            "Ask the owner of SAP's interface.",
        )
    own = own_reference(message)
    return OrderMessage(
        message_uuid=own.uuid,
        message_id=own.id,
        order_id=order_id[:20],
        is_cancellation=is_cancellation,
        reason=_text(message, "MeterReadingDocument", "MeterReadingReasonCode")[:2],
        scheduled_date=_date(order_id, scheduled) if scheduled else None,
        device_id=_text(message, *_TASK, "UtiltiesDevice", "UtilitiesDeviceID")[:18],
        task_id=_text(message, *_TASK, "UtilitiesMeasurementTaskID")[:18],
        obis_code=_text(message, *_TASK, "UtilitiesObjectIdentificationSystemCodeText")[:25],
        nmi=_text(message, *_TASK, "UtilitiesPointOfDelivery", "UtilitiesPointOfDeliveryPartyID")[:50],
    )


def _date(order_id: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise XmlError(
            "Reading orders from SAP",
            f"order {order_id[:20]} is scheduled for {text[:20]!r}, which is no date",
            "Ask the owner of SAP's interface.",
        ) from None


def _dashed(text: str) -> str:
    """A UUID from an id that is one without its dashes; anything else stays as it is."""
    return str(uuid.UUID(text)).upper() if _is_uuid(text) else text


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _children(element: etree._Element) -> Iterator[etree._Element]:
    return (child for child in element if isinstance(child.tag, str))


def _child(element: etree._Element, name: str) -> etree._Element | None:
    return next((child for child in _children(element) if local_name(child) == name), None)


def _text(element: etree._Element, *path: str) -> str:
    """The text at the end of a path, by local names, since some senders qualify inner elements; empty when missing."""
    for name in path:
        found = _child(element, name)
        if found is None:
            return ""
        element = found
    return (element.text or "").strip()
