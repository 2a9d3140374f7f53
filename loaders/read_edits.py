"""Edits of reads by people: who changed or excluded which channel-day or basic meter's read, when and why.

What belongs here: the table of edits, the checks of an edit's values, and the edits as records of the raw layer (source
MANUAL), where they are read versions like any other. What stays out: which version wins (dbt: the latest stamp).

The rule: an edit is stamped after everything that was known of its channel-day when it was made, earlier edits among
it, so that it wins over that; a delivery that the provider stamps later wins over the edit. An edit is never deleted:
withdrawn, it holds no record any more, and what was delivered holds again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from loaders.errors import PermanentError
from loaders.operational_db import read_edits, reading, utc_now
from loaders.sources.extract import Extract
from loaders.warehouse.base import RawWrite
from loaders.warehouse.parquet import ParquetRowWriter
from loaders.warehouse.schema import RAW_TABLES

SOURCE: Final = "MANUAL"
EDIT: Final = "EDIT"
EXCLUDE: Final = "EXCLUDE"
READ: Final = "READ"
# Final substitute by an alternate method, because data were replaced (market codes F, 18 and 24).
EDITED_QUALITY: Final = "F18"
EDITED_REASON_CODE: Final = "24"
# The same of a basic meter's read: method 66 is a revision.
REVISED_QUALITY: Final = "F66"
# What a revised read keeps of the record in whose place it stands: register, read before, times of both.
KEPT_OF_A_READ: Final = (
    "nmi_configuration", "register_id", "mdm_data_stream", "meter_serial_number", "direction_indicator",
    "previous_register_read", "previous_read_text", "previous_quality_method", "previous_reason_code",
    "previous_reason_description", "current_read_text",
)  # fmt: skip
MINUTES_OF_DAY: Final = 1440
LENGTHS: Final = (5, 15, 30)
MOST_KWH: Final = Decimal(99_999)
MOST_READ_KWH: Final = Decimal(99_999_999)
LONGEST_READ: Final = 15
_MARKET_OFFSET: Final = timedelta(hours=10)
_STAMP: Final = "%Y%m%d%H%M%S"

Row = dict[str, Any]


@dataclass(frozen=True)
class NewEdit:
    """What a person wants.

    Attributes:
        kind: EDIT, EXCLUDE, or READ for a basic meter.
        nmi: ten characters.
        nmi_suffix: channel, or register of a basic meter.
        market_date: the channel-day, or the day of a basic meter's closing read.
        values: kWh of each interval of the day; none for EXCLUDE and READ.
        billing_day: from whose run on it is known.
        known_version_at: stamp of the read that holds now (UTC, naive), which the edit must outrank; None without one.
        record: fields of the NEM13 record that stands in place of the delivered one (``revised_read``); READ only.
    """

    kind: str
    nmi: str
    nmi_suffix: str
    market_date: date
    values: Sequence[Decimal]
    billing_day: date
    known_version_at: datetime | None = None
    record: Mapping[str, str | None] | None = None

    @property
    def text(self) -> str | None:
        """What it puts in place, as it is kept."""
        if self.record is not None:
            return json.dumps(self.record)
        return ",".join(format(value, "f") for value in self.values) or None


def parse_values(texts: Sequence[str]) -> list[Decimal]:
    """The intervals of a day as exact kWh.

    Raises:
        PermanentError: a value is no number, negative or impossible, or their count makes no day.
    """
    what = "Reading the values of an edit"
    values: list[Decimal] = []
    for place, text in enumerate(texts, 1):
        try:
            value = Decimal(text.strip())
        except InvalidOperation:
            raise PermanentError(what, f"interval {place} is {text.strip()!r}, no number", "Give kWh.") from None
        if not value.is_finite() or value < 0 or value > MOST_KWH:
            raise PermanentError(what, f"interval {place} is {text.strip()}", "Give kWh from 0 to 99999.")
        values.append(value)
    if len(values) not in {MINUTES_OF_DAY // length for length in LENGTHS}:
        raise PermanentError(what, f"{len(values)} values make no day", "Give 48, 96 or 288 values.")
    return values


def revised_read(current: Mapping[str, Any], register_read: str, kwh: str) -> dict[str, str | None]:
    """The NEM13 record of a basic meter with another closing read.

    Args:
        current: the record that holds now, by raw column.
        register_read: the dials, before the multiplier; leading zeros are kept.
        kwh: energy between the two reads, after multiplier and roll-over.

    Raises:
        PermanentError: the read is no number of a register, or the energy is negative or impossible.
    """
    what, dials, energy = "Reading a register's read", register_read.strip(), kwh.strip()
    if not dials.replace(".", "", 1).isdecimal() or len(dials) > LONGEST_READ:
        why = f"{dials!r} are no dials"
        raise PermanentError(what, why, f"Give digits and at most one point, {LONGEST_READ} characters together.")
    try:
        quantity = Decimal(energy)
    except InvalidOperation:
        raise PermanentError(what, f"{energy!r} is no number", "Give kWh.") from None
    if not quantity.is_finite() or not 0 <= quantity <= MOST_READ_KWH:
        raise PermanentError(what, f"{energy} kWh is not possible", f"Give kWh from 0 to {MOST_READ_KWH}.")
    changed = {"current_register_read": dials, "quantity": format(quantity, "f"), "unit": "kWh"}
    return {name: current[name] for name in KEPT_OF_A_READ} | changed


def stamp_of(edit: NewEdit, last: str | None = None) -> str:
    """The edit's version stamp in market time: the end of its billing day, or just after what is known already.

    Args:
        edit: the edit.
        last: the latest stamp of an earlier edit of the same channel-day, which no run may have seen yet.
    """
    end = datetime.combine(edit.billing_day, time(23, 59, 59))
    if edit.known_version_at is not None:
        end = max(end, edit.known_version_at.replace(microsecond=0) + _MARKET_OFFSET + timedelta(seconds=1))
    if last is not None:
        end = max(end, datetime.strptime(last, _STAMP) + timedelta(seconds=1))  # noqa: DTZ007 - market time, as stored
    return end.strftime(_STAMP)


def stamped_at(row: Mapping[str, Any]) -> datetime:
    """The instant (UTC, naive) of an edit's stamp."""
    return datetime.strptime(row["version_text"], _STAMP) - _MARKET_OFFSET  # noqa: DTZ007 - made UTC here


