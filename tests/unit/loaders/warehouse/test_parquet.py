"""Staging rows as Parquet, and taking back those of a file that turns out unreadable."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from loaders.warehouse.parquet import ParquetRowWriter, arrow_schema
from loaders.warehouse.schema import RAW_TABLES

DAY = date(2026, 3, 5)


def row(number: int) -> tuple[object, ...]:
    return (DAY, "FILE", "f", number, None, None, "CODE", "Why.")


def numbers(files: list[Path]) -> list[int]:
    return [n for path in files for n in pq.read_table(path, columns=["line_number"])["line_number"].to_pylist()]


def test_writer_types_columns_as_the_schema_says(tmp_path: Path) -> None:
    with ParquetRowWriter("rejected_records", tmp_path) as writer:
        writer.append((DAY, b"FILE", "caf\xe9", 1, None, None, "CODE", "Why."))
        (path,) = writer.close()
    found = pq.read_table(path)
    assert found.schema.equals(arrow_schema(RAW_TABLES["rejected_records"]))
    assert found.to_pylist()[0]["file_name"] == "caf\xe9"
    assert found.to_pylist()[0]["source"] == "FILE"


def test_writer_without_rows_writes_no_file(tmp_path: Path) -> None:
    with ParquetRowWriter("rejected_records", tmp_path) as writer:
        assert writer.close() == []


@pytest.mark.parametrize("rows_per_file", [1, 2, 3, 100])
@pytest.mark.parametrize(("before", "after", "later"), [(0, 5, 2), (3, 5, 2), (4, 1, 0), (2, 0, 3), (1, 1, 1)])
def test_rollback_takes_back_exactly_the_rows_since_the_mark(
    tmp_path: Path, rows_per_file: int, before: int, after: int, later: int
) -> None:
    writer = ParquetRowWriter("rejected_records", tmp_path, rows_per_file=rows_per_file)
    writer.extend(row(n) for n in range(before))
    writer.mark()
    writer.extend(row(100 + n) for n in range(after))
    writer.rollback()
    assert writer.row_count == before
    writer.mark()
    writer.extend(row(200 + n) for n in range(later))
    files = writer.close()
    assert sorted(numbers(files)) == [*range(before), *range(200, 200 + later)]
    assert sorted(tmp_path.glob("*.parquet")) == sorted(files)
    assert writer.row_count == before + later


def test_large_rows_are_written_in_pieces(tmp_path: Path) -> None:
    with ParquetRowWriter("rejected_records", tmp_path, bytes_per_file=100) as writer:
        for number in range(10):
            writer.append(row(number), weight=40)
        files = writer.close()
    assert len(files) == 4
    assert numbers(files) == list(range(10))
