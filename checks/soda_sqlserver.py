"""Soda's SQL Server data source with our own connection and two corrections.

What belongs here: the classes that inherit from Soda's. What stays out: choosing a data source (``data_sources``).
Imported only where SQL Server is the warehouse.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

try:
    import pyodbc  # noqa: F401 - Soda's package imports it
except ImportError:  # it needs the system's unixODBC; all that Soda needs of it with our connection are these names
    import mssql_python

    names = ModuleType("pyodbc")
    vars(names).update(Error=mssql_python.Error, SQL_DBMS_VER=18)
    sys.modules["pyodbc"] = names

from soda_core.common.sql_dialect import COMBINED_HASH
from soda_sqlserver.common.data_sources.sqlserver_data_source import SqlServerDataSourceImpl, SqlServerSqlDialect
from soda_sqlserver.common.data_sources.sqlserver_data_source_connection import (
    SqlServerDataSource,
    SqlServerDataSourceConnection,
    handle_datetime,
    handle_datetimeoffset,
)

_DATETIMEOFFSET, _DATETIME = -155, -150
_SEPARATOR = "nchar(31)"


class ExactDialect(SqlServerSqlDialect, sqlglot_dialect="tsql"):  # type: ignore[misc, call-arg]
    """T-SQL as Soda writes it, except for names and for keys of several columns."""

    def get_database_prefix_index(self) -> int | None:
        """Contracts name no database: the connection's is meant, as on every other warehouse."""
        return None

    def get_schema_prefix_index(self) -> int | None:
        """The schema comes first then."""
        return 0

    def _build_combined_hash_sql(self, combined_hash: COMBINED_HASH) -> str:
        """Tell keys of several columns apart by the keys themselves.

        Soda hashes them after a cast to varchar, which is cut at thirty characters: keys that are alike to there would
        be called duplicates.
        """
        texts = [f"cast({self._key_sql(one)} as nvarchar(max))" for one in combined_hash.expressions]
        joined = f", {_SEPARATOR}, ".join(f"coalesce({text}, nchar(30))" for text in texts)
        return f"concat({joined})"

    def _key_sql(self, expression: Any) -> str:
        is_name = isinstance(expression, str)
        return str(self.quote_column(expression) if is_name else self.build_expression_sql(expression))


class OwnConnection(SqlServerDataSourceConnection):  # type: ignore[misc]
    """A connection that is given: every driver and identity that the rest of the day can use, checks can use too."""

    def __init__(self, name: str, properties: Any, connect: Callable[[], Any]) -> None:
        self._connect = connect
        super().__init__(name, properties)

    def _create_connection(self, config: Any) -> Any:  # noqa: ARG002 - Soda's signature
        connection = self._connect()
        if type(connection).__module__ == "pyodbc":
            connection.add_output_converter(_DATETIMEOFFSET, handle_datetimeoffset)
            connection.add_output_converter(_DATETIME, handle_datetime)
        self._detect_server_info(connection)
        self.connection = connection
        return connection


class OwnSource(SqlServerDataSourceImpl, model_class=SqlServerDataSource):  # type: ignore[misc, call-arg]
    """Soda's data source, speaking ``ExactDialect``."""

    def _create_sql_dialect(self) -> ExactDialect:
        return ExactDialect()


def open_source(name: str, connect: Callable[[], Any]) -> OwnSource:
    """A connected data source.

    Args:
        name: its name in contracts.
        connect: opens a DB-API connection of either driver.
    """
    # Soda insists on the facts that the connection has already.
    model = SqlServerDataSource(
        name=name, connection={"host": "given", "database": "given", "user": "-", "password": "-"}
    )
    return OwnSource(data_source_model=model, connection=OwnConnection(name, model.connection_properties, connect))
