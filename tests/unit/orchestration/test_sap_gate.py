"""The brake of differing bills, and a person's part of the load in Dagster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, cast

import dagster as dg
import pytest
import sqlalchemy as sa

from billsync.settings import load_settings
from loaders.operational_db import alerts_sent, open_engine, reading, upgrade
from loaders.sap_isu.gate import Gate
from loaders.sap_isu.loader import plan_load
from loaders.sap_isu.plan_shown import keep_shown, show_plan
from orchestration.sap_gate import brake_on_differing_bills
from orchestration.sap_release import release_sap_load, request_of, resume_sap_load
from orchestration.systems import Systems
from tests.integration.sap_load_process import BILLING_DAY, open_ledger, rows


@dataclass
class Bills:
    """Bills compared with SAP's, as the warehouse would give them."""

    outcomes: dict[str, str] = field(default_factory=dict)

    def fetch(self, _sql: str, _params: Sequence[object] = ()) -> list[dict[str, object]]:
        return [
            {"contract_id": contract, "period_end_date": BILLING_DAY, "outcome": outcome}
            for contract, outcome in self.outcomes.items()
        ]


@pytest.fixture
def systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systems:
    variables = {
        "BILLSYNC_ENV": "test",
        "BILLSYNC_HOME": str(tmp_path),
        "BILLSYNC_LEDGER_URL": f"sqlite:///{tmp_path}/operations.db",
        "BILLSYNC_SAP_STOP_COUNT": "3",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Systems(variables)


def brake(systems: Systems, outcomes: dict[str, str]) -> str | None:
    @dataclass
    class WithBills:
        engine: sa.Engine = field(default_factory=lambda: systems.engine)
        settings: Any = field(default_factory=lambda: load_settings(systems.environ))
        warehouse: Bills = field(default_factory=lambda: Bills(outcomes))

    return brake_on_differing_bills(cast("Systems", WithBills()), BILLING_DAY, "billsync run")


def bills(differing: int, agreeing: int) -> dict[str, str]:
    return {f"{number:010d}": "DIFFER" if number < differing else "AGREE" for number in range(differing + agreeing)}


@pytest.mark.parametrize(("differing", "agreeing"), [(2, 0), (3, 9), (0, 5), (0, 0)])
def test_brake_few_or_small_share_of_differing_bills_goes_on(systems: Systems, differing: int, agreeing: int) -> None:
    assert brake(systems, bills(differing, agreeing)) is None
    assert Gate(systems.engine).pause() is None


def test_brake_many_differing_bills_pause_every_load_and_alert_once(systems: Systems) -> None:
    told = brake(systems, bills(3, 8))
    assert told is not None
    assert "3 of 11 compared bills have another total in SAP (27.3 %; more than 25 % stop the load)" in told
    assert Gate(systems.engine).pause() is not None
    with reading(systems.engine) as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(alerts_sent)).scalar_one() == 1


def test_brake_same_bills_do_not_pause_again_after_a_person_resumed_but_more_do(systems: Systems) -> None:
    assert brake(systems, bills(3, 8)) is not None
    gate = Gate(systems.engine)
    gate.resume(actor="ann", reason="known")
    assert brake(systems, bills(3, 8)) is None
    assert gate.pause() is None
    assert brake(systems, bills(4, 8)) is not None


def kept_plan(systems: Systems) -> str:
    ledger = open_ledger(str(systems.engine.url))
    plan = plan_load(ledger, rows(1), first_day=BILLING_DAY, last_day=BILLING_DAY)
    shown = show_plan(ledger, plan.plan_id, BILLING_DAY, BILLING_DAY, {})
    keep_shown(ledger, shown)
    return shown.plan_hash


def release(day: date, plan_hash: str) -> dg.ExecuteInProcessResult:
    config = {"day": day.isoformat(), "plan_hash": plan_hash, "approver": "ann"}
    return release_sap_load.execute_in_process(
        run_config={"ops": {"release_plan": {"config": config}}}, raise_on_error=False
    )


def test_release_job_releases_the_plan_and_asks_for_a_run_of_its_day(systems: Systems) -> None:
    plan_hash = kept_plan(systems)
    done = release(BILLING_DAY, plan_hash[:12])
    assert done.success
    noted = Gate(systems.engine).release_of(plan_hash)
    assert noted is not None
    assert noted.actor == "ann"
    assert request_of(done.dagster_run).partition_key == BILLING_DAY.isoformat()


@pytest.mark.parametrize("given", ["000000000000", "", "abc"])
def test_release_job_of_another_plan_fails_and_releases_nothing(systems: Systems, given: str) -> None:
    plan_hash = kept_plan(systems)
    assert not release(BILLING_DAY, given).success
    assert not release(date(2026, 1, 1), plan_hash).success
    assert Gate(systems.engine).decisions() == []


def test_resume_job_ends_the_pause(systems: Systems) -> None:
    engine = open_engine(str(systems.engine.url))
    upgrade(engine)
    Gate(engine).stop("too many", actor="billsync run")
    config = {"ops": {"resume_load": {"config": {"approver": "ann", "reason": "repaired"}}}}
    assert resume_sap_load.execute_in_process(run_config=config).success
    assert Gate(engine).pause() is None
