"""The operational database: what the product itself must remember between runs, exactly.

What belongs here: the engine (SQLite in one file, or SQL Server by URL), the tables of the load ledger,
the exception queue, leases, alerts and runs, and ``upgrade`` which brings a database to the newest form.
What stays out: the rules that decide what is written (``sap_isu/``, ``exception_queue``), and anything
analytical, which lives in the warehouse.

Readings are kept as text: no driver then gets a chance to round them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.dialects.mssql import DATETIME2
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from loaders.aws.stored_values import changes, renewed

MIGRATIONS_FOLDER = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_SECONDS = 60
POOL_SIZE = 32
_WAL_SWITCH_ATTEMPTS = 50


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: timezone-aware UTC in Python, plain UTC in the database."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        """Microseconds on SQL Server too, whose DATETIME keeps 3.33 ms steps."""
        if dialect.name == "mssql":
            return dialect.type_descriptor(DATETIME2(6))  # type: ignore[no-untyped-call]
        return dialect.type_descriptor(sa.DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse naive values: nobody can say later which clock they meant."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "an instant needs a time zone"
            raise ValueError(msg)
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give back what ``process_bind_param`` took."""
        return None if value is None else value.replace(tzinfo=UTC)


metadata = sa.MetaData()

# The value columns hold what SAP was given (or will be given while PLANNED); wanted_* hold a later, different
# calculation that SAP does not have, which is what a correction is about.
load_readings = sa.Table(
    "load_readings",
    metadata,
    sa.Column("reading_key", sa.Unicode(60), primary_key=True),
    sa.Column("meter_reading_order_id", sa.Unicode(40)),
    sa.Column("billing_day", sa.Date, nullable=False),
    sa.Column("contract_id", sa.Unicode(40)),
    sa.Column("nmi", sa.Unicode(40)),
    sa.Column("device_id", sa.Unicode(30), nullable=False),
    sa.Column("register_id", sa.Unicode(10), nullable=False),
    sa.Column("reading_date", sa.Date, nullable=False),
    sa.Column("meter_reading_reason", sa.Unicode(2), nullable=False),
    sa.Column("meter_reading_category", sa.Unicode(2), nullable=False),
    sa.Column("unit", sa.Unicode(5)),
    sa.Column("reading_result", sa.Unicode(40), nullable=False),
    sa.Column("unrounded_reading", sa.Unicode(60), nullable=False),
    sa.Column("usage_kwh", sa.Unicode(60)),
    sa.Column("content_hash", sa.Unicode(64), nullable=False),
    sa.Column("wanted_reading_result", sa.Unicode(40)),
    sa.Column("wanted_unrounded_reading", sa.Unicode(60)),
    sa.Column("wanted_content_hash", sa.Unicode(64)),
    sa.Column("is_held", sa.Integer, nullable=False),
    sa.Column("hold_reason", sa.Unicode(400)),
    sa.Column("state", sa.Unicode(20), nullable=False),
    sa.Column("is_billed", sa.Integer, nullable=False),
    sa.Column("sap_document_id", sa.Unicode(20)),
    sa.Column("sap_status_code", sa.Unicode(4)),
    sa.Column("attempt_count", sa.Integer, nullable=False),
    sa.Column("plan_run_id", sa.Unicode(64), nullable=False),
    sa.Column("batch_id", sa.Unicode(36)),
    sa.Column("sent_at", UtcDateTime),
    sa.Column("message", sa.Unicode(1000)),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Index("ix_load_readings_day_state", "billing_day", "state"),
    sa.Index("ix_load_readings_plan", "plan_run_id", "state"),
    sa.Index("ix_load_readings_batch", "batch_id"),
    sa.Index("ix_load_readings_register", "device_id", "register_id", "reading_date"),
)

