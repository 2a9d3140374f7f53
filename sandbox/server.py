"""The sandbox's one process: metering API, plan register, SAP gateway, UiPath and commands, all on one loopback port.

Started by ``billsync sandbox up`` as ``python -m sandbox.server --home FOLDER``. Once it listens it writes
``sandbox.json`` (its addresses and pretend credentials, readable by its owner only). What stays out: what each
system answers, and how the process is started and ended (``sandbox.cli``).
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import threading
from pathlib import Path
from types import FrameType

from sandbox.cdr import BASE_PATH
from sandbox.faults import FaultStore, from_mapping
from sandbox.http import FaultMiddleware, Request, Response, Router, SandboxServer, json_response
from sandbox.metering_api import MeteringApi
from sandbox.plans_api import PlansApi
from sandbox.sap.control import SapControl
from sandbox.sap.service import mount_sap
from sandbox.state import Credentials, credentials_of, write_private_json
from sandbox.uipath import BASE_PATH as UIPATH_PATH
from sandbox.uipath import FOLDER_PATH, TOKEN_PATH, UipathOrchestrator

HOST = "127.0.0.1"
DEFAULT_PORT = 8470
_PORTS_TRIED = 50


def build_router(home: Path, credentials: Credentials, faults: FaultStore) -> tuple[Router, SapControl]:
    """Put all pretend systems of a state folder on one router.

    Returns:
        The router, and SAP's control part, whose ``close`` ends its clock and its store.
    """
    router = Router()
    MeteringApi(home / "metering.db", credentials.metering_token).register(router)
    PlansApi(home / "plans").register(router)
    sap = mount_sap(
        router, home, user=credentials.sap_user, password=credentials.sap_password, client=credentials.sap_client
    )
    UipathOrchestrator(home, credentials).register(router)
    _register_control(router, home, faults)
    return router, sap


def _register_control(router: Router, home: Path, faults: FaultStore) -> None:
    def health(request: Request) -> Response:
        del request
        return json_response({"sandbox": True, "pid": os.getpid(), "home": str(home)})

    def arm(request: Request) -> Response:
        try:
            body = request.json()
            faults.add(from_mapping(body if isinstance(body, dict) else {}))
        except ValueError as error:
            return json_response({"error": str(error)}, 400)
        return json_response({"faults": faults.armed()}, 201)

    def armed(request: Request) -> Response:
        del request
        return json_response({"faults": faults.armed()})

    def disarm(request: Request) -> Response:
        del request
        faults.clear()
        return json_response({"faults": []})

    router.add("GET", "/control/health", health)
    router.add("POST", "/control/faults", arm)
    router.add("GET", "/control/faults", armed)
    router.add("DELETE", "/control/faults", disarm)


def settings_of(home: Path, url: str, credentials: Credentials, confirmations: str) -> dict[str, str]:
    """Give the configuration that points billsync at a sandbox; ``confirmations`` is where its SAP will call."""
    return {
        "BILLSYNC_LANDING": str(home / "landing"),
        "BILLSYNC_SOURCE_DB_URL": f"sqlite:///{(home / 'retailer.db').as_posix()}",
        "BILLSYNC_METERING_API_URL": f"{url}{BASE_PATH}",
        "BILLSYNC_METERING_API_TOKEN": credentials.metering_token,
        "BILLSYNC_TARIFF_API_URL": f"{url}{BASE_PATH}",
        "BILLSYNC_SAP_URL": url,
        "BILLSYNC_SAP_USER": credentials.sap_user,
        "BILLSYNC_SAP_PASSWORD": credentials.sap_password,
        "BILLSYNC_SAP_CLIENT": credentials.sap_client,
        "BILLSYNC_SAP_CONFIRMATIONS_LISTEN": confirmations,
        "BILLSYNC_UIPATH_URL": f"{url}{UIPATH_PATH}",
        "BILLSYNC_UIPATH_TOKEN_URL": f"{url}{TOKEN_PATH}",
        "BILLSYNC_UIPATH_CLIENT_ID": credentials.uipath_client_id,
        "BILLSYNC_UIPATH_CLIENT_SECRET": credentials.uipath_client_secret,
        "BILLSYNC_UIPATH_FOLDER": FOLDER_PATH,
    }


def bind(router: Router, faults: FaultStore, port: int = DEFAULT_PORT) -> SandboxServer:
    """Listen on a port of loopback, or on the next free one.

    Raises:
        OSError: when none of the ports tried is free.
    """
    middleware = FaultMiddleware(router.handle, faults)
    for candidate in range(port, port + _PORTS_TRIED):
        try:
            server = SandboxServer(HOST, candidate, middleware)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        _register_request_log(router, server)
        return server
    raise OSError(errno.EADDRINUSE, f"no free port from {port} to {port + _PORTS_TRIED - 1} on {HOST}")


def _register_request_log(router: Router, server: SandboxServer) -> None:
    """Let a test or a person see what was asked of the pretend systems lately."""

    def requests(request: Request) -> Response:
        del request
        return json_response({"requests": list(server.request_log)})

    router.add("GET", "/control/requests", requests)


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description="Serve a seeded sandbox on loopback.")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    options = parser.parse_args()
    home: Path = options.home.absolute()
    credentials = credentials_of(home)
    faults = FaultStore()
    router, sap = build_router(home, credentials, faults)
    server = bind(router, faults, options.port)

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        # shutdown waits for serve_forever, which this very thread runs.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    # A port beside the sandbox's own, where billsync will listen when it loads by SOAP.
    confirmations = f"{HOST}:{server.server_port + _PORTS_TRIED}"
    sap.soap.services.settings.confirmations_url = f"http://{confirmations}/"
    settings = settings_of(home, server.url, credentials, confirmations)
    state = {"pid": os.getpid(), "url": server.url, "settings": settings}
    write_private_json(home / "sandbox.json", state)
    server.serve_forever(poll_interval=0.2)
    server.server_close()
    sap.close()


if __name__ == "__main__":
    main()
