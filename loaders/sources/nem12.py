"""The one pass over the lines of a meter data file: each 300 is tagged with its 200, its values stay one text.

What belongs here: the order of records and the quick way through a well-formed 300 record.
What stays out: the careful reading of odd records (``interval_record.py``, ``nem13.py``), files and archives
(``meter_files.py``), and any meaning of the values (dbt).

Never loop over intervals here: a day of 5-minute data is 288 of them. The quick way looks at a record's bytes with a
handful of C-speed calls; whatever it does not recognise goes the careful way.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from loaders.sources.interval_record import Channel, Incomplete, IntervalDay, read_header, read_interval_day
from loaders.sources.meter_rows import MeterRows
from loaders.sources.nem13 import Refusal, accumulation_row, detail_values
from loaders.sources.record_fields import (
    MAX_INTEGER_DIGITS,
    RECORD_INDICATORS,
    is_date,
    or_none,
    split_fields,
)
from loaders.sources.text_lines import OverlongLine, decode_line
from loaders.warehouse.schema import RAW_TABLES

_DIGITS = b"0123456789"
_ALL_DIGITS_ZERO = bytes.maketrans(_DIGITS, b"0" * 10)
_LONG_DIGITS = b"0" * (MAX_INTEGER_DIGITS + 1)
_LONG_INTEGER = re.compile(rb"(?:^|,)0*[1-9]\d{%d}" % MAX_INTEGER_DIGITS)
_QUALITIES = {
    text.encode(): text for flag in "AEFSVN" for text in (flag, *(f"{flag}{method:02d}" for method in range(100)))
}
_BLANKS = b", \t\r\f\x1a"
_MAX_JOINED_BYTES = 64 * 1024
_FULL_FIELD_COUNTS = {"100": 5, "200": 10, "250": 23, "400": 6, "500": 5, "550": 5}
_COMPLETE_STAMP_LENGTHS = frozenset({0, 12, 14, 15})
_TRAILING_FIELDS = 5
_HASH_LENGTH = 32
_HASH_PLACE = RAW_TABLES["meter_interval_records"].column_names.index("content_hash")
_MAX_INTERVAL_DIGITS = 4


@dataclass(frozen=True)
class _Broken:
    """A 300 record whose end is still missing.

    Attributes:
        lines: the physical lines it has so far.
        text: these lines joined.
        refusal: why it is rejected if the end does not come.
    """

    lines: list[int]
    text: bytes
    refusal: Refusal


class MeterFileTagger:
    """Reads one meter data file, line batch by line batch, into :class:`MeterRows`.

    Attributes:
        version_header: NEM12 or NEM13 as the first 100 says.
        created_text: creation time of the first 100.
        from_participant: sender by the first 100.
        to_participant: receiver by the first 100.
        has_header: whether the first record is a 100.
        has_end: whether the last record is a 900.
    """

    def __init__(self, rows: MeterRows, file_name: str) -> None:
        self._rows = rows
        self._base = rows.begin_file(file_name)
        self._line_number = 0
        self._channel: Channel | None = None
        self._no_channel_reason = "There is no 200 record above it."
        self._parent: tuple[str, int] | None = None
        self._open_day: tuple[list[object], hashlib._Hash, int] | None = None
        self._broken: _Broken | None = None
        self._created_text: str | None = None
        self._trailing_count: int | None = None
        self.version_header: str | None = None
        self.created_text: str | None = None
        self.from_participant: str | None = None
        self.to_participant: str | None = None
        self.has_header = False
        self.has_end = False

    def feed(self, lines: Sequence[bytes]) -> None:
        """Read complete lines."""
        for line in lines:
            self._line_number += 1
            if not (line.startswith(b"300,") and self._read_quickly(line)):
                self._read_carefully(line)

    def finish(self, remainder: bytes = b"") -> None:
        """Read the text after the last line end, if any, and complete what is open."""
        if remainder.strip(_BLANKS):
            self._line_number += 1
            if cut := self._cut_off(remainder):
                self._drop_broken()
                self._close_day()
                self.has_end = False
                self._rows.reject(
                    self._line_number, cut, self._nmi(), "RECORD_CUT_OFF", "The file ends in this record."
                )
            else:
                self._read_carefully(remainder)
        self._drop_broken()
        self._close_day()

    # The quick way -------------------------------------------------------------------------------------------------

    def _read_quickly(self, line: bytes) -> bool:
        """Take a well-formed 300 record; False when anything about it needs a closer look."""
        channel = self._channel
        if channel is None or self._broken is not None or not line.isascii():
            return False
        parts = line.rsplit(b",", _TRAILING_FIELDS)
        quality = _QUALITIES.get(parts[1]) if len(parts) == _TRAILING_FIELDS + 1 else None
        if quality is None or parts[0][12:13] != b",":
            return False
        values = parts[0][13:]
        commas = channel.value_count - 1
        skeleton = values.translate(None, _DIGITS)
        is_plain = (
            skeleton.count(b",") == commas
            and skeleton.count(b".") + commas == len(skeleton)
            and b".." not in skeleton
            and b",.," not in line
        )
        if not is_plain or (
            _LONG_DIGITS in values.translate(_ALL_DIGITS_ZERO) and _LONG_INTEGER.search(values) is not None
        ):
            return False
        date_text = parts[0][4:12].decode()
        code, description, update, load = (part.strip().decode() for part in parts[2:])
        if not is_date(date_text) or '"' in description:
            return False
        self._take_day(channel, date_text, values, (quality, code, description, update, load), self._line_number)
        self._trailing_count = _TRAILING_FIELDS
        return True

    def _take_day(
        self,
        channel: Channel,
        date_text: str,
        values: bytes,
        trailing: tuple[str, str, str, str, str],
        line_number: int,
    ) -> None:
        """Hold a 300 record until its 400 records are known, as they are part of its content."""
        if self._open_day is not None:
            self._close_day()
        quality, code, description, update, load = trailing
        content = hashlib.sha256(channel.hash_prefix)
        content.update(values)
        content.update(f"\0{quality}\0{code}".encode())
        row: list[object] = [
            *self._base, line_number, *channel.fields, date_text, values, channel.value_count, None,
            quality or None, code or None, description or None, update or None, load or None, self._created_text,
        ]  # fmt: skip
        self._open_day = (row, content, len(values))
        self._parent = ("300", line_number)
        self.has_end = False

    def _close_day(self) -> None:
        if self._open_day is None:
            return
        row, content, size = self._open_day
        row[_HASH_PLACE] = content.hexdigest()[:_HASH_LENGTH]
        self._rows.intervals.append(row, size)
        self._rows.counts.accepted += 1
        self._open_day = None

    # The careful way -----------------------------------------------------------------------------------------------

    def _read_carefully(self, line: bytes) -> None:
        if isinstance(line, OverlongLine):
            self._drop_broken()
            self.has_end = False
            reason = "The line is longer than any record can be."
            self._rows.reject(self._line_number, None, self._nmi(), "LINE_TOO_LONG", reason)
            return
        stripped = line.strip(b" \t\r\f\x1a")
        if not stripped.strip(_BLANKS):
            return
        text = decode_line(stripped)
        indicator = text.split(",", 1)[0].strip(' "')
        if indicator not in RECORD_INDICATORS:
            self._continue_or_reject(stripped, indicator)
            return
        self._drop_broken()
        self.has_end = False
        fields = split_fields(text)
        match indicator:
            case "300":
                self._read_300(stripped, fields, self._line_number)
            case "400":
                self._read_400(fields)
            case "500" | "550":
                self._read_detail(indicator, fields)
            case "250":
                self._read_250(fields)
            case _:
                self._read_frame(indicator, fields, text)

    def _nmi(self) -> str | None:
        return self._channel.nmi if self._channel else None

    def _read_frame(self, indicator: str, fields: list[str], text: str) -> None:
        """Read a 100, 200 or 900: each ends what was open before it."""
        is_first = not (self._rows.counts.accepted or self._rows.counts.rejected or self._open_day)
        self._close_day()
        self._parent = None
        self._channel = None
        self._no_channel_reason = "There is no 200 record above it."
        text = text.rstrip(", ")
        if indicator == "200":
            self._read_200(fields, text)
            return
        if indicator == "100":
            self._read_100(fields, is_first=is_first)
        self.has_end = indicator == "900"
        self._rows.header(self._line_number, indicator, None, text)

    def _read_100(self, fields: list[str], *, is_first: bool) -> None:
        version, created, sender, receiver = (or_none(value) for value in [*fields, "", "", "", ""][1:5])
        self._created_text = created
        if is_first:
            self.has_header = True
        if self.version_header is None:
            self.version_header, self.created_text = version, created
            self.from_participant, self.to_participant = sender, receiver

    def _read_200(self, fields: list[str], text: str) -> None:
        header = read_header(fields)
        if isinstance(header, Refusal):
            self._no_channel_reason = f"The 200 record on line {self._line_number} was rejected."
            nmi = or_none(fields[1]) if len(fields) > 1 else None
            self._rows.reject(self._line_number, "200", nmi, header.code, header.reason)
            return
        self._channel = header
        self._rows.header(self._line_number, "200", header.nmi, text)

    def _read_300(self, record: bytes, fields: list[str], line_number: int) -> None:
        """Read a 300 record of any shape; one that ends too early is held, as its rest may stand on the next line."""
        self._close_day()
        self._parent = None
        if self._channel is None:
            self._rows.reject(line_number, "300", None, "INTERVAL_WITHOUT_HEADER", self._no_channel_reason)
            return
        day = read_interval_day(fields, self._channel)
        if isinstance(day, Incomplete):
            self._broken = _Broken([line_number], record, day.refusal)
            return
        if isinstance(day, Refusal):
            self._rows.reject(line_number, "300", self._channel.nmi, day.code, day.reason)
            return
        self._accept_day(day, line_number)

    def _accept_day(self, day: IntervalDay, line_number: int) -> None:
        if self._channel is not None:
            self._take_day(self._channel, day.date, day.values.encode(), day.trailing, line_number)
            self._trailing_count = day.trailing_count

    def _continue_or_reject(self, record: bytes, indicator: str) -> None:
        """A line that begins with no record indicator continues a broken 300, or is refused.

        Lines are joined only where the break stands at a comma: a number broken in the middle cannot be told from two.
        """
        broken = self._broken
        if broken is not None and self._channel is not None:
            is_safe = broken.text.endswith(b",") != record.startswith(b",")
            joined = broken.text + record
            if is_safe and len(joined) <= _MAX_JOINED_BYTES:
                day = read_interval_day(split_fields(decode_line(joined)), self._channel)
                if isinstance(day, IntervalDay):
                    self._broken = None
                    self._accept_day(day, broken.lines[0])
                    return
                if isinstance(day, Incomplete):
                    self._broken = _Broken([*broken.lines, self._line_number], joined, day.refusal)
                    return
        self._drop_broken()
        self.has_end = False
        reason = f"The line begins with {indicator[:20]!r}, which is no NEM12 or NEM13 record."
        self._rows.reject(self._line_number, indicator, None, "UNKNOWN_RECORD", reason)

    def _drop_broken(self) -> None:
        """Reject a 300 whose rest did not come."""
        if self._broken is None:
            return
        first, *others = self._broken.lines
        refusal, self._broken = self._broken.refusal, None
        self._rows.reject(first, "300", self._nmi(), refusal.code, refusal.reason)
        for line_number in others:
            reason = f"The line continues the rejected record of line {first}."
            self._rows.reject(line_number, None, self._nmi(), "RECORD_BROKEN", reason)

    def _read_400(self, fields: list[str]) -> None:
        start, end, quality, code, description = [*fields, "", "", "", "", ""][1:6]
        if self._open_day is None:
            reason = "There is no accepted 300 record above it."
            self._rows.reject(self._line_number, "400", self._nmi(), "EVENT_WITHOUT_INTERVAL_RECORD", reason)
            return
        if not (_is_interval(start) and _is_interval(end)):
            reason = f"The event's intervals {start[:20]!r} to {end[:20]!r} are not numbers."
            self._rows.reject(self._line_number, "400", self._nmi(), "EVENT_INTERVALS_INVALID", reason)
            return
        row, content, _ = self._open_day
        content.update(f"\0{int(start)}-{int(end)} {quality} {code}".encode())
        texts = (or_none(value) for value in (quality, code, description))
        self._rows.event(self._line_number, row[3], start, end, *texts)

    def _read_detail(self, indicator: str, fields: list[str]) -> None:
        """Read a 500 or 550, which tells why the record above it was read."""
        wanted = "300" if indicator == "500" else "250"
        if self._parent is None or self._parent[0] != wanted:
            reason = f"There is no accepted {wanted} record above it."
            self._rows.reject(self._line_number, indicator, self._nmi(), "DETAIL_WITHOUT_RECORD", reason)
        elif indicator == "550":
            self._rows.detail(self._line_number, self._parent[1], *detail_values(fields))
        else:
            values = [or_none(value) for value in [*fields, "", "", "", ""][1:5]]
            self._rows.detail(self._line_number, self._parent[1], "500", *values, None, None)

    def _read_250(self, fields: list[str]) -> None:
        self._close_day()
        self._parent = None
        row = accumulation_row(fields, self._created_text)
        if isinstance(row, Refusal):
            nmi = or_none(fields[1]) if len(fields) > 1 else None
            self._rows.reject(self._line_number, "250", nmi, row.code, row.reason)
            return
        self._rows.accumulation(self._line_number, *row)
        self._parent = ("250", self._line_number)

    def _cut_off(self, line: bytes) -> str | None:
        """Return the indicator of a last line that is no whole record, None when it may be one."""
        if isinstance(line, OverlongLine):
            return None
        fields = split_fields(decode_line(line.strip(b" \t\r\f\x1a")))
        indicator = fields[0]
        if indicator == "300" and self._channel is not None:
            usual = _TRAILING_FIELDS if self._trailing_count is None else self._trailing_count
            is_short = len(fields) - 2 - self._channel.value_count < usual
            last = fields[-1]
            is_cut = is_short or (last.isdigit() and len(last) not in _COMPLETE_STAMP_LENGTHS)
        else:
            is_cut = len(fields) < _FULL_FIELD_COUNTS.get(indicator, 0)
        return indicator if is_cut else None


def _is_interval(text: str) -> bool:
    """Say whether a text may be the number of an interval."""
    return text.isascii() and text.isdigit() and len(text) <= _MAX_INTERVAL_DIGITS
