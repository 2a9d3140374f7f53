"""The AMI/MDUS messages as the pretend SAP reads and writes them, written apart from billsync's own.

Strict where SAP is: the root stands in the global namespace, what is inside in none, names are spelt as SAP spells
them. What stays out: storing (``soap``) and posting (``soap_worker``).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from lxml import etree

GLOBAL = "http://sap.com/xi/SAPGlobal20/Global"
RESULTS = "MeterReadingDocumentERPResultBulkCreateRequest"
SERIES_CREATE = "UtilitiesTimeSeriesERPItemBulkCreateRequest"
SERIES_CHANGE = "UtilitiesTimeSeriesERPItemBulkChangeRequest"
ORDERS = "SmartMeterMeterReadingDocumentERPBulkCreateRequest"
CANCELLATIONS = "SmartMeterMeterReadingDocumentERPBulkCancellationRequest"
ORDER_ANSWERS = "SmartMeterMeterReadingDocumentERPBulkCreateConfirmation"
CANCELLATION_ANSWERS = "SmartMeterMeterReadingDocumentERPBulkCancellationConfirmation"

# Request to: its inner message, our confirmation, the confirmation's inner message.
REQUESTS: Mapping[str, tuple[str, str, str]] = {
    RESULTS: (
        "MeterReadingDocumentERPResultCreateRequestMessage",
        "MeterReadingDocumentERPResultBulkCreateConfirmation",
        "MeterReadingDocumentERPResultCreateConfirmationMessage",
    ),
    SERIES_CREATE: (
        "UtilitiesTimeSeriesERPItemCreateRequestMessage",
        "UtilitiesTimeSeriesERPItemBulkCreateConfirmation",
        "UtilitiesTimeSeriesERPItemCreateConfirmationMessage",
    ),
    SERIES_CHANGE: (
        "UtilitiesTimeSeriesERPItemChangeRequestMessage",
        "UtilitiesTimeSeriesERPItemBulkChangeConfirmation",
        "UtilitiesTimeSeriesERPItemChangeConfirmationMessage",
    ),
}


class SoapMessageError(Exception):
    """A body that SAP would refuse before looking at its business."""


@dataclass(frozen=True)
class Verdict:
    """What became of one inner message: ``3`` successful or ``5`` failed, with type and text of the log's item."""

    message_uuid: str
    document_id: str
    code: str
    type_id: str = ""
    note: str = ""


def read_request(body: bytes) -> tuple[str, etree._Element]:
    """The name and the root of a message in an envelope.

    Raises:
        SoapMessageError: no envelope, an unknown message, or one that does not look as SAP's does.
    """
    try:
        envelope = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except etree.XMLSyntaxError as error:
        raise SoapMessageError(f"the body is not XML: {error}") from error
    bodies = envelope.findall("{http://schemas.xmlsoap.org/soap/envelope/}Body")
    messages = [child for found in bodies for child in found]
    if len(messages) != 1:
        raise SoapMessageError("the envelope has to hold one message")
    name = etree.QName(messages[0])
    if name.namespace != GLOBAL:
        raise SoapMessageError(f"the message stands in namespace {name.namespace}")
    for element in messages[0].iterdescendants():
        if isinstance(element.tag, str) and etree.QName(element).namespace:
            raise SoapMessageError(f"element {element.tag} has to be unqualified")
    return str(name.localname), messages[0]


def uuid_of(element: etree._Element) -> str:
    """The UUID in an element's header.

    Raises:
        SoapMessageError: there is none, or no creation time, which is the header's one mandatory field.
    """
    if not element.findtext("MessageHeader/CreationDateTime", "").endswith("Z"):
        raise SoapMessageError("MessageHeader/CreationDateTime is missing or not UTC")
    found = element.findtext("MessageHeader/UUID", "")
    if not found:
        raise SoapMessageError("MessageHeader/UUID is missing")
    return str(found).upper()


