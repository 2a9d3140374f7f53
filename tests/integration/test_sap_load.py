"""Loading into the pretend SAP over real HTTP: exactly once, whatever breaks."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from loaders.operational_db import open_engine
from loaders.sap_isu.lease import LeaseHeldError
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.loader import PlanReplacedError, plan_load, run_load
from loaders.sap_isu.loads import LoadPolicy
from sandbox.faults import from_mapping
from sandbox.sap.model import SERVICE_PATH
from sandbox.sap.store import load_from_retailer
from tests.conftest import REPOSITORY
from tests.integration.sap_load_process import (
    BILLING_DAY,
    load,
    open_ledger,
    open_transport,
    rows,
)
from tests.unit.sandbox.conftest import World, sap  # noqa: F401 - the fixture
from tests.unit.sandbox.sap_world import DAY, device, reading, write_retailer

BATCH = SERVICE_PATH + "$batch"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path}/operations.db")


def in_sap(world: World) -> dict[tuple[str, str], tuple[str, str, str]]:
    """What SAP has: (device, register) to (value, reason, category); more than one per register fails."""
    found = world.store.rows("select * from results")
    content = {(r["device_id"], r["register_id"]): (r["reading_result"], r["reason"], r["category"]) for r in found}
    assert len(content) == len(found)
    return content


def states(ledger: Ledger) -> dict[str, int]:
    counted: dict[str, int] = {}
    for row in ledger.snapshot():
        counted[str(row["state"])] = counted.get(str(row["state"]), 0) + 1
    return counted


def assert_ledger_equals_sap(ledger: Ledger, world: World) -> None:
    known = {
        (row["device_id"], row["register_id"]): row["reading_result"]
        for row in ledger.snapshot()
        if row["state"] in {"CONFIRMED", "LOCKED", "REVERSAL_NEEDED"}
    }
    assert known == {key: value for key, (value, _, _) in in_sap(world).items()}


def arm(world: World, fault: str, count: int = 1, **more: object) -> None:
    world.faults.add(from_mapping({"fault": fault, "count": count, "path_prefix": BATCH, **more}))


def test_load_good_day_confirms_every_reading_with_reason_and_category(sap: World, ledger: Ledger) -> None:  # noqa: F811
    transport = open_transport(sap.client.url)
    result = load(ledger, transport, list(rows(3)))
    assert result.problems == []
    assert result.is_complete
    assert (result.sent, result.states) == (6, {"CONFIRMED": 6})
    assert set(in_sap(sap).values()) == {("1100.4", "01", "01")}
    assert {row["read_at"][:10] for row in sap.store.rows("select read_at from results")} == {DAY}
    assert sap.store.rows("select count(*) from orders where state = 'OPEN'")[0][0] == 0
    assert {row["sap_status_code"] for row in ledger.snapshot()} == {"1"}
    assert_ledger_equals_sap(ledger, sap)


def test_load_again_sends_nothing_and_leaves_the_snapshot_as_it_was(sap: World, ledger: Ledger) -> None:  # noqa: F811
    load(ledger, open_transport(sap.client.url), list(rows(3)))
    before = list(ledger.snapshot())
    result = load(ledger, open_transport(sap.client.url), list(rows(3)))
    assert (result.sent, result.is_complete) == (0, True)
    assert list(ledger.snapshot()) == before


def test_load_with_writing_off_plans_and_contacts_nothing(ledger: Ledger) -> None:
    transport = open_transport("http://127.0.0.1:1")
    plan = plan_load(ledger, list(rows(2)), first_day=BILLING_DAY, last_day=BILLING_DAY)
    result = run_load(ledger, transport, plan, write_enabled=False)
    assert (plan.to_send, result.is_complete, result.states) == (4, True, {"PLANNED": 4})


def test_load_held_contract_is_left_out_and_joins_after_its_release(sap: World, ledger: Ledger) -> None:  # noqa: F811
    held = [{**row, "is_held": 1, "hold_reason": "gap"} if row["device_id"] == device(1) else row for row in rows(2)]
    result = load(ledger, open_transport(sap.client.url), held)
    assert (result.is_complete, result.states) == (True, {"CONFIRMED": 2, "HELD": 2})
    assert {key[0] for key in in_sap(sap)} == {device(2)}
    load(ledger, open_transport(sap.client.url), list(rows(2)))
    assert states(ledger) == {"CONFIRMED": 4}


def test_load_reading_that_sap_has_already_with_the_same_value_is_confirmed(sap: World, ledger: Ledger) -> None:  # noqa: F811
    sap.client.logon().post(reading(1, "001", "1100.4"))
    result = load(ledger, open_transport(sap.client.url), list(rows(2)))
    assert result.problems == []
    assert states(ledger) == {"CONFIRMED": 4}
    assert_ledger_equals_sap(ledger, sap)


def test_load_reading_that_sap_has_already_with_another_value_is_rejected(sap: World, ledger: Ledger) -> None:  # noqa: F811
    sap.client.logon().post(reading(1, "001", "1099.0"))
    load(ledger, open_transport(sap.client.url), list(rows(2)))
    by_register = {(r["device_id"], r["register_id"]): r for r in ledger.snapshot()}
    assert states(ledger) == {"CONFIRMED": 3, "REJECTED": 1}
    assert "SAP has 1099, 1100.4 is right" in str(by_register[device(1), "001"]["message"])


@pytest.mark.parametrize(
    "fault",
    [
        "cut-before", "cut-midway", "cut-after", "reset-before", "reset-after", "429", "503", "html", "expired-session",
    ],
)  # fmt: skip
@pytest.mark.parametrize("count", [1, 3])
def test_load_fault_on_the_wire_ends_with_each_reading_once(
    sap: World,  # noqa: F811
    ledger: Ledger,
    fault: str,
    count: int,
) -> None:
    arm(sap, fault, count)
    result = load(ledger, open_transport(sap.client.url), list(rows(3)), batch_size=1)
    assert result.problems == []
    assert states(ledger) == {"CONFIRMED": 6}
    assert_ledger_equals_sap(ledger, sap)


@pytest.mark.parametrize("fault", ["429", "503"])
def test_load_retry_after_is_waited_for_and_each_reading_goes_once(sap: World, ledger: Ledger, fault: str) -> None:  # noqa: F811
    arm(sap, fault, 1, retry_after=1)
    started = time.monotonic()
    result = load(ledger, open_transport(sap.client.url), list(rows(2)))
    assert time.monotonic() - started >= 1.0
    assert result.problems == []
    assert states(ledger) == {"CONFIRMED": 4}
    assert_ledger_equals_sap(ledger, sap)


def test_load_answer_later_than_the_time_out_ends_with_each_reading_once(sap: World, ledger: Ledger) -> None:  # noqa: F811
    arm(sap, "delay", 1, seconds="1.5")
    policy = LoadPolicy(settle_seconds=1.0)
    result = load(ledger, open_transport(sap.client.url), list(rows(2)), policy=policy)
    assert result.problems == []
    assert states(ledger) == {"CONFIRMED": 4}
    assert_ledger_equals_sap(ledger, sap)


def test_load_sap_that_never_answers_leaves_readings_open_and_the_next_run_ends_it(
    sap: World,  # noqa: F811
    ledger: Ledger,
) -> None:
    arm(sap, "cut-before", 1000)
    result = load(ledger, open_transport(sap.client.url), list(rows(3)))
    assert not result.is_complete
    assert "connection was cut" in result.problems[0]
    sap.faults.clear()
    again = load(ledger, open_transport(sap.client.url), list(rows(3)))
    assert again.problems == []
    assert states(ledger) == {"CONFIRMED": 6}
    assert_ledger_equals_sap(ledger, sap)


def test_load_wrong_password_leaves_readings_planned_and_says_so(sap: World, ledger: Ledger) -> None:  # noqa: F811
    result = load(ledger, open_transport(sap.client.url, password="very-wrong"), list(rows(1)))
    assert states(ledger) == {"PLANNED": 2}
    assert len(result.problems) == 1
    assert "401" in result.problems[0]
    assert "very-wrong" not in result.problems[0]


def test_load_unreachable_sap_leaves_readings_planned_and_says_so(ledger: Ledger) -> None:
    result = load(ledger, open_transport("http://127.0.0.1:1"), list(rows(1)))
    assert states(ledger) == {"PLANNED": 2}
    assert "no connection" in result.problems[0]


def test_load_one_bad_row_rejects_its_device_only(sap: World, ledger: Ledger) -> None:  # noqa: F811
    sap.gateway.refusals.add(device(2), "002", 10)
    result = load(ledger, open_transport(sap.client.url), list(rows(3)), batch_size=3)
    assert result.is_complete
    assert states(ledger) == {"CONFIRMED": 4, "REJECTED": 2}
    assert {row["message"][:6] for row in ledger.snapshot() if row["state"] == "REJECTED"} == {"EL/999"}
    assert_ledger_equals_sap(ledger, sap)


def test_load_implausible_reading_is_locked_until_an_agent_releases_it(sap: World, ledger: Ledger) -> None:  # noqa: F811
    high = [{**r, "reading_result": "99000"} if r["register_id"] == "001" else r for r in rows(1)]
    result = load(ledger, open_transport(sap.client.url), high)
    assert (result.is_complete, result.states) == (True, {"LOCKED": 1, "CONFIRMED": 1})
    with sap.store.writing() as connection:
        connection.execute("update results set status = '4' where status = '2'")
    load(ledger, open_transport(sap.client.url), high)
    assert states(ledger) == {"CONFIRMED": 2}


def test_load_order_cancelled_meanwhile_is_cancelled_and_the_rest_of_the_device_goes(
    sap: World,  # noqa: F811
    ledger: Ledger,
) -> None:
    with sap.store.writing() as connection:
        connection.execute("update orders set state = 'CANCELLED' where meter_reading_order_id = 'O1001'")
    load(ledger, open_transport(sap.client.url), list(rows(2)))
    assert states(ledger) == {"CANCELLED": 1, "CONFIRMED": 3}
    assert_ledger_equals_sap(ledger, sap)


@pytest.mark.parametrize(("status", "word"), [("1", "correction needed"), ("7", "reversal needed")])
def test_load_changed_value_after_confirmed_is_a_worklist_entry_and_not_sent(
    sap: World,  # noqa: F811
    ledger: Ledger,
    status: str,
    word: str,
) -> None:
    load(ledger, open_transport(sap.client.url), list(rows(1)))
    with sap.store.writing() as connection:
        connection.execute("update results set status = ?", (status,))
    result = load(ledger, open_transport(sap.client.url), list(rows(1, "1105.5")))
    assert result.sent == 0
    assert states(ledger) == {"REVERSAL_NEEDED": 2}
    assert all(word in str(row["message"]) for row in ledger.snapshot())
    assert {value for value, _, _ in in_sap(sap).values()} == {"1100.4"}
    with sap.store.writing() as connection:
        connection.execute("update results set reading_result = '1105.5', status = '1'")
    load(ledger, open_transport(sap.client.url), list(rows(1, "1105.5")))
    assert states(ledger) == {"CONFIRMED": 2}
    assert ledger.last_unrounded(device(1), "001") == Decimal("1105.53")


def test_load_while_another_run_has_the_day_stops_with_a_clear_word(sap: World, ledger: Ledger) -> None:  # noqa: F811
    refusals: list[str] = []

    def second_run(done: int, total: int, rate: float) -> None:
        with pytest.raises(LeaseHeldError) as caught:
            load(ledger, open_transport(sap.client.url), list(rows(3)))
        refusals.append(str(caught.value))

    plan = plan_load(ledger, list(rows(3)), first_day=BILLING_DAY, last_day=BILLING_DAY)
    run_load(ledger, open_transport(sap.client.url), plan, write_enabled=True, batch_size=3, progress=second_run)
    assert "Taking the lease sap_load:2026-03-05: process" in refusals[0]
    assert "is working on it" in refusals[0]
    assert states(ledger) == {"CONFIRMED": 6}
    assert_ledger_equals_sap(ledger, sap)


def test_load_two_runs_at_once_send_each_reading_once(sap: World, ledger: Ledger) -> None:  # noqa: F811
    sap.gateway.settings.latency_seconds = 0.05

    def work(_: int) -> int:
        own = Ledger(open_engine(str(ledger.engine.url)), actor="run")
        try:
            return load(own, open_transport(sap.client.url), list(rows(3))).sent
        except (LeaseHeldError, PlanReplacedError):
            return 0

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(work, range(3))) == 6
    assert states(ledger) == {"CONFIRMED": 6}
    assert_ledger_equals_sap(ledger, sap)


def test_load_of_a_plan_that_another_run_replaced_sends_nothing(sap: World, ledger: Ledger) -> None:  # noqa: F811
    first = plan_load(ledger, list(rows(3)), first_day=BILLING_DAY, last_day=BILLING_DAY)
    plan_load(ledger, list(rows(3)), first_day=BILLING_DAY, last_day=BILLING_DAY)
    with pytest.raises(PlanReplacedError):
        run_load(ledger, open_transport(sap.client.url), first, write_enabled=True)
    assert in_sap(sap) == {}


def test_load_killed_at_random_points_then_run_again_leaves_each_reading_once(
    sap: World,  # noqa: F811
    ledger: Ledger,
    tmp_path: Path,
) -> None:
    contracts = 40
    retailer = tmp_path / "larger.db"
    write_retailer(retailer, contracts)
    load_from_retailer(retailer, sap.store.path)
    sap.gateway.settings.latency_seconds = 0.05
    command = [sys.executable, "-m", "tests.integration.sap_load_process",
               sap.client.url, str(ledger.engine.url), str(contracts)]  # fmt: skip
    chance = random.Random(7)
    kills = 0
    for _ in range(8):
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
        _wait_until_it_has_begun(process, sap)
        time.sleep(chance.uniform(0.0, 0.4))
        kills += process.poll() is None
        process.kill()
        process.wait()
    sap.gateway.settings.latency_seconds = 0.0
    result = load(ledger, open_transport(sap.client.url), list(rows(contracts)), batch_size=10)
    assert kills > 0
    assert result.problems == []
    assert states(ledger) == {"CONFIRMED": 2 * contracts}
    assert len(in_sap(sap)) == 2 * contracts
    assert_ledger_equals_sap(ledger, sap)


def _wait_until_it_has_begun(process: subprocess.Popen[bytes], world: World) -> None:
    """Start-up takes a second; the interesting points come after the logon."""
    before = len(world.gateway.sessions._tokens)
    deadline = time.monotonic() + 30
    while process.poll() is None and len(world.gateway.sessions._tokens) == before and time.monotonic() < deadline:
        time.sleep(0.01)
