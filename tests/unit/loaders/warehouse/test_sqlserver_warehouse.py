"""The raw layer on SQL Server: replacing scopes whole or not at all, whatever the link and the texts do."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from loaders.errors import MissingTableError, PermanentError, TransientError
from loaders.sqlserver.connection import open_connection
from loaders.sqlserver.login import SqlServerLogin
from loaders.warehouse import ParquetRowWriter, RawWrite
from loaders.warehouse import sqlserver_sql as statements
from loaders.warehouse import sqlserver_warehouse as module
from loaders.warehouse.schema import RAW_TABLES
from loaders.warehouse.sqlserver_warehouse import SqlServerWarehouse
from tests.sqlserver import execute, scratch_database
from tests.tcp_proxy import proxy_to

pytestmark = pytest.mark.sqlserver

D0, D1, D2 = date(2026, 3, 3), date(2026, 3, 4), date(2026, 3, 5)
TABLE = "rejected_records"
REPOSITORY = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def login() -> Iterator[SqlServerLogin]:
    with scratch_database() as found:
        SqlServerWarehouse(found).ensure_raw_schema()
        yield found


@pytest.fixture
def warehouse(login: SqlServerLogin) -> SqlServerWarehouse:
    execute(login, f"delete from raw.{TABLE}")
    return SqlServerWarehouse(login)


def staged(folder: Path, name: str, *days: date, reason: str = "Why.") -> list[Path]:
    with ParquetRowWriter(TABLE, folder / name[:20]) as writer:
        for number, on in enumerate(days, 1):
            writer.append((on, "FILE", name, number, "300", None, "CODE", reason))
        return writer.close()


def contents(warehouse: SqlServerWarehouse) -> list[tuple[object, object]]:
    rows = warehouse.fetch(f"select billing_day, file_name from raw.{TABLE} order by billing_day, file_name")
    return [(row["billing_day"], row["file_name"]) for row in rows]


def test_raw_schema_made_twice_has_every_table_and_column(warehouse: SqlServerWarehouse) -> None:
    warehouse.ensure_raw_schema()
    rows = warehouse.fetch(
        "select TABLE_NAME as t, COLUMN_NAME as c from INFORMATION_SCHEMA.COLUMNS where TABLE_SCHEMA = 'raw'"
    )
    expected = {(table.name, column) for table in RAW_TABLES.values() for column in table.column_names}
    assert {(row["t"], row["c"]) for row in rows} == expected


def test_replace_writes_only_its_scope_and_twice_is_once(warehouse: SqlServerWarehouse, tmp_path: Path) -> None:
    warehouse.replace([RawWrite(TABLE, {"billing_day": on}, staged(tmp_path, f"old {on}", on)) for on in (D0, D1, D2)])
    writes = [
        RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "b", D1, D1)),
        RawWrite(TABLE, {"billing_day": [D2]}),
    ]
    assert warehouse.replace(writes) == warehouse.replace(writes) == {TABLE: 2}
    assert contents(warehouse) == [(D0, f"old {D0}"), (D1, "b"), (D1, "b")]


@pytest.mark.parametrize(
    "text",
    [
        'quoted "a" and \\ back',
        "line\nbreak\r\ttab",
        "Māori 電力 🙂",
        "'; drop table raw.rejected_records; --",
        "\\n \\u0041",
        "%[x]_",
    ],
)
def test_text_comes_back_as_it_was_delivered(warehouse: SqlServerWarehouse, tmp_path: Path, text: str) -> None:
    warehouse.replace([RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "a", D1, reason=text))])
    assert [row["reason"] for row in warehouse.fetch(f"select reason from raw.{TABLE}")] == [text]


def test_long_text_widens_its_column_and_is_not_cut(warehouse: SqlServerWarehouse, tmp_path: Path) -> None:
    text = 'a "long" reason é ' * 1000
    warehouse.replace([RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "a", D1, reason=text))])
    assert [row["reason"] for row in warehouse.fetch(f"select reason from raw.{TABLE}")] == [text]


def test_key_longer_than_an_index_takes_is_kept_whole(warehouse: SqlServerWarehouse, tmp_path: Path) -> None:
    nmi = "6" * (statements.KEY_LENGTH + 1)
    with ParquetRowWriter(TABLE, tmp_path / "keys") as writer:
        writer.append((D1, "FILE", "a", 1, "200", nmi, "CODE", "Why."))
        files = writer.close()
    warehouse.replace([RawWrite(TABLE, {"billing_day": D1}, files)])
    assert [row["nmi"] for row in warehouse.fetch(f"select nmi from raw.{TABLE}")] == [nmi]


def test_rows_outside_their_scope_are_refused(warehouse: SqlServerWarehouse, tmp_path: Path) -> None:
    warehouse.replace([RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "old", D1))])
    with pytest.raises(PermanentError, match="Nothing was changed"):
        warehouse.replace([RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "new", D1, D2))])
    assert contents(warehouse) == [(D1, "old")]


def test_rows_that_a_driver_loses_are_noticed(
    warehouse: SqlServerWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.replace([RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "old", D1))])
    real = module.as_json
    monkeypatch.setattr(module, "as_json", lambda *arguments: real(*arguments).replace("CODE", "CODES"))
    with pytest.raises(PermanentError, match="lost or changed rows"):
        warehouse.replace([RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "new", D1))])
    assert contents(warehouse) == [(D1, "old")]


def test_replace_killed_between_delete_and_insert_leaves_the_old_rows(
    warehouse: SqlServerWarehouse, tmp_path: Path
) -> None:
    warehouse.replace([RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "old", D1))])
    new = staged(tmp_path, "new", D1, D1)
    script = f"""
