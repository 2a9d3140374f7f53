"""What the doctor says of a database on SQL Server: warnings that stop no day, also where the server does not tell."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from billsync.cli import main
from billsync.doctor import Finding, examine
from loaders.sqlserver.login import SqlServerLogin
from loaders.warehouse import sqlserver_sql
from tests.sqlserver import execute, variables

pytestmark = pytest.mark.sqlserver

OPTIONS = ("read-committed snapshot", "collation")


def findings(home: Path, login: SqlServerLogin) -> dict[str, Finding]:
    environ = {"BILLSYNC_HOME": str(home), "BILLSYNC_ENV": "local", **variables(login)}
    return {found.what: found for found in examine(environ) if found.what in OPTIONS}


def doctor(home: Path, login: SqlServerLogin) -> Result:
    return CliRunner().invoke(
        main, ["doctor"], env={"BILLSYNC_HOME": str(home), "BILLSYNC_ENV": "local", **variables(login)}
    )


def test_collation_is_judged_as_the_server_compares(tmp_path: Path, sqlserver_database: SqlServerLogin) -> None:
    execute(sqlserver_database, "create table compared (word varchar(1))")
    execute(sqlserver_database, "insert into compared values ('a')")
    ignores_case = bool(execute(sqlserver_database, "select word from compared where word = 'A'"))
    execute(sqlserver_database, "drop table compared")
    found = findings(tmp_path, sqlserver_database)
    assert set(found) == set(OPTIONS)
    assert found["collation"].ok is not ignores_case
    assert found["collation"].is_warning is ignores_case


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("select 0 as answer", "off"),
        ("select cast(null as int) as answer", "does not tell"),
        ("select 1 as answer where 1 = 0", "does not tell"),
        ("select answer from sys.no_such_view", "does not tell"),
    ],
    ids=["off", "unknown", "no row", "no such view"],
)
def test_snapshot_that_is_off_or_unknown_is_a_warning_that_says_what_to_do_and_no_failure(
    tmp_path: Path, sqlserver_database: SqlServerLogin, monkeypatch: pytest.MonkeyPatch, answer: str, words: str
) -> None:
    monkeypatch.setattr(sqlserver_sql, "READS_SNAPSHOTS", answer)
    result = doctor(tmp_path, sqlserver_database)
    assert "WARN  read-committed snapshot" in result.stdout
    shown = result.stdout.split("WARN  read-committed snapshot")[1]
    assert words in shown.splitlines()[1]
    assert "read_committed_snapshot on" in shown.splitlines()[2]
    assert "FAIL" not in result.stdout
    assert result.exit_code == 0


def test_snapshot_that_is_on_is_fit(
    tmp_path: Path, sqlserver_database: SqlServerLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlserver_sql, "READS_SNAPSHOTS", "select 1 as answer")
    assert "ok    read-committed snapshot" in doctor(tmp_path, sqlserver_database).stdout