load_history = sa.Table(
    "load_history",
    metadata,
    sa.Column("history_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("reading_key", sa.Unicode(60), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.Unicode(200), nullable=False),
    sa.Column("event", sa.Unicode(30), nullable=False),
    sa.Column("from_state", sa.Unicode(20)),
    sa.Column("to_state", sa.Unicode(20), nullable=False),
    sa.Column("reading_result", sa.Unicode(40)),
    sa.Column("batch_id", sa.Unicode(36)),
    sa.Column("message", sa.Unicode(1000)),
    sa.Index("ix_load_history_key", "reading_key", "history_id"),
)

load_plans = sa.Table(
    "load_plans",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("plan_id", sa.Unicode(64), nullable=False),
    sa.Column("plan_hash", sa.Unicode(64), nullable=False),
    sa.Column("first_day", sa.Date, nullable=False),
    sa.Column("last_day", sa.Date, nullable=False),
    sa.Column("planned_at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.Unicode(200), nullable=False),
    sa.Column("shown", sa.UnicodeText, nullable=False),
    sa.Index("ix_load_plans_days", "last_day", "first_day"),
)

load_decisions = sa.Table(
    "load_decisions",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.Unicode(200), nullable=False),
    sa.Column("decision", sa.Unicode(10), nullable=False),
    sa.Column("plan_hash", sa.Unicode(64)),
    sa.Column("billing_day", sa.Date),
    sa.Column("reason", sa.Unicode(1000), nullable=False),
    sa.Index("ix_load_decisions_plan", "plan_hash", "decision"),
)

exceptions = sa.Table(
    "exceptions",
    metadata,
    sa.Column("exception_id", sa.Unicode(16), primary_key=True),
    sa.Column("problem_key", sa.Unicode(400), nullable=False),
    sa.Column("billing_day", sa.Date, nullable=False),
    sa.Column("rule_code", sa.Unicode(40), nullable=False),
    sa.Column("severity", sa.Unicode(12), nullable=False),
    sa.Column("nmi", sa.Unicode(40)),
    sa.Column("nmi_suffix", sa.Unicode(20)),
    sa.Column("contract_id", sa.Unicode(40)),
    sa.Column("first_market_date", sa.Date),
    sa.Column("last_market_date", sa.Date),
    sa.Column("detail", sa.Unicode(2000)),
    sa.Column("state", sa.Unicode(10), nullable=False),
    sa.Column("state_reason", sa.Unicode(1000)),
    sa.Column("state_actor", sa.Unicode(200)),
    sa.Column("state_at", UtcDateTime, nullable=False),
    sa.Column("detected_at", UtcDateTime, nullable=False),
    sa.Index("ix_exceptions_day", "billing_day", "rule_code"),
    sa.Index("ix_exceptions_state", "state", "rule_code"),
)

exception_history = sa.Table(
    "exception_history",
    metadata,
    sa.Column("history_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("exception_id", sa.Unicode(16), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.Unicode(200), nullable=False),
    sa.Column("event", sa.Unicode(30), nullable=False),
    sa.Column("from_state", sa.Unicode(10)),
    sa.Column("to_state", sa.Unicode(10), nullable=False),
    sa.Column("reason", sa.Unicode(1000)),
    sa.Index("ix_exception_history_id", "exception_id", "history_id"),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("lease_name", sa.Unicode(100), primary_key=True),
    sa.Column("holder", sa.Unicode(300), nullable=False),
    sa.Column("acquired_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
)

alerts_sent = sa.Table(
    "alerts_sent",
    metadata,
    sa.Column("alert_key", sa.Unicode(300), primary_key=True),
    sa.Column("first_sent_at", UtcDateTime, nullable=False),
    sa.Column("last_sent_at", UtcDateTime, nullable=False),
    sa.Column("sent_count", sa.Integer, nullable=False),
    sa.Column("suppressed_count", sa.Integer, nullable=False),
    sa.Column("detail", sa.Unicode(1000)),
)

run_log = sa.Table(
    "run_log",
    metadata,
    sa.Column("run_id", sa.Unicode(64), primary_key=True),
    sa.Column("kind", sa.Unicode(40), primary_key=True),
    sa.Column("first_day", sa.Date),
    sa.Column("last_day", sa.Date),
    sa.Column("actor", sa.Unicode(200), nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("outcome", sa.Unicode(20)),
    sa.Column("detail", sa.Unicode(1000)),
)

# Edits of reads by people; see loaders/read_edits.py. Rows are never deleted.
read_edits = sa.Table(
    "read_edits",
    metadata,
    sa.Column("edit_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.Unicode(10), nullable=False),
    sa.Column("nmi", sa.Unicode(40), nullable=False),
    sa.Column("nmi_suffix", sa.Unicode(20), nullable=False),
    sa.Column("market_date", sa.Date, nullable=False),
    sa.Column("values_text", sa.UnicodeText),
    sa.Column("billing_day", sa.Date, nullable=False),
    sa.Column("version_text", sa.Unicode(14), nullable=False),
    sa.Column("made_by", sa.Unicode(200), nullable=False),
    sa.Column("made_at", UtcDateTime, nullable=False),
    sa.Column("reason", sa.Unicode(1000), nullable=False),
    sa.Column("withdrawn_by", sa.Unicode(200)),
    sa.Column("withdrawn_at", UtcDateTime),
    sa.Column("withdrawn_reason", sa.Unicode(1000)),
)


def open_engine(url: str, current_url: Callable[[], str] | None = None) -> Engine:
    """Open the operational database.

    Args:
        url: SQLAlchemy URL. A SQLite file's folder is made if it is not there.
        current_url: tells the URL as it is now, asked for each new connection: its password may be rotated while the
            engine is in use.

    Returns:
        An engine whose ``begin()`` takes SQLite's write lock at once (``BEGIN IMMEDIATE``), so that two
        writers queue up instead of failing half-way with "database is locked".
    """
    parsed = sa.engine.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        options: dict[str, Any] = {"fast_executemany": True} if parsed.drivername == "mssql+pyodbc" else {}
        # Rows go as parameter sets: in one long VALUES list they take longer, and a T-SQL server was seen to lose them.
        engine = sa.create_engine(
            parsed, pool_pre_ping=True, pool_size=POOL_SIZE, use_insertmanyvalues=False, **options
        )
        if parsed.get_backend_name() == "mssql":
            # SQLAlchemy looks for Microsoft's words in @@version, which other T-SQL servers do not say.
            engine.dialect._get_server_version_info = _product_version  # type: ignore[method-assign]
        if current_url is not None:
            sa.event.listen(engine, "do_connect", partial(_connect_now, current_url))
        return engine
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    arguments = {"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
    engine = sa.create_engine(parsed, connect_args=arguments, pool_size=POOL_SIZE)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _connect_now(
    current_url: Callable[[], str],
    dialect: Dialect,
    _record: ConnectionPoolEntry,
    _positional: object,
    _named: object,
) -> DBAPIConnection:
    """Connect with the URL of this moment; when it is refused and another by now, with that."""

    def connect() -> DBAPIConnection:
        positional, named = dialect.create_connect_args(sa.engine.make_url(current_url()))
        return dialect.connect(*positional, **named)

    before = changes()
    try:
        return connect()
    except Exception:
        if not renewed(before):
            raise
    return connect()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A read-only transaction, which waits for no writer on SQLite."""
    with engine.connect().execution_options(billsync_read_only=True) as connection, connection.begin():
        yield connection


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest form; two processes doing so at once wait for each other."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_FOLDER).replace("%", "%%"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def utc_now(connection: Connection) -> datetime:
    """The database's own clock where it is another machine, so that clocks of loaders need not agree."""
    if connection.dialect.name == "mssql":
        moment: datetime = connection.execute(sa.text("select sysutcdatetime()")).scalar_one()
        return moment.replace(tzinfo=UTC)
    return datetime.now(UTC)


def _product_version(connection: Connection) -> tuple[int, ...]:
    sql = "select cast(serverproperty('ProductVersion') as varchar(128))"
    words: object = connection.exec_driver_sql(sql).scalar_one()
    return tuple(int(part) for part in str(words).split("."))


def _prepare_sqlite(dbapi_connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    dbapi_connection.isolation_level = None  # the begin hook below says when a transaction starts, not the driver
    cursor = dbapi_connection.cursor()
    cursor.execute(f"pragma busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
    _switch_to_wal(cursor)
    # FULL: a reading marked as sent must survive a power cut, or it would be sent again.
    cursor.execute("pragma synchronous = full")
    cursor.execute("pragma foreign_keys = on")
    cursor.close()


def _switch_to_wal(cursor: Any) -> None:
    """The switch ignores the busy timeout, so two first openers can meet here."""
    for attempt in range(_WAL_SWITCH_ATTEMPTS):
        try:
            cursor.execute("pragma journal_mode = wal")
        except Exception as error:
            if "locked" not in str(error) or attempt == _WAL_SWITCH_ATTEMPTS - 1:
                raise
            time.sleep(0.05)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("billsync_read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
