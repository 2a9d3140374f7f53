"""The raw layer's writers, one per warehouse, all with the same interface."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from loaders.errors import PermanentError
from loaders.warehouse.base import RawWrite, Warehouse
from loaders.warehouse.parquet import ParquetRowWriter

if TYPE_CHECKING:
    from loaders.sqlserver.login import SqlServerLogin

__all__ = ["ParquetRowWriter", "RawWrite", "Warehouse", "open_warehouse"]


def open_warehouse(
    target: str,
    *,
    duckdb_path: Path,
    memory_limit: str | None = None,
    threads: int | None = None,
    lock_wait_seconds: float = 60.0,
    sqlserver: SqlServerLogin | None = None,
    attempts: int | None = None,
) -> Warehouse:
    """Return the raw layer of the warehouse that a target names; nothing is connected yet.

    Args:
        target: warehouse name (``duckdb`` or ``sqlserver``).
        duckdb_path: file of the DuckDB warehouse.
        memory_limit: DuckDB memory limit.
        threads: DuckDB threads.
        lock_wait_seconds: how long to wait for another process that holds the DuckDB file.
        sqlserver: who and where, for SQL Server.
        attempts: how often SQL Server is asked for what failed in a way that passes; its usual number if not given.

    Raises:
        PermanentError: no raw-layer writer for this target.
    """
    if target == "duckdb":
        # Where meter files are only read, as in the Lambda function, there is no DuckDB.
        from loaders.warehouse.duckdb_warehouse import DuckDBWarehouse  # noqa: PLC0415 - see above

        return DuckDBWarehouse(duckdb_path, memory_limit, threads, lock_wait_seconds)
    if target == "sqlserver" and sqlserver is not None:
        from loaders.sqlserver.connection import ATTEMPTS  # noqa: PLC0415 - where it is used only
        from loaders.warehouse.sqlserver_warehouse import SqlServerWarehouse  # noqa: PLC0415 - where it is used only

        return SqlServerWarehouse(sqlserver, attempts or ATTEMPTS)
    raise PermanentError(
        f"Opening the warehouse {target!r}",
        "there is no raw-layer writer for it",
        "Use the target duckdb or sqlserver.",
    )
