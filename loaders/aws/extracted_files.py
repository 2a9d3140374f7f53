"""Meter files that were extracted already: their rows as Parquet in S3, and a manifest per file version.

What belongs here: where the rows of one version of one file lie, writing and reading them. What stays out: reading
meter files (``loaders/sources``) and who does it (``function.py``, ``remote_extract.py``).

A manifest's key carries the file's version and the hash of the code that reads it: rows are never taken from other
code than this process would have run itself. A manifest is written last and once; of two that extract the same version
at the same time the first one wins, and what the other wrote is left to the bucket's lifecycle rule.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from loaders.archive import sha256_of
from loaders.aws.clients import AwsPolicy
from loaders.aws.s3 import Bucket, S3Place
from loaders.errors import PermanentError
from loaders.sources.landing import DAY_PREFIX, FEED, DeliveredFile
from loaders.sources.meter_files import FilesRead, FileSummary
from loaders.sources.meter_rows import METER_TABLE_NAMES

CODE_MODULES: Final = (
    "loaders.sources.archives", "loaders.sources.interval_record", "loaders.sources.meter_files",
    "loaders.sources.meter_rows", "loaders.sources.nem12", "loaders.sources.nem13", "loaders.sources.record_fields",
    "loaders.sources.text_lines", "loaders.sources.unreadable", "loaders.warehouse.parquet", "loaders.warehouse.schema",
)  # fmt: skip
"""What decides which rows a file becomes."""


@cache
def code_version() -> str:
    """The hash of the code that turns meter files into rows."""
    digest = hashlib.sha256()
    for name in CODE_MODULES:
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            raise PermanentError("Hashing the extraction code", f"{name} has no file", "Install billsync again.")
        digest.update(Path(found.origin).read_bytes())
    return digest.hexdigest()[:16]


def check_apart(landing: S3Place, output: S3Place) -> None:
    """Refuse to put rows where deliveries are listed: they would be read as deliveries, for ever.

    Raises:
        PermanentError: one lies within the other.
    """
    deliveries, rows = landing.key(FEED) + "/", output.key(FEED) + "/"
    if landing.bucket == output.bucket and (deliveries.startswith(rows) or rows.startswith(deliveries)):
        raise PermanentError(
            f"Putting extracted rows into {output}",
            f"deliveries land there too ({landing})",
            "Give BILLSYNC_EXTRACT_OUTPUT another prefix than BILLSYNC_LANDING.",
        )


@dataclass(frozen=True)
class Piece:
    """One Parquet object.

    Attributes:
        key: its key, which holds its hash.
        row_count: rows in it.
        sha256: its digest in hexadecimal.
    """

    key: str
    row_count: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What the extraction of one version of one file gave.

    Attributes:
        billing_day: its billing day.
        file: the version that was read.
        pieces: Parquet objects by raw table, in order.
        summary: what a run shows of the file.
    """

    billing_day: date
    file: DeliveredFile
    pieces: Mapping[str, tuple[Piece, ...]]
    summary: FileSummary

    def to_json(self) -> bytes:
        """The manifest as it is stored."""
        # asdict() cannot copy a Counter.
        told = asdict(replace(self, summary=replace(self.summary, rejected=Counter())))
        told["summary"]["rejected"] = dict(self.summary.rejected)
        return json.dumps(told, default=str, sort_keys=True, indent=1).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Manifest:
        """Read a stored manifest."""
        told: dict[str, Any] = json.loads(content)
        summary = {**told["summary"], "rejected": Counter(told["summary"]["rejected"])}
        pieces = {table: tuple(Piece(**piece) for piece in stored) for table, stored in told["pieces"].items()}
        day = date.fromisoformat(told["billing_day"])
        return cls(day, DeliveredFile(**told["file"]), pieces, FileSummary(**summary))


@dataclass(frozen=True)
class ExtractedFiles:
    """Where extracted files lie.

    Attributes:
        place: bucket and prefix.
        archive: where the files themselves are kept; empty for nowhere. It is part of the keys, so that rows are never
            taken of files that were not kept where they are to be.
        policy: time-outs and tries.
    """

    place: S3Place
    archive: str = ""
    policy: AwsPolicy = field(default_factory=AwsPolicy)

    @cached_property
    def _bucket(self) -> Bucket:
        return Bucket(self.place.bucket, self.policy)

    def find(self, day: date, file: DeliveredFile) -> Manifest | None:
        """The manifest of a file's version; None when it is not extracted yet, or by other code."""
        content = self._bucket.get(self._folder(day, file) + "/manifest.json")
        return Manifest.from_json(content) if content is not None else None

    def store(self, day: date, file: DeliveredFile, read: FilesRead, scratch: Path) -> Manifest:
        """Store what reading one file gave, its manifest last.

        Args:
            day: its billing day.
            file: the version that was read.
            read: what reading it gave.
            scratch: folder for the manifest's file.
        """
        folder = self._folder(day, file)
        pieces = {
            table: tuple(self._store_piece(folder, path) for path in paths) for table, paths in read.files.items()
        }
        manifest = Manifest(day, file, pieces, read.summary)
        path = scratch / "manifest.json"
        path.write_bytes(manifest.to_json())
        self._bucket.put_once(folder + "/manifest.json", path, sha256_of(path))
        return manifest

    def fetch(self, manifest: Manifest, folder: Path) -> FilesRead:
        """Bring a file's rows into a folder of this machine, each object compared with its hash.

        Raises:
            LoaderError: one is missing, cannot be had or is not what the manifest says.
        """
        folder.mkdir(parents=True, exist_ok=True)
        files = {
            table: [self._fetch_piece(piece, folder) for piece in manifest.pieces.get(table, ())]
            for table in METER_TABLE_NAMES
        }
        counts = {table: sum(p.row_count for p in manifest.pieces.get(table, ())) for table in METER_TABLE_NAMES}
        return FilesRead(files, counts, manifest.summary)

    def _folder(self, day: date, file: DeliveredFile) -> str:
        version = hashlib.sha256(f"{file.name}\n{file.byte_count}\n{file.stamp}\n{self.archive}".encode()).hexdigest()[
            :32
        ]
        return self.place.key(FEED, f"{DAY_PREFIX}{day}", code_version(), version)

    def _store_piece(self, folder: str, path: Path) -> Piece:
        digest = sha256_of(path)
        key = f"{folder}/{path.stem}-{digest.hex()[:16]}.parquet"
        self._bucket.put_once(key, path, digest)
        return Piece(key, _row_count(path), digest.hex())

    def _fetch_piece(self, piece: Piece, folder: Path) -> Path:
        path = folder / Path(piece.key).name
        what = f"Fetching {self.place.address(piece.key)}"
        if not self._bucket.download(piece.key, path):
            raise PermanentError(
                what, "a manifest names it and it is gone", "Delete the manifest beside it, and run again."
            )
        if sha256_of(path).hex() != piece.sha256:
            raise PermanentError(
                what, "it is not what its manifest says", "Delete both, find out who wrote there, and run again."
            )
        return path


def _row_count(path: Path) -> int:
    import pyarrow.parquet as pq  # noqa: PLC0415 - only where rows are written

    return int(pq.read_metadata(path).num_rows)
