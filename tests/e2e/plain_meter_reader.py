"""A plain, slow, exact reader of NEM12 files, to check usage by: one record at a time, one decimal at a time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

KWH_PER_UNIT = {"KWH": Decimal(1), "WH": Decimal("0.001"), "MWH": Decimal(1000)}
LENGTHS = frozenset({"5", "05", "15", "30"})
Key = tuple[str, str, date]


@dataclass
class Day:
    """One accepted 300 record of energy."""

    key: Key
    values: list[Decimal | None]
    version: str
    place: str
    is_null: bool = False
    null_spans: list[tuple[int, int]] = field(default_factory=list)

    @property
    def body(self) -> tuple[Decimal | None, ...]:
        hidden = {n for first, last in self.null_spans for n in range(first, last + 1)}
        return tuple(None if self.is_null or number in hidden else value for number, value in enumerate(self.values, 1))

    @property
    def kwh(self) -> Decimal:
        return sum((value for value in self.body if value is not None), Decimal(0))


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Every delivered file and zip member with its text."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        content = path.read_bytes()
        if content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for member in archive.namelist():
                    yield f"{name}/{member}", archive.read(member).decode()
        else:
            yield name, content.decode("utf-8-sig")


def read_days(folder: Path) -> Iterator[Day]:
    """Every well-formed 300 record of energy, with the null spans that its 400 records name."""
    for name, text in texts(folder):
        header: list[str] | None = None
        created = ""
        day: Day | None = None
        for number, line in enumerate(text.splitlines(), 1):
            fields = [part.strip() for part in line.split(",")]
            if fields[0] == "100":
                created = fields[2] if len(fields) > 2 else ""
            elif fields[0] == "200":
                header, day = fields, None
            elif fields[0] == "300":
                day = _day(header, fields, created, f"{name} line {number}")
                if day:
                    yield day
            elif fields[0] == "400" and day and fields[3][:1] == "N":
                day.null_spans.append((int(fields[1]), int(fields[2])))


def _day(header: Sequence[str] | None, fields: Sequence[str], created: str, place: str) -> Day | None:
    if (
        not header
        or len(header) < 9
        or header[7].upper() not in KWH_PER_UNIT
        or header[8] not in {"5", "15", "30", "05"}
    ):
        return None
    count = 1440 // int(header[8])
    rest = fields[2 + count :]
    if not rest or not rest[0][:1].isalpha():
        return None
    try:
        values = [
            Decimal(value) * KWH_PER_UNIT[header[7].upper()] if value else None for value in fields[2 : 2 + count]
        ]
        market_date = date.fromisoformat(fields[1])
    except (InvalidOperation, ValueError):
        return None
    updated = rest[3][:14] if len(rest) > 3 else ""
    key = (header[1].upper()[:10], header[4].upper(), market_date)
    return Day(key, values, (updated or created).ljust(14, "0"), place, is_null=rest[0].startswith("N"))


def latest(days: Iterator[Day]) -> dict[Key, list[Day]]:
    """Of each channel-day the records that carry its latest version."""
    found: dict[Key, list[Day]] = {}
    for day in days:
        found.setdefault(day.key, []).append(day)
    return {key: [one for one in all_ if one.version == max(o.version for o in all_)] for key, all_ in found.items()}
