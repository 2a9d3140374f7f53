"""One load in a process of its own, to be killed or stopped.

``python -m tests.integration.sap_load_process URL LEDGER CONTRACTS [LEASE_SECONDS]``
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from multiprocessing.synchronize import Event

from loaders.http import HttpPolicy
from loaders.operational_db import open_engine, upgrade
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.loader import plan_load, run_load
from loaders.sap_isu.loads import LoadPolicy, LoadResult
from loaders.sap_isu.odata import ODataClient, SapConnection
from loaders.sap_isu.odata_transport import ODataTransport
from loaders.sap_isu.transport import Transport
from tests.unit.sandbox.sap_world import DAY, PASSWORD, USER, contract, device

BILLING_DAY = date.fromisoformat(DAY)
HTTP = HttpPolicy(read_timeout_seconds=1.0, budget_seconds=10.0, first_wait_seconds=0.01, max_attempts=4)
POLICY = LoadPolicy(settle_seconds=0.1)


def rows(contracts: int, value: str = "1100.4") -> Iterator[dict[str, object]]:
    """Rows as ``int_meter_readings__plan`` gives them: two registers per contract."""
    for number in range(1, contracts + 1):
        for register in ("001", "002"):
            yield {
                "billing_day": BILLING_DAY,
                "meter_reading_order_id": f"O{number}{register}",
                "contract_id": contract(number),
                "nmi": f"4103{number:06d}",
                "device_id": device(number),
                "register_id": register,
                "meter_reading_reason": "01",
                "reading_date": BILLING_DAY,
                "reading_result": value,
                "unrounded_reading": value + "3",
                "usage_kwh": "100.43",
                "meter_reading_category": "01",
                "unit": "KWH",
                "is_held": 0,
                "hold_reason": None,
            }


def open_ledger(url: str) -> Ledger:
    engine = open_engine(url)
    upgrade(engine)
    return Ledger(engine, actor="test run")


def open_transport(url: str, password: str = PASSWORD) -> ODataTransport:
    return ODataTransport(ODataClient(SapConnection(url, USER, password, client="100", policy=HTTP)))


def load(
    ledger: Ledger,
    transport: Transport,
    plan_rows: list[dict[str, object]],
    *,
    batch_size: int = 2,
    concurrency: int = 2,
    policy: LoadPolicy = POLICY,
) -> LoadResult:
    plan = plan_load(ledger, plan_rows, first_day=BILLING_DAY, last_day=BILLING_DAY)
    return run_load(
        ledger,
        transport,
        plan,
        write_enabled=True,
        concurrency=concurrency,
        batch_size=batch_size,
        policy=policy,
    )


def load_until_killed(url: str, ledger_url: str, contracts: int, begun: Event) -> None:
    """A load of small batches, which says when it begins."""
    ledger, transport = open_ledger(ledger_url), open_transport(url)
    begun.set()
    load(ledger, transport, list(rows(contracts)), batch_size=1, concurrency=3)


if __name__ == "__main__":
    lease_seconds = float(sys.argv[4]) if len(sys.argv) > 4 else POLICY.lease_seconds
    result = load(
        open_ledger(sys.argv[2]),
        open_transport(sys.argv[1]),
        list(rows(int(sys.argv[3]))),
        policy=replace(POLICY, lease_seconds=lease_seconds),
    )
    print(result.states, result.problems)
