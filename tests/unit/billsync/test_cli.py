"""The command line: help, usage errors, exit statuses, and what it does not import."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from billsync.cli import main
from tests.conftest import REPOSITORY

COMMANDS = ("backfill", "demo", "doctor", "exceptions", "explain", "report", "run", "sandbox", "status", "ui")


def _invoke(home: Path, *words: str, **environ: str) -> Result:
    return CliRunner().invoke(main, words, env={"BILLSYNC_HOME": str(home), "BILLSYNC_ENV": "test", **environ})


def test_help_names_every_command(tmp_path: Path) -> None:
    result = _invoke(tmp_path, "--help")
    assert result.exit_code == 0
    assert [name for name in COMMANDS if f"\n  {name} " not in result.output] == []


def test_help_imports_neither_dagster_nor_dbt_nor_the_sandbox() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom billsync.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "print(sorted({'dagster', 'dbt', 'duckdb', 'sandbox', 'soda_core', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "words",
    [
        ("run",),
        ("run", "--day", "5 March"),
        ("run", "--day", "2019-12-31"),
        ("backfill", "--from", "2026-03-05", "--to", "2026-03-01"),
        ("nonsense",),
        ("exceptions", "list", "--state", "LOST"),
        ("exceptions", "list", "--day", "yesterday"),
        ("exceptions", "release", "abc"),
        ("demo",),
    ],
)
def test_wrong_usage_exits_with_2(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert _invoke(tmp_path, *words).exit_code == 2


def test_run_of_a_day_that_has_not_begun_in_market_time_exits_with_2(tmp_path: Path) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(hours=10)).date() + timedelta(days=1)
    result = _invoke(tmp_path, "run", "--day", tomorrow.isoformat())
    assert result.exit_code == 2
    assert "has not begun" in result.stderr


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"BILLSYNC_ENV": "moon"}, "BILLSYNC_ENV"),
        ({"BILLSYNC_WAREHOUSE": "oracle"}, "BILLSYNC_WAREHOUSE"),
        ({}, "BILLSYNC_LANDING"),
        ({"BILLSYNC_LANDING": "/nowhere"}, "BILLSYNC_SOURCE_DB_URL"),
    ],
)
def test_run_with_wrong_or_missing_configuration_exits_with_2_and_names_it(
    tmp_path: Path, environ: dict[str, str], named: str
) -> None:
    result = _invoke(tmp_path, "run", "--day", "2026-03-05", **environ)
    assert result.exit_code == 2
    assert named in result.stderr


def test_status_of_a_day_that_never_ran_exits_with_1_and_says_what_to_do(tmp_path: Path) -> None:
    result = _invoke(tmp_path, "status", "--day", "2026-03-05")
    assert result.exit_code == 1
    assert "billsync run --day 2026-03-05" in result.stderr


def test_status_as_json_prints_json_alone(tmp_path: Path) -> None:
    shown = json.loads(_invoke(tmp_path, "status", "--day", "2026-03-05", "--json").stdout)
    assert shown["is_complete"] is False
    assert shown["first_day"] == "2026-03-05"
    assert shown["bills"] == []


def _queue_with_one_problem(home: Path) -> str:
    from loaders.exception_queue import ExceptionQueue, exception_id_of
    from loaders.operational_db import open_engine, upgrade

    engine = open_engine(f"sqlite:///{home}/ledger.db")
    upgrade(engine)
    problem = {
        "problem_key": "READ_MISSING_DAY|4102000001|E1|2026-02-11", "billing_day": date(2026, 3, 5),
        "rule_code": "READ_MISSING_DAY", "severity": "ISSUE", "nmi": "4102000001", "nmi_suffix": "E1",
        "contract_id": None, "first_market_date": date(2026, 2, 11), "last_market_date": date(2026, 2, 12),
        "detail": "two days without data",
    }  # fmt: skip
    day = date(2026, 3, 5)
    ExceptionQueue(engine).merge([problem], [], first_day=day, last_day=day, actor="test")
    engine.dispose()
    return exception_id_of(str(problem["problem_key"]))


def test_exceptions_release_moves_one_out_of_the_open_list_and_keeps_the_reason(tmp_path: Path) -> None:
    exception_id = _queue_with_one_problem(tmp_path)
    listed = json.loads(_invoke(tmp_path, "exceptions", "list", "--day", "2026-03-05", "--json").stdout)
    assert [row["exception_id"] for row in listed] == [exception_id]

    released = _invoke(tmp_path, "exceptions", "release", exception_id[:6], "--reason", "read by hand, is right")
    assert released.exit_code == 0, released.output

    assert json.loads(_invoke(tmp_path, "exceptions", "list", "--json").stdout) == []
    shown = json.loads(_invoke(tmp_path, "exceptions", "show", exception_id, "--json").stdout)
    assert (shown["state"], shown["state_reason"]) == ("RELEASED", "read by hand, is right")
    assert [entry["to_state"] for entry in shown["history"]] == ["OPEN", "RELEASED"]


def test_exceptions_show_of_an_unknown_id_exits_with_1_in_plain_words(tmp_path: Path) -> None:
    result = _invoke(tmp_path, "exceptions", "show", "nothing")
    assert result.exit_code == 1
    assert "what:" in result.stderr
    assert "Traceback" not in result.output


def test_doctor_with_a_wrong_environment_says_so_and_exits_with_1(tmp_path: Path) -> None:
    result = _invoke(tmp_path, "doctor", BILLSYNC_ENV="moon")
    assert result.exit_code == 1
    assert "BILLSYNC_ENV" in result.stdout


def test_doctor_in_test_names_what_is_missing_and_shows_no_secret(tmp_path: Path) -> None:
    result = _invoke(tmp_path, "doctor", BILLSYNC_SOURCE_DB_URL="postgresql://reader:hunter2@127.0.0.1:1/x")
    assert result.exit_code == 1
    assert "BILLSYNC_LANDING is not set" in result.stdout
    assert "hunter2" not in result.output


@pytest.mark.parametrize("name", ["BILLSYNC_LEDGER_URL", "BILLSYNC_SOURCE_DB_URL"])
def test_run_with_an_address_that_is_no_url_exits_with_2_naming_it_and_hiding_it(tmp_path: Path, name: str) -> None:
    named = {"BILLSYNC_LANDING": str(tmp_path), "BILLSYNC_SOURCE_DB_URL": "sqlite:///retailer.db"}
    result = _invoke(tmp_path, "run", "--day", "2026-03-05", **(named | {name: "pa55word@nowhere"}))
    assert result.exit_code == 2
    assert name in result.output
    assert "pa55word" not in result.output


def test_run_with_the_ledger_on_the_warehouses_server_gets_past_the_check_of_addresses(tmp_path: Path) -> None:
    named = {"BILLSYNC_LANDING": str(tmp_path), "BILLSYNC_SOURCE_DB_URL": "sqlite:///retailer.db"}
    server = {
        "BILLSYNC_SQLSERVER_HOST": "127.0.0.1",
        "BILLSYNC_SQLSERVER_USER": "u",
        "BILLSYNC_SQLSERVER_PASSWORD": "p",
    }
    wanted = {"BILLSYNC_LEDGER_URL": "sqlserver", "BILLSYNC_WAREHOUSE": "sqlserver"}
    # A day before the first one is the next thing that is refused: nothing is connected.
    result = _invoke(tmp_path, "run", "--day", "1990-01-01", **named, **server, **wanted)
    assert result.exit_code == 2
    assert "1990-01-01" in result.output


def test_run_with_a_state_folder_that_cannot_be_made_exits_with_2_naming_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = _invoke(tmp_path / "file" / "state", "run", "--day", "2026-03-05")
    assert result.exit_code == 2
    assert "BILLSYNC_HOME" in result.output
