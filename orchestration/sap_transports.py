"""The road into SAP that the settings name.

What belongs here: settings into a ``Transport`` and into what reads SAP back. What stays out: what is sent and when
(``loaders/sap_isu``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from billsync.settings import SAP_READBACKS, ConfigurationError, Settings
from orchestration.sap_http import sap_policy
from orchestration.sap_names import reading_types, serial_numbers

if TYPE_CHECKING:
    from loaders.sap_isu.idoc.files import Party
    from loaders.sap_isu.odata import ODataClient
    from loaders.sap_isu.readings import ReadingId, SapReading
    from loaders.sap_isu.soap.client import SoapClient
    from loaders.sap_isu.soap.outbox import Outbox
    from loaders.sap_isu.soap.receiver import Receiver
    from loaders.sap_isu.transport import Capabilities, DeviceGroup, Outcome, Transport
    from orchestration.systems import Systems

ODATA: Final = "odata"
NO_READ_BACK: Final = "none"
_OWN_MACHINE: Final = frozenset({"127.0.0.1", "localhost"})
_HIGHEST_PORT: Final = 65535
_PORT_LENGTH: Final = 10
_LISTEN_BY_DEFAULT: Final = "127.0.0.1:8520"
# Every transport appears here; which one reads SAP back when BILLSYNC_SAP_READBACK does not say.
_READ_BACK_BY_DEFAULT: Final = {"odata": ODATA, "soap": ODATA, "idoc": ODATA, "bapi": "bapi"}


def open_transport(systems: Systems) -> Transport:
    """The transport of ``BILLSYNC_SAP_TRANSPORT``; nothing is contacted.

    Raises:
        ConfigurationError: when it needs a name that is not set.
    """
    return _OPENERS[systems.settings.sap_transport](systems)


def read_back_by(settings: Settings) -> str:
    """What reads SAP back: ``odata``, ``bapi`` or ``none``.

    Raises:
        ConfigurationError: when the transport cannot be read back so.
    """
    transport = settings.sap_transport
    chosen = settings.get("SAP_READBACK") or _READ_BACK_BY_DEFAULT[transport]
    if chosen not in SAP_READBACKS:
        msg = f"BILLSYNC_SAP_READBACK is {chosen!r}; it must be one of {', '.join(SAP_READBACKS)}"
        raise ConfigurationError(msg)
    if transport == ODATA and chosen != ODATA:
        msg = "BILLSYNC_SAP_READBACK must be odata where BILLSYNC_SAP_TRANSPORT is odata"
        raise ConfigurationError(msg)
    if chosen == ODATA and transport != ODATA and not settings.get("SAP_URL"):
        return NO_READ_BACK
    return chosen


def odata_client(settings: Settings) -> ODataClient:
    """The OData client of the configured SAP.

    Raises:
        ConfigurationError: when a name is missing.
    """
    from loaders.sap_isu.odata import ODataClient, SapConnection  # noqa: PLC0415 - loaded when used

    return ODataClient(
        SapConnection(
            url=settings.require("SAP_URL"),
            user=settings.require("SAP_USER"),
            password=settings.require("SAP_PASSWORD"),
            client=settings.get("SAP_CLIENT"),
            path=settings.require("SAP_ODATA_PATH"),
            policy=sap_policy(settings),
        )
    )


def _odata(systems: Systems) -> Transport:
    from loaders.sap_isu.odata_transport import ODataTransport  # noqa: PLC0415 - loaded when used

    return ODataTransport(odata_client(systems.settings))


def _soap(systems: Systems) -> Transport:
    from loaders.sap_isu.soap.transport import SoapTransport  # noqa: PLC0415 - loaded when used

    settings = systems.settings
    reader = _reader(systems)
    # Before anything is sent: a confirmation may come at once.
    receiver = open_receiver(systems)
    return SoapTransport(
        soap_client(settings),
        outbox_of(systems),
        reading_types=reading_types(settings),
        reader=reader,
        can_correct=settings.get("SAP_SOAP_CORRECTIONS") == "1",
        answer_wait_seconds=answer_wait_seconds(settings),
        on_close=receiver.close if receiver else None,
    )


def outbox_of(systems: Systems) -> Outbox:
    """The messages to SAP and its confirmations."""
    from loaders.sap_isu.soap.outbox import Outbox  # noqa: PLC0415 - loaded when used

    return Outbox(systems.engine, harmless_type_ids=(systems.settings.get("SAP_SOAP_HARMLESS") or "").split())


def soap_client(settings: Settings) -> SoapClient:
    """The client of SAP's SOAP services.

    Raises:
        ConfigurationError: when a name is missing.
    """
    from loaders.sap_isu.soap.client import ANSWER_BYTES, SoapClient, SoapConnection  # noqa: PLC0415 - loaded when used

    return SoapClient(
        SoapConnection(
            url=settings.get("SAP_SOAP_URL") or settings.require("SAP_URL"),
            user=settings.require("SAP_USER"),
            password=settings.require("SAP_PASSWORD"),
            client=settings.get("SAP_CLIENT"),
            path=settings.require("SAP_SOAP_PATH"),
            sender=settings.get("SAP_SOAP_SENDER") or "",
            policy=replace(sap_policy(settings), max_body_bytes=ANSWER_BYTES),
        )
    )


def open_receiver(systems: Systems, on_message: Callable[[str], None] | None = None) -> Receiver | None:
    """Listen for SAP's confirmations; None where a receiver of ours listens already and stores them for all.

    Raises:
        ConfigurationError: the address is none, or it is open to other machines and has no password.
        ReceiverError: something else listens there.
    """
    from loaders.sap_isu.soap.receiver import Receiver, ReceiverError, is_receiver_at  # noqa: PLC0415 - loaded when used

    settings = systems.settings
    host, port = _listen_address(settings)
    is_closed = bool(settings.get("SAP_CONFIRMATIONS_USER"))
    if is_closed:
        settings.require("SAP_CONFIRMATIONS_PASSWORD")
    elif host not in _OWN_MACHINE:
        msg = f"BILLSYNC_SAP_CONFIRMATIONS_LISTEN opens {host} to other machines: set BILLSYNC_SAP_CONFIRMATIONS_USER"
        raise ConfigurationError(msg)

    def credentials() -> tuple[str, str]:
        # Asked for each message: the endpoint outlives the password.
        return settings.require("SAP_CONFIRMATIONS_USER"), settings.require("SAP_CONFIRMATIONS_PASSWORD")

    wanted = credentials if is_closed else None
    try:
        return Receiver(systems.engine, host=host, port=port, credentials=wanted, on_message=on_message)
    except ReceiverError:
        if on_message is None and is_receiver_at(host, port):
            return None
        raise


def _listen_address(settings: Settings) -> tuple[str, int]:
    text = settings.get("SAP_CONFIRMATIONS_LISTEN") or _LISTEN_BY_DEFAULT
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > _HIGHEST_PORT:
        msg = f"BILLSYNC_SAP_CONFIRMATIONS_LISTEN is {text!r}; it must be host:port"
        raise ConfigurationError(msg)
    return host, int(port)


def answer_wait_seconds(settings: Settings) -> float:
    """How long after sending a confirmation may come.

    Raises:
        ConfigurationError: it is no number of seconds.
    """
    text = settings.require("SAP_CONFIRMATIONS_WAIT")
    if not text.isdigit() or int(text) == 0:
        msg = f"BILLSYNC_SAP_CONFIRMATIONS_WAIT is {text!r}; it must be a whole number of seconds, at least 1"
        raise ConfigurationError(msg)
    return float(text)


def _bapi(systems: Systems) -> Transport:
    from loaders.sap_isu.bapi import BapiTransport, rfc_connection  # noqa: PLC0415 - loaded when used

    settings = systems.settings
    parameters = {
        "ashost": settings.require("SAP_RFC_HOST"),
        "sysnr": settings.require("SAP_RFC_SYSNR"),
        "client": settings.require("SAP_CLIENT"),
        "user": settings.require("SAP_USER"),
        "passwd": settings.require("SAP_PASSWORD"),
        "lang": "EN",
    }
    chosen = read_back_by(settings)
    reader = _odata(systems) if chosen == ODATA else None
    return BapiTransport(
        lambda: rfc_connection(parameters),
        serial_numbers=serial_numbers(systems),
        reading_types=reading_types(settings),
        reader=reader,
        can_read_back=chosen != NO_READ_BACK,
    )


def _idoc(systems: Systems) -> Transport:
    from loaders.sap_isu.idoc.files import FileForm  # noqa: PLC0415 - loaded when used
    from loaders.sap_isu.idoc.layout import load_layout  # noqa: PLC0415 - loaded when used
    from loaders.sap_isu.idoc.transport import IdocFolders, IdocTransport  # noqa: PLC0415 - loaded when used

    settings = systems.settings
    layout = settings.get("SAP_IDOC_LAYOUT")
    form = FileForm(
        layout=load_layout(Path(layout) if layout else None),
        client=settings.require("SAP_CLIENT"),
        sender=_party(settings, "SAP_IDOC_SENDER"),
        receiver=_party(settings, "SAP_IDOC_RECEIVER"),
    )
    return IdocTransport(
        form,
        IdocFolders(Path(settings.require("SAP_IDOC_OUTBOX")), Path(settings.require("SAP_IDOC_INBOX"))),
        outbox_of(systems),
        serial_numbers=serial_numbers(systems),
        reading_types=reading_types(settings),
        reader=_reader(systems),
        answer_wait_seconds=answer_wait_seconds(settings),
    )


def _party(settings: Settings, name: str) -> Party:
    from loaders.sap_isu.idoc.files import Party  # noqa: PLC0415 - loaded when used

    port, _, partner = settings.require(name).partition(":")
    if not 1 <= len(port) <= _PORT_LENGTH or not 1 <= len(partner) <= _PORT_LENGTH:
        msg = f"BILLSYNC_{name} is {port}:{partner}; it must be port:partner, each up to {_PORT_LENGTH} characters"
        raise ConfigurationError(msg)
    return Party(port, partner)


def _reader(systems: Systems) -> Transport | None:
    """The transport that reads SAP back for one that cannot; None where a person has to decide."""
    chosen = read_back_by(systems.settings)
    return None if chosen == NO_READ_BACK else _OPENERS[chosen](systems)


# Every transport of the settings appears here.
_OPENERS: Final[Mapping[str, Callable[[Systems], Transport]]] = {
    ODATA: _odata,
    "soap": _soap,
    "bapi": _bapi,
    "idoc": _idoc,
}


class LateTransport:
    """The road into SAP, looked up in the settings when it is first used: a run with nothing to send needs no SAP."""

    def __init__(self, systems: Systems) -> None:
        self._systems = systems
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self.name = systems.settings.sap_transport

    @property
    def capabilities(self) -> Capabilities:
        """What the road can do."""
        return self._open().capabilities

    def send(self, groups: Sequence[DeviceGroup]) -> list[Outcome]:
        """Send; see ``Transport``."""
        return self._open().send(groups)

    def correct(self, groups: Sequence[DeviceGroup]) -> list[Outcome]:
        """Correct; see ``Transport``."""
        return self._open().correct(groups)

    def answers(self, ids: Sequence[ReadingId]) -> Mapping[ReadingId, Outcome]:
        """Late answers; see ``Transport``."""
        return self._open().answers(ids)

    def read_back(self, ids: Sequence[ReadingId]) -> Mapping[ReadingId, SapReading]:
        """Read back; see ``Transport``."""
        return self._open().read_back(ids)

    def without_order(self, ids: Sequence[ReadingId]) -> set[ReadingId]:
        """Readings that SAP has no open order for; see ``Transport``."""
        return self._open().without_order(ids)

    def close(self) -> None:
        """Give back what was opened."""
        with self._lock:
            if self._transport is not None:
                self._transport.close()
                self._transport = None

    def _open(self) -> Transport:
        with self._lock:
            if self._transport is None:
                self._transport = open_transport(self._systems)
            return self._transport
