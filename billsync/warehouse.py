"""The warehouse that the settings name: opened, and named for a person.

What belongs here: from settings to the plain values that ``loaders`` takes. What stays out: SQL and connections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from billsync.settings.sqlserver import sqlserver_login

if TYPE_CHECKING:
    from billsync.settings import Settings
    from loaders.warehouse import Warehouse


def warehouse_of(settings: Settings, *, attempts: int | None = None) -> Warehouse:
    """The raw layer and queries of the warehouse; nothing is connected until it is used.

    Args:
        settings: who and where.
        attempts: how often a server is asked that cannot be reached; its usual number if not given.
    """
    from loaders.warehouse import open_warehouse  # noqa: PLC0415 - keeps DuckDB and Arrow out of quick commands

    login = sqlserver_login(settings) if settings.warehouse == "sqlserver" else None
    return open_warehouse(settings.warehouse, duckdb_path=settings.duckdb_path, sqlserver=login, attempts=attempts)


def shown_warehouse(settings: Settings) -> str:
    """Where the warehouse is, in words."""
    if settings.warehouse == "sqlserver":
        return f"{sqlserver_login(settings).shown} (SQL Server)"
    return f"{settings.duckdb_path} (DuckDB)"
