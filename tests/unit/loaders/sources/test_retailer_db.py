"""Reading the retailer's database: exact values, plain errors, queries a retailer can edit."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from loaders.errors import PermanentError, TransientError
from loaders.sources.extract import Extract
from loaders.sources.retailer_db import SQL_FOLDER, exact_text, extract_retailer_db, queries
from loaders.warehouse import open_warehouse

DAY = date(2026, 3, 5)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """An empty retailer database with the default tables."""
    path = tmp_path / "retailer.db"
    with sqlite3.connect(path) as connection:
        for query in queries():
            columns = ", ".join(f"{name} {'numeric' if 'factor' in name else 'text'}" for name in query.columns)
            connection.execute(f"create table {query.path.stem} ({columns})")
    return path


def run(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)


def read(path: Path, folder: Path, **options: object) -> tuple[Extract, dict[str, list[dict[str, object]]]]:
    extract = extract_retailer_db(f"sqlite:///{path}", DAY, folder, **options)  # type: ignore[arg-type]
    tables = {
        write.table: [row for file in write.files for row in pq.read_table(file).to_pylist()]
        for write in extract.writes
    }
    return extract, tables


def test_every_retailer_table_has_a_query_and_is_staged(database: Path, tmp_path: Path) -> None:
    extract, tables = read(database, tmp_path / "s")
    assert len(tables) == 10
    assert set(extract.row_counts.values()) == {0}


def test_orders_are_those_of_the_billing_day_and_readings_those_of_the_window(database: Path, tmp_path: Path) -> None:
    order = "insert into meter_reading_orders values ('{0}', 'C1', 'D1', '001', '01', '{1}', '2026-02-05', '12.5')"
    reading = "insert into meter_readings values ('K', 'D1', '001', '{0}', '{1}', 'ACTUAL', '2026-03-05T09:00:00')"
    run(
        database, order.format("O1", "2026-03-05"), order.format("O2", "2026-03-06"), order.format("O3", "2026-03-04"),
        reading.format("1", "2026-03-05"), reading.format("2", "2026-03-06"), reading.format("3", "2024-01-01"),
        reading.format("4", "2025-12-01"),
    )  # fmt: skip
    extract, tables = read(database, tmp_path / "s")
    (found,) = tables["retailer_meter_reading_orders"]
    assert (found["meter_reading_order_id"], found["billing_day"], found["previous_reading"]) == ("O1", DAY, "12.5")
    assert sorted(str(row["meter_reading"]) for row in tables["retailer_meter_readings"]) == ["1", "4"]
    warehouse = open_warehouse("duckdb", duckdb_path=tmp_path / "w.duckdb")
    warehouse.ensure_raw_schema()
    assert warehouse.replace(extract.writes) == warehouse.replace(extract.writes)


@pytest.mark.parametrize(
    ("value", "column", "text"),
    [
        (None, "", None),
        ("", "", None),
        ("  x ", "", "  x "),
        (True, "", "1"),
        (False, "", "0"),
        (7, "", "7"),
        (Decimal("1E+2"), "", "100"),
        (Decimal("0.00000001"), "", "0.00000001"),
        (Decimal("12.50"), "", "12.50"),
        (0.1, "", "0.1"),
        (1e-7, "", "0.0000001"),
        (1.05, "", "1.05"),
        (date(2026, 3, 5), "", "2026-03-05"),
        (datetime(2026, 3, 5, tzinfo=UTC).replace(tzinfo=None), "start_date", "2026-03-05"),
        (datetime(2026, 3, 5, 9, 30, tzinfo=UTC).replace(tzinfo=None), "read_at", "2026-03-05T09:30:00"),
        (datetime(2026, 3, 5, 9, 30, tzinfo=UTC), "read_at", "2026-03-05T09:30:00+00:00"),
        (time(9, 30), "", "09:30:00"),
        (b"abc", "", "abc"),
    ],
)
def test_exact_text_loses_nothing(value: object, column: str, text: str | None) -> None:
    assert exact_text(value, column) == text


def test_row_with_an_identifier_too_long_to_be_kept_is_left_out_and_told(database: Path, tmp_path: Path) -> None:
    kept, too_long = "C" * 40, "C" * 41
    run(
        database,
        f"insert into contracts values ('{kept}', 'A1', '4103000011', '2026-01-01', null)",
        f"insert into contracts values ('{too_long}', 'A1', '4103000012', '2026-01-01', null)",
        f"insert into contract_plans values ('{too_long}', 'P1', '2026-01-01', null)",
    )
    extract, tables = read(database, tmp_path / "s")
    assert [row["contract_id"] for row in tables["retailer_contracts"]] == [kept]
    assert tables["retailer_contract_plans"] == []
    assert [failure.partition(":")[0] for failure in extract.failures] == [
        "retailer_contracts",
        "retailer_contract_plans",
    ]
    assert all("contract_id" in failure and "41 characters" in failure for failure in extract.failures)


def test_query_may_rename_reorder_and_add_columns(database: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sql"
    shutil.copytree(SQL_FOLDER, folder)
    (folder / "contract_accounts.sql").write_text(
        "-- ours: a colon, :billing_day, in a comment /* and :another */\n"
        "select 1 as extra, kunde as CUSTOMER_ID, konto as Contract_Account_Id from vkont;\n"
    )
    run(database, "create table vkont (konto text, kunde text)", "insert into vkont values ('000000000042', 'K7')")
    _, tables = read(database, tmp_path / "s", sql_folder=folder)
    assert tables["retailer_contract_accounts"] == [{"contract_account_id": "000000000042", "customer_id": "K7"}]


def test_query_without_a_wanted_column_is_an_error_that_names_both(database: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sql"
    shutil.copytree(SQL_FOLDER, folder)
    (folder / "contracts.sql").write_text("select contract_id, nmi from contracts")
    with pytest.raises(
        PermanentError, match=r"contracts\.sql: its result has no column contract_account_id, start_date"
    ):
        read(database, tmp_path / "s", sql_folder=folder)


def test_missing_query_file_is_an_error_that_names_it(database: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sql"
    shutil.copytree(SQL_FOLDER, folder)
    (folder / "devices.sql").unlink()
    with pytest.raises(PermanentError, match=r"devices\.sql"):
        read(database, tmp_path / "s", sql_folder=folder)


@pytest.mark.parametrize(
    "statement",
    ["drop table registers", "alter table registers rename column unit to einheit"],
    ids=["table", "column"],
)
def test_missing_table_or_column_is_an_error_that_names_the_query(
    database: Path, tmp_path: Path, statement: str
) -> None:
    run(database, statement)
    with pytest.raises(PermanentError, match=r"registers\.sql"):
        read(database, tmp_path / "s")


def test_missing_database_file_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="no such file"):
        read(tmp_path / "none.db", tmp_path / "s")
    assert not (tmp_path / "none.db").exists()


def test_locked_database_is_transient(database: Path, tmp_path: Path) -> None:
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("begin exclusive")
    try:
        with pytest.raises(TransientError, match="locked"):
            read(database, tmp_path / "s", connect_timeout_seconds=0)
    finally:
        holder.close()


@pytest.mark.parametrize(
    "url",
    [
        "nonsense with pa55word",
        "nodriver://user:pa55word@db.example:1433/retail",
        "sqlite+nothing:///x?password=pa55word",
        "postgresql+psycopg2://user:pa55word@127.0.0.1:9/retail",
    ],
)
def test_wrong_address_is_an_error_without_the_password(url: str, tmp_path: Path) -> None:
    with pytest.raises((PermanentError, TransientError)) as caught:
        extract_retailer_db(url, DAY, tmp_path)
    assert "pa55word" not in f"{caught.value} {caught.value.__cause__} {caught.value!r}"


def test_preview_and_detail_hold_no_personal_data(database: Path, tmp_path: Path) -> None:
    run(
        database,
        "insert into customers values ('K1', 'Ada Lovelace', 'ada@example.org', 'RESIDENTIAL', 0, '2026-01-01')",
    )
    extract, tables = read(database, tmp_path / "s")
    assert tables["retailer_customers"][0]["customer_name"] == "Ada Lovelace"
    assert "Ada" not in str(extract.preview) + str(extract.detail)
