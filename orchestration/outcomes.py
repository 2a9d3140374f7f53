"""How the read of each source went, as rows of ``raw.source_outcomes``.

What belongs here: the row and its write. What stays out: reading sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final, Literal

from loaders.warehouse import ParquetRowWriter, RawWrite, Warehouse

READ: Final = "READ"
FAILED: Final = "FAILED"


@dataclass(frozen=True)
class SourceOutcome:
    """How the last read of one source went for a billing day.

    Attributes:
        billing_day: the day that was read for.
        source_name: the source.
        status: READ or FAILED; after a failure the source's old data stay.
        detail: what failed, why and what to do; empty when read.
        row_count: rows written.
        started_at: UTC.
        finished_at: UTC.
    """

    billing_day: date
    source_name: str
    status: Literal["READ", "FAILED"]
    detail: str
    row_count: int
    started_at: datetime
    finished_at: datetime


def outcome_write(outcome: SourceOutcome, folder: Path) -> RawWrite:
    """The write that replaces a source's outcome of a day."""
    writer = ParquetRowWriter("source_outcomes", folder)
    writer.append(
        (
            outcome.billing_day,
            outcome.source_name,
            outcome.status,
            outcome.detail,
            outcome.row_count,
            outcome.started_at.replace(tzinfo=None),
            outcome.finished_at.replace(tzinfo=None),
        )
    )
    scope = {"billing_day": outcome.billing_day, "source_name": outcome.source_name}
    return RawWrite("source_outcomes", scope, writer.close())


def failed_sources(warehouse: Warehouse, first: date, last: date) -> list[SourceOutcome]:
    """Sources whose last read failed, for a window of billing days."""
    return [one for one in _outcomes(warehouse, first, last) if one.status == FAILED]


def remarked_sources(warehouse: Warehouse, first: date, last: date) -> list[SourceOutcome]:
    """Sources that were read but for single items, which their detail names, for a window of billing days."""
    return [one for one in _outcomes(warehouse, first, last) if one.status == READ and one.detail]


def _outcomes(warehouse: Warehouse, first: date, last: date) -> list[SourceOutcome]:
    rows = warehouse.fetch(
        "select billing_day, source_name, status, detail, row_count, started_at, finished_at "
        "from raw.source_outcomes where billing_day between ? and ? order by billing_day, source_name",
        [first, last],
    )
    return [SourceOutcome(**row) for row in rows]  # type: ignore[arg-type]
