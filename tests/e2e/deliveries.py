"""Changing what the sandbox's meter data providers deliver: take a day away, deliver it later, revise it.

Works on plain, gzip and zip files as they lie in the landing folder. Nothing here imports the product.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

Fields = list[str]


@dataclass(frozen=True)
class Delivered:
    """A 300 record and the 200 record it stands under."""

    header: Fields
    record: Fields

    @property
    def nmi(self) -> str:
        return self.header[1][:10]

    @property
    def suffix(self) -> str:
        return self.header[4]

    @property
    def value_count(self) -> int:
        return 1440 // int(self.header[8])

    def more(self, units: int, *, updated: str | None = None) -> Delivered:
        """The same day with more energy in its last interval, under a later version stamp if one is given."""
        record = list(self.record)
        last = 1 + self.value_count
        record[last] = str(Decimal(record[last]) + units)
        if updated:
            record[last + 4] = updated
        return Delivered(self.header, record)


def folder(landing: Path, day: str) -> Path:
    return landing / "nem12" / f"billing_day={day}"


def records(landing: Path, day: str, nmi: str) -> list[Delivered]:
    """What was delivered for a service point on a billing day."""
    return [one for path in _files(landing, day) for one in _records(_text(path)) if one.nmi == nmi]


def take_away(landing: Path, day: str, nmi: str) -> list[Delivered]:
    """Remove a service point from a day's files; returns what was there."""
    taken = records(landing, day, nmi)
    for path in _files(landing, day):
        _rewrite(path, lambda one: one.nmi != nmi)
    return taken


def deliver(landing: Path, day: str, name: str, days: Sequence[Delivered]) -> None:
    """Deliver one more file on a billing day."""
    lines = [f"100,NEM12,{day.replace('-', '')}1000,BLUEMDP,BANKSIA"]
    for one in days:
        lines += [",".join(one.header), ",".join(one.record)]
    folder(landing, day).mkdir(parents=True, exist_ok=True)
    (folder(landing, day) / name).write_bytes("\r\n".join([*lines, "900", ""]).encode())


def _files(landing: Path, day: str) -> list[Path]:
    return sorted(path for path in folder(landing, day).iterdir() if "NEM12" in path.name)


def _text(path: Path) -> str:
    content = path.read_bytes()
    if path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(archive.namelist()[0]).decode()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode()


def _records(text: str) -> Iterator[Delivered]:
    header: Fields = []
    for line in text.splitlines():
        fields = line.split(",")
        if fields[0] == "200":
            header = fields
        elif fields[0] == "300":
            yield Delivered(header, fields)


def _rewrite(path: Path, keeps: Callable[[Delivered], bool]) -> None:
    """Leave out the 300 records that are not kept, with the 400 and 500 records that belong to them."""
    header: Fields = []
    kept: list[str] = []
    is_kept = True
    for line in _text(path).splitlines():
        fields = line.split(",")
        if fields[0] == "200":
            header, is_kept = fields, True
        elif fields[0] == "300":
            is_kept = keeps(Delivered(header, fields))
        elif fields[0] == "900":
            is_kept = True
        if is_kept:
            kept.append(line)
    content = "\r\n".join([*kept, ""]).encode()
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            member = archive.namelist()[0]
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(member, content)
    else:
        path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
