"""T-SQL of the raw layer: tables, scopes, inserts by OPENJSON, and the figures that prove a load.

What belongs here: pure functions from the written schema to statements. What stays out: running them
(``sqlserver_warehouse``).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Final

from loaders.warehouse.schema import ColumnType, RawTable
from loaders.warehouse.sqlserver_rows import STAND_INS

DATABASE_FACTS: Final = (
    "select cast(databasepropertyex(db_name(), 'Collation') as nvarchar(128)) as collation_name, "
    "datalength(N'a') as letter_size"
)
"""What decides how texts are kept and measured."""

READS_SNAPSHOTS: Final = (
    "select cast(is_read_committed_snapshot_on as int) as answer from sys.databases where name = db_name()"
)
"""1 where readers see the last committed rows instead of waiting for a writer."""

IGNORES_CASE: Final = "select case when 'a' = 'A' then 1 else 0 end as answer"
"""1 where the database's collation takes both for one; texts without a column have the database's collation."""

_NAME_LOCK: Final = "declare @resource nvarchar(255) = N'billsync_dbt ' + db_name();"
TAKE_DBT_LOCK: Final = (
    f"{_NAME_LOCK} declare @answer int; exec @answer = sp_getapplock @Resource = @resource, @LockMode = N'Exclusive', "
    "@LockOwner = N'Session', @LockTimeout = ?; select @answer as answer"
)
"""The lock is named after its database, to which SQL Server ties it anyhow; servers that only speak T-SQL do not."""
RELEASE_DBT_LOCK: Final = f"{_NAME_LOCK} exec sp_releaseapplock @Resource = @resource, @LockOwner = N'Session'"

TEXT_LENGTH: Final = 400
"""Characters of a text column; a longer text widens its column when it arrives, it is never cut."""

KEY_TEXT: Final = frozenset({"nmi", "nmi_suffix", "contract_id"})
KEY_LENGTH: Final = 200
"""Characters of a column that stands in the key of an index with others like it: two of them and a date fit into a
clustered key's 900 bytes, three into the 1,700 of another index. A longer one widens its column as any text does, and
then the models' indexes on it are left out (``sqlserver__get_create_index_sql``): they are for speed alone."""

LONG_TEXT: Final = frozenset({"values_text", "record_text", "content_json"})
"""Columns whose texts are long by nature."""

CLUSTERED_BY: Final = ("billing_day", "market_date")
"""A raw table lies in the order of the first of these days that it has: what replaces and reads a scope asks by it."""

_TYPES: Final[Mapping[ColumnType, str]] = {"integer": "bigint", "date": "date", "timestamp": "datetime2(6)"}


def text_length(column: str) -> int:
    """Characters that a text column takes before it has to be widened."""
    return KEY_LENGTH if column in KEY_TEXT else TEXT_LENGTH


def column_type(name: str, kind: ColumnType, *, is_utf8: bool, is_long: bool = False) -> str:
    """The type of a raw column.

    Args:
        name: the column.
        kind: its kind in the written schema.
        is_utf8: whether the database's collation keeps every character in varchar; otherwise nvarchar does.
        is_long: whether the column has been widened for a text beyond ``text_length``.
    """
    if kind != "text":
        return _TYPES[kind]
    length = "max" if is_long or name in LONG_TEXT else str(text_length(name))
    return f"varchar({length})" if is_utf8 else f"nvarchar({length})"


def create_table(table: RawTable, *, is_utf8: bool) -> str:
    """The statement that makes a raw table."""
    columns = ", ".join(f"{name} {column_type(name, kind, is_utf8=is_utf8)}" for name, kind in table.columns)
    return f"create table raw.{table.name} ({columns})"


def create_index(table: RawTable) -> str | None:
    """The statement that puts a new raw table in order; None for a table without a day."""
    key = next((name for name in CLUSTERED_BY if name in table.column_names), None)
    return key and f"create clustered index cx_{table.name} on raw.{table.name} ({key}) with (data_compression = page)"


def widen_column(table: RawTable, column: str, *, is_utf8: bool) -> str:
    """The statement that lets a text column take texts of any length."""
    wide = column_type(column, "text", is_utf8=is_utf8, is_long=True)
    return f"alter table raw.{table.name} alter column {column} {wide}"


