"""The archive: what was delivered and what was reported, kept under keys that never change their content.

What belongs here: storing a file once, in a folder or (``loaders/aws/archive.py``) in S3, and the key of a delivery.
What stays out: deciding what is kept (``sources/meter_files.py``, the report asset), and deleting: nothing here does.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Protocol

from loaders.errors import PermanentError
from loaders.sources.landing import DAY_PREFIX, FEED, DeliveredFile, Landing

_CHUNK_BYTES = 1024 * 1024


class Archive(Protocol):
    """A place where a file is stored once; it can be sent to another process."""

    def put(self, name: str, path: Path) -> str:
        """Store a file; the same content under the same name changes nothing.

        Args:
            name: key below the archive.
            path: the file.

        Returns:
            The address it can be found under.

        Raises:
            LoaderError: it could not be stored, or the name holds another content.
        """


@dataclass(frozen=True)
class FolderArchive:
    """An archive on a disk or a share.

    Attributes:
        folder: it is made at first use.
    """

    folder: Path

    def put(self, name: str, path: Path) -> str:
        """Store a copy of a file; whoever looks sees all of it or nothing."""
        target = self.folder / name
        if target.exists():
            if sha256_of(target) != sha256_of(path):
                raise taken(str(target))
            return str(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            path.open("rb") as source,
            tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as part,
        ):
            shutil.copyfileobj(source, part, _CHUNK_BYTES)
        Path(part.name).replace(target)
        return str(target)


def open_archive(place: str) -> Archive:
    """The archive that a setting names; nothing is connected yet.

    Raises:
        PermanentError: it is neither a folder nor ``s3://bucket/prefix``.
    """
    if place.startswith("s3://"):
        from loaders.aws.archive import S3Archive  # noqa: PLC0415 - a folder needs nothing of AWS

        return S3Archive.parse(place)
    if "://" in place:
        raise PermanentError(
            f"Opening the archive {place.partition('://')[0]}://…",
            "it is neither a folder nor s3://bucket/prefix",
            "Correct BILLSYNC_ARCHIVE or BILLSYNC_REPORTS.",
        )
    return FolderArchive(Path(place))


def taken(address: str) -> PermanentError:
    """The failure to store another content where something is."""
    return PermanentError(
        f"Storing {address}",
        "another content is kept under this key, and nothing is ever overwritten",
        "Find out who wrote there; keys carry the content's hash, so this is no ordinary clash.",
    )


def sha256_of(path: Path) -> bytes:
    """The digest of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def delivery_name(day: date, file: DeliveredFile, sha256: bytes) -> str:
    """The key of a delivered file: where it landed, and what it holds."""
    return f"deliveries/{FEED}/{DAY_PREFIX}{day}/{sha256.hex()}/{file.name}"


@contextmanager
def opened_delivery(
    landing: Landing, day: date, file: DeliveredFile, archive: Archive | None, scratch: Path
) -> Iterator[IO[bytes]]:
    """Open a delivered file for reading; with an archive, the copy that was archived, byte for byte.

    Args:
        landing: where it landed.
        day: its billing day.
        file: the file as it was listed.
        archive: where it is kept first, if anywhere.
        scratch: folder for the copy; it is gone afterwards.
    """
    if archive is None:
        with landing.open(day, file) as stream:
            yield stream
        return
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=scratch, suffix=".delivery") as copy:
        with landing.open(day, file) as stream:
            shutil.copyfileobj(stream, copy, _CHUNK_BYTES)
        copy.flush()
        path = Path(copy.name)
        archive.put(delivery_name(day, file, sha256_of(path)), path)
        copy.seek(0)
        with path.open("rb") as stream:
            yield stream