def _of(nmi: str, nmi_suffix: str, market_date: date) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        read_edits.c.nmi == nmi,
        read_edits.c.nmi_suffix == nmi_suffix,
        read_edits.c.market_date == market_date,
    )


class ReadEdits:
    """The edits in the operational database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def add(self, edit: NewEdit, *, actor: str, reason: str) -> int:
        """Remember an edit; returns its number.

        Raises:
            PermanentError: no reason was given.
        """
        _require(reason, f"Changing the read of {edit.nmi} {edit.nmi_suffix} on {edit.market_date}")
        with self.engine.begin() as connection:
            last: str | None = connection.execute(
                sa.select(sa.func.max(read_edits.c.version_text)).where(
                    *_of(edit.nmi, edit.nmi_suffix, edit.market_date)
                )
            ).scalar_one()
            statement = (
                sa.insert(read_edits)
                .values(
                    kind=edit.kind,
                    nmi=edit.nmi,
                    nmi_suffix=edit.nmi_suffix,
                    market_date=edit.market_date,
                    values_text=edit.text,
                    billing_day=edit.billing_day,
                    version_text=stamp_of(edit, last),
                    made_by=actor[:200],
                    made_at=utc_now(connection),
                    reason=reason[:1000],
                )
                .returning(read_edits.c.edit_id)
            )
            return int(connection.execute(statement).scalar_one())

    def last(self, nmi: str, nmi_suffix: str, market_date: date) -> Row | None:
        """The latest edit of a channel-day that is not withdrawn, whether a run has seen it or not."""
        query = (
            sa.select(read_edits)
            .where(*_of(nmi, nmi_suffix, market_date), read_edits.c.withdrawn_at.is_(None))
            .order_by(read_edits.c.version_text.desc())
            .limit(1)
        )
        with reading(self.engine) as connection:
            row = connection.execute(query).mappings().one_or_none()
            return None if row is None else dict(row)

    def withdraw(self, edit_id: int, *, actor: str, reason: str) -> Row:
        """Take an edit back; what was delivered holds again from the next run on.

        Raises:
            PermanentError: there is no such edit, it is withdrawn already, or no reason was given.
        """
        what = f"Withdrawing edit {edit_id}"
        _require(reason, what)
        with self.engine.begin() as connection:
            query = sa.select(read_edits).where(read_edits.c.edit_id == edit_id)
            row = connection.execute(query).mappings().one_or_none()
            if row is None or row["withdrawn_at"] is not None:
                why = "there is no such edit" if row is None else f"{row['withdrawn_by']} withdrew it already"
                raise PermanentError(what, why, "See the edits with: billsync reads list")
            changed = {
                "withdrawn_at": utc_now(connection), "withdrawn_by": actor[:200], "withdrawn_reason": reason[:1000]
            }  # fmt: skip
            connection.execute(sa.update(read_edits).where(read_edits.c.edit_id == edit_id).values(changed))
            return {**row, **changed}

    def list_rows(self, nmi: str | None = None) -> list[Row]:
        """Every edit, withdrawn ones too, in the order made."""
        query = sa.select(read_edits).order_by(read_edits.c.edit_id)
        if nmi is not None:
            query = query.where(read_edits.c.nmi == nmi)
        with reading(self.engine) as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def extract_read_edits(edits: ReadEdits, staging: Path) -> Extract:
    """Stage all edits: themselves, and as files and records of source MANUAL."""
    rows = edits.list_rows()
    standing = [row for row in rows if row["withdrawn_at"] is None]
    staged = {
        "read_edits": [_snapshot(row) for row in rows],
        "meter_files": [_file(row) for row in rows],
        "meter_interval_records": [_interval_record(row) for row in standing if row["kind"] != READ],
        "meter_accumulation_records": [_accumulation_record(row) for row in standing if row["kind"] == READ],
    }
    writes = []
    for table, found in staged.items():
        with ParquetRowWriter(table, staging / table) as writer:
            writer.extend(_ordered(table, found))
        scope: dict[str, object] = {} if table == "read_edits" else {"source": SOURCE}
        writes.append(RawWrite(table, scope, writer.close()))
    return Extract("read_edits", writes, {"read_edits": len(rows)}, detail={"edits": len(rows)})


def _ordered(table: str, rows: Sequence[Mapping[str, object]]) -> Iterator[list[object]]:
    for row in rows:
        yield [row.get(name) for name in RAW_TABLES[table].column_names]


def file_name_of(row: Mapping[str, Any]) -> str:
    """What stands for a file in an edit's records."""
    return f"edit-{row['edit_id']}"


