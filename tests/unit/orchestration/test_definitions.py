"""The code location: loads offline, is complete, and runs in the order of the day."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from billsync.settings import load_settings
from checks.runner import read_contracts
from orchestration.build import build_defs
from orchestration.dbt_runner import dbt_target, load_manifest
from orchestration.jobs import BILLING_DAY, SETTLEMENT_JOB
from orchestration.sap_release import RELEASE_JOB, RESUME_JOB
from orchestration.stages import ORDER
from tests.conftest import REPOSITORY

OFFLINE = """
import socket
def refused(*args, **kwargs):
    raise AssertionError("the network was used while loading definitions")
socket.socket.connect = refused
socket.getaddrinfo = refused
socket.create_connection = refused
import sqlite3, duckdb
sqlite3.connect = duckdb.connect = refused
from orchestration.definitions import defs
import json, sys
assert not [name for name in sys.modules if name.startswith(("loaders.uipath", "orchestration.robots"))]
print(json.dumps(sorted(key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys())))
"""
STEPS = {
    "extract": {"extract_market_calendar", "extract_retailer_db", "extract_meter_files", "extract_metering_api",
                "extract_sap_orders", "extract_decisions", "extract_plans_api", "raw__source_outcomes"},
    "rating": {"dbt_rating"},
    "exception_queue": {"exception_queue"},
    "billing": {"dbt_billing"},
    "load": {"soda_contracts", "sap_plan", "sap_load", "sap_readback"},
    "settlement": {"dbt_settlement"},
    "exception_queue_after_load": {"exception_queue_after_load"},
    "reporting": {"dbt_reporting"},
    "report": {"report__day_report"},
}  # fmt: skip


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    home = tmp_path_factory.mktemp("home")
    return build_defs(load_settings({"BILLSYNC_HOME": str(home)}))


@pytest.fixture(scope="module")
def assets(definitions: dg.Definitions) -> list[dg.AssetSpec]:
    return list(definitions.resolve_all_asset_specs())


def test_definitions_load_without_network_database_or_secret(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("BILLSYNC_", "AWS_"))}
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE],
        cwd=REPOSITORY,
        env={**environ, "BILLSYNC_HOME": str(tmp_path), "BILLSYNC_ENV": "prod"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    keys = json.loads(done.stdout.splitlines()[-1])
    assert {"raw/meter_interval_records", "raw/load_ledger", "report/day_report"} <= set(keys)


def test_every_asset_has_group_owner_kind_and_description(assets: list[dg.AssetSpec]) -> None:
    poor = [
        spec.key.to_user_string()
        for spec in assets
        if not (spec.group_name and spec.owners and spec.kinds and spec.description and spec.freshness_policy)
    ]
    assert poor == []


def test_every_asset_is_partitioned_by_billing_day_in_market_time(assets: list[dg.AssetSpec]) -> None:
    partitions = {spec.partitions_def for spec in assets}
    assert len(partitions) == 1
    [days] = partitions
    assert isinstance(days, dg.DailyPartitionsDefinition)
    assert days.timezone == "Australia/Brisbane"
    assert days.get_first_partition_key() == "2020-01-01"


def test_every_raw_table_that_dbt_reads_is_an_asset_of_an_extract_or_a_step(assets: list[dg.AssetSpec]) -> None:
    keys = {spec.key for spec in assets}
    unknown = {dep.asset_key.to_user_string() for spec in assets for dep in spec.deps if dep.asset_key not in keys}
    assert unknown == set()


def test_every_step_of_the_job_belongs_to_a_stage(definitions: dg.Definitions) -> None:
    names = {node.name for node in definitions.resolve_job_def(BILLING_DAY).graph.node_defs}
    assert {name for steps in STEPS.values() for name in steps} == names


def test_billing_day_runs_its_steps_in_the_order_of_the_day(definitions: dg.Definitions) -> None:
    structure = definitions.resolve_job_def(BILLING_DAY).graph.dependency_structure
    upstream = {
        name: {output.node_name for output in structure.all_upstream_outputs_from_node(name)}
        for name in definitions.resolve_job_def(BILLING_DAY).graph.node_dict
    }
    before: set[str] = set()
    for stage in ORDER:
        for step in STEPS[stage] - {"extract_market_calendar"}:
            late = _all_upstream(step, upstream) - before - STEPS[stage]
            assert late == set(), f"{step} waits for {late}"
        before |= STEPS[stage]
    for earlier, later in itertools.pairwise(ORDER):
        assert any(_all_upstream(step, upstream) & STEPS[earlier] for step in STEPS[later]), f"{later} after {earlier}"


def _all_upstream(step: str, upstream: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [step]
    while waiting:
        for one in upstream[waiting.pop()] - found:
            found.add(one)
            waiting.append(one)
    return found


def test_every_soda_check_and_dbt_test_is_an_asset_check(definitions: dg.Definitions) -> None:
    keys = definitions.resolve_asset_graph().asset_check_keys
    names = {(key.asset_key.path[0], key.asset_key.path[-1], key.name) for key in keys}
    declared = {(one.schema, one.table, "soda_contract") for one in read_contracts()}
    assert declared <= names
    assert ("intermediate", "int_meter_readings__plan", "fit_to_load") in names


def test_jobs_schedule_and_sensors_are_there_and_unattended_work_is_off_by_default(definitions: dg.Definitions) -> None:
    assert {job.name for job in definitions.jobs or ()} == {BILLING_DAY, SETTLEMENT_JOB, RELEASE_JOB, RESUME_JOB}
    [schedule] = definitions.schedules or ()
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 6 * * *", "Australia/Brisbane")
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert {sensor.name for sensor in definitions.sensors or ()} == {
        "alert_on_failed_check",
        "alert_on_failed_run",
        "look_again_at_unbilled",
        "run_after_release",
        "run_when_data_land",
    }


def test_every_test_of_the_dbt_project_is_a_check_of_one_asset(definitions: dg.Definitions, tmp_path: Path) -> None:
    manifest = load_manifest(dbt_target(load_settings({"BILLSYNC_HOME": str(tmp_path)})))
    tests = {node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "test"}
    on_sources = {
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and all(one.startswith("source.") for one in node["depends_on"]["nodes"])
    }
    checks = [key.name for key in definitions.resolve_asset_graph().asset_check_keys]
    assert tests - on_sources <= set(checks)
    assert sorted(name for name in checks if name in tests) == sorted(tests - on_sources)


def test_definitions_with_robots_have_the_step_the_job_the_sensor_and_the_files_first(tmp_path: Path) -> None:
    on = {"BILLSYNC_UIPATH_EXCEPTIONS": "1", "BILLSYNC_UIPATH_JOBS": "retailer=FetchMeterFiles"}
    definitions = build_defs(load_settings({"BILLSYNC_HOME": str(tmp_path), **on}))
    structure = definitions.resolve_job_def(BILLING_DAY).graph.dependency_structure
    files = {one.node_name for one in structure.all_upstream_outputs_from_node("extract_meter_files")}
    assert files == {"extract_robot_files"}
    exceptions = {one.node_name for one in structure.all_upstream_outputs_from_node("robots")}
    assert exceptions == {"exception_queue_after_load"}
    assert "collect_from_robots" in {job.name for job in definitions.jobs or ()}
    [sensor] = [one for one in definitions.sensors or () if one.name == "look_at_robots"]
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
