"""The raw layer in a SQL Server database.

What belongs here: the transaction that replaces scopes of raw tables, its proof, and reading. What stays out: the
statements (``sqlserver_sql``), rows (``sqlserver_rows``), drivers and retries (``loaders/sqlserver``).

Whatever a driver reports, nothing is committed before the server's own count and sums agree with the staged files.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from loaders.errors import PermanentError, TransientError
from loaders.sqlserver.connection import ATTEMPTS, connected, repeated, typed_failures
from loaders.sqlserver.login import SqlServerLogin
from loaders.warehouse import sqlserver_sql as statements
from loaders.warehouse.base import RawWrite
from loaders.warehouse.schema import RAW_TABLES, RawTable
from loaders.warehouse.sqlserver_rows import Figures, as_json, batches, escaped_of, figures_of, longest_text, pieces_of

_ROWS_AT_ONCE: Final = 5000
_WRITES_AT_ONCE: Final = 200
_FIND_TABLE: Final = "select 1 as found from INFORMATION_SCHEMA.TABLES where TABLE_SCHEMA = ? and TABLE_NAME = ?"
_READING: Final = "Reading the warehouse"
_WRITING: Final = "Writing raw tables"
_LOCKING: Final = "Taking the database for a dbt run"
_LOCK_WAIT_SECONDS: Final = 120


@dataclass(frozen=True)
class SqlServerWarehouse:
    """The raw layer in one database of a SQL Server.

    Attributes:
        login: who and where.
        attempts: how often a transaction is tried that the server or the network gives up.
    """

    login: SqlServerLogin
    attempts: int = ATTEMPTS
    _held: threading.local = field(default_factory=threading.local, repr=False, compare=False)

    def exists(self) -> bool:
        """Whether the last of the raw tables is there; see :class:`Warehouse`."""
        return bool(self.fetch(_FIND_TABLE, ["raw", list(RAW_TABLES)[-1]]))

    def ensure_raw_schema(self) -> None:
        """Create what is missing of schema ``raw``."""
        repeated(self._ensure_raw_schema, attempts=self.attempts)

    def _ensure_raw_schema(self) -> None:
        what = "Creating the raw tables"
        with connected(self.login, what) as connection:
            cursor = connection.cursor()
            storage = _text_storage(cursor)
            cursor.execute("if schema_id('raw') is null exec('create schema raw')")
            present: dict[str, set[str]] = {}
            cursor.execute("select TABLE_NAME, COLUMN_NAME from INFORMATION_SCHEMA.COLUMNS where TABLE_SCHEMA = 'raw'")
            for table_name, column in cursor.fetchall():
                present.setdefault(str(table_name), set()).add(str(column))
            for table in RAW_TABLES.values():
                _refuse_older_layout(what, table, present.get(table.name, set()))
                if table.name not in present:
                    cursor.execute(statements.create_table(table, is_utf8=storage.is_utf8))
                    if index := statements.create_index(table):
                        cursor.execute(index)
            connection.commit()

    def replace(self, writes: Sequence[RawWrite]) -> dict[str, int]:
        """Delete the scopes and insert the staged rows in one transaction; see :class:`Warehouse`.

        Replacing twice is like replacing once, so the whole transaction is simply done again when it was lost.
        """
        return repeated(lambda: self._replace(writes), attempts=self.attempts)

    def _replace(self, writes: Sequence[RawWrite]) -> dict[str, int]:
        by_table: dict[str, list[RawWrite]] = {}
        for write in writes:
            by_table.setdefault(write.table, []).append(write)
        with connected(self.login, _WRITING) as connection:
            cursor = connection.cursor()
            storage = _text_storage(cursor)
            counts = {
                name: sum(
                    _replace_scopes(cursor, RAW_TABLES[name], found[start : start + _WRITES_AT_ONCE], storage)
                    for start in range(0, len(found), _WRITES_AT_ONCE)
                )
                for name, found in by_table.items()
            }
            connection.commit()
        return counts

    def fetch(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, object]]:
        """Read rows; see :class:`Warehouse`."""
        return repeated(lambda: list(self.stream(sql, params)), attempts=self.attempts)

    def stream(self, sql: str, params: Sequence[object] = ()) -> Iterator[dict[str, object]]:
        """Read rows one by one; see :class:`Warehouse`."""
        held = getattr(self._held, "connection", None)
        if held is not None:
            try:
                with typed_failures(self.login, _READING):
                    yield from self._rows(held, sql, params)
            except TransientError:
                # It may be gone: whoever asks again gets a connection of his own.
                self._held.connection = None
                raise
            return
        with connected(self.login, _READING, autocommit=True) as connection:
            yield from self._rows(connection, sql, params)

    def _rows(self, connection: Any, sql: str, params: Sequence[object]) -> Iterator[dict[str, object]]:
        cursor = connection.cursor()
        try:
            _execute(cursor, sql, params)
            names = [column[0] for column in cursor.description or ()]
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                yield from (dict(zip(names, row, strict=True)) for row in rows)
        finally:
            cursor.close()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep one connection open for the calls of this thread."""
        if getattr(self._held, "connection", None) is not None:
            yield
            return
        with connected(self.login, _READING, autocommit=True) as connection:
            self._held.connection = connection
            try:
                yield
            finally:
                self._held.connection = None

    @contextmanager
    def sole_dbt_run(self) -> Iterator[None]:
        """Hold the database's application lock for dbt; it goes with its connection, also after a kill."""
        with ExitStack() as held:
            cursor, answer = repeated(lambda: self._take_dbt_lock(held), attempts=self.attempts)
            if answer < 0:
                raise TransientError(
                    _LOCKING,
                    f"another dbt run works on {self.login.shown} and did not end within {_LOCK_WAIT_SECONDS} seconds",
                    "Wait for it to end, then run again; the lock of a process that died goes with its connection.",
                )
            try:
                yield
            finally:
                with suppress(Exception):  # a connection that is lost has given the lock back
                    cursor.execute(statements.RELEASE_DBT_LOCK)

    def _take_dbt_lock(self, held: ExitStack) -> tuple[Any, int]:
        """Ask for the lock on a connection that stays open until ``held`` ends; an answer below 0 is no."""
        with ExitStack() as asking:
            cursor = asking.enter_context(connected(self.login, _LOCKING, autocommit=True)).cursor()
            cursor.execute(statements.TAKE_DBT_LOCK, [_LOCK_WAIT_SECONDS * 1000])
            while cursor.description is None and cursor.nextset():
                pass  # the server's remark that the wait was in vain comes before the answer
            answer = int(cursor.fetchone()[0])
            held.enter_context(asking.pop_all())
        return cursor, answer


