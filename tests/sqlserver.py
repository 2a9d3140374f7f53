"""A database of its own on the SQL Server that BILLSYNC_SQLSERVER_HOST names, for the tests marked ``sqlserver``.

The login must be allowed to create databases. Nothing but databases named ``billsync_test_…`` is made or dropped.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from billsync.settings import load_settings
from billsync.settings.sqlserver import sqlserver_login
from loaders.sqlserver.connection import open_connection
from loaders.sqlserver.login import SqlServerLogin

NO_SERVER = "skipped: no server (BILLSYNC_SQLSERVER_HOST is not set)"


def server_login() -> SqlServerLogin:
    """The login of the test server, at its database ``master``; skips the test where there is none."""
    if not os.environ.get("BILLSYNC_SQLSERVER_HOST"):
        pytest.skip(NO_SERVER)
    settings = load_settings({"BILLSYNC_SQLSERVER_DATABASE": "master", **os.environ})
    return replace(sqlserver_login(settings), database="master", lock_timeout_seconds=20)


def execute(login: SqlServerLogin, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    """Run one statement, and give its rows."""
    with closing(open_connection(login, autocommit=True)) as connection:
        cursor = connection.cursor()
        cursor.execute(sql, *([parameters] if parameters else []))
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []


@contextmanager
def scratch_database() -> Iterator[SqlServerLogin]:
    """A new database, dropped afterwards."""
    server = server_login()
    name = f"billsync_test_{uuid.uuid4().hex[:8]}"
    execute(server, f"create database {name}")
    try:
        yield replace(server, database=name)
    finally:
        with suppress(Exception):  # left to the server's people when something still holds it
            execute(server, f"drop database {name}")


def drop_tables(login: SqlServerLogin, schema: str) -> None:
    """Empty a schema."""
    tables = execute(login, "select TABLE_NAME from INFORMATION_SCHEMA.TABLES where TABLE_SCHEMA = ?", [schema])
    for (table,) in tables:
        execute(login, f"drop table {schema}.{table}")


def variables(login: SqlServerLogin) -> dict[str, str]:
    """The environment that names this database as the warehouse."""
    own = {name: value for name, value in os.environ.items() if name.startswith("BILLSYNC_SQLSERVER_")}
    return {**own, "BILLSYNC_SQLSERVER_DATABASE": login.database, "BILLSYNC_WAREHOUSE": "sqlserver"}
