"""The sandbox's SAP alone, in a process of its own: ``python -m benchmarks.sap_server HOME CONTRACTS LATENCY_SECONDS``.

Prints its address when it answers and serves until its standard input closes, so that it never outlives who started it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sandbox.faults import FaultStore
from sandbox.http import FaultMiddleware, Router, SandboxServer
from sandbox.sap.service import mount_sap
from sandbox.sap.store import load_from_retailer
from tests.unit.sandbox.sap_world import PASSWORD, USER, write_retailer


def main(home: Path, contracts: int, latency_seconds: float) -> None:
    """Serve an SAP with this many contracts of two registers each, every one with an open order."""
    retailer = home / "retailer.db"
    if not retailer.exists():
        write_retailer(retailer, contracts)
        load_from_retailer(retailer, home / "sap.db")
    router, faults = Router(), FaultStore()
    control = mount_sap(router, home, user=USER, password=PASSWORD)
    control.gateway.settings.latency_seconds = latency_seconds
    server = SandboxServer("127.0.0.1", 0, FaultMiddleware(router.handle, faults))
    server.start()
    print(server.url, flush=True)
    sys.stdin.read()
    server.shutdown()
    control.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
