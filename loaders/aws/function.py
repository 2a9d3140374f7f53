"""The extraction of meter files as an AWS Lambda function: ``loaders.aws.function.handler``.

Serves our own event (a day and its files, from Dagster, which is answered through Dagster Pipes when the event carries
a Pipes context) and notifications of new objects by any of the services that bring them (``events.py``). Each file is
read by the same code as elsewhere, archived first where an archive is set, and left in S3 as Parquet with a manifest; a
version that is there already is not read again.

What belongs here: what is done on an event, and the answer. What stays out: reading files (``loaders/sources``) and
where rows lie (``extracted_files.py``). The function has no settings but its environment, so that nobody who may call
it can send it elsewhere: ``BILLSYNC_LANDING``, ``BILLSYNC_EXTRACT_OUTPUT`` and, if wanted, ``BILLSYNC_ARCHIVE``.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from loaders.archive import open_archive
from loaders.aws.events import Event, NewObject, new_objects
from loaders.aws.extracted_files import ExtractedFiles, Manifest, check_apart
from loaders.aws.landing import S3Landing
from loaders.aws.s3 import S3Place
from loaders.errors import LoaderError, PermanentError
from loaders.sources.landing import DeliveredFile
from loaders.sources.meter_files import ReadOptions, read_files

_PIPES_CONTEXT: Final = "DAGSTER_PIPES_CONTEXT"
_NOT_FOUND: Final = 404
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Extraction:
    """What the function works with.

    Attributes:
        landing: where files land.
        extracted: where their rows go.
        options: how files are read, and where they are kept.
    """

    landing: S3Landing
    extracted: ExtractedFiles
    options: ReadOptions

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Extraction:
        """Read the function's environment.

        Raises:
            PermanentError: a name is missing or no address.
        """
        landing, output = (_required(environ, name) for name in ("BILLSYNC_LANDING", "BILLSYNC_EXTRACT_OUTPUT"))
        archive = environ.get("BILLSYNC_ARCHIVE", "")
        found, place = S3Landing.parse(landing), S3Place.parse(output)
        check_apart(found.place, place)
        options = ReadOptions(archive=open_archive(archive) if archive else None)
        return cls(found, ExtractedFiles(place, archive), options)

    def extract(self, day: date, file: DeliveredFile) -> Manifest:
        """Read one version of a file into Parquet and a manifest, unless that was done before."""
        found = self.extracted.find(day, file)
        if found is not None:
            return found
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            read = read_files(self.landing, day, folder, [file], self.options)
            return self.extracted.store(day, file, read, folder)


def handler(event: Event, _context: object = None) -> dict[str, Any]:
    """Lambda's entry: work on an event and say what was done.

    Raises:
        LoaderError: a file could not be read or stored; Lambda tells the caller, or tries again later.
    """
    extraction = Extraction.from_environment(os.environ)
    if _PIPES_CONTEXT in event:
        return _with_pipes(extraction, event)
    if "billing_day" in event:
        return _on_request(extraction, event)
    if _is_from_queue(event):
        return _on_messages(extraction, event["Records"])
    return _on_notification(extraction, event)


def _is_from_queue(event: Event) -> bool:
    return any(record.get("eventSource") == "aws:sqs" for record in event.get("Records", ()))


def _with_pipes(extraction: Extraction, event: Event) -> dict[str, Any]:
    """Work on Dagster's event and report through Pipes.

    A context per call: the one that ``open_dagster_pipes`` keeps for the process is closed at the second call of a warm
    function. Messages travel in the last 4 kB of the log, so that there is one of them, with counts only.
    """
    from dagster_pipes import (  # noqa: PLC0415 - S3's events need no Dagster
        PipesContext,
        PipesDefaultContextLoader,
        PipesDefaultMessageWriter,
        PipesMappingParamsLoader,
    )

    loader = PipesMappingParamsLoader(dict(event))
    with PipesContext(loader, PipesDefaultContextLoader(), PipesDefaultMessageWriter()) as pipes:
        told = _on_request(extraction, event)
        pipes.report_custom_message(told)
    return told


def _on_request(extraction: Extraction, event: Event) -> dict[str, Any]:
    """Read the files that an event of ours names."""
    try:
        day = date.fromisoformat(event["billing_day"])
        files = [DeliveredFile(str(one["name"]), int(one["byte_count"]), str(one["stamp"])) for one in event["files"]]
    except (KeyError, TypeError, ValueError) as error:
        raise PermanentError(
            "Reading the event",
            f"it names no files ({type(error).__name__}: {error})",
            "Send {billing_day, files: [{name, byte_count, stamp}]}.",
        ) from error
    listed = event.get("landing", extraction.landing.address)
    if listed != extraction.landing.address:
        raise PermanentError(
            f"Reading files of {listed}",
            f"this function reads {extraction.landing.address}",
            "Set the same BILLSYNC_LANDING for the function and for the runs.",
        )
    return _told(extraction.extract(day, file) for file in files)


def _on_messages(extraction: Extraction, messages: Iterable[Event]) -> dict[str, Any]:
    """Read what messages of a queue tell of; one that failed comes again, the others do not."""
    failed = []
    for message in messages:
        try:
            _on_notification(extraction, {"Records": [message]})
        except LoaderError as error:
            _log.error("Message %s: %s", message.get("messageId"), error)
            failed.append({"itemIdentifier": message.get("messageId")})
    return {"batchItemFailures": failed}


def _on_notification(extraction: Extraction, event: Event) -> dict[str, Any]:
    """Read the objects that S3 tells of."""
    manifests = [_on_object(extraction, one) for one in new_objects(event)]
    return _told(manifest for manifest in manifests if manifest is not None)


def _on_object(extraction: Extraction, new: NewObject) -> Manifest | None:
    """Read an object; None when it is no delivery, or gone."""
    with suppress(_GoneError):
        is_ours = new.bucket == extraction.landing.place.bucket
        delivery = _delivery(extraction, new.key) if is_ours else None
        if delivery is not None:
            return extraction.extract(*delivery)
    _log.info("Nothing to read: s3://%s/%s", new.bucket, new.key)
    return None


class _GoneError(Exception):
    """The object was deleted since S3 told of it."""


def _delivery(extraction: Extraction, key: str) -> tuple[date, DeliveredFile] | None:
    try:
        return extraction.landing.delivery_of(key)
    except PermanentError as error:
        if error.status == _NOT_FOUND:
            raise _GoneError from error
        raise


def _told(manifests: Iterable[Manifest]) -> dict[str, Any]:
    """What was done, in counts."""
    done = list(manifests)
    return {
        "files": len(done),
        "quarantined": sum(len(one.summary.quarantined) for one in done),
        "accepted_records": sum(one.summary.accepted for one in done),
        "rejected_records": sum(one.summary.rejected.total() for one in done),
    }


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name)
    if not value:
        raise PermanentError("Starting the extraction function", f"{name} is not set", "Set it in its environment.")
    return value