@dataclass(frozen=True)
class TextStorage:
    """How a database keeps texts.

    Attributes:
        is_utf8: whether its collation keeps every character in varchar; otherwise raw texts are nvarchar.
        is_utf16: whether raw texts take UTF-16's bytes. Servers that only speak T-SQL may keep nvarchar in UTF-8.
    """

    is_utf8: bool
    is_utf16: bool


def _text_storage(cursor: Any) -> TextStorage:
    cursor.execute(statements.DATABASE_FACTS)
    collation, letter_size = cursor.fetchone()
    is_utf8 = str(collation).upper().endswith("_UTF8")
    return TextStorage(is_utf8, is_utf16=not is_utf8 and letter_size > 1)


def _replace_scopes(cursor: Any, table: RawTable, writes: Sequence[RawWrite], storage: TextStorage) -> int:
    """Replace scopes of one table together, and prove after each file that exactly its rows have come in."""
    scopes = [statements.scope_predicate(table, write.scope) for write in writes]
    predicate = " or ".join(f"({condition})" for condition, _ in scopes)
    parameters = [value for _, values in scopes for value in values]
    _execute(cursor, statements.delete_rows(table, predicate), parameters)
    measure = statements.measure(table, predicate)
    expected = Figures()
    for path in (path for write in writes for path in write.files):
        expected = expected + _insert_file(cursor, table, path, storage)
        _compare(table, path.name, expected, _measured(cursor, measure, parameters))
    return expected.rows


def _insert_file(cursor: Any, table: RawTable, path: Path, storage: TextStorage) -> Figures:
    """Insert a staged file batch by batch; each statement's own row count is compared at once."""
    figures = Figures()
    texts = [name for name, kind in table.columns if kind == "text"]
    for batch in batches(path, table):
        for column in texts:
            if longest_text(batch.column(column)) > statements.text_length(column):
                _widen(cursor, table, column, storage)
        pieces, escaped = pieces_of(batch), escaped_of(batch)
        cursor.execute(statements.insert_rows(table, pieces, escaped), [as_json(batch, pieces, escaped)])
        figures = figures + figures_of(batch, is_utf16=storage.is_utf16)
        if cursor.rowcount != batch.num_rows:
            _compare(table, path.name, Figures(batch.num_rows), Figures(cursor.rowcount))
    return figures


def _execute(cursor: Any, sql: str, parameters: Sequence[object]) -> None:
    """Run a statement; drivers take no empty list of parameters."""
    cursor.execute(sql, *([list(parameters)] if parameters else []))


def _widen(cursor: Any, table: RawTable, column: str, storage: TextStorage) -> None:
    """Let a column take long texts, once: raw keeps what was delivered, however long it is."""
    if column in statements.LONG_TEXT:
        return
    cursor.execute(
        "select CHARACTER_MAXIMUM_LENGTH from INFORMATION_SCHEMA.COLUMNS "
        "where TABLE_SCHEMA = 'raw' and TABLE_NAME = ? and COLUMN_NAME = ?",
        [table.name, column],
    )
    if int(cursor.fetchone()[0]) != -1:
        cursor.execute(statements.widen_column(table, column, is_utf8=storage.is_utf8))


def _measured(cursor: Any, measure: str, parameters: Sequence[object]) -> Figures:
    _execute(cursor, measure, parameters)
    names = [column[0] for column in cursor.description]
    return Figures.of_row(dict(zip(names, cursor.fetchone(), strict=True)))


def _compare(table: RawTable, file: str, expected: Figures, found: Figures) -> None:
    if found != expected:
        raise PermanentError(
            f"Writing raw.{table.name}",
            f"after {file} the server has {found}, but {expected} was staged for these scopes",
            "Nothing was changed. Either the extract's rows do not fit its scope, or the server lost or changed rows.",
        )


def _refuse_older_layout(what: str, table: RawTable, present: set[str]) -> None:
    """Say so when an existing table lacks a column, rather than fail later with an unknown column."""
    missing = [name for name in table.column_names if name not in present] if present else []
    if missing:
        raise PermanentError(
            what,
            f"raw.{table.name} exists without the columns {', '.join(missing)} (made by an older version)",
            "Start with a new database and run the days again; the sources still have the data.",
        )
