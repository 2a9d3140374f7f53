"""Readings over RFC: BAPI_MTRREADDOC_UPLOAD and reading back with BAPI_MTRREADDOC_GETLIST.

What belongs here: readings to table rows, paddings, RETURN to outcomes.
What stays out: the RFC client, which is anything with ``call(name, **parameters)`` as PyRFC's ``Connection`` has.

The module commits by itself at its end and nothing rolls it back: good rows of a package stay. RETURN names no row, so
a package is one device, small enough that an error is about it. The wire itself is not proven here; see the docs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Protocol

from loaders import fence
from loaders.errors import LoaderError, PermanentError, TransientError
from loaders.sap_isu.judgement import ORDER_STATUS
from loaders.sap_isu.readings import ReadingId, SapReading, SentReading, SerialNumbers, plain_text
from loaders.sap_isu.transport import Capabilities, DeviceGroup, Outcome, OutcomeKind, Transport, typed

UPLOAD: Final = "BAPI_MTRREADDOC_UPLOAD"
GETLIST: Final = "BAPI_MTRREADDOC_GETLIST"
CREATE_TABLE: Final = "METERREADINGRESULTS"
CHANGE_TABLE: Final = "METEREADINGRESCHANGE"  # SAP's own spelling, one R
LENGTHS: Final[Mapping[str, int]] = {
    "SERIALNO": 18, "REGISTER": 3, "MRREASON": 2, "MRIDNUMBER": 20, "READINGRESULT": 32, "ACTUALCUSTOMERMRTYPE": 2,
    "MRDATEFORBILLING": 8, "ACTUALMRDATE": 8, "TARGETMRDATE": 8, "EXT_UI": 50,
}  # fmt: skip
_RESULTS: Final = "2"
# Not confirmed in any source: the first that is filled counts.
_STATUS_FIELDS: Final = ("MRSTAT", "ABLSTAT", "METERREADINGSTATUS")
_FAILURES: Final = frozenset({"E", "A"})
# Failures of a client after which SAP may have done the work; by name, since the client is not ours to import.
_CUT_OFF: Final = frozenset({"CommunicationError", "RFCTimeoutError", "ConnectionError", "TimeoutError"})
_LOGON: Final = frozenset({"LogonError"})


class Connection(Protocol):
    """What this needs of an RFC client."""

    def call(self, func_name: str, **parameters: Any) -> Mapping[str, Any]:
        """Call a function module and give its export and table parameters."""


class BapiTransport(Transport):
    """The road into SAP over RFC. One connection per thread, opened when first used.

    Args:
        connect: opens a connection.
        serial_numbers: the serial number of each device, by which SAP finds a register where no order is named.
        reading_types: SAP's reading type for a category, where they differ.
        reader: the transport that reads SAP back instead of GETLIST.
        can_read_back: False where a person decides what stays open.
    """

    name = "bapi"

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        serial_numbers: SerialNumbers,
        reading_types: Mapping[str, str] | None = None,
        reader: Transport | None = None,
        can_read_back: bool = True,
    ) -> None:
        self._connect = connect
        self._serial_numbers = serial_numbers
        self._reading_types = reading_types or {}
        self._reader = reader
        self._capabilities = Capabilities(can_read_back=can_read_back, can_correct=True)
        self._local = threading.local()

    @property
    def capabilities(self) -> Capabilities:
        """What this road can do, as configured."""
        return self._capabilities

    def close(self) -> None:
        """Forget this thread's connection; the client closes what nobody holds."""
        self._local = threading.local()
        if self._reader:
            self._reader.close()

    def send(self, groups: Sequence[DeviceGroup]) -> list[Outcome]:
        """Enter each device's readings in a package of its own, once."""
        return [self._upload(CREATE_TABLE, group) for group in typed(groups, self._reading_types)]

    def correct(self, groups: Sequence[DeviceGroup]) -> list[Outcome]:
        """Change readings that SAP has; rows are named by the number of SAP's document."""
        return [self._upload(CHANGE_TABLE, group) for group in typed(groups, self._reading_types)]

    def read_back(self, ids: Sequence[ReadingId]) -> dict[ReadingId, SapReading]:
        """What SAP has for these readings, asked register by register.

        Raises:
            LoaderError: SAP could not be asked.
        """
        if self._reader:
            return dict(self._reader.read_back(ids))
        found: dict[ReadingId, SapReading] = {}
        serials = self._serial_numbers([one.device_id for one in ids])
        for one in ids:
            answer = self._call(GETLIST, **getlist_parameters(one, serials.get(one.device_id)))
            documents = answer.get("MRDOCUMENTDATA") or ()
            failure = _first_failure([answer.get("RETURN") or {}])
            if failure and not documents:
                # Whether this is "nothing found" or "not allowed" no confirmed message number tells: nothing is known.
                raise PermanentError(
                    "Reading back from SAP", failure, "Nothing is sent again meanwhile; look into SAP for the reading."
                )
            match = match_document(one, documents, answer.get("MRDOCUMENTREASONS") or ())
            if match:
                found[one] = match
        return found

    def _upload(self, table: str, group: DeviceGroup) -> Outcome:
        serial = self._serial_numbers([group[0].id.device_id]).get(group[0].id.device_id)
        try:
            rows = [upload_row(one, serial, is_change=table == CHANGE_TABLE) for one in group]
        except PermanentError as error:
            return Outcome(OutcomeKind.REFUSED, error.why)
        fence.ask()
        try:
            answer = self._call(UPLOAD, **{table: rows})
        except TransientError as error:
            kind = OutcomeKind.UNKNOWN if error.outcome_unknown else OutcomeKind.NOT_TAKEN
            return Outcome(kind, error.why)
        return outcome_of(answer.get("RETURN") or ())

    def _call(self, name: str, **parameters: Any) -> Mapping[str, Any]:
        """Call a module on this thread's connection; a connection that failed is not used again."""
        try:
            connection: Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = self._connect()
        except LoaderError:
            raise
        except Exception as error:  # noqa: BLE001 - the client's exceptions are not ours to import
            raise _failure(f"Connecting to SAP for {name}", error, was_sent=False) from None
        try:
            return connection.call(name, **parameters)
        except Exception as error:  # noqa: BLE001 - see above
            self._local.connection = None
            raise _failure(f"Calling {name}", error, was_sent=True) from None


