"""Parquet staging: rows of a raw table collected in memory and written in bounded pieces.

What belongs here: turning rows into typed Parquet files. What stays out: where rows come from and where files go.

A file of a billing day can turn out to be unreadable half-way (a broken zip shows itself at the end), so a writer can
be marked before a file is read and rolled back to that mark.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from loaders.warehouse.schema import RAW_TABLES, RawTable

ARROW_TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}


def arrow_schema(table: RawTable) -> pa.Schema:
    """Return the Arrow schema that Parquet files of a raw table have."""
    return pa.schema([(name, ARROW_TYPES[kind]) for name, kind in table.columns])


class ParquetRowWriter:
    """Collects rows of one raw table and writes them as Parquet files of bounded size.

    A row is a sequence of values in the table's column order. Text columns take ``str`` or UTF-8 ``bytes``.
    """

    def __init__(
        self, table: str, folder: Path, *, rows_per_file: int = 100_000, bytes_per_file: int = 32 * 1024 * 1024
    ) -> None:
        self._table = RAW_TABLES[table]
        self._schema = arrow_schema(self._table)
        self._folder = folder
        self._rows_per_file = rows_per_file
        self._bytes_per_file = bytes_per_file
        self._rows: list[Sequence[object]] = []
        self._pending_bytes = 0
        self._files: list[Path] = []
        self._row_counts: list[int] = []
        self._mark: tuple[int, int] | None = None
        self._sequence = itertools.count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()

    @property
    def table(self) -> str:
        """Name of the raw table."""
        return self._table.name

    @property
    def row_count(self) -> int:
        """Rows taken so far and not rolled back."""
        return sum(self._row_counts) + len(self._rows)

    def append(self, row: Sequence[object], weight: int = 0) -> None:
        """Take a row; ``weight`` is its size in bytes where rows are large."""
        self._rows.append(row)
        self._pending_bytes += weight
        if len(self._rows) >= self._rows_per_file or self._pending_bytes >= self._bytes_per_file:
            self._flush()

    def extend(self, rows: Iterable[Sequence[object]]) -> None:
        """Take several rows."""
        for row in rows:
            self.append(row)

    def mark(self) -> None:
        """Remember this point; the next mark or ``rollback`` ends it."""
        self._mark = (len(self._files), len(self._rows))

    def rollback(self) -> None:
        """Forget every row taken since the mark."""
        if self._mark is None:
            return
        file_count, row_count = self._mark
        if len(self._files) > file_count:
            for path in self._files[file_count:]:
                path.unlink()
            del self._files[file_count:], self._row_counts[file_count:]
            # Rows from before the mark were written by the flush that split at it.
            row_count = 0
        del self._rows[row_count:]

    def close(self) -> list[Path]:
        """Write what is left and return all files."""
        self._flush()
        return list(self._files)

    def _flush(self) -> None:
        before = self._rows
        if self._mark is not None and self._mark[0] == len(self._files) and self._mark[1]:
            # Keep rows from before the mark apart, so that a rollback can delete whole files.
            split = self._mark[1]
            before, after = self._rows[:split], self._rows[split:]
            self._write(before)
            self._mark = (len(self._files), 0)
            before = after
        self._write(before)
        self._rows = []
        self._pending_bytes = 0

    def _write(self, rows: list[Sequence[object]]) -> None:
        if not rows:
            return
        columns = [
            pa.array(values, type=field.type)
            for values, field in zip(zip(*rows, strict=True), self._schema, strict=True)
        ]
        path = self._folder / f"{self._table.name}-{next(self._sequence):06d}.parquet"
        self._folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(
            pa.Table.from_arrays(columns, schema=self._schema), path, compression="zstd", compression_level=1,
            use_dictionary=[name for name in self._schema.names if name not in _UNREPEATED], write_statistics=False,
        )  # fmt: skip
        self._files.append(path)
        self._row_counts.append(len(rows))


_UNREPEATED = frozenset({"values_text", "content_hash", "content_json", "line_number"})
"""Columns whose values hardly repeat: a dictionary would only cost time."""
