"""The pretend SAP put together: store, gateway, biller and commands on a router."""

from __future__ import annotations

from pathlib import Path

from sandbox.http import Router
from sandbox.sap.billing import Biller
from sandbox.sap.control import SapControl
from sandbox.sap.gateway import SapGateway
from sandbox.sap.model import SERVICE_PATH
from sandbox.sap.soap import SOAP_PATH, SoapServices
from sandbox.sap.soap_control import SoapControl
from sandbox.sap.store import SapStore


def mount_sap(router: Router, home: Path, *, user: str, password: str, client: str = "100") -> SapControl:
    """Serve the SAP of a sandbox folder: the OData service and its control endpoints.

    Args:
        router: the sandbox's router.
        home: the folder with ``sap.db`` (made when missing), ``plans`` and ``truth``.
        user: whom the gateway lets in.
        password: their password.
        client: the SAP client.

    Returns:
        The control part; its ``close`` stops the billing clock and closes the store.
    """
    store = SapStore(home / "sap.db")
    gateway = SapGateway(store, user=user, password=password, client=client)
    soap = SoapControl(SoapServices(store, gateway.sessions, gateway.refusals))
    control = SapControl(gateway, Biller(store, home), soap)
    router.mount(SERVICE_PATH, gateway.handle)
    router.mount(SOAP_PATH, soap.handle)
    control.register(router)
    soap.register(router)
    return control
