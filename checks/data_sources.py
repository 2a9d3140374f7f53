"""Soda's data source for each warehouse: the one place that knows both.

What belongs here: opening a data source, and what Soda gets wrong for our contracts. What stays out: verifying
(``runner``) and where a warehouse is (given as plain values).

A contract names its table ``warehouse/<schema>/<table>`` on every warehouse; the database is the connection's.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

SOURCE_NAME: Final = "warehouse"

DataSource = Callable[[], contextlib.AbstractContextManager[Callable[[], Any]]]
"""Opens a warehouse for checks; inside the block, each call gives a Soda data source for one contract."""


@dataclass(frozen=True)
class DuckDBSource:
    """A DuckDB file, opened read-only for as long as the checks take.

    Attributes:
        path: the file.
    """

    path: Path

    @contextlib.contextmanager
    def __call__(self) -> Iterator[Callable[[], Any]]:
        """Open it."""
        import duckdb  # noqa: PLC0415 - the interface is importable without a warehouse driver

        prepare_soda()
        with _quiet():
            from soda_duckdb.common.data_sources.duckdb_data_source import DuckDBDataSourceImpl  # noqa: PLC0415
        with duckdb.connect(str(self.path), read_only=True) as connection:
            yield lambda: DuckDBDataSourceImpl.from_existing_cursor(connection.cursor(), name=SOURCE_NAME)


@dataclass(frozen=True)
class SqlServerSource:
    """A SQL Server database.

    Attributes:
        connect: opens a DB-API connection.
    """

    connect: Callable[[], Any]

    @contextlib.contextmanager
    def __call__(self) -> Iterator[Callable[[], Any]]:
        """Open it."""
        prepare_soda()
        with _quiet():
            from checks.soda_sqlserver import open_source  # noqa: PLC0415 - needs Soda's SQL Server package
        source = open_source(SOURCE_NAME, self.connect)
        try:
            yield lambda: source
        finally:
            # A connection that was lost cannot be closed in an orderly way.
            with contextlib.suppress(Exception):
                source.close_connection()


def prepare_soda() -> None:
    """Switch Soda's telemetry and its chatty log off; before its first import."""
    os.environ["SODA_CORE_TELEMETRY_ENABLED"] = "false"
    # What matters is in the outcomes.
    logging.getLogger("soda").setLevel(logging.CRITICAL)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Soda prints about every data source plug-in whose driver is not on the machine."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        from soda_core.contracts import verify_contract_locally  # noqa: F401, PLC0415 - telemetry is switched off first

        yield
