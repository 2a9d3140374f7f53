"""Rows of the meter tables on their way to Parquet, with one count per file that must balance.

What belongs here: one method per kind of row, and the counts. What stays out: deciding what a line is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from loaders.warehouse.parquet import ParquetRowWriter
from loaders.warehouse.schema import METER_TABLES

METER_TABLE_NAMES = tuple(table.name for table in METER_TABLES)
_MAX_INDICATOR = 20


@dataclass
class FileCounts:
    """Records of one file: every record is accepted or rejected, once.

    Attributes:
        accepted: records kept in a meter table.
        rejected: records in ``rejected_records``.
        by_reason: rejected records by reason code.
    """

    accepted: int = 0
    rejected: int = 0
    by_reason: dict[str, int] = field(default_factory=dict)


class MeterRows:
    """Writers of all meter tables for one billing day and source."""

    def __init__(self, billing_day: date, source: str, folder: Path) -> None:
        self.billing_day = billing_day
        self.source = source
        self._writers = {name: ParquetRowWriter(name, folder) for name in METER_TABLE_NAMES}
        self.intervals = self._writers["meter_interval_records"]
        self._base: tuple[date, str, str] = (billing_day, source, "")
        self.counts = FileCounts()

    def begin_file(self, file_name: str) -> tuple[date, str, str]:
        """Start a file: later rows carry its name, and ``abandon_file`` can take them all back."""
        self._base = (self.billing_day, self.source, file_name)
        self.counts = FileCounts()
        for writer in self._writers.values():
            writer.mark()
        return self._base

    def abandon_file(self) -> None:
        """Take back every row of the present file."""
        for writer in self._writers.values():
            writer.rollback()
        self.counts = FileCounts()

    def file(self, *values: object) -> None:
        """Write the row of ``meter_files``; ``values`` follow file_name."""
        self._writers["meter_files"].append((*self._base, *values))

    def header(self, line_number: int, indicator: str, nmi: str | None, text: str) -> None:
        """Keep a 100, 200 or 900 record."""
        self._keep("meter_headers", line_number, indicator, nmi, text)

    def interval_record(self, line_number: int, *values: object) -> None:
        """Keep a 300 record, or a day of a channel from the API."""
        self._keep("meter_interval_records", line_number, *values)

    def event(self, line_number: int, *values: object) -> None:
        """Keep a 400 record."""
        self._keep("meter_interval_events", line_number, *values)

    def detail(self, line_number: int, *values: object) -> None:
        """Keep a 500 or 550 record."""
        self._keep("meter_b2b_details", line_number, *values)

    def accumulation(self, line_number: int, *values: object) -> None:
        """Keep a 250 record."""
        self._keep("meter_accumulation_records", line_number, *values)

    def reject(self, line_number: int, indicator: str | None, nmi: str | None, code: str, reason: str) -> None:
        """Record a record that is not kept, with the reason a person reads."""
        shown = indicator[:_MAX_INDICATOR] if indicator else None
        self._writers["rejected_records"].append((*self._base, line_number, shown, nmi, code, reason))
        self.counts.rejected += 1
        self.counts.by_reason[code] = self.counts.by_reason.get(code, 0) + 1

    def _keep(self, table: str, line_number: int, *values: object) -> None:
        self._writers[table].append((*self._base, line_number, *values))
        self.counts.accepted += 1

    def close(self) -> dict[str, list[Path]]:
        """Write what is left; return the files by table."""
        return {name: writer.close() for name, writer in self._writers.items()}

    @property
    def row_counts(self) -> dict[str, int]:
        """Rows by table."""
        return {name: writer.row_count for name, writer in self._writers.items()}
