"""Loading by IDoc files into the pretend SAP: exactly once, with statuses that come late, twice, wrong or never."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.loads import LoadPolicy, LoadResult
from loaders.sap_isu.soap.inbox import Inbox
from sandbox.sap.store import load_from_retailer
from tests.conftest import REPOSITORY
from tests.integration.idoc_load_process import open_idoc, serial
from tests.integration.idoc_sap import IdocSap
from tests.integration.sap_load_process import load, open_ledger, rows
from tests.integration.test_sap_load import assert_ledger_equals_sap, in_sap, states
from tests.unit.sandbox.conftest import World, sap  # noqa: F401 - the fixture
from tests.unit.sandbox.sap_world import device, write_retailer

POLICY = LoadPolicy(settle_seconds=0.1, rounds=2)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path}/operations.db")


@pytest.fixture
def idocs(sap: World, tmp_path: Path) -> Iterator[IdocSap]:  # noqa: F811
    for name in ("out", "in"):
        (tmp_path / name).mkdir()
    pretend = IdocSap(sap, tmp_path / "out", tmp_path / "in", {serial(device(n)): device(n) for n in range(1, 251)})
    pretend.start()
    yield pretend
    pretend.close()


def load_all(
    ledger: Ledger, idocs: IdocSap, contracts: int = 3, *, wait_seconds: float = 10.0, reads_back: bool = True
) -> LoadResult:
    transport = open_idoc(
        idocs.world.client.url, ledger, idocs.outbox, idocs.inbox, wait_seconds=wait_seconds, reads_back=reads_back
    )
    try:
        return load(ledger, transport, list(rows(contracts)), policy=POLICY)
    finally:
        transport.close()


def test_idoc_good_day_confirms_every_reading_and_again_writes_nothing(
    sap: World,  # noqa: F811
    ledger: Ledger,
    idocs: IdocSap,
) -> None:
    result = load_all(ledger, idocs)
    assert (result.problems, result.states) == ([], {"CONFIRMED": 6})
    assert set(in_sap(sap).values()) == {("1100.4", "01", "01")}
    assert_ledger_equals_sap(ledger, sap)
    names = [name for name, _ in idocs.seen]
    assert len(names) == len(set(names)) == 2
    assert load_all(ledger, idocs).sent == 0
    assert len(idocs.seen) == 2
    assert sorted(path.name for path in idocs.inbox.iterdir()) == ["taken"]


def test_idoc_refused_reading_is_rejected_with_saps_words_and_the_others_go(
    sap: World,  # noqa: F811
    ledger: Ledger,
    idocs: IdocSap,
) -> None:
    sap.gateway.refusals.add(device(2), "001", 9)
    result = load_all(ledger, idocs)
    assert result.states == {"CONFIRMED": 5, "REJECTED": 1}
    (refused,) = [row for row in ledger.snapshot() if row["state"] == "REJECTED"]
    assert (refused["device_id"], refused["register_id"]) == (device(2), "001")
    assert "EL/999 Refused on command" in str(refused["message"])
    assert "status 51" in str(refused["message"])


def test_idoc_status_that_never_comes_is_settled_by_reading_back(sap: World, ledger: Ledger, idocs: IdocSap) -> None:  # noqa: F811
    idocs.is_silent = True
    assert load_all(ledger, idocs, wait_seconds=1.0).states == {"CONFIRMED": 6}
    assert_ledger_equals_sap(ledger, sap)


def test_idoc_file_that_nobody_takes_is_written_again_as_the_same_bytes_under_the_same_name(
    ledger: Ledger,
    idocs: IdocSap,
) -> None:
    idocs.close()
    result = load_all(ledger, idocs, wait_seconds=0.3)
    assert result.states == {"PLANNED": 6}
    left = {path.name: path.read_bytes() for path in idocs.outbox.iterdir()}
    assert len(left) == 2
    for path in idocs.outbox.iterdir():
        path.unlink()
    load_all(ledger, idocs, wait_seconds=0.3)
    assert {path.name: path.read_bytes() for path in idocs.outbox.iterdir()} == left
    idocs.work()
    assert load_all(ledger, idocs, wait_seconds=5.0).states == {"CONFIRMED": 6}
    assert {content for _, content in idocs.seen} == set(left.values())


def test_idoc_without_read_back_leaves_success_to_a_person_and_writes_nothing_twice(
    sap: World,  # noqa: F811
    ledger: Ledger,
    idocs: IdocSap,
) -> None:
    sap.gateway.refusals.add(device(3), "002", 1)
    result = load_all(ledger, idocs, reads_back=False)
    assert result.states == {"UNKNOWN": 5, "REJECTED": 1}
    assert not result.is_complete
    assert all("look into SAP" in str(row["message"]) for row in ledger.snapshot() if row["state"] == "UNKNOWN")
    assert len(in_sap(sap)) == 5


def test_idoc_statuses_that_come_twice_unknown_or_broken_do_no_harm(
    sap: World,  # noqa: F811
    ledger: Ledger,
    idocs: IdocSap,
) -> None:
    unknown = f"EDI_DS40  100{999999:016d}2026030601020353SAP{'EL':<20}206S{'':<200}\n"
    (idocs.inbox / "unknown.status").write_text(unknown, encoding="ascii")
    (idocs.inbox / "again.status").write_text(unknown, encoding="ascii")
    (idocs.inbox / "broken.status").write_text("EDI_DS40  100no number", encoding="ascii")
    (idocs.inbox / "binary.status").write_bytes(bytes(range(256)))
    assert load_all(ledger, idocs).states == {"CONFIRMED": 6}
    (row,) = Inbox(ledger.engine).unknown()
    assert (row["document_id"], row["received_count"]) == (f"{999999:016d}", 2)
    assert sorted(path.name for path in (idocs.inbox / "refused").iterdir()) == ["binary.status", "broken.status"]


def test_idoc_status_that_is_no_answer_yet_is_waited_past(sap: World, ledger: Ledger, idocs: IdocSap) -> None:  # noqa: F811
    idocs.codes = ["64"] * 3
    assert load_all(ledger, idocs, wait_seconds=1.0).states == {"CONFIRMED": 6}
    assert_ledger_equals_sap(ledger, sap)


def test_idoc_loading_killed_at_random_points_leaves_each_reading_once(
    sap: World,  # noqa: F811
    ledger: Ledger,
    idocs: IdocSap,
    tmp_path: Path,
) -> None:
    contracts = 250
    write_retailer(tmp_path / "larger.db", contracts)
    load_from_retailer(tmp_path / "larger.db", sap.store.path)
    line = [sys.executable, "-m", "tests.integration.idoc_load_process",
            sap.client.url, str(ledger.engine.url), str(contracts), str(idocs.outbox), str(idocs.inbox)]  # fmt: skip
    chance = random.Random(5)
    kills = 0
    for _ in range(4):
        process = subprocess.Popen(line, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        assert process.stdout.readline() == "begin\n"
        time.sleep(chance.uniform(0.05, 0.6))
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    result = load_all(ledger, idocs, contracts)
    assert kills > 0
    assert (result.problems, states(ledger)) == ([], {"CONFIRMED": 2 * contracts})
    assert len(in_sap(sap)) == 2 * contracts
    assert_ledger_equals_sap(ledger, sap)
    by_name = dict(idocs.seen)
    assert all(by_name[name] == content for name, content in idocs.seen)
