"""What the pretend SAP keeps: contracts, devices, registers, orders, readings, billed values, invoices.

One SQLite file in WAL mode, so that a gateway that is killed and started again still knows every reading it committed.
What belongs here: the tables, the views that carry the OData property names, and filling both from the retailer
database. What stays out: the rules on a reading (``readings``), HTTP (``gateway``), prices (``pricer``).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from sandbox.sap.schema import SCHEMA

_COPIED = (
    ("customers", "customer_id, customer_name, customer_type, is_gst_registered"),
    ("contract_accounts", "contract_account_id, customer_id"),
    ("service_points", "nmi, jurisdiction, meter_type, delivery, connection_capability_kw"),
    ("contracts", "contract_id, contract_account_id, nmi, start_date, end_date"),
    ("contract_plans", "contract_id, plan_id, start_date, end_date"),
    ("contract_terms", "contract_id, term, value, start_date, end_date"),
    ("devices", "device_id, serial_number, nmi, installed_date, removed_date"),
    (
        "registers",
        "device_id, register_id, nmi_suffix, usage_type, time_band, unit, multiplier, integer_places, decimal_places",
    ),
    ("meter_readings", "meter_id, register_id, meter_reading, reading_date, reading_type"),
)
_ORDER_COLUMNS = (
    "meter_reading_order_id, contract_id, device_id, register_id, meter_reading_reason, scheduled_read_date, "
    "period_start_date, previous_reading"
)


class SapStore:
    """The store of one pretend SAP; safe to use from many threads.

    Writers take turns on one connection, readers share a small pool of their own: SQLite allows one writer, and a
    reader must never wait for it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._write_lock = threading.RLock()
        self._writer = _connect(path)
        self._writer.executescript(SCHEMA)
        self._readers: list[sqlite3.Connection] = []
        self._readers_lock = threading.Lock()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the write connection inside one transaction: committed on a normal end, else rolled back."""
        with self._write_lock:
            self._writer.execute("begin immediate")
            try:
                yield self._writer
            except BaseException:
                self._writer.rollback()
                raise
            self._writer.commit()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection for reading that no other thread uses meanwhile."""
        with self._readers_lock:
            connection = self._readers.pop() if self._readers else _connect(self.path)
        try:
            yield connection
        finally:
            with self._readers_lock:
                self._readers.append(connection)

    def rows(self, sql: str, params: Sequence[object] = ()) -> list[sqlite3.Row]:
        """Run one query and return all its rows."""
        with self.reading() as connection:
            return connection.execute(sql, params).fetchall()

    def close(self) -> None:
        """Close every connection."""
        with self._write_lock, self._readers_lock:
            self._writer.close()
            while self._readers:
                self._readers.pop().close()


def load_from_retailer(retailer_db: Path, sap_db: Path) -> dict[str, int]:
    """Fill the store with the retailer database's master data and orders; what SAP did with them stays.

    Running it again replaces the master data, adds new orders and keeps readings, billed values and the state of
    orders that SAP knows already.

    Args:
        retailer_db: the SQLite file of the retailer database.
        sap_db: the SQLite file of the store; created when missing.

    Returns:
        Rows by table after the load.
    """
    store = SapStore(sap_db)
    try:
        with closing(sqlite3.connect(f"file:{retailer_db}?mode=ro", uri=True)) as source, store.writing() as target:
            for table, columns in _COPIED:
                target.execute(f"delete from {table}")  # noqa: S608 - names from the constant above
                _copy(source, target, table, columns, f"insert into {table} ({columns}) values ({_marks(columns)})")  # noqa: S608
            _copy(
                source,
                target,
                "meter_reading_orders",
                _ORDER_COLUMNS,
                f"insert or ignore into orders ({_ORDER_COLUMNS}) values ({_marks(_ORDER_COLUMNS)})",  # noqa: S608
            )
            tables = [table for table, _ in _COPIED] + ["orders"]
            return {t: target.execute(f"select count(*) from {t}").fetchone()[0] for t in tables}  # noqa: S608
    finally:
        store.close()


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, table: str, columns: str, insert: str) -> None:
    target.executemany(insert, source.execute(f"select {columns} from {table}"))  # noqa: S608 - constant names


def _marks(columns: str) -> str:
    return ", ".join("?" for _ in columns.split(","))


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    connection.row_factory = sqlite3.Row
    connection.execute("pragma journal_mode = wal")
    # A killed process loses nothing in WAL mode; only a power cut could, which a sandbox may.
    connection.execute("pragma synchronous = off")
    return connection