def upload_row(one: SentReading, serial_number: str | None, *, is_change: bool = False) -> dict[str, str]:
    """One row of BAPIEABLU, each field in its length.

    With the number of an order (or, for a change, of the document) SAP ignores serial number, register and reason.

    Raises:
        PermanentError: a value is too long, or neither an order nor a serial number says which register it is.
    """
    day = f"{one.id.reading_date:%Y%m%d}"
    number = one.document_id if is_change else one.order_id
    if not number and not serial_number:
        raise _no_serial_number(f"Writing a reading of device {one.id.device_id}")
    row = {
        "SERIALNO": padded(serial_number or "", LENGTHS["SERIALNO"]),
        "REGISTER": padded(one.id.register_id, LENGTHS["REGISTER"]),
        "MRREASON": one.id.reason,
        "MRIDNUMBER": padded(number or "", LENGTHS["MRIDNUMBER"]) if number else "",
        "READINGRESULT": plain_text(one.reading_result),
        "ACTUALCUSTOMERMRTYPE": one.category,
        "MRDATEFORBILLING": day,
        "ACTUALMRDATE": day,
        "TARGETMRDATE": day,
        "EXT_UI": one.nmi or "",
    }
    for field, length in LENGTHS.items():
        if len(row[field]) > length:
            raise PermanentError(
                f"Writing a reading of device {one.id.device_id}",
                f"{field} is longer than {length} characters",
                "Correct the device or order in the retailer's database.",
            )
    return row


def getlist_parameters(one: ReadingId, serial_number: str | None) -> dict[str, str]:
    """The question for one register on one day.

    Raises:
        PermanentError: the device's serial number is not known, without which SAP cannot be asked about a register.
    """
    if not serial_number:
        raise _no_serial_number(f"Asking SAP for a reading of device {one.device_id}")
    day = f"{one.reading_date:%Y%m%d}"
    return {
        "MRDOCUMENTTYPE": _RESULTS,
        "SERIALNO": padded(serial_number, LENGTHS["SERIALNO"]),
        "REGISTER": padded(one.register_id, LENGTHS["REGISTER"]),
        "MRDATEFROM": day,
        "MRDATETO": day,
    }


def _no_serial_number(what: str) -> PermanentError:
    return PermanentError(
        what,
        "its serial number is not known",
        "Correct the retailer's table devices, or set BILLSYNC_SAP_SERIALNO=device_id where SAP knows devices by that.",
    )


