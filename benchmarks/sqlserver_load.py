"""Rows per second of verified raw loads into the SQL Server that BILLSYNC_SQLSERVER_* names.

    python -m benchmarks.sqlserver_load [rows]

Makes a database of its own and drops it. The rows are narrow: the market calendar's.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from loaders.warehouse import RawWrite
from loaders.warehouse.parquet import arrow_schema
from loaders.warehouse.schema import RAW_TABLES
from loaders.warehouse.sqlserver_warehouse import SqlServerWarehouse
from tests.sqlserver import scratch_database

TABLE = "market_calendar"


def narrow_rows(count: int) -> pa.Table:
    """That many rows of the calendar, with plausible values."""
    values = {
        "integer": lambda number: number % 48,
        "date": lambda number: date(2020, 1, 1) + timedelta(days=number // 384),
        "text": lambda number: f"V{number % 8}",
        "timestamp": lambda _number: None,
    }
    columns = {name: [values[kind](number) for number in range(count)] for name, kind in RAW_TABLES[TABLE].columns}
    return pa.table(columns, schema=arrow_schema(RAW_TABLES[TABLE]))


def main(count: int) -> None:
    """Load once to warm up, then once more by the clock."""
    with scratch_database() as login, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        pq.write_table(narrow_rows(count), path)
        warehouse = SqlServerWarehouse(login)
        warehouse.ensure_raw_schema()
        write = RawWrite(TABLE, {}, [path])
        warehouse.replace([write])
        began = time.perf_counter()
        warehouse.replace([write])
        seconds = time.perf_counter() - began
        columns = len(RAW_TABLES[TABLE].columns)
        print(f"{count} rows of {columns} columns in {seconds:.1f} s, {count / seconds:.0f} rows/s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300_000)