def delete_rows(table: RawTable, predicate: str) -> str:
    """The statement that empties a scope."""
    return f"delete from raw.{table.name} where {predicate}"  # noqa: S608 - names are ours, values are parameters


def insert_rows(
    table: RawTable, pieces: Mapping[str, int] = MappingProxyType({}), escaped: Collection[str] = ()
) -> str:
    """The insert of one batch: a JSON array of rows, each an array of values in the table's column order.

    OPENJSON takes thousands of rows in one parameter, where a statement takes 2,100 parameters at most, and types
    each value by its declaration.

    Args:
        table: the table.
        pieces: columns whose texts come in several pieces, with how many: the first in the column's place, the others
            behind all columns, in this mapping's order (see ``sqlserver_rows.as_json``).
        escaped: columns whose texts come with stand-ins for what JSON escapes.
    """
    # nvarchar(max) whatever the column is: a text that would not fit must be refused by the insert, not cut here.
    typed = [f"{name} {'nvarchar(max)' if kind == 'text' else _TYPES[kind]}" for name, kind in table.columns]
    values = {name: name for name in table.column_names}
    for name, count in pieces.items():
        for number in range(2, count + 1):
            typed.append(f"{name}_{number} nvarchar(max)")
            values[name] += f" + coalesce({name}_{number}, N'')"
    for name in escaped:
        values[name] = f"({values[name]}) collate Latin1_General_BIN2"
        for character, stand_in in STAND_INS.items():
            values[name] = f"replace({values[name]}, nchar({ord(stand_in)}), nchar({ord(character)}))"
    placed = ", ".join(f"{one} '$[{place}]'" for place, one in enumerate(typed))
    return (
        f"insert into raw.{table.name} ({', '.join(values)}) "  # noqa: S608 - names are ours
        f"select {', '.join(values.values())} from openjson(?) with ({placed})"
    )


def measure(table: RawTable, predicate: str) -> str:
    """The figures of a scope as the server has them: rows, sum of all numbers and days, bytes of all texts.

    The counterpart for staged files is ``sqlserver_rows.Figures``.
    """
    numbers = [f"coalesce({name}, 0)" for name, kind in table.columns if kind == "integer"]
    numbers += [
        f"coalesce(cast(datediff(day, '19700101', {name}) as bigint), 0)"
        for name, kind in table.columns
        if kind in {"date", "timestamp"}
    ]
    texts = [f"coalesce(cast(datalength({name}) as bigint), 0)" for name, kind in table.columns if kind == "text"]
    return (
        "select count_big(*) as row_count, "  # noqa: S608 - names are ours, values are parameters
        f"coalesce(sum(cast({' + '.join(numbers) or '0'} as decimal(38, 0))), 0) as number_sum, "
        f"coalesce(sum(cast({' + '.join(texts) or '0'} as decimal(38, 0))), 0) as text_sum "
        f"from raw.{table.name} where {predicate}"
    )


def scope_predicate(table: RawTable, scope: Mapping[str, object]) -> tuple[str, list[object]]:
    """A condition with ``?`` markers, and its parameters, for a write's scope (see ``RawWrite``).

    A list is one JSON parameter: it may be longer than a statement has parameters.
    """
    kinds = dict(table.columns)
    conditions: list[str] = []
    parameters: list[object] = []
    for column, value in scope.items():
        if isinstance(value, tuple):
            conditions.append(f"{column} between ? and ?")
            parameters += value
        elif isinstance(value, list):
            item = "nvarchar(400)" if kinds[column] == "text" else _TYPES[kinds[column]]
            conditions.append(f"{column} in (select item from openjson(?) with (item {item} '$'))")  # noqa: S608
            parameters.append(json_list(value))
        else:
            conditions.append(f"{column} = ?")
            parameters.append(value)
    return " and ".join(conditions) or "1 = 1", parameters


def json_list(values: Sequence[object]) -> str:
    """Values as a JSON array; days and instants as ISO text."""
    return json.dumps([value.isoformat() if isinstance(value, date | datetime) else value for value in values])
