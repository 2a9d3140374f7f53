"""Reads meter text through the real reader and returns the staged rows, for tests."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from loaders.sources.landing import Landing, LocalLanding
from loaders.sources.meter_files import extract_meter_files
from loaders.sources.meter_rows import METER_TABLE_NAMES

DAY = date(2026, 3, 5)
Row = dict[str, Any]


@dataclass(frozen=True)
class Staged:
    """Rows by table, each in order of file and line."""

    tables: dict[str, list[Row]]
    detail: dict[str, Any]

    def __getitem__(self, table: str) -> list[Row]:
        return self.tables[table]

    @property
    def intervals(self) -> list[Row]:
        return self.tables["meter_interval_records"]

    @property
    def rejects(self) -> list[tuple[int, str]]:
        return [(row["line_number"], row["reason_code"]) for row in self.tables["rejected_records"]]

    @property
    def files(self) -> list[Row]:
        return self.tables["meter_files"]


def read_files(files: dict[str, bytes], **options: Any) -> Staged:
    """Deliver files and extract the day."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "landing" / "nem12" / f"billing_day={DAY}"
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return read_landing(LocalLanding(Path(scratch) / "landing"), Path(scratch) / "staging", **options)


def read_landing(landing: Landing, staging: Path, **options: Any) -> Staged:
    """Extract the day and load the staged rows."""
    extract = extract_meter_files(landing, DAY, staging, **options)
    tables: dict[str, list[Row]] = {name: [] for name in METER_TABLE_NAMES}
    for write in extract.writes:
        for path in write.files:
            tables[write.table] += pq.read_table(path).to_pylist()
        tables[write.table].sort(key=lambda row: (row["file_name"], row.get("line_number", 0)))
        assert len(tables[write.table]) == extract.row_counts[write.table]
    return Staged(tables, dict(extract.detail))


def read_text(text: str | bytes, name: str = "delivered.csv") -> Staged:
    """Extract one file."""
    return read_files({name: text.encode() if isinstance(text, str) else text})


def header(*, nmi: str = "4103000011", suffix: str = "E1", minutes: str = "30", unit: str = "kWh") -> str:
    """A well-formed 200 record."""
    return f"200,{nmi},E1,1,{suffix},N1,MTR001,{unit},{minutes},20260601"


def day(
    values: list[str] | None = None, *, on: str = "20260304", tail: str = "A,,,20260305010000,20260305020000"
) -> str:
    """A well-formed 300 record."""
    return f"300,{on},{','.join(values or ['0.5'] * 48)},{tail}"


def mdff(*records: str, version: str = "NEM12") -> str:
    """A file with its 100 and 900 around records."""
    return "\r\n".join([f"100,{version},202603050100,MDP1,RET1", *records, "900", ""])