def write_confirmation(request_name: str, bulk_uuid: str, verdicts: Iterable[Verdict]) -> bytes:
    """SAP's confirmation of a bulk."""
    _, name, inner = REQUESTS[request_name]
    document = "MeterReadingDocument" if request_name == RESULTS else "UtilitiesTimeSeries"
    verdicts = list(verdicts)
    messages = "".join(
        f"<{inner}>{_header(reference=one.message_uuid)}<{document}>"
        f"{f'<ID>{escape(one.document_id)}</ID>' if one.document_id else ''}</{document}>"
        f"{_log(one.code, one.type_id, one.note)}</{inner}>"
        for one in verdicts
    )
    codes = {one.code for one in verdicts}
    overall = codes.pop() if len(codes) == 1 else "4"
    return envelope(name, f"{_header(reference=bulk_uuid)}{messages}{_log(overall)}")


def write_orders(orders: Iterable[Mapping[str, object]], ams_id: str = "BSYN") -> bytes:
    """SAP's meter reading orders to the system that reads the meters."""
    messages = "".join(
        f"<SmartMeterMeterReadingDocumentERPCreateRequestMessage>{_header()}<MeterReadingDocument>"
        f"<ID>{escape(str(one['meter_reading_order_id']))}</ID>"
        f"<MeterReadingReasonCode>{one['meter_reading_reason']}</MeterReadingReasonCode>"
        f"<ScheduledMeterReadingDate>{one['scheduled_read_date']}</ScheduledMeterReadingDate>"
        "<UtiltiesMeasurementTask>"
        f"<UtilitiesMeasurementTaskID>{one['register_id']}</UtilitiesMeasurementTaskID>"
        "<UtilitiesObjectIdentificationSystemCodeText>"
        f"{escape(str(one['nmi_suffix']))}</UtilitiesObjectIdentificationSystemCodeText>"
        f"<UtiltiesDevice><UtilitiesDeviceID>{one['device_id']}</UtilitiesDeviceID><SmartMeter>"
        f"<UtilitiesAdvancedMeteringSystemID>{ams_id}</UtilitiesAdvancedMeteringSystemID></SmartMeter>"
        "</UtiltiesDevice></UtiltiesMeasurementTask></MeterReadingDocument>"
        "</SmartMeterMeterReadingDocumentERPCreateRequestMessage>"
        for one in orders
    )
    return envelope(ORDERS, _header() + messages)


def write_cancellations(order_ids: Iterable[str], ams_id: str = "BSYN") -> bytes:
    """SAP's withdrawal of orders; the inner name is SAP's own."""
    messages = "".join(
        f"<SmartMeterMeterReadingDocumentERPBulkCancellationRequestMessage>{_header()}<MeterReadingDocument>"
        f"<ID>{escape(one)}</ID><UtilitiesDeviceSmartMeter>"
        f"<UtilitiesAdvancedMeteringSystemID>{ams_id}</UtilitiesAdvancedMeteringSystemID>"
        "</UtilitiesDeviceSmartMeter></MeterReadingDocument>"
        "</SmartMeterMeterReadingDocumentERPBulkCancellationRequestMessage>"
        for one in order_ids
    )
    return envelope(CANCELLATIONS, _header() + messages)


def envelope(name: str, content: str) -> bytes:
    """A message with its envelope."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soap-env:Envelope xmlns:soap-env="http://schemas.xmlsoap.org/soap/envelope/"><soap-env:Header/><soap-env:Body>'
        f'<n0:{name} xmlns:n0="{GLOBAL}">{content}</n0:{name}></soap-env:Body></soap-env:Envelope>'
    ).encode()


def _header(*, reference: str = "") -> str:
    own = str(uuid.uuid4()).upper()
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    refers = f"<ReferenceUUID>{reference}</ReferenceUUID>" if reference else ""
    return (
        f"<MessageHeader><ID>{own.replace('-', '')}</ID><UUID>{own}</UUID>{refers}"
        f"<CreationDateTime>{now}</CreationDateTime></MessageHeader>"
    )


def _log(code: str, type_id: str = "", note: str = "") -> str:
    severity = "3" if code == "5" else "1"
    item = ""
    if note:
        item = (
            f"<Item><TypeID>{escape(type_id)}</TypeID><SeverityCode>{severity}</SeverityCode>"
            f"<Note>{escape(note[:200])}</Note></Item>"
        )
    return (
        f"<Log><BusinessDocumentProcessingResultCode>{code}</BusinessDocumentProcessingResultCode>"
        f"<MaximumLogItemSeverityCode>{severity}</MaximumLogItemSeverityCode>{item}</Log>"
    )
