"""Status files that SAP leaves for us: each record once into the inbox of confirmations, each file put aside.

What belongs here: finding whole files, reading their records, and which answer a status is.
What stays out: what an answer means for a reading (``soap.outbox``, which SOAP's confirmations go through as well).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from loaders.errors import PermanentError
from loaders.operational_db import reading
from loaders.sap_isu.idoc.layout import IdocError, Layout, read_record
from loaders.sap_isu.ledger_rows import CHUNK, batched
from loaders.sap_isu.soap.inbox import Inbox
from loaders.sap_isu.soap.messages import FAILED, SUCCESSFUL, Confirmation
from loaders.sap_isu.soap.tables import sap_messages

log = logging.getLogger(__name__)
TAKEN: Final = "taken"
REFUSED: Final = "refused"
_PARTLY: Final = "4"
_NO_ANSWER: Final = "1"
_CODES: Final = {"posted": SUCCESSFUL, "partly_posted": _PARTLY, "not_posted": FAILED}
_MOST_BYTES: Final = 16 * 1024 * 1024
_NUMBER_LENGTH: Final = 16
_MESSAGE_NAME: Final = "IDoc status"


def take_statuses(engine: Engine, folder: Path, layout: Layout, *, quiet_seconds: float) -> int:
    """Store what the status files in a folder say and put them aside; returns the number of files.

    A file that is none is put aside too, and told: it must not keep the others waiting.

    Args:
        engine: the operational database.
        folder: where SAP's side leaves them.
        layout: their layout.
        quiet_seconds: a file that changed so short ago may still be on its way.

    Raises:
        PermanentError: there is no such folder.
    """
    if not folder.is_dir():
        raise PermanentError(
            "Looking for SAP's status files",
            "their folder does not exist",
            "Create it or correct BILLSYNC_SAP_IDOC_INBOX.",
        )
    count = 0
    for path in _whole_files(folder, quiet_seconds):
        try:
            found = list(_records(path, layout))
        except (IdocError, OSError) as error:
            log.warning("the status file %s was put aside: %s", path.name, error)
            _put_aside(path, REFUSED)
            continue
        # Stored first: a crash here lets the same file be read again, and the same record only counts up.
        for chunk in batched(found, CHUNK):
            Inbox(engine).store(_confirmations(engine, chunk, layout))
        _put_aside(path, TAKEN)
        count += 1
    return count


def result_code(status: str, layout: Layout) -> str:
    """The answer that a status is, in the codes of SAP's confirmations."""
    return next((code for name, code in _CODES.items() if status in layout.outcomes[name]), _NO_ANSWER)


def _whole_files(folder: Path, quiet_seconds: float) -> Iterator[Path]:
    newest = time.time() - quiet_seconds
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(".") and path.is_file() and path.stat().st_mtime <= newest:
            yield path


def _records(path: Path, layout: Layout) -> Iterator[dict[str, str]]:
    """The status records of a file; other records in it, such as a control record, say nothing of our IDocs."""
    if path.stat().st_size > _MOST_BYTES:
        raise _unreadable(path, f"it has more than {_MOST_BYTES} bytes")
    is_empty = True
    for line in path.read_text(encoding="latin-1").splitlines():
        if not line.startswith(layout.status.name):
            continue
        record = read_record(layout.status.fields, line)
        if not record["DOCNUM"].isdigit() or len(record["DOCNUM"]) > _NUMBER_LENGTH or not record["STATUS"].isdigit():
            raise _unreadable(path, f"DOCNUM {record['DOCNUM']!r} or STATUS {record['STATUS']!r} is no number")
        is_empty = False
        yield record
    if is_empty:
        raise _unreadable(path, f"it holds no record {layout.status.name}")


def _confirmations(engine: Engine, records: Sequence[dict[str, str]], layout: Layout) -> list[Confirmation]:
    numbers = {int(record["DOCNUM"]) for record in records}
    query = sa.select(sap_messages.c.message_id, sap_messages.c.message_uuid).where(
        sap_messages.c.message_id.in_(numbers)
    )
    with reading(engine) as connection:
        uuids = {row.message_id: str(row.message_uuid) for row in connection.execute(query)}
    return [_confirmation(record, uuids.get(int(record["DOCNUM"]), ""), layout) for record in records]


def _confirmation(record: dict[str, str], message_uuid: str, layout: Layout) -> Confirmation:
    code = "/".join(text for name in ("STAMID", "STAMNO") if (text := record.get(name, "")))
    words = " ".join(text for name in ("STAPA1", "STAPA2", "STAPA3", "STAPA4") if (text := record.get(name, "")))
    said = f"IDoc {int(record['DOCNUM'])} has status {record['STATUS']}"
    return Confirmation(
        message_name=_MESSAGE_NAME,
        own_uuid="",
        reference_uuid=message_uuid,
        is_bulk=False,
        document_id=record["DOCNUM"],
        result_code=result_code(record["STATUS"], layout),
        severity_code=record.get("STATYP", ""),
        type_ids=(code,) if code else (),
        note=f"{said}: {words}" if words else said,
    )


def _put_aside(path: Path, folder_name: str) -> None:
    folder = path.parent / folder_name
    folder.mkdir(exist_ok=True)
    path.replace(folder / path.name)


def _unreadable(path: Path, why: str) -> IdocError:
    return IdocError(f"Reading the status file {path.name}", why, "Ask who writes SAP's status files.")
