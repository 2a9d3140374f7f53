"""The meter data files of one billing day, read into staged rows of the meter tables.

What belongs here: going through the delivered files and their members, quarantining what cannot be read, and the row
of ``meter_files`` that says how each one went. What stays out: records (``nem12.py``) and where files lie
(``landing.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from loaders.sources.archives import ArchiveLimits, Member, iter_members
from loaders.sources.extract import Extract
from loaders.sources.landing import DeliveredFile, Landing
from loaders.sources.meter_rows import METER_TABLE_NAMES, MeterRows
from loaders.sources.nem12 import MeterFileTagger
from loaders.sources.text_lines import TextLines
from loaders.sources.unreadable import UnreadableFileError
from loaders.warehouse.base import RawWrite, Warehouse

SOURCE = "FILE"
ACCEPTED = "ACCEPTED"
QUARANTINED = "QUARANTINED"
_PREVIEW_FILES = 5


def extract_meter_files(
    landing: Landing,
    day: date,
    staging: Path,
    known_files: Iterable[DeliveredFile] = (),
    limits: ArchiveLimits | None = None,
) -> Extract:
    """Read every file delivered for a billing day.

    Args:
        landing: where files land.
        day: the billing day whose deliveries are read, all of them.
        staging: folder for the staged Parquet files, one per run.
        known_files: the day's deliveries that the raw layer has.
        limits: bounds for archives.

    Returns:
        An extract that replaces the day's files. When the whole delivery has disappeared although it was read before
        (archived by the retailer), the extract holds no writes and what the raw layer has stays.
    """
    delivered = landing.list_files(day)
    known = set(known_files)
    if known and not delivered:
        detail = {
            "files": 0,
            "kept": f"the {len(known)} files read before are no longer in the landing; their rows stay",
        }
        return Extract("meter_files", [], {}, [], detail)
    rows = MeterRows(day, SOURCE, staging)
    summary = _Summary()
    for file in delivered:
        with landing.open(day, file.name) as stream:
            for member in iter_members(stream, _printable(file.name), limits or ArchiveLimits()):
                read_member(member, file, rows, summary)
    staged = rows.close()
    scope = {"billing_day": day, "source": SOURCE}
    writes = [RawWrite(table, scope, staged[table]) for table in METER_TABLE_NAMES]
    return Extract("meter_files", writes, rows.row_counts, summary.preview, summary.detail(len(delivered)))


def known_deliveries(warehouse: Warehouse, first_day: date, last_day: date) -> dict[date, set[DeliveredFile]]:
    """Return the deliveries that the raw layer has, by billing day."""
    found: dict[date, set[DeliveredFile]] = {}
    for row in warehouse.fetch(
        "select distinct billing_day, delivered_name, delivered_byte_count, delivered_stamp from raw.meter_files "
        "where source = 'FILE' and billing_day between ? and ?",
        [first_day, last_day],
    ):
        file = DeliveredFile(
            str(row["delivered_name"]), int(str(row["delivered_byte_count"])), str(row["delivered_stamp"])
        )
        day = row["billing_day"]
        if isinstance(day, date):
            found.setdefault(day, set()).add(file)
    return found


class _Summary:
    """What the run shows of a day's files."""

    def __init__(self) -> None:
        self.preview: list[Mapping[str, str | None]] = []
        self.read = 0
        self.quarantined: list[str] = []
        self.accepted = 0
        self.rejected: dict[str, int] = {}

    def add(self, name: str, rows: MeterRows) -> None:
        self.read += 1
        self.accepted += rows.counts.accepted
        for code, count in rows.counts.by_reason.items():
            self.rejected[code] = self.rejected.get(code, 0) + count
        if len(self.preview) < _PREVIEW_FILES:
            counts = rows.counts
            self.preview.append({"file_name": name, "accepted": str(counts.accepted), "rejected": str(counts.rejected)})

    def detail(self, delivered_count: int) -> dict[str, object]:
        return {
            "files": delivered_count,
            "members": self.read,
            "quarantined": self.quarantined,
            "accepted_records": self.accepted,
            "rejected_records": dict(sorted(self.rejected.items())),
        }


def read_member(member: Member, file: DeliveredFile, rows: MeterRows, summary: _Summary) -> None:
    """Read one text member completely, or quarantine it completely."""
    name = _printable(member.name)
    tagger = MeterFileTagger(rows, name)
    lines = TextLines(member.stream) if member.stream is not None else None
    try:
        if lines is None:
            raise member.error or UnreadableFileError("FILE_UNREADABLE", "The file cannot be opened.")
        for batch in lines:
            tagger.feed(batch)
        tagger.finish(lines.remainder)
    except UnreadableFileError as error:
        rows.abandon_file()
        rows.reject(0, None, None, error.code, error.reason)
        summary.quarantined.append(f"{name}: {error.reason}")
        _write_file_row(rows, file, lines, tagger, (QUARANTINED, error.code, error.reason))
    else:
        _write_file_row(rows, file, lines, tagger, (ACCEPTED, None, None))
    summary.add(name, rows)


def _write_file_row(
    rows: MeterRows,
    file: DeliveredFile,
    lines: TextLines | None,
    tagger: MeterFileTagger,
    outcome: Sequence[str | None],
) -> None:
    is_quarantined = outcome[0] == QUARANTINED
    # The line of a quarantined file stands for the file, not for a record of it.
    accepted, rejected = (0, 0) if is_quarantined else (rows.counts.accepted, rows.counts.rejected)
    rows.file(
        _printable(file.name), file.byte_count, file.stamp,
        lines.file_hash if lines else None, lines.byte_count if lines else None, lines.line_count if lines else None,
        accepted + rejected, accepted, rejected,
        tagger.version_header, tagger.created_text, tagger.from_participant, tagger.to_participant,
        int(tagger.has_header), int(tagger.has_end), *outcome, datetime.now(UTC).replace(tzinfo=None),
    )  # fmt: skip


def _printable(name: str) -> str:
    """Make a file name storable: bytes that are no text in it become escapes."""
    return name.encode("utf-8", "backslashreplace").decode()
