"""What SAP has of a register before an order: an order by SOAP does not say it, RegistersToRead does.

What belongs here: which registers to ask about, and what may be believed of the answer.
What stays out: OData (``odata``), keeping the answer (``orders``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Final

from loaders.sap_isu.batch import Part
from loaders.sap_isu.ledger_rows import batched
from loaders.sap_isu.odata import ODataClient
from loaders.sap_isu.odata_formats import FormatError, parse_edm_date, parse_edm_decimal, text_literal
from loaders.sap_isu.soap.orders import PreviousReading

REGISTER_LENGTH: Final = 3
_QUESTIONS_PER_BATCH: Final = 50


def ask_previous(client: ODataClient, orders: Iterable[Mapping[str, Any]]) -> dict[str, PreviousReading]:
    """What SAP says that each order's register showed before, by order; one that SAP cannot say is missing.

    Args:
        client: the OData service.
        orders: rows of the order book. One that names its register by a longer number than registers have is not
            asked about.

    Raises:
        LoaderError: SAP could not be asked.
    """
    askable = [one for one in orders if one["device_id"] and register_of(one["task_id"])]
    found: dict[str, PreviousReading] = {}
    for chunk in batched(askable, _QUESTIONS_PER_BATCH):
        answers = client.read_many([_question(one) for one in chunk])
        for one, rows in zip(chunk, answers, strict=True):
            previous = None if isinstance(rows, Part) or not rows else previous_of(rows[0], one["scheduled_read_date"])
            if previous is not None:
                found[str(one["order_id"])] = previous
    return found


def previous_of(entity: Mapping[str, Any], scheduled: date) -> PreviousReading | None:
    """The previous reading of a register to read; None where SAP names none, or one that answers the order itself."""
    try:
        day = parse_edm_date(entity.get("PreviousMeterReadingDate"))
        reading = parse_edm_decimal(entity.get("PreviousMeterReadingResult"))
    except FormatError:
        return None
    return PreviousReading(reading, day) if day is not None and timedelta(0) < scheduled - day else None


def register_of(task_id: str | None) -> str | None:
    """The register's number of a measurement task's; None where it is the number of a logical register."""
    bare = (task_id or "").lstrip("0")
    return bare.zfill(REGISTER_LENGTH) if bare.isdigit() and len(bare) <= REGISTER_LENGTH else None


def _question(order: Mapping[str, Any]) -> str:
    device, register = text_literal(str(order["device_id"])), text_literal(register_of(order["task_id"]) or "")
    return f"RegistersToRead(DeviceID={device},RegisterID={register})"
