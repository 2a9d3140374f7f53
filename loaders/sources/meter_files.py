"""The meter data files of one billing day, read into staged rows of the meter tables.

What belongs here: going through the delivered files and their members, quarantining what cannot be read, and the row
of ``meter_files`` that says how each one went. What stays out: records (``nem12.py``) and where files lie
(``landing.py``).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from multiprocessing import get_context
from pathlib import Path

import pyarrow.parquet as pq

from loaders.archive import Archive, opened_delivery
from loaders.sources.archives import ArchiveLimits, Member, iter_members
from loaders.sources.extract import Extract
from loaders.sources.landing import DeliveredFile, Landing
from loaders.sources.meter_rows import METER_TABLE_NAMES, FileCounts, MeterRows
from loaders.sources.nem12 import MeterFileTagger
from loaders.sources.text_lines import TextLines
from loaders.sources.unreadable import UnreadableFileError
from loaders.warehouse.base import RawWrite, Warehouse

_log = logging.getLogger(__name__)

SOURCE = "FILE"
ACCEPTED = "ACCEPTED"
QUARANTINED = "QUARANTINED"
_PREVIEW_FILES = 5
_SHARED_FROM_BYTES = 48 * 1024 * 1024
"""Below it one process is done before a second one has started (measured: 60 MB/s against 1 s of imports)."""


@dataclass(frozen=True)
class ReadOptions:
    """How files are read.

    Attributes:
        limits: bounds for archives that are delivered.
        archive: where each file is kept as it was delivered, before any row of it is loaded.
    """

    limits: ArchiveLimits = field(default_factory=ArchiveLimits)
    archive: Archive | None = None


def extract_meter_files(
    landing: Landing,
    day: date,
    staging: Path,
    known_files: Mapping[DeliveredFile, Sequence[str]] | None = None,
    *,
    options: ReadOptions | None = None,
    workers: int = 2,
    read_elsewhere: FilesReader | None = None,
) -> Extract:
    """Read every file delivered for a billing day.

    Args:
        landing: where files land.
        day: the billing day whose deliveries are read, all of them.
        staging: folder for the staged Parquet files, one per run.
        known_files: the day's deliveries that the raw layer has, each with the files in it.
        options: bounds, and where files are kept.
        workers: processes that share the files of a large delivery.
        read_elsewhere: reads the files in place of this process, with the same outcome.

    Returns:
        An extract that replaces the day's files. What was read before and is no longer in the landing (the retailer
        archives files, and a late one arrives afterwards) stays in the raw layer: what was delivered was delivered.
    """
    delivered = landing.list_files(day)
    unfinished = [
        f"{day}: the upload of {name} has not ended; it is read when it has" for name in landing.unfinished(day)
    ]
    if read_elsewhere is not None:
        results = read_elsewhere(landing, day, staging, delivered)
    else:
        results = _read_all(landing, day, staging, _shares(delivered, workers), options or ReadOptions())
    gone, replaced = _known_now(known_files or {}, delivered)
    names = sorted(replaced.union(*(_staged_names(result) for result in results)))
    scope = {"billing_day": day, "source": SOURCE, "file_name": names}
    writes = [
        RawWrite(table, scope, [path for result in results for path in result.files[table]])
        for table in METER_TABLE_NAMES
    ]
    counts = {table: sum(result.row_counts[table] for result in results) for table in METER_TABLE_NAMES}
    summary = FileSummary.merged([result.summary for result in results])
    detail = summary.detail(len(delivered))
    if gone:
        detail["kept"] = f"{gone} of the deliveries read before are no longer in the landing; their rows stay"
    return Extract("meter_files", writes, counts, summary.preview, detail, unfinished)


def _known_now(
    known: Mapping[DeliveredFile, Sequence[str]], delivered: Sequence[DeliveredFile]
) -> tuple[int, set[str]]:
    """How many known deliveries have left the landing, and the files in those that have not."""
    here = {_printable(file.name) for file in delivered}
    still_here = {file: names for file, names in known.items() if file.name in here}
    return len(known) - len(still_here), {name for names in still_here.values() for name in names}


def _staged_names(result: FilesRead) -> set[str]:
    """The files that were read, as their staged rows of ``meter_files`` name them."""
    names: set[str] = set()
    for path in result.files["meter_files"]:
        names.update(pq.read_table(path, columns=["file_name"])["file_name"].to_pylist())
    return names


@dataclass(frozen=True)
class FilesRead:
    """What came of reading some of a day's files.

    Attributes:
        files: staged Parquet files by raw table.
        row_counts: rows by raw table.
        summary: what the run shows of the files.
    """

    files: dict[str, list[Path]]
    row_counts: dict[str, int]
    summary: FileSummary


FilesReader = Callable[[Landing, date, Path, Sequence[DeliveredFile]], list[FilesRead]]


def _shares(delivered: Sequence[DeliveredFile], workers: int) -> list[list[DeliveredFile]]:
    """Divide files evenly by size; a small delivery stays whole, as starting a process takes longer than reading it."""
    if workers <= 1 or len(delivered) <= 1 or sum(file.byte_count for file in delivered) < _SHARED_FROM_BYTES:
        return [list(delivered)]
    shares: list[list[DeliveredFile]] = [[] for _ in range(min(workers, len(delivered)))]
    sizes = [0] * len(shares)
    for file in sorted(delivered, key=lambda one: one.byte_count, reverse=True):
        least = sizes.index(min(sizes))
        shares[least].append(file)
        sizes[least] += file.byte_count
    return shares


def _read_all(
    landing: Landing,
    day: date,
    staging: Path,
    shares: Sequence[list[DeliveredFile]],
    options: ReadOptions,
) -> list[FilesRead]:
    """Read the shares, each in a process of its own when there are several."""
    if len(shares) > 1:
        reads = [(landing, day, staging / f"part-{place}", share, options) for place, share in enumerate(shares)]
        try:
            # Spawned, not forked: the run's threads (DuckDB, Arrow) do not survive a fork.
            with ProcessPoolExecutor(len(reads), mp_context=get_context("spawn")) as pool:
                return list(pool.map(read_files, *zip(*reads, strict=True)))
        except BrokenProcessPool:
            # No second process to be had here (an unguarded script, a killed child): slower, not wrong.
            _log.warning("Reading the files of %s in one process, as no others could be started", day)
    everything = [file for share in shares for file in share]
    return [read_files(landing, day, staging / "all", everything, options)]


def read_files(
    landing: Landing,
    day: date,
    staging: Path,
    delivered: Sequence[DeliveredFile],
    options: ReadOptions,
) -> FilesRead:
    """Read some of a day's files in this process; each is archived first where there is an archive."""
    rows = MeterRows(day, SOURCE, staging)
    summary = FileSummary()
    for file in delivered:
        with opened_delivery(landing, day, file, options.archive, staging) as stream:
            for member in iter_members(stream, _printable(file.name), options.limits):
                read_member(member, file, rows, summary)
    return FilesRead(rows.close(), rows.row_counts, summary)


