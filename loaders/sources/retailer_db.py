"""The retailer's own database, read through one SQL file per raw table.

What belongs here: running the queries of ``sql/`` and turning values into exact text.
What stays out: what the retailer's tables look like (the SQL files) and what the data mean (dbt).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection, Engine, make_url

from loaders.errors import LoaderError, PermanentError, TransientError
from loaders.sources.extract import Extract
from loaders.warehouse.base import RawWrite
from loaders.warehouse.parquet import ParquetRowWriter
from loaders.warehouse.schema import LONGEST_IDS, RAW_TABLES, RETAILER_TABLES, overlong_id

SQL_FOLDER = Path(__file__).parent / "sql"
_CHUNK_ROWS = 10_000
_PREVIEW_ROWS = 5
_PREVIEW_TABLE = "retailer_meter_reading_orders"
_READINGS = "retailer_meter_readings"
_READING_LOOK_BACK = timedelta(days=400)
"""Longer than any billing period: a reading before it can belong to no bill that closes now."""
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_PARAMETERS = re.compile(r"(?<![:\w]):(\w+)")
_PERSONAL = frozenset({"customer_name", "email"})


@dataclass(frozen=True)
class Query:
    """One extract of the retailer's database.

    Attributes:
        table: raw table it fills.
        path: its SQL file.
    """

    table: str
    path: Path

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns the result must have (billing_day is ours)."""
        return tuple(name for name in RAW_TABLES[self.table].column_names if name != "billing_day")

    def statement(self) -> str:
        """Return the SQL without comments, in which a colon would look like a parameter."""
        return _COMMENTS.sub(" ", self.path.read_text(encoding="utf-8")).strip().rstrip(";")


def queries(folder: Path = SQL_FOLDER) -> list[Query]:
    """Return the query of every retailer table.

    Raises:
        PermanentError: a SQL file is missing.
    """
    found = [Query(table.name, folder / f"{table.name.removeprefix('retailer_')}.sql") for table in RETAILER_TABLES]
    for query in found:
        if not query.path.is_file():
            raise PermanentError(
                f"Reading the retailer database for {query.table}",
                f"the query file {query.path.name} is missing",
                "Restore it; it may select no rows.",
            )
    return found


def extract_retailer_db(
    url: str,
    day: date,
    staging: Path,
    *,
    since_day: date | None = None,
    sql_folder: Path = SQL_FOLDER,
    connect_timeout_seconds: int = 15,
) -> Extract:
    """Read everything the retailer's database has for a billing day, in one transaction.

    Args:
        url: SQLAlchemy URL.
        day: the billing day.
        staging: folder for the staged Parquet files, one per run.
        since_day: first day of the manual readings that are read again.
        sql_folder: the query files.
        connect_timeout_seconds: time to get a connection.

    Raises:
        TransientError: the database cannot be reached at present.
        PermanentError: wrong address or password, or a query does not fit the database.
    """
    since = since_day or day - _READING_LOOK_BACK
    place, address = _address(url)
    engine = _engine(address, place, connect_timeout_seconds)
    try:
        with _connect(engine, address, place) as connection:
            staged = {query.table: _stage(connection, query, day, since, staging) for query in queries(sql_folder)}
    finally:
        engine.dispose()
    writes = [RawWrite(table, _scope(table, day, since), [*result.files]) for table, result in staged.items()]
    counts = {table: result.row_count for table, result in staged.items()}
    detail = {"database": place, "billing_day": day.isoformat(), "readings_since": since.isoformat()}
    failures = [failure for result in staged.values() for failure in result.left_out]
    return Extract("retailer_db", writes, counts, staged[_PREVIEW_TABLE].preview, detail, failures)


@dataclass(frozen=True)
class _Staged:
    files: Sequence[Path]
    row_count: int
    preview: list[Mapping[str, str | None]]
    left_out: Sequence[str]


def _scope(table: str, day: date, since: date) -> dict[str, object]:
    """Say which rows of a raw table the answer replaces."""
    if table == _PREVIEW_TABLE:
        return {"billing_day": day}
    if table == _READINGS:
        return {"reading_date": (since.isoformat(), day.isoformat())}
    return {}


def _stage(connection: Connection, query: Query, day: date, since: date, staging: Path) -> _Staged:
    """Run one query and write its rows, chunk by chunk."""
    what = f"Running the query file {query.path.name}"
    sql = query.statement()
    dates = {"billing_day": day, "since_day": since}
    binds = [sa.bindparam(name, value, sa.Date) for name, value in dates.items() if name in _PARAMETERS.findall(sql)]
    with _query_failures(what):
        result = connection.execution_options(stream_results=True, yield_per=_CHUNK_ROWS).execute(
            sa.text(sql).bindparams(*binds)
        )
        places = _places(query, list(result.keys()))
        # A table with its own billing_day column gets ours in front.
        prefix = [day] if "billing_day" in RAW_TABLES[query.table].column_names else []
        identifiers = [(name, place) for place, name in enumerate(query.columns) if name in LONGEST_IDS]
        preview: list[Mapping[str, str | None]] = []
        left_out: list[str] = []
        with ParquetRowWriter(query.table, staging) as writer:
            for chunk in result.partitions():
                for row in chunk:
                    texts = [
                        exact_text(row[place], column) for column, place in zip(query.columns, places, strict=True)
                    ]
                    if problem := next(filter(None, (overlong_id(name, texts[at]) for name, at in identifiers)), None):
                        left_out.append(f"{query.table}: {problem}; the row is left out")
                        continue
                    writer.append([*prefix, *texts])
                    if len(preview) < _PREVIEW_ROWS:
                        preview.append(_shown(query.columns, texts))
            return _Staged(writer.close(), writer.row_count, preview, left_out)


