"""The kill test: loads that are killed and cut off at random points, again and again, and then one left alone.

Over OData and over SOAP. A short form runs with the other tests; ``make torture`` runs a hundred kills of each
(``BILLSYNC_TORTURE=100``).
"""

from __future__ import annotations

import multiprocessing
import os
import random
import socket
import time
from collections.abc import Callable, Sequence
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

import sandbox.sap.readings
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.loads import LoadResult
from sandbox.faults import from_mapping
from sandbox.sap.soap import SOAP_PATH, SoapSettings
from sandbox.sap.store import load_from_retailer
from tests.integration.sap_load_process import load, load_until_killed, open_ledger, open_transport, rows
from tests.integration.soap_load_process import load_by_soap_until_killed, open_soap
from tests.integration.test_sap_load import BATCH, assert_ledger_equals_sap, in_sap, states
from tests.unit.sandbox.conftest import World, sap  # noqa: F401 - the fixture
from tests.unit.sandbox.sap_world import write_retailer

KILLS = int(os.environ.get("BILLSYNC_TORTURE", "12"))
NEW_CONTRACTS_EACH = 6
CUTS = (
    "cut-before", "cut-midway", "cut-after", "reset-before", "reset-after", "503", "html", "expired-session", "429"
)  # fmt: skip
SOAP_CUTS = ("cut-before", "cut-after", "reset-before", "reset-after", "503", "html", "429")
LONGEST_SECONDS = 0.35
LONGEST_SOAP_SECONDS = 1.5


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path}/operations.db")


@pytest.fixture
def duplicates(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Readings that SAP was given although it had them: it refuses them, and none should ever come."""
    seen: list[str] = []
    refuse = sandbox.sap.readings._refuse_duplicate

    def counted(connection: object, posted: sandbox.sap.readings.PostedReading) -> None:
        try:
            refuse(connection, posted)  # type: ignore[arg-type]
        except sandbox.sap.readings.BusinessError:
            seen.append(posted.label)
            raise

    monkeypatch.setattr(sandbox.sap.readings, "_refuse_duplicate", counted)
    return seen


def test_load_killed_and_cut_at_random_points_ends_with_each_reading_once(
    sap: World,  # noqa: F811
    ledger: Ledger,
    duplicates: list[str],
    tmp_path: Path,
) -> None:
    contracts = _prepare(sap, tmp_path)
    sap.gateway.settings.latency_seconds = 0.01

    def start(number: int, begun: Event) -> tuple[Callable[..., None], tuple[object, ...]]:
        return load_until_killed, (sap.client.url, str(ledger.engine.url), number, begun)

    _kill_and_cut(sap, ledger, start, path=BATCH, cuts=CUTS, longest_seconds=LONGEST_SECONDS)
    sap.gateway.settings.latency_seconds = 0.0
    result = load(ledger, open_transport(sap.client.url), list(rows(contracts)), batch_size=20)
    _assert_each_once(sap, ledger, result, contracts, duplicates)


def test_load_by_soap_killed_and_cut_at_random_points_ends_with_each_reading_once(
    sap: World,  # noqa: F811
    ledger: Ledger,
    duplicates: list[str],
    tmp_path: Path,
) -> None:
    """The endpoint that SAP confirms to dies with each process, and SAP's confirmations wait for the next one."""
    contracts = _prepare(sap, tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    sap.soap.settings = SoapSettings(confirmations_url=f"http://127.0.0.1:{port}/", processing_delay_seconds=0.05)

    def start(number: int, begun: Event) -> tuple[Callable[..., None], tuple[object, ...]]:
        return load_by_soap_until_killed, (sap.client.url, str(ledger.engine.url), number, port, begun)

    _kill_and_cut(sap, ledger, start, path=SOAP_PATH, cuts=SOAP_CUTS, longest_seconds=LONGEST_SOAP_SECONDS)
    transport, _ = open_soap(sap.client.url, ledger, port=port)
    result = load(ledger, transport, list(rows(contracts)), batch_size=20)
    transport.close()
    _assert_each_once(sap, ledger, result, contracts, duplicates)


Start = Callable[[int, Event], tuple[Callable[..., None], tuple[object, ...]]]


def _prepare(world: World, folder: Path) -> int:
    contracts = KILLS * NEW_CONTRACTS_EACH
    write_retailer(folder / "larger.db", contracts)
    load_from_retailer(folder / "larger.db", world.store.path)
    return contracts


def _kill_and_cut(
    world: World, ledger: Ledger, start: Start, *, path: str, cuts: Sequence[str], longest_seconds: float
) -> None:
    """Every attempt brings new readings, so that there is something on its way whenever the kill comes."""
    chance = random.Random(11)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.integration.soap_load_process"])
    kills = 0
    states_at_kills: set[str] = set()
    for attempt in range(1, KILLS + 1):
        if attempt % 2 == 0:
            fault = {"fault": chance.choice(cuts), "count": chance.randint(1, 3), "path_prefix": path}
            world.faults.add(from_mapping(fault))
        begun = processes.Event()
        target, arguments = start(attempt * NEW_CONTRACTS_EACH, begun)
        process = processes.Process(target=target, args=arguments)
        process.start()
        assert begun.wait(60)
        time.sleep(chance.uniform(0.0, longest_seconds))
        kills += process.is_alive()
        process.kill()
        process.join()
        states_at_kills |= set(states(ledger))
    world.faults.clear()
    assert kills > KILLS / 3
    assert "SENT" in states_at_kills


def _assert_each_once(
    world: World, ledger: Ledger, result: LoadResult, contracts: int, duplicates: Sequence[str]
) -> None:
    assert (result.problems, result.states) == ([], {"CONFIRMED": 2 * contracts})
    assert len(in_sap(world)) == 2 * contracts
    assert_ledger_equals_sap(ledger, world)
    assert duplicates == []
