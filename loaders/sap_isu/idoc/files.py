"""IDoc files on their way to SAP: readings into records, and a file into the outbox folder, whole or not at all.

What belongs here: what stands in each record, and writing under a name that never stands for anything else.
What stays out: field lengths (``layout``), which readings go together and under which number (``transport``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from loaders.errors import PermanentError, TransientError
from loaders.sap_isu.idoc.layout import CONTROL, CONTROL_RECORD, DATA, Layout, Segment, write_record

Row = Mapping[str, str]
SUFFIX: Final = ".idoc"
_INBOUND: Final = "2"
_LOGICAL_SYSTEM: Final = "LS"


@dataclass(frozen=True)
class Party:
    """A side of the exchange: its port and its partner number (a logical system)."""

    port: str
    partner: str


@dataclass(frozen=True)
class Idoc:
    """One IDoc: its number with us, and a row per reading."""

    number: int
    rows: Sequence[Row]


@dataclass(frozen=True)
class FileForm:
    """What every file of an installation has in common."""

    layout: Layout
    client: str
    sender: Party
    receiver: Party


def write_idocs(form: FileForm, batch_id: str, idocs: Sequence[Idoc], created_at: datetime) -> bytes:
    """The file of a batch; the same batch makes the same bytes.

    Args:
        form: the installation's form.
        batch_id: our key of the batch, in the field ARCKEY of each control record.
        idocs: the IDocs in the order of their numbers.
        created_at: when the batch was put together.

    Raises:
        IdocError: a value does not fit its field.
    """
    lines = [line for idoc in idocs for line in _lines(form, batch_id, idoc, created_at.astimezone(UTC))]
    return ("\n".join(lines) + "\n").encode("ascii")


def put(folder: Path, batch_id: str, content: bytes) -> Path:
    """Leave a file in the outbox folder under its batch's name, visible only when it is whole.

    Raises:
        PermanentError: there is no such folder, or the name stands for other content.
        TransientError: the file could not be written; nothing of it is visible.
    """
    path = folder / f"{batch_id}{SUFFIX}"
    what = f"Writing the IDoc file {path.name}"
    if not folder.is_dir():
        raise PermanentError(what, "its folder does not exist", "Create it or correct BILLSYNC_SAP_IDOC_OUTBOX.")
    # Hidden, and without the suffix by which the transfer knows finished files.
    unfinished = folder / f".{batch_id}.{os.getpid()}.part"
    try:
        if path.exists():
            if path.read_bytes() == content:
                return path
            raise PermanentError(
                what,
                "a file of this name holds something else",
                "Look who writes into the folder; nothing was changed.",
            )
        _write_whole(unfinished, content)
        unfinished.replace(path)
        _sync(folder)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise TransientError(what, error.strerror or str(error), "Check the folder's disk and rights.") from None
    return path


def _lines(form: FileForm, batch_id: str, idoc: Idoc, created_at: datetime) -> Iterator[str]:
    number = f"{idoc.number:016d}"
    yield write_record(CONTROL, _control(form, batch_id, number, created_at), f"IDoc {idoc.number}, control record")
    yield _segment(form, form.layout.header, {}, number, place=1)
    for place, row in enumerate(idoc.rows, start=2):
        yield _segment(form, form.layout.results, row, number, place=place)


def _control(form: FileForm, batch_id: str, number: str, created_at: datetime) -> Row:
    return {
        "TABNAM": CONTROL_RECORD,
        "MANDT": form.client,
        "DOCNUM": number,
        "DIRECT": _INBOUND,
        "IDOCTYP": form.layout.idoc_type,
        "MESTYP": form.layout.message_type,
        "SNDPOR": form.sender.port,
        "SNDPRT": _LOGICAL_SYSTEM,
        "SNDPRN": form.sender.partner,
        "RCVPOR": form.receiver.port,
        "RCVPRT": _LOGICAL_SYSTEM,
        "RCVPRN": form.receiver.partner,
        "CREDAT": f"{created_at:%Y%m%d}",
        "CRETIM": f"{created_at:%H%M%S}",
        "ARCKEY": batch_id,
    }


def _segment(form: FileForm, segment: Segment, values: Row, number: str, *, place: int) -> str:
    """A data record; the readings' segments stand below the header's, which is the first."""
    known = {name for name, _ in segment.fields}
    is_header = place == 1
    what = f"IDoc {int(number)}, segment {segment.name}"
    data = write_record(segment.fields, {name: text for name, text in values.items() if name in known}, what)
    return write_record(
        DATA,
        {
            "SEGNAM": segment.name,
            "MANDT": form.client,
            "DOCNUM": number,
            "SEGNUM": f"{place:06d}",
            "PSGNUM": "000000" if is_header else "000001",
            "HLEVEL": "01" if is_header else "02",
            "SDATA": data,
        },
        what,
    )


def _write_whole(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Make a rename survive a power cut, where the file system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
