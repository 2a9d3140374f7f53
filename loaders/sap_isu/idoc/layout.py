"""The layout of IDoc files as data: records and segments with the lengths of their fields.

What belongs here: the fixed records of every IDoc file, the configurable segments of ISU_MR_UPLOAD01, a record to text
and back. What stays out: what stands in the fields (``files``, ``statuses``).

The control and data records are SAP's own and the same everywhere. The segments are derived from the BAPI's structure
by SAP's naming rule and not confirmed: they stand in ``layout.json``, which a customer replaces by what transaction
WE60 shows (``BILLSYNC_SAP_IDOC_LAYOUT``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from loaders.errors import PermanentError

Fields = tuple[tuple[str, int], ...]

CONTROL_RECORD: Final = "EDI_DC40"
CONTROL: Final[Fields] = (
    ("TABNAM", 10), ("MANDT", 3), ("DOCNUM", 16), ("DOCREL", 4), ("STATUS", 2), ("DIRECT", 1), ("OUTMOD", 1),
    ("EXPRSS", 1), ("TEST", 1), ("IDOCTYP", 30), ("CIMTYP", 30), ("MESTYP", 30), ("MESCOD", 3), ("MESFCT", 3),
    ("STD", 1), ("STDVRS", 6), ("STDMES", 6), ("SNDPOR", 10), ("SNDPRT", 2), ("SNDPFC", 2), ("SNDPRN", 10),
    ("SNDSAD", 21), ("SNDLAD", 70), ("RCVPOR", 10), ("RCVPRT", 2), ("RCVPFC", 2), ("RCVPRN", 10), ("RCVSAD", 21),
    ("RCVLAD", 70), ("CREDAT", 8), ("CRETIM", 6), ("REFINT", 14), ("REFGRP", 14), ("REFMES", 14), ("ARCKEY", 70),
    ("SERIAL", 20),
)  # fmt: skip
DATA: Final[Fields] = (
    ("SEGNAM", 30), ("MANDT", 3), ("DOCNUM", 16), ("SEGNUM", 6), ("PSGNUM", 6), ("HLEVEL", 2), ("SDATA", 1000)
)  # fmt: skip
_BUILT_IN: Final = Path(__file__).parent / "layout.json"
_SEGMENT_DATA: Final = 1000


class IdocError(PermanentError):
    """Something that cannot be written to, or read from, an IDoc file."""


@dataclass(frozen=True)
class Segment:
    """A segment, or a status record: its name and its fields in order."""

    name: str
    fields: Fields


@dataclass(frozen=True)
class Layout:
    """What differs between customers.

    Attributes:
        header: the segment above the readings.
        results: the segment of one reading.
        status: the record of a status file.
        outcomes: ``posted``, ``partly_posted`` and ``not_posted`` with their status numbers; any other is no answer.
    """

    idoc_type: str
    message_type: str
    header: Segment
    results: Segment
    status: Segment
    outcomes: Mapping[str, frozenset[str]]


def load_layout(path: Path | None = None) -> Layout:
    """The built-in layout, or the customer's.

    Raises:
        IdocError: the file cannot be read or says something else than a layout.
    """
    try:
        return _layout(json.loads((path or _BUILT_IN).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IdocError(
            "Reading the layout of IDoc files",
            f"{(path or _BUILT_IN).name}: {type(error).__name__} {error}",
            "Correct the file that BILLSYNC_SAP_IDOC_LAYOUT names; docs/how-to/sap-transports.md shows one.",
        ) from None


def write_record(fields: Fields, values: Mapping[str, str], what: str) -> str:
    """One record: every field in its place, padded with blanks on the right.

    Raises:
        IdocError: a value is too long for its field, is not ASCII, or has no field.
    """
    unknown = set(values) - {name for name, _ in fields}
    if unknown:
        raise _refused(what, f"the layout has no field {', '.join(sorted(unknown))}")
    return "".join(_padded(values.get(name, ""), length, f"{what}, field {name}") for name, length in fields)


def read_record(fields: Fields, line: str) -> dict[str, str]:
    """The fields of a record without their padding; what a shorter line lacks is empty."""
    values, place = {}, 0
    for name, length in fields:
        values[name] = line[place : place + length].strip()
        place += length
    return values


def width(fields: Fields) -> int:
    """Characters of a record."""
    return sum(length for _, length in fields)


def _padded(value: str, length: int, what: str) -> str:
    if len(value) > length:
        raise _refused(what, f"{value[:60]!r} is longer than {length} characters")
    if not (value.isascii() and value.isprintable()):
        raise _refused(what, f"{value[:60]!r} is not plain ASCII text")
    return value.ljust(length)


def _layout(content: Mapping[str, Any]) -> Layout:
    outcomes = {name: frozenset(content["outcomes"][name]) for name in ("posted", "partly_posted", "not_posted")}
    status = content["status"]
    found = Layout(
        idoc_type=str(content["idoc_type"]),
        message_type=str(content["message_type"]),
        header=_segment(content["header"]),
        results=_segment(content["results"]),
        status=Segment(str(status["record"]), _fields(status["fields"])),
        outcomes=outcomes,
    )
    if not {"DOCNUM", "STATUS"} <= {name for name, _ in found.status.fields}:
        msg = "the status record needs the fields DOCNUM and STATUS"
        raise ValueError(msg)
    return found


def _segment(content: Mapping[str, Any]) -> Segment:
    fields = _fields(content["fields"])
    if width(fields) > _SEGMENT_DATA:
        msg = f"segment {content['segment']} is longer than {_SEGMENT_DATA} characters"
        raise ValueError(msg)
    return Segment(str(content["segment"]), fields)


def _fields(content: Any) -> Fields:
    fields = tuple((str(name), int(length)) for name, length in content)
    if any(length < 1 for _, length in fields) or len(dict(fields)) < len(fields):
        msg = "fields need names of their own and lengths above zero"
        raise ValueError(msg)
    return fields


def _refused(what: str, why: str) -> IdocError:
    return IdocError(what, why, "Correct the order or device in the retailer's database, or the layout.")
