"""The kill test: loads that are killed and cut off at random points, again and again, and then one left alone.

A short form runs with the other tests; ``make torture`` runs a hundred kills (``BILLSYNC_TORTURE=100``).
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from pathlib import Path

import pytest

import sandbox.sap.readings
from loaders.sap_isu.ledger import Ledger
from sandbox.sap.store import load_from_retailer
from tests.integration.sap_load_process import load, load_until_killed, open_ledger, open_transport, rows
from tests.integration.test_sap_load import arm, assert_ledger_equals_sap, in_sap, states
from tests.unit.sandbox.conftest import World, sap  # noqa: F401 - the fixture
from tests.unit.sandbox.sap_world import write_retailer

KILLS = int(os.environ.get("BILLSYNC_TORTURE", "12"))
NEW_CONTRACTS_EACH = 6
CUTS = (
    "cut-before", "cut-midway", "cut-after", "reset-before", "reset-after", "503", "html", "expired-session", "429"
)  # fmt: skip
LONGEST_SECONDS = 0.35


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
    """Every attempt brings new readings, so that there is something on its way whenever the kill comes."""
    contracts = KILLS * NEW_CONTRACTS_EACH
    write_retailer(tmp_path / "larger.db", contracts)
    load_from_retailer(tmp_path / "larger.db", sap.store.path)
    sap.gateway.settings.latency_seconds = 0.01
    chance = random.Random(11)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.integration.sap_load_process"])
    kills = 0
    states_at_kills: set[str] = set()
    for attempt in range(1, KILLS + 1):
        if attempt % 2 == 0:
            arm(sap, chance.choice(CUTS), chance.randint(1, 3))
        begun = processes.Event()
        arguments = (sap.client.url, str(ledger.engine.url), attempt * NEW_CONTRACTS_EACH, begun)
        process = processes.Process(target=load_until_killed, args=arguments)
        process.start()
        assert begun.wait(60)
        time.sleep(chance.uniform(0.0, LONGEST_SECONDS))
        kills += process.is_alive()
        process.kill()
        process.join()
        states_at_kills |= set(states(ledger))
    sap.faults.clear()
    sap.gateway.settings.latency_seconds = 0.0
    result = load(ledger, open_transport(sap.client.url), list(rows(contracts)), batch_size=20)
    assert kills > KILLS / 3
    assert "SENT" in states_at_kills
    assert (result.problems, result.states) == ([], {"CONFIRMED": 2 * contracts})
    assert len(in_sap(sap)) == 2 * contracts
    assert_ledger_equals_sap(ledger, sap)
    assert duplicates == []
