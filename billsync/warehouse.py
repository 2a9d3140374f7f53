"""The warehouse that the settings name: opened, and named for a person.

What belongs here: from settings to the plain values that ``loaders`` takes. What stays out: SQL and connections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from billsync.settings import ConfigurationError, Settings
from loaders.sqlserver.login import SqlServerLogin, login_problem

if TYPE_CHECKING:
    from loaders.warehouse import Warehouse

_SWITCH: Final = {"True": True, "False": False}
_LARGEST_PORT: Final = 65535
_LONGEST_LOCK_SECONDS: Final = 3600


def warehouse_of(settings: Settings) -> Warehouse:
    """The raw layer and queries of the warehouse; nothing is connected until it is used."""
    from loaders.warehouse import open_warehouse  # noqa: PLC0415 - keeps DuckDB and Arrow out of quick commands

    login = sqlserver_login(settings) if settings.warehouse == "sqlserver" else None
    return open_warehouse(settings.warehouse, duckdb_path=settings.duckdb_path, sqlserver=login)


def shown_warehouse(settings: Settings) -> str:
    """Where the warehouse is, in words."""
    if settings.warehouse == "sqlserver":
        return f"{sqlserver_login(settings).shown} (SQL Server)"
    return f"{settings.duckdb_path} (DuckDB)"


def sqlserver_login(settings: Settings) -> SqlServerLogin:
    """Read and check the names ``BILLSYNC_SQLSERVER_*``.

    Raises:
        ConfigurationError: one is missing, is no such value, or two contradict each other.
    """
    login = SqlServerLogin(
        host=settings.require("SQLSERVER_HOST"),
        port=_number(settings, "BILLSYNC_SQLSERVER_PORT", _LARGEST_PORT),
        database=settings.require("SQLSERVER_DATABASE"),
        user=settings.get("SQLSERVER_USER") or "",
        password=settings.get("SQLSERVER_PASSWORD") or "",
        authentication=settings.require("SQLSERVER_AUTHENTICATION"),
        backend=settings.require("SQLSERVER_BACKEND"),
        driver=settings.require("SQLSERVER_DRIVER"),
        encrypt=_switch(settings, "BILLSYNC_SQLSERVER_ENCRYPT"),
        trust_certificate=_switch(settings, "BILLSYNC_SQLSERVER_TRUST_CERT"),
        lock_timeout_seconds=_number(settings, "BILLSYNC_SQLSERVER_LOCK_TIMEOUT", _LONGEST_LOCK_SECONDS),
        current=(lambda: sqlserver_login(settings)) if settings.refers_to("BILLSYNC_SQLSERVER_") else None,
    )
    if problem := login_problem(login):
        msg = (
            f"the SQL Server settings do not fit together: {problem} (BILLSYNC_SQLSERVER_*, docs/how-to/sql-server.md)"
        )
        raise ConfigurationError(msg)
    return login


def _switch(settings: Settings, name: str) -> bool:
    text = settings.require(name)
    if text not in _SWITCH:
        msg = f"{name} is {text!r}; it must be True or False"
        raise ConfigurationError(msg)
    return _SWITCH[text]


def _number(settings: Settings, name: str, largest: int) -> int:
    text = settings.require(name)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= largest:
        msg = f"{name} is {text!r}; it must be a whole number from 1 to {largest}"
        raise ConfigurationError(msg)
    return int(text)
