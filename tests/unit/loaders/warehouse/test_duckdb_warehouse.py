"""The raw layer in DuckDB: replacing scopes whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loaders.errors import PermanentError, TransientError
from loaders.warehouse import ParquetRowWriter, RawWrite, open_warehouse
from loaders.warehouse.duckdb_warehouse import DuckDBWarehouse
from loaders.warehouse.schema import RAW_TABLES

D0, D1, D2 = date(2026, 3, 3), date(2026, 3, 4), date(2026, 3, 5)
TABLE = "rejected_records"


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    found = DuckDBWarehouse(tmp_path / "state" / "warehouse.duckdb", lock_wait_seconds=0.3)
    found.ensure_raw_schema()
    return found


def staged(folder: Path, name: str, *days: date) -> list[Path]:
    with ParquetRowWriter(TABLE, folder / name) as writer:
        for number, on in enumerate(days, 1):
            writer.append((on, "FILE", name, number, "300", None, "CODE", "Why."))
        return writer.close()


def contents(warehouse: DuckDBWarehouse) -> list[tuple[object, object]]:
    rows = warehouse.fetch(f"select billing_day, file_name from raw.{TABLE} order by billing_day, file_name")
    return [(row["billing_day"], row["file_name"]) for row in rows]


def test_raw_schema_has_every_table_and_column_empty(warehouse: DuckDBWarehouse) -> None:
    warehouse.ensure_raw_schema()
    rows = warehouse.fetch("select table_name, column_name from information_schema.columns where table_schema = 'raw'")
    expected = {(table.name, column) for table in RAW_TABLES.values() for column in table.column_names}
    assert {(row["table_name"], row["column_name"]) for row in rows} == expected
    assert all(not warehouse.fetch(f"select 1 as one from raw.{name}") for name in RAW_TABLES)


def test_raw_schema_of_an_older_version_is_an_error_that_names_the_column(tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema raw")
        connection.execute(f"create table raw.{TABLE} (billing_day date)")
    with pytest.raises(PermanentError, match="reason_code"):
        DuckDBWarehouse(path).ensure_raw_schema()


def test_replace_writes_only_its_scope(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    warehouse.replace([RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "a", D1, D1))])
    counts = warehouse.replace([RawWrite(TABLE, {"billing_day": D2}, staged(tmp_path, "b", D2))])
    assert counts == {TABLE: 1}
    assert contents(warehouse) == [(D1, "a"), (D1, "a"), (D2, "b")]


def test_replace_of_several_days_at_once_replaces_each(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    warehouse.replace([RawWrite(TABLE, {"billing_day": on}, staged(tmp_path, f"old {on}", on)) for on in (D0, D1, D2)])
    writes = [RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "b", D1, D1)), RawWrite(TABLE, {"billing_day": D2})]
    assert warehouse.replace(writes) == {TABLE: 2}
    assert contents(warehouse) == [(D0, f"old {D0}"), (D1, "b"), (D1, "b")]


def test_replace_twice_changes_nothing(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    write = RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "a", D1, D1))
    assert warehouse.replace([write]) == warehouse.replace([write]) == {TABLE: 2}
    assert contents(warehouse) == [(D1, "a"), (D1, "a")]


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        ({}, []),
        ({"billing_day": D1}, [D2]),
        ({"billing_day": (D1, D2)}, []),
        ({"billing_day": [D2]}, [D1]),
        ({"billing_day": []}, [D1, D2]),
        ({"billing_day": D1, "source": "API"}, [D1, D2]),
    ],
    ids=["whole table", "equal", "range", "one of", "none of", "two columns"],
)
def test_replace_without_files_empties_its_scope(
    warehouse: DuckDBWarehouse, tmp_path: Path, scope: dict[str, object], left: list[date]
) -> None:
    warehouse.replace([RawWrite(TABLE, {}, staged(tmp_path, "a", D1, D2))])
    assert warehouse.replace([RawWrite(TABLE, scope)]) == {TABLE: 0}
    assert [on for on, _ in contents(warehouse)] == left


def test_replace_that_fails_half_way_leaves_every_table_as_it_was(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    warehouse.replace([RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "old", D1))])
    broken = tmp_path / "broken.parquet"
    schema = pa.schema([("billing_day", pa.string())])
    pq.write_table(pa.table({"billing_day": ["never"]}, schema=schema), broken)
    writes = [
        RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "new", D1, D1)),
        RawWrite("meter_headers", {"billing_day": D1}, [broken]),
    ]
    with pytest.raises(duckdb.Error):
        warehouse.replace(writes)
    assert contents(warehouse) == [(D1, "old")]


def test_replace_killed_half_way_leaves_the_old_rows(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    warehouse.replace([RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "old", D1))])
    new = staged(tmp_path, "new", *[D1] * 1000)
    script = f"""
import datetime, os
from pathlib import Path
from loaders.warehouse import duckdb_warehouse as module, RawWrite
real = module._replace_scopes
def then_die(*arguments):
    real(*arguments)
    os._exit(9)
module._replace_scopes = then_die
module.DuckDBWarehouse(Path({str(warehouse.path)!r})).replace(
    [RawWrite({TABLE!r}, {{"billing_day": datetime.date(2026, 3, 4)}}, [Path({str(new[0])!r})])])
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[4], check=False)
    assert ended.returncode == 9
    assert contents(warehouse) == [(D1, "old")]


def test_rows_outside_their_scope_are_refused(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    warehouse.replace([RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "old", D1))])
    with pytest.raises(PermanentError, match="Nothing was changed"):
        warehouse.replace([RawWrite(TABLE, {"billing_day": D1}, staged(tmp_path, "new", D1, D2))])
    assert contents(warehouse) == [(D1, "old")]


def test_fetch_cannot_write(warehouse: DuckDBWarehouse) -> None:
    with pytest.raises(duckdb.Error):
        warehouse.fetch(f"delete from raw.{TABLE}")


def test_fetch_before_the_first_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="does not exist yet"):
        DuckDBWarehouse(tmp_path / "none.duckdb").fetch("select 1")


def test_file_held_by_another_process_is_waited_for_and_then_reported(warehouse: DuckDBWarehouse) -> None:
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(warehouse.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        with pytest.raises(TransientError, match="another process"):
            warehouse.fetch("select 1")
        assert holder.stdin is not None
        holder.stdin.close()
        holder.wait(10)
    assert warehouse.fetch("select 1 as one") == [{"one": 1}]


def test_file_that_is_no_database_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "text.duckdb"
    path.write_text("not a database, but long enough to be looked at " * 100)
    with pytest.raises(PermanentError, match="DuckDB database"):
        DuckDBWarehouse(path).fetch("select 1")


def test_target_without_a_writer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="parchment"):
        open_warehouse("parchment", duckdb_path=tmp_path / "w.duckdb")


def test_stream_gives_every_row_once_across_its_pieces(warehouse: DuckDBWarehouse) -> None:
    warehouse.ensure_raw_schema()
    rows = warehouse.stream("select i as number from range(?) as t(i) order by 1", [12_001])
    assert next(rows) == {"number": 0}
    assert [row["number"] for row in rows] == list(range(1, 12_001))