def known_deliveries(
    warehouse: Warehouse, first_day: date, last_day: date
) -> dict[date, dict[DeliveredFile, list[str]]]:
    """Return the deliveries that the raw layer has, by billing day, each with the names of the files in it."""
    found: dict[date, dict[DeliveredFile, list[str]]] = {}
    for row in warehouse.fetch(
        "select billing_day, delivered_name, delivered_byte_count, delivered_stamp, file_name from raw.meter_files "
        "where source = 'FILE' and billing_day between ? and ?",
        [first_day, last_day],
    ):
        file = DeliveredFile(
            str(row["delivered_name"]), int(str(row["delivered_byte_count"])), str(row["delivered_stamp"])
        )
        day = row["billing_day"]
        if isinstance(day, date):
            found.setdefault(day, {}).setdefault(file, []).append(str(row["file_name"]))
    return found


@dataclass
class FileSummary:
    """What the run shows of a day's files.

    Attributes:
        preview: the first files with their counts.
        read: files and archive members.
        quarantined: those that could not be read, with the reason.
        accepted: records kept.
        rejected: records rejected, by reason code.
    """

    preview: list[Mapping[str, str | None]] = field(default_factory=list)
    read: int = 0
    quarantined: list[str] = field(default_factory=list)
    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, counts: FileCounts) -> None:
        """Count a file in."""
        self.read += 1
        self.accepted += counts.accepted
        self.rejected.update(counts.by_reason)
        if len(self.preview) < _PREVIEW_FILES:
            self.preview.append({"file_name": name, "accepted": str(counts.accepted), "rejected": str(counts.rejected)})

    @classmethod
    def merged(cls, parts: Sequence[FileSummary]) -> FileSummary:
        """Put the summaries of shares together."""
        return cls(
            [row for part in parts for row in part.preview][:_PREVIEW_FILES],
            sum(part.read for part in parts),
            sorted(name for part in parts for name in part.quarantined),
            sum(part.accepted for part in parts),
            sum((part.rejected for part in parts), Counter()),
        )

    def detail(self, delivered_count: int) -> dict[str, object]:
        """Return the facts a person wants to see."""
        return {
            "files": delivered_count,
            "members": self.read,
            "quarantined": self.quarantined,
            "accepted_records": self.accepted,
            "rejected_records": dict(sorted(self.rejected.items())),
        }


def read_member(member: Member, file: DeliveredFile, rows: MeterRows, summary: FileSummary) -> None:
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
    summary.add(name, rows.counts)


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