def _snapshot(row: Row) -> Row:
    instants = {name: _naive(row[name]) for name in ("made_at", "withdrawn_at")}
    return {**row, **instants, "edit_id": str(row["edit_id"]), "file_name": file_name_of(row)}


def _file(row: Row) -> Row:
    """A withdrawn edit is a file whose content has changed to nothing: the next run works it."""
    count = 0 if row["withdrawn_at"] else 1
    version_header = "NEM13" if row["kind"] == READ else "NEM12"
    return {
        "billing_day": row["billing_day"], "source": SOURCE, "file_name": file_name_of(row),
        "delivered_name": file_name_of(row), "delivered_byte_count": 0, "delivered_stamp": str(count),
        "file_hash": _content_hash(row) if count else "withdrawn", "record_count": count,
        "accepted_record_count": count, "rejected_record_count": 0, "version_header": version_header,
        "has_header": 1, "has_end": 1, "status": "ACCEPTED", "extracted_at": _naive(row["made_at"]),
    }  # fmt: skip


def _record(row: Row) -> Row:
    return {
        "billing_day": row["billing_day"], "source": SOURCE, "file_name": file_name_of(row), "line_number": 1,
        "nmi": row["nmi"], "nmi_suffix": row["nmi_suffix"], "unit": "kWh", "content_hash": _content_hash(row),
        "update_text": row["version_text"],
    }  # fmt: skip


def _interval_record(row: Row) -> Row:
    is_edit = row["kind"] == EDIT
    text = row["values_text"] if is_edit else "," * (MINUTES_OF_DAY // LENGTHS[-1] - 1)
    count = text.count(",") + 1
    return _record(row) | {
        "interval_length_minutes": MINUTES_OF_DAY // count, "interval_date": row["market_date"].strftime("%Y%m%d"),
        "values_text": text, "value_count": count,
        "quality_method": EDITED_QUALITY if is_edit else "A", "reason_code": EDITED_REASON_CODE if is_edit else None,
    }  # fmt: skip


def _accumulation_record(row: Row) -> Row:
    read: Row = json.loads(row["values_text"])
    quality = {"current_quality_method": REVISED_QUALITY, "current_reason_code": EDITED_REASON_CODE}
    return _record(row) | read | quality


def _content_hash(row: Row) -> str:
    return hashlib.sha256(f"{row['kind']}|{row['values_text']}|{row['edit_id']}".encode()).hexdigest()


def _naive(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.replace(tzinfo=None)


def _require(reason: str, what: str) -> None:
    if not reason.strip():
        raise PermanentError(what, "no reason was given", "Say why: the reason is kept for the auditor.")
