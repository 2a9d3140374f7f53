"""Loads against the pretend SAP with a gate before them: release, pause, and holders that come too late."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from loaders import fence
from loaders.operational_db import leases, reading, utc_now
from loaders.sap_isu.gate import Gate, LoadPausedError, PlanGuard, StopRule
from loaders.sap_isu.lease import Lease, LeaseLostError
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.loader import plan_load, run_load
from loaders.sap_isu.loads import LoadPlan, LoadResult
from loaders.sap_isu.plan_shown import show_plan
from sandbox.sap.store import load_from_retailer
from tests.conftest import REPOSITORY
from tests.integration.sap_load_process import BILLING_DAY, POLICY, load, open_ledger, open_transport, rows
from tests.integration.test_sap_load import arm, assert_ledger_equals_sap, in_sap, states
from tests.unit.sandbox.conftest import World, sap  # noqa: F401 - the fixture
from tests.unit.sandbox.sap_world import device, write_retailer


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path}/operations.db")


def guarded(
    ledger: Ledger,
    world: World,
    plan_rows: list[dict[str, object]],
    gate: Gate,
    *,
    rule: StopRule | None = None,
    told: list[LoadPausedError] | None = None,
) -> tuple[LoadPlan, PlanGuard, LoadResult]:
    plan = plan_load(ledger, plan_rows, first_day=BILLING_DAY, last_day=BILLING_DAY)
    shown = show_plan(ledger, plan.plan_id, BILLING_DAY, BILLING_DAY, {})
    guard = PlanGuard(gate, shown, rule or StopRule(), "test run", (told if told is not None else []).append)
    transport = open_transport(world.client.url)
    result = run_load(
        ledger, transport, plan, write_enabled=True, batch_size=2, concurrency=2, policy=POLICY, guard=guard
    )
    return plan, guard, result


def test_load_that_needs_a_release_sends_nothing_until_released_and_then_just_the_plan(
    sap: World,  # noqa: F811
    ledger: Ledger,
) -> None:
    gate = Gate(ledger.engine, needs_release=True)
    plan, guard, waiting = guarded(ledger, sap, list(rows(3)), gate)
    assert (waiting.sent, waiting.is_complete, waiting.states) == (0, False, {"PLANNED": 6})
    assert "waits for a person's release" in waiting.problems[0]
    assert in_sap(sap) == {}
    gate.release(guard.plan, actor="ann", reason="checked")
    _, _, other = guarded(ledger, sap, list(rows(3, "1100.5")), gate)
    assert (other.sent, in_sap(sap)) == (0, {})
    _, _, released = guarded(ledger, sap, list(rows(3)), gate)
    assert (released.sent, released.problems) == (plan.to_send, [])
    assert_ledger_equals_sap(ledger, sap)


def test_load_released_and_broken_off_goes_on_without_another_release(sap: World, ledger: Ledger) -> None:  # noqa: F811
    gate = Gate(ledger.engine, needs_release=True)
    _, guard, _ = guarded(ledger, sap, list(rows(3)), gate)
    gate.release(guard.plan, actor="ann", reason="checked")
    arm(sap, "cut-before", 1000)
    _, _, broken = guarded(ledger, sap, list(rows(3)), gate)
    assert not broken.is_complete
    sap.faults.clear()
    _, _, again = guarded(ledger, sap, list(rows(3)), gate)
    assert (again.problems, again.states) == ([], {"CONFIRMED": 6})


def test_load_mostly_rejected_pauses_itself_early_tells_and_waits_for_a_person(
    sap: World,  # noqa: F811
    ledger: Ledger,
    tmp_path: Path,
) -> None:
    contracts = 30
    write_retailer(tmp_path / "larger.db", contracts)
    load_from_retailer(tmp_path / "larger.db", sap.store.path)
    for number in range(1, contracts + 1):
        sap.gateway.refusals.add(device(number), "", 1000)
    gate = Gate(ledger.engine)
    told: list[LoadPausedError] = []
    rule = StopRule(least=4, rejected_share=Decimal("0.10"))
    _, _, stopped = guarded(ledger, sap, list(rows(contracts)), gate, rule=rule, told=told)
    assert len(told) == 1
    assert "readings were rejected by SAP in this run" in stopped.problems[0]
    # Four rejected readings are one batch of two devices; two more batches of four were in flight by then at most.
    assert stopped.sent <= 12
    assert stopped.states["PLANNED"] >= 2 * contracts - 12
    sap.gateway.refusals.clear()
    _, _, still = guarded(ledger, sap, list(rows(contracts)), gate, rule=rule)
    assert (still.sent, in_sap(sap)) == (0, {})
    gate.resume(actor="ann", reason="repaired in SAP")
    _, _, resumed = guarded(ledger, sap, list(rows(contracts)), gate, rule=rule)
    assert (resumed.problems, resumed.states) == ([], {"CONFIRMED": 2 * contracts})
    assert_ledger_equals_sap(ledger, sap)


def test_lease_lapsed_lets_no_modifying_request_leave(sap: World, ledger: Ledger) -> None:  # noqa: F811
    transport = open_transport(sap.client.url)
    transport.check()
    lease = Lease(ledger.engine, ("sap_load:x",), seconds=0.05)
    lease.acquire()
    time.sleep(0.1)
    with fence.raised(lease.refuse_if_lapsed), pytest.raises(LeaseLostError):
        transport.client.write_many([("MeterReadingResults", "{}")])
    assert in_sap(sap) == {}


def test_load_holder_that_stood_still_past_its_lease_sends_nothing_more(
    sap: World,  # noqa: F811
    ledger: Ledger,
    tmp_path: Path,
) -> None:
    """A process is stopped mid-load, another takes the day over when the lease runs out, then the first wakes up."""
    contracts = 60
    write_retailer(tmp_path / "larger.db", contracts)
    load_from_retailer(tmp_path / "larger.db", sap.store.path)
    sap.gateway.settings.latency_seconds = 0.05
    command = [sys.executable, "-m", "tests.integration.sap_load_process",
               sap.client.url, str(ledger.engine.url), str(contracts), "3"]  # fmt: skip
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    try:
        _wait(lambda: len(in_sap(sap)) >= 4)
        os.kill(process.pid, signal.SIGSTOP)
        _wait(lambda: _lease_is_out(ledger))
        sap.gateway.settings.latency_seconds = 0.0
        result = load(ledger, open_transport(sap.client.url), list(rows(contracts)), batch_size=10)
        assert (result.problems, result.states) == ([], {"CONFIRMED": 2 * contracts})
        commits = sap.store.rows("select count(*) from results")[0][0]
    finally:
        os.kill(process.pid, signal.SIGCONT)
    told, _ = process.communicate(timeout=60)
    assert "lost its lease" in told
    assert sap.store.rows("select count(*) from results")[0][0] == commits == 2 * contracts
    assert states(ledger) == {"CONFIRMED": 2 * contracts}
    assert_ledger_equals_sap(ledger, sap)


def test_load_two_processes_at_once_one_works_the_other_stops_with_a_clear_word(
    sap: World,  # noqa: F811
    ledger: Ledger,
    tmp_path: Path,
) -> None:
    contracts = 40
    write_retailer(tmp_path / "larger.db", contracts)
    load_from_retailer(tmp_path / "larger.db", sap.store.path)
    sap.gateway.settings.latency_seconds = 0.5
    command = [sys.executable, "-m", "tests.integration.sap_load_process",
               sap.client.url, str(ledger.engine.url), str(contracts)]  # fmt: skip
    first = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    _wait(lambda: len(in_sap(sap)) >= 2)
    second = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)
    assert first.poll() is None
    assert second.returncode != 0
    assert f"process {first.pid} on" in second.stderr
    assert "is working on it" in second.stderr
    sap.gateway.settings.latency_seconds = 0.0
    told, _ = first.communicate(timeout=60)
    assert f"'CONFIRMED': {2 * contracts}" in told
    assert_ledger_equals_sap(ledger, sap)


def _lease_is_out(ledger: Ledger) -> bool:
    with reading(ledger.engine) as connection:
        found = connection.execute(leases.select().where(leases.c.lease_name.like("sap_load:%"))).all()
        return all(row.expires_at < utc_now(connection) for row in found)


def _wait(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited for nothing"
        time.sleep(0.02)
