"""Robots bound to settings: the step, the sensor and the commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from click.testing import CliRunner

from billsync.cli import main
from billsync.doctor import examine
from loaders.errors import PermanentError
from loaders.uipath.exceptions import assignments_of
from orchestration.assets.robots import look
from orchestration.robots import ASSIGNMENTS, exchange, read_robot_files, robots_of
from orchestration.systems import Systems
from sandbox.uipath import BASE_PATH, FOLDER_PATH, PROCESSES, QUEUES, TOKEN_PATH
from tests.conftest import REPOSITORY
from tests.unit.loaders.uipath.tenant import DAY, World, id_of, problem, serve

SEED = REPOSITORY / "dbt_project" / "seeds" / "reference" / "robot_queues.csv"
KEY = id_of("READ_MISSING_DAY", "4001234567")


@pytest.fixture
def uipath(tmp_path: Path) -> Iterator[World]:
    with serve(tmp_path) as world:
        with duckdb.connect(tmp_path / "warehouse.duckdb") as warehouse:
            warehouse.execute("create schema reference")
            warehouse.execute(f"create table reference.robot_queues as select * from read_csv('{SEED}')")
        world.detect(problem("READ_MISSING_DAY", "4001234567"), problem("READ_SPIKE", "4001111111"))
        yield world


@pytest.fixture
def environ(uipath: World, tmp_path: Path) -> dict[str, str]:
    uipath.landing.mkdir()
    return {
        "BILLSYNC_ENV": "test",
        "BILLSYNC_HOME": str(tmp_path),
        "BILLSYNC_LANDING": str(uipath.landing),
        "BILLSYNC_UIPATH_EXCEPTIONS": "1",
        "BILLSYNC_UIPATH_URL": f"{uipath.server.url}{BASE_PATH}",
        "BILLSYNC_UIPATH_TOKEN_URL": f"{uipath.server.url}{TOKEN_PATH}",
        "BILLSYNC_UIPATH_CLIENT_ID": "billsync",
        "BILLSYNC_UIPATH_CLIENT_SECRET": "app-secret",  # pragma: allowlist secret
        "BILLSYNC_UIPATH_FOLDER": FOLDER_PATH,
    }


def test_the_seed_names_queues_of_the_sandbox_and_nothing_that_cannot_be(environ: dict[str, str]) -> None:
    assignments = assignments_of(Systems(environ).warehouse.fetch(ASSIGNMENTS))
    assert {one.queue_name for one in assignments.values()} == set(QUEUES)
    assert all(one.most_attempts >= 1 for one in assignments.values())


def test_the_step_sends_and_takes_results(environ: dict[str, str], uipath: World) -> None:
    said: list[str] = []
    facts, problems = exchange(Systems(environ), said.append)
    assert (facts["sent"], problems) == (1, [])
    uipath.control("work")
    facts, problems = exchange(Systems(environ), said.append)
    assert (facts["done"], facts["sent"], problems) == (1, 0, [])
    assert uipath.queue.show(KEY)["state"] == "RESOLVED"
    assert any("robot_done" in line for line in said)


def test_the_doctor_asks_only_for_what_is_used(environ: dict[str, str], uipath: World) -> None:
    environ |= {"BILLSYNC_UIPATH_EXCEPTIONS": "0", "BILLSYNC_UIPATH_JOBS": "retailer=FetchMeterFiles"}
    [found] = [one for one in examine(environ) if one.what == "UiPath Orchestrator"]
    # An application that only starts jobs has no scope for queues.
    assert (found.ok, uipath.asked("QueueDefinitions")) == (True, 0)
    assert found.why == f"in the folder: processes: {len(PROCESSES)}"


def test_the_sensor_asks_for_a_run_only_while_robots_have_something(environ: dict[str, str], uipath: World) -> None:
    with dg.instance_for_test() as instance:
        systems = Systems(environ)
        assert isinstance(look(systems, instance), dg.SkipReason)
        robots_of(systems).send()
        assert isinstance(look(systems, instance), dg.RunRequest)
        uipath.control("work")
        robots_of(systems).collect()
        assert isinstance(look(systems, instance), dg.SkipReason)


def test_the_commands_send_collect_and_show(
    environ: dict[str, str], uipath: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    sent = CliRunner().invoke(main, ["robots", "send"])
    assert sent.exit_code == 0, sent.output
    assert "1 sent" in sent.output
    uipath.control("work", status="Failed", reason="portal is down")
    assert "1 failed" in CliRunner().invoke(main, ["robots", "collect"]).output
    shown = json.loads(CliRunner().invoke(main, ["robots", "status", "--json"]).output)
    assert shown == [
        {"exception_id": KEY, "queue": "Meter data requests", "reference": KEY, "last": "robot_failed"},
    ]
    assert "portal is down" in CliRunner().invoke(main, ["exceptions", "show", KEY]).output


def test_the_commands_say_that_robots_are_off(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**environ, "BILLSYNC_UIPATH_EXCEPTIONS": "0"}.items():
        monkeypatch.setenv(name, value)
    refused = CliRunner().invoke(main, ["robots", "send"])
    assert refused.exit_code == 2
    assert "BILLSYNC_UIPATH_EXCEPTIONS" in refused.output


def test_robot_files_name_each_job_that_failed_and_run_the_others(environ: dict[str, str], uipath: World) -> None:
    jobs = {"BILLSYNC_UIPATH_JOBS": "a=Nobody,b=Nowhere", "BILLSYNC_UIPATH_JOB_WAIT": "1"}
    with pytest.raises(PermanentError, match=r"Nobody.*Nowhere"):
        read_robot_files(Systems({**environ, **jobs}), DAY, Path())


def test_the_doctor_looks_into_the_folder_and_names_what_is_wrong_there(environ: dict[str, str]) -> None:
    def finding(more: dict[str, str]) -> list[tuple[bool, str]]:
        return [
            (one.ok, one.fix) for one in examine({**environ, **more}) if "robots" in one.what or "UiPath" in one.what
        ]

    assert finding({}) == [(True, "")]
    [(ok, fix)] = finding({"BILLSYNC_UIPATH_FOLDER": "Elsewhere"})
    assert not ok
    assert "BILLSYNC_UIPATH_FOLDER" in fix
    assert finding({"BILLSYNC_UIPATH_EXCEPTIONS": "0"}) == []
