"""The sandbox's day on SQL Server: the same marts as on DuckDB, row by row, and nothing lost when it is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from loaders.sqlserver.login import SqlServerLogin
from tests.e2e.deliveries import Delivered, deliver
from tests.e2e.harness import Retailer, Row, assert_balanced, differences, sandboxed
from tests.sqlserver import execute, scratch_database, variables
from tests.tcp_proxy import proxy_to

pytestmark = [pytest.mark.e2e, pytest.mark.sqlserver]

DAY = "2026-03-05"
LONGER, LONG_NMI, TOO_LONG = "-LONGER-THAN-SAP-TAKES", "4103" * 9, "N" * 60
# When this run did something, and what SAP numbered in the order of arrival.
OF_THE_RUN = frozenset({"detected_at", "state_at", "known_from_at", "worked_at", "sap_document_id"})


@dataclass(frozen=True)
class OnSqlServer(Retailer):
    """A retailer whose warehouse is a database on SQL Server."""

    login: SqlServerLogin = field(default_factory=lambda: SqlServerLogin("", ""))

    def fetch(self, sql: str, parameters: Any = ()) -> list[Row]:
        return execute(self.login, sql, list(parameters))


@dataclass(frozen=True)
class Pair:
    """The same day on both warehouses."""

    duckdb: Retailer
    sqlserver: OnSqlServer


def mart_rows(retailer: Retailer) -> dict[str, list[str]]:
    """Every row of every mart as text: columns by name, numbers without trailing zeros, flags as numbers."""
    listed = retailer.fetch(
        "select table_name, column_name from information_schema.columns where table_schema = 'marts' order by 1, 2"
    )
    tables: dict[str, list[str]] = {}
    for table, column in listed:
        if column not in OF_THE_RUN:
            tables.setdefault(table, []).append(column)
    assert tables
    return {
        table: sorted(
            repr(tuple(map(plain, row))) for row in retailer.fetch(f"select {', '.join(names)} from marts.{table}")
        )
        for table, names in tables.items()
    }


def plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if value else "0"
    return value.isoformat() if isinstance(value, datetime) else value


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    root = tmp_path_factory.mktemp("pair")
    with scratch_database() as login, sandboxed(root / "duckdb") as first, sandboxed(root / "sqlserver") as second:
        own = {**second.environment, **variables(login), "BILLSYNC_LEDGER_URL": "sqlserver"}
        on_server = OnSqlServer(second.root, own, login)
        for retailer in (first, on_server):
            lengthen_identifiers(retailer)
            retailer.run(DAY)
        yield Pair(first, on_server)


def lengthen_identifiers(retailer: Retailer) -> None:
    """Give a contract and an NMI identifiers longer than the market and SAP know, and deliver some too long to keep."""
    (contract,), *_ = retailer.retailer(
        "select contract_id from meter_reading_orders "
        f"where scheduled_read_date = '{DAY}' and contract_id in (select contract_id from contracts) order by 1"
    )
    for table in ("contracts", "contract_plans", "contract_terms", "meter_reading_orders"):
        retailer.retailer(f"update {table} set contract_id = '{contract}{LONGER}' where contract_id = '{contract}'")
    retailer.retailer(f"insert into contracts values ('{TOO_LONG}', 'A1', '4103000011', '2026-01-01', null)")
    record = ["300", "20260304", *["0.5"] * 48, "A", "", "", "20260305010000", ""]
    for nmi in (LONG_NMI, TOO_LONG):
        header = ["200", nmi, "E1", "1", "E1", "N1", "METER1", "kWh", "30", ""]
        deliver(retailer.sandbox / "landing", DAY, f"NEM12#{len(nmi)}#BLUEMDP#BANKSIA.csv", [Delivered(header, record)])


def test_long_identifiers_are_kept_whole_or_refused_by_name(pair: Pair) -> None:
    for retailer in (pair.duckdb, pair.sqlserver):
        assert retailer.fetch(f"select count(*) from marts.fct_daily_usage where nmi = '{LONG_NMI}'") != [(0,)]
        bills = "select count(*) from marts.fct_shadow_bills where contract_id like "
        assert retailer.fetch(f"{bills} '%{LONGER}'") == [(1,)]
        rejected = "select distinct nmi from marts.rejected_records where reason_code = 'NMI_TOO_LONG'"
        assert retailer.fetch(rejected) == [(TOO_LONG[:37] + "...",)]
        assert "contract_id" in str(
            retailer.fetch("select detail from raw.source_outcomes where source_name = 'retailer_db'")
        )


def test_every_mart_is_the_same_row_by_row(pair: Pair) -> None:
    left, right = mart_rows(pair.duckdb), mart_rows(pair.sqlserver)
    assert left.keys() == right.keys()
    assert differences(left, right) == {}
    assert_balanced(pair.sqlserver)


def test_day_run_again_changes_nothing(pair: Pair) -> None:
    before = mart_rows(pair.sqlserver)
    pair.sqlserver.run(DAY)
    assert differences(before, mart_rows(pair.sqlserver)) == {}


def begun_dbt(retailer: OnSqlServer, said: Path, **more: str) -> subprocess.Popen[bytes]:
    """A run of the day in a process of its own that has come as far as dbt's models; what it says is in a file."""
    with said.open("wb") as output:
        process = subprocess.Popen(
            retailer.command("run", "--day", DAY), env=retailer.variables(**more), cwd=retailer.root,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    deadline = time.monotonic() + 300
    busy = "select count(*) from sys.views where right(name, 12) = '__dbt_tmp_vw'"
    while not retailer.fetch(busy)[0][0] and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    assert process.poll() is None, "it ended before it could be disturbed"
    return process


def test_day_killed_in_dbt_and_run_again_gives_the_same_marts(pair: Pair, tmp_path: Path) -> None:
    before = mart_rows(pair.sqlserver)
    process = begun_dbt(pair.sqlserver, tmp_path / "said")
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=60)
    pair.sqlserver.run(DAY)
    assert differences(before, mart_rows(pair.sqlserver)) == {}