def outcome_of(messages: Iterable[Mapping[str, Any]]) -> Outcome:
    """What RETURN says of a package: an error or abort is a refusal, to be told from a part of it by reading back."""
    rows = list(messages)
    failure = _first_failure(rows)
    if failure:
        return Outcome(OutcomeKind.REFUSED, failure)
    warnings = [_text(row) for row in rows if str(row.get("TYPE", "")) == "W"]
    return Outcome(OutcomeKind.ACCEPTED, "; ".join(warnings))


def match_document(
    one: ReadingId, documents: Iterable[Mapping[str, Any]], reasons: Iterable[Mapping[str, Any]]
) -> SapReading | None:
    """The document of a reading among those of its register and day; its reasons stand in a table of their own."""
    by_document: dict[str, set[str]] = {}
    for row in reasons:
        by_document.setdefault(str(row.get("MRIDNUMBER", "")), set()).add(str(row.get("MRREASON", "")))
    matches: dict[str, Mapping[str, Any]] = {}
    for row in documents:
        number = str(row.get("MRIDNUMBER", ""))
        is_same_register = str(row.get("REGISTER", "")).lstrip("0") == one.register_id.lstrip("0")
        is_same_day = _day(row.get("MRDATEFORBILLING")) == one.reading_date
        has_reason = one.reason in by_document.get(number, {one.reason})
        if is_same_register and is_same_day and has_reason and _status(row) != ORDER_STATUS:
            matches[number] = row
    if not matches:
        return None
    number, *twins = matches
    row = matches[number]
    return SapReading(one, _number(row), _status(row), number, twin_ids=tuple(twins))


def padded(value: str, length: int) -> str:
    """A number filled with zeros on the left, as SAP's conversion exit does; anything else stays as it is."""
    return value.zfill(length) if value.isascii() and value.isdigit() else value


def rfc_connection(parameters: Mapping[str, str]) -> Connection:
    """Open a connection with PyRFC, or with what has its shape.

    Raises:
        PermanentError: no such client is installed.
    """
    try:
        from pyrfc import Connection as RfcConnection  # noqa: PLC0415 - optional, and only for this transport
    except ImportError:
        raise PermanentError(
            "Opening an RFC connection to SAP",
            "no RFC client is installed",
            "Install the extra billsync[sap-rfc], which needs SAP's own NetWeaver RFC SDK, or use another transport.",
        ) from None
    connection: Connection = RfcConnection(**parameters)
    return connection


def _first_failure(rows: Iterable[Mapping[str, Any]]) -> str | None:
    return next((_text(row) for row in rows if str(row.get("TYPE", "")) in _FAILURES), None)


def _text(row: Mapping[str, Any]) -> str:
    code = f"{row.get('ID', '')} {row.get('NUMBER', '')}".strip()
    return f"{code}: {row.get('MESSAGE', '')}".strip(": ")


def _day(value: object) -> date | None:
    text = str(value or "")
    try:
        return date.fromisoformat(f"{text[:4]}-{text[4:6]}-{text[6:8]}") if text.isdigit() else date.fromisoformat(text)
    except ValueError:
        return None


def _number(row: Mapping[str, Any]) -> Decimal:
    text = str(row.get("READINGRESULT", "")).strip()
    try:
        return Decimal(text)
    except InvalidOperation:
        raise PermanentError(
            "Reading back from SAP",
            f"READINGRESULT is {text[:40]!r}, which is no number with a decimal point",
            "Set the RFC user's decimal notation to a point (transaction SU01).",
        ) from None


def _status(row: Mapping[str, Any]) -> str:
    """The reading's status; without one nothing can be called billable."""
    status = next((str(row[name]) for name in _STATUS_FIELDS if row.get(name)), None)
    if status is None:
        raise PermanentError(
            "Reading back from SAP",
            f"BAPIEABL has none of the status fields {', '.join(_STATUS_FIELDS)}",
            "Look its name up in your release (SE11, BAPIEABL), or read back by OData: BILLSYNC_SAP_READBACK=odata.",
        )
    return status


def _failure(what: str, error: Exception, *, was_sent: bool) -> LoaderError:
    """A client's exception as one of ours; its text is left out, since it may hold the logon."""
    name = type(error).__name__
    if name in _LOGON:
        return PermanentError(what, "SAP does not let this user in", "Check BILLSYNC_SAP_USER and its password.")
    if was_sent or name in _CUT_OFF:
        return TransientError(what, f"no answer came ({name})", outcome_unknown=was_sent)
    return PermanentError(what, f"the client failed ({name})", "Check the connection's parameters.")
