"""The raw layer in a DuckDB file.

What belongs here: connections to the file, and the transaction that replaces scopes of raw tables.
What stays out: which rows (loaders/sources) and everything beyond the raw layer (dbt).

DuckDB has one writer. A connection is opened for one piece of work and closed at once; another process that holds the
file is waited for, within a limit.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import duckdb

from loaders.errors import LoaderError, MissingTableError, PermanentError, TransientError
from loaders.warehouse.base import RawWrite, scope_predicate, staged_row_count
from loaders.warehouse.schema import RAW_TABLES, RawTable

DUCKDB_TYPES = {"text": "varchar", "integer": "bigint", "date": "date", "timestamp": "timestamp"}
_WAIT_STEP_SECONDS = 0.2
_ROWS_AT_ONCE = 5000


@dataclass(frozen=True)
class DuckDBWarehouse:
    """The raw layer in one DuckDB file.

    Attributes:
        path: the database file; created when the raw schema is ensured.
        memory_limit: DuckDB memory limit such as ``2GB``; DuckDB's own when None.
        threads: worker threads; DuckDB's own when None.
        lock_wait_seconds: how long to wait for another process that has the file open.
    """

    path: Path
    memory_limit: str | None = None
    threads: int | None = None
    lock_wait_seconds: float = 60.0

    def exists(self) -> bool:
        """Whether there is a file; see :class:`Warehouse`."""
        return self.path.exists()

    def ensure_raw_schema(self) -> None:
        """Create what is missing of schema ``raw``."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._connect("Creating the raw tables") as connection:
            connection.execute("create schema if not exists raw")
            present = {
                (str(table), str(column))
                for table, column in connection.execute(
                    "select table_name, column_name from information_schema.columns where table_schema = 'raw'"
                ).fetchall()
            }
            for table in RAW_TABLES.values():
                connection.execute(_create_statement(table))
                _refuse_older_layout(table, {column for name, column in present if name == table.name})

    def replace(self, writes: Sequence[RawWrite]) -> dict[str, int]:
        """Delete the scopes and insert the staged rows in one transaction; see :class:`Warehouse`."""
        with self._connect("Writing raw tables") as connection:
            connection.execute("begin transaction")
            try:
                by_table: dict[str, list[RawWrite]] = {}
                for write in writes:
                    by_table.setdefault(write.table, []).append(write)
                counts = {table: _replace_scopes(connection, table, found) for table, found in by_table.items()}
                connection.execute("commit")
            except BaseException:
                connection.execute("rollback")
                raise
            return counts

    def fetch(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, object]]:
        """Read rows; see :class:`Warehouse`."""
        return list(self.stream(sql, params))

    def stream(self, sql: str, params: Sequence[object] = ()) -> Iterator[dict[str, object]]:
        """Read rows one by one; see :class:`Warehouse`."""
        if not self.exists():
            raise PermanentError(
                "Reading the warehouse", f"{self.path.name} does not exist yet", "Run a billing day first."
            )
        with self._connect("Reading the warehouse", read_only=True) as connection:
            cursor = connection.execute(sql, list(params))
            names = [column[0] for column in cursor.description or ()]
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                yield from (dict(zip(names, row, strict=True)) for row in rows)

    def sole_dbt_run(self) -> AbstractContextManager[None]:
        """Nothing to do: DuckDB's file has one writer."""
        return nullcontext()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep the file open for reading: DuckDB gives later connections of the same process what is open already.

        Measured: opening takes some 40 ms of processor time, a query of a small mart one.
        """
        if not self.exists():
            yield
            return
        with self._connect("Reading the warehouse", read_only=True):
            yield

    @contextmanager
    def _connect(self, what: str, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = self._open(what, read_only=read_only)
        try:
            yield connection
        except LoaderError:
            raise
        except duckdb.CatalogException as error:
            raise MissingTableError(what, str(error), "Run the billing day that makes it first.") from error
        except duckdb.OutOfMemoryException as error:
            raise PermanentError(what, f"out of memory ({error})", "Give the warehouse more memory.") from error
        except (duckdb.IOException, OSError) as error:
            raise PermanentError(what, str(error), "Check free disk space and file rights.") from error
        finally:
            connection.close()

    def _open(self, what: str, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        """Open the file, waiting within the limit for whoever holds it."""
        config: dict[str, str | bool | int | float | list[str]] = {"preserve_insertion_order": "false"}
        if self.memory_limit:
            config["memory_limit"] = self.memory_limit
        if self.threads:
            config["threads"] = self.threads
        give_up_at = time.monotonic() + self.lock_wait_seconds
        while True:
            try:
                return duckdb.connect(str(self.path), read_only=read_only, config=config)
            except (duckdb.IOException, duckdb.ConnectionException) as error:
                held = "lock" in str(error).lower() or "different configuration" in str(error)
                if not held:
                    raise PermanentError(
                        what, str(error), "Check that the file is a DuckDB database, disk space and rights."
                    ) from error
                if time.monotonic() >= give_up_at:
                    raise TransientError(
                        what,
                        f"{self.path.name} is still held by another process after {self.lock_wait_seconds:g} s",
                        "Let the other run finish, or end it, then run again.",
                    ) from error
                time.sleep(_WAIT_STEP_SECONDS)


def _create_statement(table: RawTable) -> str:
    columns = ", ".join(f"{name} {DUCKDB_TYPES[kind]}" for name, kind in table.columns)
    return f"create table if not exists raw.{table.name} ({columns})"


def _refuse_older_layout(table: RawTable, present: set[str]) -> None:
    """Say so when an existing table lacks a column, rather than fail later with a binder error."""
    missing = [name for name in table.column_names if name not in present] if present else []
    if missing:
        raise PermanentError(
            "Creating the raw tables",
            f"raw.{table.name} exists without the columns {', '.join(missing)} (made by an older version)",
            "Start with a new warehouse file and run the days again; the sources still have the data.",
        )


def _replace_scopes(connection: duckdb.DuckDBPyConnection, name: str, writes: Sequence[RawWrite]) -> int:
    """Replace scopes of one table together, and verify that exactly the staged rows are in them.

    Together, because a run that catches up on many days would otherwise spend its time on statements.
    """
    table = RAW_TABLES[name]
    scopes = [scope_predicate(write.scope) for write in writes]
    predicate = " or ".join(f"({condition})" for condition, _ in scopes)
    parameters = [value for _, values in scopes for value in values]
    connection.execute(f"delete from raw.{table.name} where {predicate}", parameters)  # noqa: S608 - names are ours
    files = [path for write in writes for path in write.files]
    expected = staged_row_count(files)
    if expected:
        columns = ", ".join(table.column_names)
        connection.execute(
            f"insert into raw.{table.name} ({columns}) select {columns} from read_parquet(?)",  # noqa: S608
            [[str(path) for path in files]],
        )
    found = connection.execute(
        f"select count(*) from raw.{table.name} where {predicate}",  # noqa: S608
        parameters,
    ).fetchone()
    stored = int(found[0]) if found else 0
    if stored != expected:
        raise PermanentError(
            f"Writing raw.{table.name}",
            f"{expected} rows were staged but {stored} are in the scopes {[dict(write.scope) for write in writes]!r}"
            " after loading",
            "Nothing was changed. This is a defect in the extract: its rows do not fit its scope.",
        )
    return expected
