"""What every warehouse offers the loaders: replace a scope of a raw table, and read.

What belongs here: the interface and the pure parts (SQL predicates of a scope, row counts of staged files).
What stays out: connections (one module per warehouse beside this one).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow.parquet as pq


@dataclass(frozen=True)
class RawWrite:
    """Rows that take the place of a scope of one raw table.

    Attributes:
        table: raw table.
        scope: what the write replaces, joined by "and": ``{column: value}`` for equality, a ``(low, high)`` tuple for
            ``low <= column <= high``, a list for "one of". Empty means the whole table.
        files: Parquet files with the table's columns. None at all empties the scope.
    """

    table: str
    scope: Mapping[str, object] = field(default_factory=dict)
    files: Sequence[Path] = ()


class Warehouse(Protocol):
    """The raw layer of one warehouse."""

    def exists(self) -> bool:
        """Whether a first run has made the raw layer."""

    def ensure_raw_schema(self) -> None:
        """Create schema ``raw`` and every raw table that is missing; changes nothing when all is there."""

    def replace(self, writes: Sequence[RawWrite]) -> dict[str, int]:
        """Replace scopes in one transaction, verify what was loaded, and return rows by table.

        Either all writes take effect or none does.
        """

    def fetch(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, object]]:
        """Run a query on a read-only connection that is opened for it and closed at once."""

    def stream(self, sql: str, params: Sequence[object] = ()) -> Iterator[dict[str, object]]:
        """Like ``fetch``, row by row: for results that need not be held in memory at once."""

    def sole_dbt_run(self) -> AbstractContextManager[None]:
        """Keep every other dbt run of ours out of this database inside the block, whatever ledger it works with.

        Raises:
            TransientError: another one does not end within the wait.
        """

    def reading(self) -> AbstractContextManager[None]:
        """Make many calls of ``fetch`` cheap: what opening costs is paid once for all of them inside the block."""


def staged_row_count(files: Sequence[Path]) -> int:
    """Count the rows of Parquet files from their footers."""
    return sum(pq.read_metadata(path).num_rows for path in files)


def scope_predicate(scope: Mapping[str, object]) -> tuple[str, list[object]]:
    """Return a SQL condition with ``?`` markers, and its parameters, for a write's scope."""
    conditions: list[str] = []
    parameters: list[object] = []
    for column, value in scope.items():
        if isinstance(value, tuple):
            low, high = value
            conditions.append(f"{column} between ? and ?")
            parameters += [low, high]
        elif isinstance(value, list):
            conditions.append(f"{column} in ({', '.join('?' * len(value))})" if value else "1 = 0")
            parameters += value
        else:
            conditions.append(f"{column} = ?")
            parameters.append(value)
    return " and ".join(conditions) or "1 = 1", parameters
