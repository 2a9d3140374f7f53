"""What is really so: every channel-day's energy, the planted defects, the bills that SAP gets wrong on purpose."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.generate_edits import Edit, EditBook
from sandbox.generate_nem12 import DayEnergies
from sandbox.generate_nem13 import accumulate
from sandbox.generate_orders import Spec
from sandbox.generate_population import BASIC_INTERVAL, ServicePoint
from sandbox.generate_profiles import value_texts

_SCHEMA = pa.schema(
    [
        ("nmi", pa.string()),
        ("nmi_suffix", pa.string()),
        ("market_date", pa.date32()),
        ("interval_length_minutes", pa.int32()),
        ("values", pa.string()),
    ]
)
_ROWS_A_GROUP = 20_000
_DIFFERING = (
    ("amount", "10.00"),
    ("amount", "-7.35"),
    ("amount", "1.20"),
    ("amount", "250.00"),
    ("amount", "-2.11"),
    ("amount", "33.33"),
    ("kwh", "15"),
    ("kwh", "-40"),
    ("kwh", "6.5"),
    ("kwh", "120"),
)


class TruthWriter:
    """Writes ``truth/intervals.parquet``: kWh values as comma-parted text, one row per channel-day."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = pq.ParquetWriter(path, _SCHEMA, compression="zstd")
        self._rows: list[tuple[str, str, date, int, str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush()
        self._writer.close()

    def add(self, points: Sequence[ServicePoint], energies: DayEnergies, book: EditBook) -> None:
        """Add a market day of interval meters, with those edits that are the truth."""
        self._rows += [
            (p.nmi, suffix, energies.day, p.interval_minutes, _true_text(p, suffix, energies, book))
            for p in points
            for suffix in p.suffixes
        ]
        if len(self._rows) >= _ROWS_A_GROUP:
            self._flush()

    def add_basic(self, seed: int, point: ServicePoint) -> None:
        """Add the days of a closing contract's basic meter: one value a day, the sum is what the register counted."""
        read = accumulate(seed, point)
        suffix = point.registers[0].suffix
        for number, wh in enumerate(read.daily_wh, start=1):
            day = read.previous_day + timedelta(days=number)
            self._rows.append((point.nmi, suffix, day, BASIC_INTERVAL, f"{wh // 1000}.{wh % 1000:03d}"))

    def _flush(self) -> None:
        if self._rows:
            columns = [
                pa.array(list(column), type=field.type)
                for column, field in zip(zip(*self._rows, strict=True), _SCHEMA, strict=True)
            ]
            self._writer.write_table(pa.Table.from_arrays(columns, schema=_SCHEMA))
            self._rows.clear()


def _true_text(point: ServicePoint, suffix: str, energies: DayEnergies, book: EditBook) -> str:
    text: str = energies.texts[point.index, suffix]
    edit = book.edits.get((point.index, suffix, energies.day))
    if edit is None or not edit.is_true or edit.change is None:
        return text
    return ",".join(edit.change(text.split(",")))


class ApiReads:
    """What the metering API serves: ``metering.db``, one row per channel-day."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(
                "create table service_points (nmi text primary key);"
                "create table reads (nmi text, nmi_suffix text, market_date text, register_id text,"
                " serial_number text, is_controlled_load integer, interval_length_minutes integer, values_text text,"
                " quality text, primary key (nmi, market_date, nmi_suffix)) without rowid;"
            )

    def add(self, points: Sequence[ServicePoint], days: Sequence[DayEnergies], book: EditBook) -> None:
        """Store days of points that are delivered by the API, edits applied."""
        rows = [
            row
            for energies in days
            for point in points
            for number, suffix in enumerate(point.suffixes, start=1)
            for row in _api_rows(point, f"{number:03d}", suffix, energies, book)
        ]
        with closing(sqlite3.connect(self._path)) as connection:
            connection.executemany("insert or ignore into service_points values (?)", [(p.nmi,) for p in points])
            connection.executemany("insert into reads values (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            connection.commit()


def _api_rows(
    point: ServicePoint, register_id: str, suffix: str, energies: DayEnergies, book: EditBook
) -> list[tuple[object, ...]]:
    edit = book.edits.get((point.index, suffix, energies.day), Edit())
    if edit.is_dropped:
        return []
    quality = "SUBSTITUTE" if edit.quality.startswith("S") else "ACTUAL"
    values = value_texts(energies.rows[point.index, suffix][None, :])[0]
    is_controlled = int(suffix == "E2")
    row = (point.nmi, suffix, str(energies.day), register_id, point.serial_number, is_controlled)
    return [(*row, point.interval_minutes, values, quality)]


def choose_differing(points: Sequence[ServicePoint], book: EditBook, spec: Spec) -> list[dict[str, str]]:
    """Pick ten contracts whose bill is ready and clean, and say how SAP's result is to differ."""
    clean = [
        point
        for point in points
        if point.closing
        and point.closing.day == spec.day
        and point.index not in book.victims
        and point.plan_kind != "SPECIAL"
        and not point.is_vacant
    ]
    random.Random(f"differing {spec.seed}").shuffle(clean)
    return [
        {
            "contract_id": point.contract_id,
            "period_start_date": str(point.closing.period_start) if point.closing else "",
            "period_end_date": str(spec.day),
            "measure": measure,
            "change": change,
        }
        for point, (measure, change) in zip(clean, _DIFFERING, strict=False)
    ]


def write_json(path: Path, payload: object) -> None:
    """Write readable JSON with a line end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(payload, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
