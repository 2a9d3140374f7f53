"""A pretend Orchestrator on loopback, an exception queue of its own, and the client that billsync uses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Thread
from typing import Any

import requests
import sqlalchemy as sa

from loaders.exception_queue import ExceptionQueue, ExceptionState, exception_id_of
from loaders.http import HttpPolicy, HttpSession
from loaders.operational_db import open_engine, upgrade
from loaders.uipath.exceptions import Assignment, Robots
from loaders.uipath.orchestrator import Orchestrator
from loaders.uipath.tokens import ClientCredentials
from sandbox.faults import Fault, FaultStore
from sandbox.http import FaultMiddleware, Router, SandboxServer
from sandbox.state import Credentials
from sandbox.uipath import BASE_PATH, FOLDER_ID, TOKEN_PATH, UipathOrchestrator

DAY = date(2026, 3, 5)
QUEUE = "Meter data requests"
CREDENTIALS = Credentials("t", "u", "p", "100", "personal-token", "billsync", "app-secret")
ASSIGNMENTS = {
    "READ_MISSING_DAY": Assignment("READ_MISSING_DAY", QUEUE, ExceptionState.RESOLVED, 2, ("nmi", "first_market_date")),
    "NMI_UNKNOWN": Assignment("NMI_UNKNOWN", "Customer records", ExceptionState.RELEASED, 1, ("nmi",)),
}


@dataclass
class World:
    """The pretend tenant and our side of it."""

    server: SandboxServer
    tenant: UipathOrchestrator
    faults: FaultStore
    engine: sa.Engine
    landing: Path
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queue = ExceptionQueue(self.engine)

    def orchestrator(self, folder: str = FOLDER_ID, **credentials: str) -> Orchestrator:
        session = HttpSession(
            HttpPolicy(read_timeout_seconds=1.0, max_attempts=3, first_wait_seconds=0.01), sleep=self.slept.append
        )
        wanted = {"client_id": "billsync", "client_secret": "app-secret", **credentials}
        tokens = ClientCredentials(session, f"{self.server.url}{TOKEN_PATH}", scope="OR.Queues", **wanted)
        return Orchestrator(session, tokens, f"{self.server.url}{BASE_PATH}", folder)

    def robots(self, **changes: Any) -> Robots:
        return Robots(self.engine, changes.pop("orchestrator", self.orchestrator()), {**ASSIGNMENTS, **changes})

    def detect(self, *problems: Mapping[str, object]) -> None:
        """A run finds exactly these problems and looks for all of both rules."""
        scope = [{"rule_code": rule, "nmi": None, "contract_id": None} for rule in (*ASSIGNMENTS, "READ_SPIKE")]
        self.queue.merge(problems, scope, first_day=DAY, last_day=DAY, actor="billsync run")

    def control(self, path: str, **body: object) -> Any:
        return requests.post(f"{self.server.url}/control/uipath/{path}", data=json.dumps(body), timeout=5).json()

    def kept(self) -> dict[str, list[dict[str, Any]]]:
        answer: dict[str, list[dict[str, Any]]] = requests.get(
            f"{self.server.url}/control/uipath/state", timeout=5
        ).json()
        return answer

    def fault(self, kind: str, path: str, count: int = 1, **more: Any) -> None:
        self.faults.add(Fault(kind, count, f"{BASE_PATH}/odata/{path}", **more))

    def asked(self, path: str) -> int:
        return sum(str(one["path"]).endswith(path) for one in self.server.request_log)


def problem(rule: str, nmi: str, severity: str = "ISSUE", **more: object) -> dict[str, object]:
    return {
        "problem_key": f"{rule}|{nmi}", "billing_day": DAY, "rule_code": rule, "severity": severity, "nmi": nmi,
        "nmi_suffix": "E1", "contract_id": "4000000001", "first_market_date": date(2026, 2, 10),
        "last_market_date": date(2026, 2, 11), "detail": "2 days", **more,
    }  # fmt: skip


def id_of(rule: str, nmi: str) -> str:
    return exception_id_of(f"{rule}|{nmi}")


@contextmanager
def serve(tmp_path: Path) -> Iterator[World]:
    """A tenant and our own database below a folder."""
    router, faults = Router(), FaultStore()
    tenant = UipathOrchestrator(tmp_path, CREDENTIALS)
    tenant.register(router)
    server = SandboxServer("127.0.0.1", 0, FaultMiddleware(router.handle, faults))
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    engine = open_engine(f"sqlite:///{tmp_path}/ledger.db")
    upgrade(engine)
    yield World(server, tenant, faults, engine, tmp_path / "landing")
    engine.dispose()
    server.shutdown()
    server.server_close()