import datetime, os
from pathlib import Path
from loaders.sqlserver.login import SqlServerLogin
from loaders.warehouse import RawWrite, sqlserver_warehouse as module
module._insert_file = lambda *arguments: os._exit(9)
login = SqlServerLogin(**{vars(warehouse.login)!r})
module.SqlServerWarehouse(login).replace(
    [RawWrite({TABLE!r}, {{"billing_day": datetime.date(2026, 3, 4)}}, [Path({str(new[0])!r})])])
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=False)
    assert ended.returncode == 9
    assert contents(warehouse) == [(D1, "old")]


def test_connection_cut_between_delete_and_insert_is_survived(
    warehouse: SqlServerWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.replace([RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "old", D1))])
    real, cuts = module._insert_file, []
    with proxy_to(warehouse.login.host, warehouse.login.port) as proxy:

        def cut_once(*arguments: object) -> object:
            if not cuts:
                cuts.append(1)
                proxy.cut()
            return real(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(module, "_insert_file", cut_once)
        through = SqlServerWarehouse(replace(warehouse.login, host="127.0.0.1", port=proxy.port))
        assert through.replace([RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "new", D1, D1))]) == {TABLE: 2}
    assert cuts
    assert contents(warehouse) == [(D1, "new"), (D1, "new")]


def test_reading_goes_on_after_its_connection_is_cut(warehouse: SqlServerWarehouse, tmp_path: Path) -> None:
    warehouse.replace([RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "a", D1))])
    with proxy_to(warehouse.login.host, warehouse.login.port) as proxy:
        through = SqlServerWarehouse(replace(warehouse.login, host="127.0.0.1", port=proxy.port))
        with through.reading():
            assert contents(through) == [(D1, "a")]
            proxy.cut()
            assert contents(through) == [(D1, "a")]


def test_table_that_somebody_holds_is_an_error_that_says_so(warehouse: SqlServerWarehouse, tmp_path: Path) -> None:
    warehouse.replace([RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "old", D1))])
    hasty = SqlServerWarehouse(replace(warehouse.login, lock_timeout_seconds=1), attempts=1)
    with closing(open_connection(warehouse.login)) as other:
        other.cursor().execute(f"update raw.{TABLE} set reason = 'held'")
        with pytest.raises(TransientError, match="lock time-out"):
            hasty.replace([RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "new", D1))])
        other.rollback()
    assert contents(warehouse) == [(D1, "old")]


def test_second_dbt_run_waits_for_the_first(warehouse: SqlServerWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOCK_WAIT_SECONDS", 1)
    entered = threading.Event()
    with warehouse.sole_dbt_run():
        with pytest.raises(TransientError, match="another dbt run"), warehouse.sole_dbt_run():
            entered.set()
        assert not entered.is_set()
    with warehouse.sole_dbt_run():
        entered.set()
    assert entered.is_set()


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"password": "wrong-Secret1"}, PermanentError, "login refused.*_PASSWORD"),
        ({"database": "no_such_database"}, PermanentError, "database missing|login refused"),
        ({"port": 1}, TransientError, "server not reached.*_HOST"),
        ({"trust_certificate": False, "encrypt": True}, PermanentError, "certificate.*TRUST_CERT"),
    ],
    ids=["wrong password", "no such database", "nobody listens", "certificate of nobody"],
)
def test_connection_that_cannot_be_made_says_why_and_what_to_do(
    login: SqlServerLogin, change: dict[str, object], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        SqlServerWarehouse(replace(login, **change), attempts=1).fetch("select 1 as one")  # type: ignore[arg-type]
    assert "wrong-Secret1" not in str(caught.value)


def test_mart_before_the_first_run_is_missing(warehouse: SqlServerWarehouse) -> None:
    with warehouse.reading(), pytest.raises(MissingTableError, match="billing day"):
        warehouse.fetch("select * from marts.fct_shadow_bills")
