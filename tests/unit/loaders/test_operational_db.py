"""The operational database: migrations, transactions, instants."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.dialects import mssql
from sqlalchemy.schema import CreateTable

from loaders.operational_db import (
    exceptions,
    leases,
    load_history,
    load_readings,
    metadata,
    open_engine,
    read_edits,
    reading,
    upgrade,
)
from loaders.warehouse.schema import LONGEST_IDS


def test_upgrade_twice_gives_exactly_the_written_tables(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/deep/operations.db")
    upgrade(engine)
    upgrade(engine)
    with reading(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_every_identifier_that_is_let_in_fits_its_columns() -> None:
    lengths = {
        f"{table.name}.{column.name}": (column.type.length, LONGEST_IDS[column.name])
        for table in (load_readings, exceptions, read_edits)
        for column in table.columns
        if column.name in LONGEST_IDS and isinstance(column.type, sa.Unicode)
    }
    assert len(lengths) >= 10
    assert {name for name, (length, longest) in lengths.items() if (length or 0) < longest} == set()


def test_upgrade_from_several_threads_at_once_succeeds(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/operations.db"
    failures: list[BaseException] = []

    def work() -> None:
        try:
            upgrade(open_engine(url))
        except Exception as error:  # noqa: BLE001 - every failure is collected and shown
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_history_update_or_delete_is_refused(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/operations.db")
    upgrade(engine)
    row = {"reading_key": "k", "at": datetime.now(UTC), "actor": "a", "event": "PLAN", "to_state": "PLANNED"}
    with engine.begin() as connection:
        connection.execute(sa.insert(load_history), row)
    for statement in (sa.update(load_history).values(actor="b"), sa.delete(load_history)):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(statement)


def test_instant_with_any_zone_comes_back_as_utc(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/operations.db")
    upgrade(engine)
    moment = datetime(2026, 3, 5, 10, 0, 0, 123456, tzinfo=timezone(timedelta(hours=10)))
    row = {"lease_name": "n", "holder": "h", "acquired_at": moment, "expires_at": moment}
    with engine.begin() as connection:
        connection.execute(sa.insert(leases), row)
    with reading(engine) as connection:
        stored = connection.execute(sa.select(leases.c.acquired_at)).scalar_one()
    assert stored == moment
    assert stored.utcoffset() == timedelta(0)


def test_instant_without_zone_is_refused(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/operations.db")
    upgrade(engine)
    naive = datetime(2026, 3, 5)  # noqa: DTZ001 - the point of the test
    with pytest.raises(sa.exc.StatementError, match="time zone"), engine.begin() as connection:
        connection.execute(
            sa.insert(leases), {"lease_name": "n", "holder": "h", "acquired_at": naive, "expires_at": naive}
        )


def test_tables_compile_for_sql_server_with_sized_unicode_strings() -> None:
    for table in metadata.sorted_tables:
        ddl = str(CreateTable(table).compile(dialect=mssql.dialect()))
        assert "NVARCHAR(max)" not in ddl
        assert "VARCHAR(" not in ddl.replace("NVARCHAR(", "")
