"""Loading SAP: readings confirmed per second against the sandbox's SAP, which takes 50 ms for every request.

SAP runs in a process of its own, as in life; the loader's time begins when the plan stands in its ledger.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import Measurement, measured

LATENCY_SECONDS = "0.05"
REGISTERS = 2
BATCH_SIZE = 20


def measure_load(readings: int, in_flight: int) -> Measurement:
    """Load so many readings with so many requests in flight."""
    with tempfile.TemporaryDirectory(prefix="billsync-bench-sap-") as folder:
        contracts = str(readings // REGISTERS)
        with _sap(Path(folder), contracts) as url:
            return measured("load_sap", folder, "2026-03-05", url, contracts, str(in_flight))


def load_work(home: Path, url: str, contracts: int, in_flight: int) -> Callable[[], Mapping[str, int]]:
    """Plan, and give the load as work to be timed; a load that does not confirm everything is no measurement."""
    from loaders.sap_isu.loader import plan_load, run_load  # noqa: PLC0415 - imports are not timed
    from tests.integration.sap_load_process import BILLING_DAY, open_ledger, open_transport, rows  # noqa: PLC0415

    ledger = open_ledger(f"sqlite:///{home}/operations.db")
    plan = plan_load(ledger, rows(contracts), first_day=BILLING_DAY, last_day=BILLING_DAY)
    transport = open_transport(url)

    def work() -> Mapping[str, int]:
        result = run_load(
            ledger, transport, plan, write_enabled=True, concurrency=in_flight, batch_size=BATCH_SIZE
        )  # fmt: skip
        if result.problems or result.states != {"CONFIRMED": REGISTERS * contracts}:
            raise SystemExit(f"not confirmed: {result.states} {result.problems}")
        return {"readings": result.sent}

    return work


@contextmanager
def _sap(home: Path, contracts: str) -> Iterator[str]:
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sap_server", str(home), contracts, LATENCY_SECONDS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[1],
    )
    try:
        yield (server.stdout.readline() if server.stdout else "").strip()
    finally:
        if server.stdin:
            server.stdin.close()
        server.wait(timeout=60)