def test_day_whose_connections_are_cut_in_dbt_is_survived(pair: Pair, tmp_path: Path) -> None:
    before = mart_rows(pair.sqlserver)
    login = pair.sqlserver.login
    with proxy_to(login.host, login.port) as proxy:
        said = tmp_path / "said"
        process = begun_dbt(
            pair.sqlserver, said, BILLSYNC_SQLSERVER_HOST="127.0.0.1", BILLSYNC_SQLSERVER_PORT=str(proxy.port)
        )
        assert proxy.sockets
        proxy.cut()
        assert process.wait(timeout=800) == 0, said.read_text(encoding="utf-8")[-4000:]
    assert differences(before, mart_rows(pair.sqlserver)) == {}


def test_wrong_password_is_one_clear_line(pair: Pair, tmp_path: Path) -> None:
    done = pair.sqlserver.call("run", "--day", DAY, BILLSYNC_SQLSERVER_PASSWORD="wrong-Secret1")
    assert done.returncode == 1
    assert "login refused" in done.stderr
    assert "wrong-Secret1" not in done.stderr + done.stdout


def test_full_refresh_that_did_not_end_is_noticed(pair: Pair) -> None:
    # What the adapter puts on a table before a full refresh and takes off when it is whole.
    named = "@level0type = N'SCHEMA', @level0name = N'marts', @level1type = N'TABLE', @level1name = N'fct_daily_usage'"
    mark = "@name = N'dbt_full_refresh_incomplete'"
    execute(pair.sqlserver.login, f"exec sp_addextendedproperty {mark}, @value = N'1', {named}")
    try:
        assert "full refresh" in pair.sqlserver.run(DAY, expect=1)
    finally:
        execute(pair.sqlserver.login, f"exec sp_dropextendedproperty {mark}, {named}")
    pair.sqlserver.run(DAY)
