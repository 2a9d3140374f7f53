"""Snapshots of the operational database for the warehouse: the ledger and the exception queue as raw tables.

What belongs here: writing the rows to Parquet. What stays out: what the rows say (``sap_isu.ledger``,
``exception_queue``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from loaders.exception_queue import ExceptionQueue
from loaders.sap_isu.ledger import Ledger
from loaders.warehouse import ParquetRowWriter, RawWrite
from loaders.warehouse.schema import RAW_TABLES


def snapshot_ledger(ledger: Ledger, folder: Path) -> RawWrite:
    """Stage the whole ledger for ``raw.load_ledger``."""
    return stage_rows("load_ledger", ledger.snapshot(), folder)


def snapshot_exceptions(queue: ExceptionQueue, folder: Path) -> RawWrite:
    """Stage the whole queue for ``raw.exception_queue``."""
    return stage_rows("exception_queue", queue.snapshot(), folder)


def stage_rows(
    table: str, rows: Iterable[Mapping[str, object]], folder: Path, scope: Mapping[str, object] | None = None
) -> RawWrite:
    """Write rows as Parquet files of a raw table.

    Args:
        table: raw table.
        rows: rows by column name.
        folder: where the files go.
        scope: what the write replaces; the whole table when None.
    """
    columns = RAW_TABLES[table].column_names
    writer = ParquetRowWriter(table, folder)
    writer.extend([row[name] for name in columns] for row in rows)
    return RawWrite(table=table, scope=dict(scope or {}), files=writer.close())
