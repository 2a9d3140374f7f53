"""Dagster's event log with steady connections: what it writes, Dagster's own storage reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from billsync.run import write_dagster_yaml
from orchestration.event_storage import OPEN_SHARDS, SteadySqliteEventLogStorage


@dg.asset(check_specs=[dg.AssetCheckSpec("fits", asset="usage")])
def usage() -> Iterator[dg.MaterializeResult[None]]:
    yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])


def _run(home: Path, times: int) -> list[str]:
    job = dg.Definitions(assets=[usage], jobs=[dg.define_asset_job("day")]).resolve_job_def("day")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert isinstance(instance.event_log_storage, SteadySqliteEventLogStorage)
        return [job.execute_in_process(instance=instance).run_id for _ in range(times)]


def test_dagster_still_connects_through_the_method_that_is_overridden() -> None:
    assert "_connect" in vars(SqliteEventLogStorage)
    assert "_initdb" in vars(SqliteEventLogStorage)


def test_events_of_more_runs_than_stay_open_are_read_by_dagsters_own_storage(tmp_path: Path) -> None:
    write_dagster_yaml(tmp_path)
    run_ids = _run(tmp_path, OPEN_SHARDS + 2)
    storage = SqliteEventLogStorage(str(tmp_path / "history" / "runs"))
    for run_id in run_ids:
        logged = [entry.dagster_event_type for entry in storage.get_logs_for_run(run_id)]
        assert logged.count(dg.DagsterEventType.ASSET_MATERIALIZATION) == 1
        assert logged.count(dg.DagsterEventType.ASSET_CHECK_EVALUATION) == 1
        assert logged[-1] == dg.DagsterEventType.RUN_SUCCESS


def test_dagster_yaml_edited_by_a_person_stays(tmp_path: Path) -> None:
    path = tmp_path / "dagster.yaml"
    path.write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    write_dagster_yaml(tmp_path)
    assert path.read_text(encoding="utf-8") == "telemetry: {enabled: false}\n"
