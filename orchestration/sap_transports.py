"""The road into SAP that the settings name.

What belongs here: settings into a ``Transport`` and into what reads SAP back. What stays out: what is sent and when
(``loaders/sap_isu``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from billsync.settings import SAP_READBACKS, ConfigurationError, Settings
from orchestration.sap_http import sap_policy

if TYPE_CHECKING:
    from loaders.sap_isu.odata import ODataClient
    from loaders.sap_isu.readings import ReadingId, SapReading
    from loaders.sap_isu.transport import Capabilities, DeviceGroup, Outcome, Transport
    from orchestration.systems import Systems

ODATA: Final = "odata"
NO_READ_BACK: Final = "none"
# Every transport appears here; which one reads SAP back when BILLSYNC_SAP_READBACK does not say.
_READ_BACK_BY_DEFAULT: Final = {"odata": ODATA, "soap": ODATA, "idoc": ODATA, "bapi": "bapi"}


def open_transport(systems: Systems) -> Transport:
    """The transport of ``BILLSYNC_SAP_TRANSPORT``; nothing is contacted.

    Raises:
        ConfigurationError: when it needs a name that is not set.
    """
    opener = _OPENERS.get(systems.settings.sap_transport)
    if opener is None:
        msg = f"BILLSYNC_SAP_TRANSPORT is {systems.settings.sap_transport!r}; this version does not send by it yet"
        raise ConfigurationError(msg)
    return opener(systems)


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


_OPENERS: Final[Mapping[str, Callable[[Systems], Transport]]] = {ODATA: _odata}


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
