"""The alert sensors over real runs: what fails is told once, and what holds is not told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from orchestration.sensors.alerts import alert_on_failed_check, alert_on_failed_run
from tests.alert_receiver import Receiver, serving

DAY = "2026-03-05"
DAYS = dg.DailyPartitionsDefinition("2026-03-01", timezone="Australia/Brisbane")


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with serving() as server:
        monkeypatch.setenv("BILLSYNC_HOME", str(tmp_path))
        monkeypatch.setenv("BILLSYNC_ENV", "test")
        monkeypatch.setenv("BILLSYNC_SAP_PASSWORD", "hunter2")
        monkeypatch.setenv("BILLSYNC_ALERT_URLS", server.url)
        yield server


def _job(*, error: str | None) -> dg.JobDefinition:
    """A day of one asset with a check that holds, one that warns and one that fails; ``error`` ends the run."""
    specs = [dg.AssetCheckSpec(name, asset="usage") for name in ("holds", "warns", "fails")]

    @dg.asset(partitions_def=DAYS, check_specs=specs)
    def usage() -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
        yield dg.Output(None)
        yield dg.AssetCheckResult(check_name="holds", passed=True)
        yield dg.AssetCheckResult(check_name="warns", passed=False, severity=dg.AssetCheckSeverity.WARN)
        yield dg.AssetCheckResult(check_name="fails", passed=False, description="three days are missing")

    @dg.asset(partitions_def=DAYS, deps=[usage])
    def bills() -> None:
        if error:
            raise RuntimeError(error)

    defs = dg.Definitions(assets=[usage, bills], jobs=[dg.define_asset_job("billing_day", partitions_def=DAYS)])
    return defs.resolve_job_def("billing_day")


def _tick(instance: dg.DagsterInstance, *, error: str | None = None) -> None:
    """Run the day and let the sensor that fits see the run."""
    result = _job(error=error).execute_in_process(instance=instance, partition_key=DAY, raise_on_error=False)
    if error:
        event = next(one for one in result.all_events if one.event_type == dg.DagsterEventType.RUN_FAILURE)
        context = dg.build_run_status_sensor_context(
            sensor_name="alert_on_failed_run", dagster_event=event, dagster_instance=instance,
            dagster_run=result.dagster_run,
        ).for_run_failure()  # fmt: skip
        alert_on_failed_run(context)
    else:
        event = next(one for one in result.all_events if one.event_type == dg.DagsterEventType.RUN_SUCCESS)
        alert_on_failed_check(
            dg.build_run_status_sensor_context(
                sensor_name="alert_on_failed_check", dagster_event=event, dagster_instance=instance,
                dagster_run=result.dagster_run,
            )
        )  # fmt: skip


def test_failed_checks_of_a_successful_run_are_told_once_each_over_repeated_runs(receiver: Receiver) -> None:
    with dg.instance_for_test() as instance:
        for _ in range(3):
            _tick(instance)
    assert sorted(post["title"] for post in receiver.posts) == [
        "billsync 2026-03-05: check error: usage fails",
        "billsync 2026-03-05: check warn: usage warns",
    ]
    assert any("three days are missing" in post["message"] for post in receiver.posts)


def test_a_failed_run_is_told_once_with_its_reason_and_without_secrets(receiver: Receiver) -> None:
    with dg.instance_for_test() as instance:
        for _ in range(2):
            _tick(instance, error="SAP refused the password hunter2")
    runs = [post for post in receiver.posts if "the run of billing_day failed" in post["title"]]
    assert len(runs) == 1
    assert "SAP refused the password ***" in runs[0]["message"]
    assert "hunter2" not in str(receiver.posts)


def test_a_run_that_fails_for_another_reason_is_told_again(receiver: Receiver) -> None:
    with dg.instance_for_test() as instance:
        _tick(instance, error="disk full")
        _tick(instance, error="wrong password")
    runs = [post for post in receiver.posts if "the run of billing_day failed" in post["title"]]
    assert len(runs) == 2
