"""Where meter data files land, and which days have deliveries that the raw layer does not know yet.

What belongs here: listing and opening delivered files behind a small protocol (a folder here, S3 in ``loaders/aws``),
and the pure decision which days to read. What stays out: what is in the files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import IO, Protocol

from loaders.errors import PermanentError

FEED = "nem12"
DAY_PREFIX = "billing_day="


@dataclass(frozen=True, order=True)
class DeliveredFile:
    """One delivered object.

    Attributes:
        name: path below the day's folder.
        byte_count: size.
        stamp: what changes when the content does (modification time here, an ETag in an object store).
    """

    name: str
    byte_count: int
    stamp: str


class Landing(Protocol):
    """A place where files are delivered by billing day."""

    @property
    def stamps_follow_content(self) -> bool:
        """Whether a stamp is that of one content, so that equal stamps and other stamps say all there is to know."""

    def list_days(self) -> list[date]:
        """Return the billing days that have a folder, in order."""

    def list_files(self, day: date) -> list[DeliveredFile]:
        """Return what was delivered for a day, in order of name; empty when nothing was."""

    def list_between(self, first: date, last: date) -> dict[date, list[DeliveredFile]]:
        """Return what was delivered for the days from first to last, both included; days without are missing."""

    def unfinished(self, day: date) -> list[str]:
        """Return names of deliveries for a day that have begun to arrive and are not there yet, where that shows."""

    def open(self, day: date, file: DeliveredFile) -> IO[bytes]:
        """Open a delivered file as it was listed, seekable, for reading."""


@dataclass(frozen=True)
class LocalLanding:
    """A landing folder on a disk or a share.

    Attributes:
        folder: the landing folder, which holds ``nem12/billing_day=YYYY-MM-DD/``.
    """

    folder: Path
    stamps_follow_content: bool = field(default=False, init=False)

    def list_days(self) -> list[date]:
        """Return the billing days that have a folder; folders of other names are not ours."""
        self._check()
        feed = self.folder / FEED
        names = [entry.name for entry in feed.iterdir() if entry.is_dir()] if feed.is_dir() else []
        days = (day_of_folder(name) for name in names)
        return sorted(day for day in days if day is not None)

    def list_files(self, day: date) -> list[DeliveredFile]:
        """Return every file below the day's folder."""
        self._check()
        folder = self._day_folder(day)
        paths = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
        return sorted(_delivered(path, folder) for path in paths)

    def list_between(self, first: date, last: date) -> dict[date, list[DeliveredFile]]:
        """Return the files below the folders of the days."""
        listing = {day: self.list_files(day) for day in self.list_days() if first <= day <= last}
        return {day: files for day, files in listing.items() if files}

    def unfinished(self, day: date) -> list[str]:  # noqa: ARG002 - a folder shows no difference
        """Return nothing: a file that is still being written looks like any other; providers rename when done."""
        return []

    def open(self, day: date, file: DeliveredFile) -> IO[bytes]:
        """Open a delivered file."""
        return (self._day_folder(day) / file.name).open("rb")

    def _day_folder(self, day: date) -> Path:
        return self.folder / folder_of_day(day)

    def _check(self) -> None:
        if not self.folder.is_dir():
            raise PermanentError(
                f"Listing the landing folder {self.folder}",
                "there is no such folder",
                "Check BILLSYNC_LANDING and that the share is mounted.",
            )


def open_landing(place: str) -> Landing:
    """The landing that ``BILLSYNC_LANDING`` names; nothing is connected yet.

    Raises:
        PermanentError: it is neither a folder nor ``s3://bucket/prefix``.
    """
    if place.startswith("s3://"):
        from loaders.aws.landing import S3Landing  # noqa: PLC0415 - a folder needs nothing of AWS

        return S3Landing.parse(place)
    if "://" in place:
        raise PermanentError(
            f"Opening the landing {place.partition('://')[0]}://…",
            "it is neither a folder nor s3://bucket/prefix",
            "Correct BILLSYNC_LANDING.",
        )
    return LocalLanding(Path(place))


def folder_of_day(day: date) -> str:
    """Where a day's deliveries lie, as a path below the landing."""
    return f"{FEED}/{DAY_PREFIX}{day.isoformat()}"


def day_of_folder(folder_name: str) -> date | None:
    """The billing day in a folder's name; None where the folder is not one of ours."""
    if not folder_name.startswith(DAY_PREFIX):
        return None
    try:
        return date.fromisoformat(folder_name.removeprefix(DAY_PREFIX))
    except ValueError:
        return None


def _delivered(path: Path, folder: Path) -> DeliveredFile:
    facts = path.stat()
    return DeliveredFile(path.relative_to(folder).as_posix(), facts.st_size, str(facts.st_mtime_ns))


def days_to_extract(
    billing_day: date,
    first_day: date,
    listing: Mapping[date, Iterable[DeliveredFile]],
    known: Mapping[date, Iterable[DeliveredFile]],
) -> list[date]:
    """Decide which days' deliveries a run of ``billing_day`` reads.

    The day itself always; an earlier one when something in its folder is new or changed since it was read. Files that
    disappeared (archived after the run) are no reason: their rows stay.

    Args:
        billing_day: the day that runs.
        first_day: earliest day that belongs to the warehouse.
        listing: deliveries by day as they are now.
        known: deliveries by day as the raw layer has them.
    """
    late = [
        day
        for day, files in listing.items()
        if first_day <= day < billing_day and not set(files) <= set(known.get(day, ()))
    ]
    return [*sorted(late), billing_day]
