"""Staged rows on their way to SQL Server: Parquet read in pieces, written as JSON, measured before they leave.

What belongs here: pure turning of Arrow batches into OPENJSON's input and into the figures that prove its arrival.
What stays out: SQL (``sqlserver_sql``) and connections (``sqlserver_warehouse``).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from loaders.warehouse.parquet import arrow_schema
from loaders.warehouse.schema import RawTable

ROWS_AT_ONCE: Final = 10_000
BYTES_AT_ONCE: Final = 4 * 1024 * 1024
"""A batch is one parameter: large enough that the way to the server does not count, small enough for any memory."""

JSON_TEXT_LENGTH: Final = 4000
"""Characters of one JSON value."""

STAND_INS: Final = {character: chr(0xE000 + ord(character)) for character in '"\\\n\r\t'}
"""What travels in place of characters that JSON escapes, from Unicode's private area."""

_MICROSECONDS_PER_DAY: Final = 86_400_000_000


@dataclass(frozen=True)
class Figures:
    """What a set of rows amounts to; two sets with equal figures are taken for the same rows.

    Attributes:
        rows: how many.
        numbers: sum of all whole numbers, and of all days and instants as days since 1970.
        texts: bytes of all texts as the server keeps them, in UTF-8 or UTF-16.
    """

    rows: int = 0
    numbers: int = 0
    texts: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(self.rows + other.rows, self.numbers + other.numbers, self.texts + other.texts)

    @classmethod
    def of_row(cls, row: dict[str, object]) -> Figures:
        """The server's answer to ``sqlserver_sql.measure``."""
        return cls(*(int(Decimal(str(row[name]))) for name in ("row_count", "number_sum", "text_sum")))


def batches(path: Path, table: RawTable) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file in the table's column order, in pieces of bounded rows and bytes."""
    names = list(table.column_names)
    schema = arrow_schema(table)
    with pq.ParquetFile(path) as file:
        for found in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=names):
            batch = pa.RecordBatch.from_arrays(
                [found.column(field.name).cast(field.type) for field in schema], schema=schema
            )
            rows = max(1, batch.num_rows * BYTES_AT_ONCE // max(batch.nbytes, BYTES_AT_ONCE))
            yield from (batch.slice(start, rows) for start in range(0, batch.num_rows, rows))


def pieces_of(batch: pa.RecordBatch) -> dict[str, int]:
    """Columns with texts beyond what one JSON value safely carries, and in how many pieces they have to go.

    SQL Server itself takes any length, but a server that only speaks T-SQL was seen to cut a value of OPENJSON at 4,000
    characters without a word (five-minute values of a day are longer).
    """
    counts = {
        field.name: -(-longest_text(batch.column(field.name)) // JSON_TEXT_LENGTH)
        for field in batch.schema
        if pa.types.is_string(field.type)
    }
    return {name: count for name, count in counts.items() if count > 1}


def escaped_of(batch: pa.RecordBatch) -> frozenset[str]:
    """Columns whose texts hold what JSON escapes, and no stand-in of it.

    SQL Server itself takes the escapes away, but a server that only speaks T-SQL was seen to leave them in.
    """
    texts = [field.name for field in batch.schema if pa.types.is_string(field.type)]
    escaped = [name for name in texts if _holds_any(batch.column(name), STAND_INS)]
    return frozenset(name for name in escaped if not _holds_any(batch.column(name), STAND_INS.values()))


def _holds_any(column: pa.Array, characters: Iterable[str]) -> bool:
    return any(pc.any(pc.match_substring(column, character)).as_py() for character in characters)


def as_json(batch: pa.RecordBatch, pieces: Mapping[str, int], escaped: Collection[str] = ()) -> str:
    """A batch as a JSON array of rows, each an array of values; days and instants as ISO text.

    Args:
        batch: the rows.
        pieces: from ``pieces_of``; a text's further pieces follow behind the columns.
        escaped: from ``escaped_of``; there stand-ins take the place of what JSON escapes.
    """
    whole_columns = {name: _plain(batch.column(name)) for name in batch.schema.names}
    for name in escaped:
        for character, stand_in in STAND_INS.items():
            whole_columns[name] = pc.replace_substring(whole_columns[name], character, stand_in)
    columns = list(whole_columns.values())
    for name, count in pieces.items():
        whole = whole_columns[name]
        columns[batch.schema.names.index(name)] = pc.utf8_slice_codeunits(whole, 0, JSON_TEXT_LENGTH)
        columns += [
            pc.utf8_slice_codeunits(whole, number * JSON_TEXT_LENGTH, (number + 1) * JSON_TEXT_LENGTH)
            for number in range(1, count)
        ]
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    return json.dumps(list(rows), ensure_ascii=False, separators=(",", ":"))


def _plain(column: pa.Array) -> pa.Array:
    if pa.types.is_date(column.type):
        return column.cast(pa.string())
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column, format="%Y-%m-%dT%H:%M:%S")
    return column


def figures_of(batch: pa.RecordBatch, *, is_utf16: bool) -> Figures:
    """The figures of a batch, by the rules of ``sqlserver_sql.measure``.

    Args:
        batch: the rows.
        is_utf16: whether the server keeps these texts in UTF-16 (nvarchar) or in UTF-8.
    """
    numbers, texts = 0, 0
    for column in batch.columns:
        if pa.types.is_string(column.type):
            texts += _text_size(column, is_utf16=is_utf16)
        else:
            numbers += _number_sum(column)
    return Figures(batch.num_rows, numbers, texts)


def _number_sum(column: pa.Array) -> int:
    if pa.types.is_date(column.type):
        column = column.cast(pa.int32()).cast(pa.int64())
    elif pa.types.is_timestamp(column.type):
        # A day is counted as the server's datediff counts it: midnights since 1970, also before it.
        return sum(value // _MICROSECONDS_PER_DAY for value in column.cast(pa.int64()).to_pylist() if value is not None)
    return int(pc.sum(column).as_py() or 0)


def _text_size(column: pa.Array, *, is_utf16: bool) -> int:
    octets = int(pc.sum(pc.binary_length(column)).as_py() or 0)
    if not is_utf16:
        return octets
    if int(pc.sum(pc.utf8_length(column)).as_py() or 0) == octets:
        return 2 * octets
    return sum(len(value.encode("utf-16-le")) for value in column.to_pylist() if value is not None)


def longest_text(column: pa.Array) -> int:
    """Bytes of a column's longest text: what a varchar of UTF-8 needs, and never less than UTF-16 units."""
    return int(pc.max(pc.binary_length(column)).as_py() or 0)
