"""Extraction by the Lambda function: what is extracted already is taken, the rest is asked for, all of it fetched.

What belongs here: which files the function is asked for and in which portions. What stays out: how it is called
(``orchestration/lambda_extract.py``, through Dagster Pipes) and what it does (``function.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Final

from loaders.aws.extracted_files import ExtractedFiles, Manifest, check_apart, code_version
from loaders.aws.landing import S3Landing
from loaders.errors import PermanentError
from loaders.sources.landing import DeliveredFile, Landing
from loaders.sources.meter_files import FilesRead

# The function has fifteen minutes and reads some 30 MB/s; zipped files unpack to ten times their size.
BYTES_AT_ONCE: Final = 256 * 1024 * 1024
FILES_AT_ONCE: Final = 200
_REQUESTS_AT_ONCE: Final = 8

Invoke = Callable[[Mapping[str, object]], None]


@dataclass(frozen=True)
class FunctionReader:
    """Reads a day's files by having the function read them.

    Attributes:
        extracted: where the function puts what it read.
        invoke: has the function work on an event and returns when it has.
    """

    extracted: ExtractedFiles
    invoke: Invoke

    def __call__(
        self, landing: Landing, day: date, staging: Path, delivered: Sequence[DeliveredFile]
    ) -> list[FilesRead]:
        """Read files; the outcome is that of reading them here.

        Raises:
            LoaderError: the function failed, cannot see these files, or runs other code than this process.
        """
        if not isinstance(landing, S3Landing):
            raise PermanentError(
                "Reading meter files by the function", "they do not land in S3", "Set BILLSYNC_EXTRACT=local."
            )
        check_apart(landing.place, self.extracted.place)
        with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
            found = dict(zip(delivered, pool.map(lambda file: self.extracted.find(day, file), delivered), strict=True))
            missing = [file for file, manifest in found.items() if manifest is None]
            for portion in portions(missing):
                self.invoke(extraction_event(landing.address, day, portion))
            found |= {file: self._now_there(day, file) for file in missing}
            folders = [staging / f"{place:06d}" for place in range(len(delivered))]
            manifests = [manifest for manifest in found.values() if manifest is not None]
            return list(pool.map(self.extracted.fetch, manifests, folders))

    def _now_there(self, day: date, file: DeliveredFile) -> Manifest:
        manifest = self.extracted.find(day, file)
        if manifest is None:
            raise PermanentError(
                f"Reading {file.name} of {day} by the function",
                f"it answered and left no rows for extraction code {code_version()}",
                "Deploy the function from the code that runs here, with the same BILLSYNC_EXTRACT_OUTPUT and _ARCHIVE.",
            )
        return manifest


def portions(files: Sequence[DeliveredFile]) -> Iterator[list[DeliveredFile]]:
    """Divide files so that one call of the function ends well within its time."""
    portion: list[DeliveredFile] = []
    size = 0
    for file in files:
        if portion and (size + file.byte_count > BYTES_AT_ONCE or len(portion) == FILES_AT_ONCE):
            yield portion
            portion, size = [], 0
        portion.append(file)
        size += file.byte_count
    if portion:
        yield portion


def extraction_event(landing: str, day: date, files: Sequence[DeliveredFile]) -> dict[str, object]:
    """The event that has the function read files of a day; it refuses another landing than its own."""
    return {"landing": landing, "billing_day": day.isoformat(), "files": [asdict(file) for file in files]}
