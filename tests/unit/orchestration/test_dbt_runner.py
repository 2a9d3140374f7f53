"""dbt's command line and the events of its runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration.dbt_runner import (
    SELECTED,
    DbtError,
    DbtTarget,
    build_args,
    load_manifest,
    project_fingerprint,
    run_dbt,
)

DAY = date(2026, 3, 5)
PROFILE = """
mini:
  target: duckdb
  outputs:
    duckdb: {type: duckdb, path: "{{ env_var('BILLSYNC_DUCKDB_PATH') }}", threads: 1}
"""
PROJECT = """
name: mini
profile: mini
version: "1.0"
flags: {send_anonymous_usage_stats: false}
vars: {start_day: "2000-01-01", end_day: "2000-01-01"}
"""
TESTS = """
version: 2
models:
  - name: days
    columns:
      - name: day
        data_tests: [not_null]
"""


@pytest.fixture
def target(tmp_path: Path) -> DbtTarget:
    """A dbt project of two models, one of which reads the run's window."""
    project = tmp_path / "project"
    models = project / "models"
    models.mkdir(parents=True)
    (project / "dbt_project.yml").write_text(PROJECT, encoding="utf-8")
    (project / "profiles.yml").write_text(PROFILE, encoding="utf-8")
    (models / "days.sql").write_text("select cast('{{ var(\"start_day\") }}' as date) as day", encoding="utf-8")
    (models / "more.sql").write_text("select * from {{ ref('days') }}", encoding="utf-8")
    (models / "schema.yml").write_text(TESTS, encoding="utf-8")
    environment = {"BILLSYNC_DUCKDB_PATH": str(tmp_path / "warehouse.duckdb")}
    return DbtTarget("duckdb", tmp_path / "target", tmp_path / "logs", environment, project)


def _days(target: DbtTarget) -> Iterator[object]:
    with duckdb.connect(target.environment["BILLSYNC_DUCKDB_PATH"], read_only=True) as connection:
        yield from (row[0] for row in connection.execute("select day from days").fetchall())


def test_build_args_select_the_nodes_of_the_run_alone_and_carry_the_window(target: DbtTarget) -> None:
    args = build_args(target, DAY, date(2026, 3, 7))
    assert args[args.index("--select") + 1 :] == [f"tag:{SELECTED}"]
    assert json.loads(args[args.index("--vars") + 1]) == {"start_day": "2026-03-05", "end_day": "2026-03-07"}
    assert args[args.index("--indirect-selection") + 1] == "empty"
    assert args[args.index("--exclude-resource-type") + 1] == "unit_test"
    assert "--no-send-anonymous-usage-stats" in args


def test_run_dbt_yields_results_of_the_selected_nodes_with_the_window_of_the_run(target: DbtTarget) -> None:
    events = list(run_dbt(target, build_args(target, DAY, DAY), ["days", "not_null_days_day"]))
    assert [event.data["node_info"]["unique_id"].split(".")[2] for event in events] == ["days", "not_null_days_day"]
    assert list(_days(target)) == [DAY]


def test_run_dbt_renders_the_next_window_without_parsing_again(target: DbtTarget) -> None:
    for day in (DAY, date(2026, 3, 6)):
        list(run_dbt(target, build_args(target, day, day), ["days"]))
    assert list(_days(target)) == [date(2026, 3, 6)]


def test_run_dbt_leaves_the_database_open_to_readers(target: DbtTarget) -> None:
    list(run_dbt(target, build_args(target, DAY, DAY), ["days"]))
    assert len(list(_days(target))) == 1


def test_run_dbt_of_a_model_that_fails_yields_the_others_and_names_it(target: DbtTarget) -> None:
    (target.project_dir / "models" / "more.sql").write_text("select nothing from {{ ref('days') }}", "utf-8")
    seen: list[str] = []
    with pytest.raises(DbtError, match=r"more: .*nothing"):
        seen.extend(
            event.data["node_info"]["node_name"]
            for event in run_dbt(target, build_args(target, DAY, DAY), ["days", "more"])
        )
    assert seen == ["days", "more"]


def test_run_dbt_left_early_waits_for_dbt_and_frees_the_database(target: DbtTarget) -> None:
    events = run_dbt(target, build_args(target, DAY, DAY), ["days", "more"])
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert len(list(_days(target))) == 1


def test_load_manifest_parses_again_only_when_the_project_changed(target: DbtTarget) -> None:
    before = load_manifest(target)
    stamp = target.manifest_path.stat().st_mtime_ns
    assert load_manifest(target) == before
    assert target.manifest_path.stat().st_mtime_ns == stamp
    (target.project_dir / "models" / "third.sql").write_text("select 1 as x", encoding="utf-8")
    assert "model.mini.third" in load_manifest(target)["nodes"]


def test_load_manifest_of_a_project_that_does_not_parse_says_so(target: DbtTarget) -> None:
    (target.project_dir / "models" / "third.sql").write_text("select * from {{ ref('nowhere') }}", encoding="utf-8")
    with pytest.raises(DbtError, match="nowhere"):
        load_manifest(target)


def test_project_fingerprint_follows_the_profile_environment(target: DbtTarget) -> None:
    other = DbtTarget(target.name, target.folder, target.logs, {"BILLSYNC_DUCKDB_PATH": "/else"}, target.project_dir)
    assert project_fingerprint(target) != project_fingerprint(other)