def _shown(columns: Sequence[str], texts: Sequence[str | None]) -> dict[str, str | None]:
    """A preview row: names and addresses of people do not belong in metadata."""
    return {name: "…" if name in _PERSONAL else text for name, text in zip(columns, texts, strict=True)}


def _places(query: Query, names: Sequence[str]) -> list[int]:
    """Find the wanted columns in a result, whatever their case and order; extra ones are ignored."""
    lowered = {name.lower(): place for place, name in reversed(list(enumerate(names)))}
    missing = [column for column in query.columns if column not in lowered]
    if missing:
        raise PermanentError(
            f"Running the query file {query.path.name}",
            f"its result has no column {', '.join(missing)}",
            "Give the column that name in the query (select … as name).",
        )
    return [lowered[column] for column in query.columns]


def exact_text(value: object, column: str = "") -> str | None:
    """Return a database value as text that loses nothing; None for null and for an empty text.

    Args:
        value: what the driver gave.
        column: its column; one that ends in ``_date`` keeps no time of day.
    """
    if value is None or value == "":
        return None
    match value:
        case bool():
            text = str(int(value))
        case Decimal():
            text = format(value, "f")
        case float():
            # SQLite keeps decimals as doubles; the shortest text that reads back the same is what was stored.
            text = format(Decimal(repr(value)), "f")
        case datetime() if column.endswith("_date") and value.time() == time():
            text = value.date().isoformat()
        case date() | datetime() | time():
            text = value.isoformat()
        case bytes():
            text = value.decode("utf-8", "replace")
        case _:
            text = str(value)
    return text


def _address(url: str) -> tuple[str, URL]:
    """Return a database's name fit for messages, and its parsed URL."""
    try:
        address = make_url(url)
    except exc.ArgumentError:
        raise PermanentError(
            "Opening the retailer database", "its address is not a SQLAlchemy URL", "Check BILLSYNC_SOURCE_DB_URL."
        ) from None
    host = f"{address.host}/" if address.host else ""
    return f"{address.get_backend_name()} database {host}{address.database or ''}", address


def _engine(address: URL, place: str, connect_timeout_seconds: int) -> Engine:
    what = f"Opening the {place}"
    connect_args: dict[str, object] = {}
    if address.get_backend_name() == "sqlite":
        connect_args["timeout"] = connect_timeout_seconds
        database = address.database
        if database and database != ":memory:" and not database.startswith("file:") and not Path(database).is_file():
            # SQLite would create an empty database and report success.
            raise PermanentError(what, "there is no such file", "Check BILLSYNC_SOURCE_DB_URL.")
    elif address.drivername.endswith("+pyodbc"):
        connect_args["timeout"] = connect_timeout_seconds
    try:
        return sa.create_engine(address, connect_args=connect_args, poolclass=sa.NullPool)
    except (exc.ArgumentError, exc.NoSuchModuleError, ImportError) as error:
        raise PermanentError(
            what, f"its driver cannot be used ({error})", "Check BILLSYNC_SOURCE_DB_URL and install its driver."
        ) from None


_LOGIN_WORDS = ("28000", "login failed", "authentication failed", "access denied", "18456")
_QUERY_WORDS = ("no such table", "no such column", "syntax error", "invalid object name", "invalid column name")


@contextmanager
def _connect(engine: Engine, address: URL, place: str) -> Iterator[Connection]:
    what = f"Connecting to the {place}"
    try:
        connection = engine.connect()
    except exc.SQLAlchemyError as error:
        said = _said(error, address)
        if any(word in said.lower() for word in _LOGIN_WORDS):
            raise PermanentError(what, f"the logon was refused ({said})", "Check user and password.") from None
        raise TransientError(what, said) from None
    with connection:
        yield connection


@contextmanager
def _query_failures(what: str) -> Iterator[None]:
    try:
        yield
    except LoaderError:
        raise
    except exc.SQLAlchemyError as error:
        said = _said(error, None)
        is_wrong = isinstance(error, (exc.ProgrammingError, exc.ArgumentError, exc.StatementError)) and not isinstance(
            error, exc.OperationalError
        )
        if is_wrong or any(word in said.lower() for word in _QUERY_WORDS):
            raise PermanentError(what, said, "Make the query fit the database.") from None
        raise TransientError(what, said) from None


def _said(error: exc.SQLAlchemyError, address: URL | None) -> str:
    """Return the driver's own words on one line, without a password and without the statement's parameters."""
    original = getattr(error, "orig", None) or error
    text = " ".join(str(original).split())[:300]
    password = address.password if address is not None else None
    return text.replace(str(password), "***") if password else text
