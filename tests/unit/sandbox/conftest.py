"""Fixtures: one default seed, only read; a pretend SAP over a tiny retailer database, served on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.faults import FaultStore
from sandbox.generate import seed_sandbox
from sandbox.generate_orders import Spec
from sandbox.http import FaultMiddleware, Router, SandboxServer
from sandbox.sap.gateway import SapGateway
from sandbox.sap.service import mount_sap
from sandbox.sap.soap import SoapServices
from sandbox.sap.store import SapStore, load_from_retailer
from tests.unit.sandbox.sap_world import PASSWORD, USER, Client, write_retailer


@dataclass
class World:
    """Everything a test may touch."""

    client: Client
    store: SapStore
    gateway: SapGateway
    faults: FaultStore
    retailer_db: Path
    folder: Path
    soap: SoapServices


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("sandbox")
    seed_sandbox(home, Spec())
    return home


@pytest.fixture
def sap(tmp_path: Path) -> Iterator[World]:
    retailer_db = tmp_path / "retailer.db"
    write_retailer(retailer_db)
    load_from_retailer(retailer_db, tmp_path / "sap.db")
    router, faults = Router(), FaultStore()
    control = mount_sap(router, tmp_path, user=USER, password=PASSWORD)
    server = SandboxServer("127.0.0.1", 0, FaultMiddleware(router.handle, faults))
    server.start()
    yield World(
        Client(server.url), control.gateway.store, control.gateway, faults, retailer_db, tmp_path, control.soap.services
    )
    server.shutdown()
    server.server_close()
    control.close()
