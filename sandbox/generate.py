"""Seed a sandbox: master data, meter files day by day, API reads, plans and the truth about all of it.

The state folder holds ``retailer.db``, ``landing/nem12/billing_day=…/``, ``metering.db``, ``plans/``, ``truth/``
and, written last, ``seed.json``: a folder without it was never finished. The same spec gives the same bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from sandbox.generate_defects import plant_defects
from sandbox.generate_edits import EditBook, SpecialFile
from sandbox.generate_nem12 import (
    MDPS,
    DayEnergies,
    assemble,
    deliver,
    note_places,
    point_block,
    resend_block,
    write_packed,
    zip_bytes,
)
from sandbox.generate_nem13 import accumulation_block
from sandbox.generate_orders import Spec, assign_closings
from sandbox.generate_plans import catalogue
from sandbox.generate_population import ServicePoint, build_population
from sandbox.generate_retailer import write_retailer_db
from sandbox.generate_truth import ApiReads, TruthWriter, choose_differing, write_json
from sandbox.http import dump_json
from sandbox.sap.store import load_from_retailer

POINTS_A_FILE = 4000
_GHOSTS = 40
Progress = Callable[[str], None]


def seed_sandbox(home: Path, spec: Spec, progress: Progress = lambda _: None) -> None:
    """Generate a whole sandbox into a folder, in place of what an earlier seed left there."""
    _wipe(home)
    everyone = build_population(spec.service_points + _GHOSTS, spec.seed, spec.day, spec.interval_lengths)
    points, ghosts = everyone[: spec.service_points], everyone[spec.service_points :]
    assign_closings(points, spec)
    book = plant_defects(points, ghosts, spec)
    write_retailer_db(home / "retailer.db", points, book, spec)
    load_from_retailer(home / "retailer.db", home / "sap.db")
    progress(f"{len(points)} service points")
    for plan in catalogue():
        path = home / "plans" / f"{quote(plan.plan_id, safe='')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dump_json(plan.answer) + "\n", encoding="utf-8")
    with TruthWriter(home / "truth" / "intervals.parquet") as truth:
        _Deliveries(home, points, book, spec, truth).run(progress)
    write_json(home / "truth" / "planted.json", [plant.as_json() for plant in book.plants])
    write_json(home / "truth" / "differing_bills.json", choose_differing(points, book, spec))
    write_json(
        home / "seed.json",
        {"service_points": spec.service_points, "days": spec.days, "seed": spec.seed, "day": str(spec.day)},
    )


def _wipe(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "seed.json").unlink(missing_ok=True)
    for name in ("landing", "plans", "truth"):
        shutil.rmtree(home / name, ignore_errors=True)
    for pattern in ("retailer.db*", "metering.db*", "sap.db*"):
        for path in home.glob(pattern):
            path.unlink()


class _Deliveries:
    """Writes what the providers deliver, one billing day after the other."""

    def __init__(
        self, home: Path, points: Sequence[ServicePoint], book: EditBook, spec: Spec, truth: TruthWriter
    ) -> None:
        self.landing = home / "landing" / "nem12"
        self.book, self.spec, self.truth = book, spec, truth
        self.api = ApiReads(home / "metering.db")
        self.points = {point.index: point for point in points}
        interval = [point for point in points if not point.is_basic]
        self.bulk = [p for p in interval if p.closing and p.closing.is_bulk]
        self.by_api = [p for p in interval if p.delivery == "API"]
        self.daily = [p for p in interval if p.delivery == "FILE" and not (p.closing and p.closing.is_bulk)]
        self.basic = [p for p in points if p.is_basic and p.closing]

    def run(self, progress: Progress) -> None:
        for offset in range(self.spec.days):
            day = self.spec.first_day + timedelta(days=offset)
            for part in _parts(self.by_api):
                energies = DayEnergies(self.spec.seed, part, day)
                self.api.add(part, [energies], self.book)
                self.truth.add(part, energies, self.book)
            self._daily_files(day)
            self._basic_files(day)
            self._resends(day)
            progress(f"delivered {day}")
        self._bulk_files()
        for special in self.book.special_files:
            self._special_file(special)
        if self.book.plants:
            self._duplicates()
        for point in self.basic:
            self.truth.add_basic(self.spec.seed, point)

    def _folder(self, day: date) -> Path:
        return self.landing / f"billing_day={day}"

    def _daily_files(self, day: date) -> None:
        for mdp in MDPS:
            mine = [point for point in self.daily if point.mdp == mdp.number]
            for number, part in enumerate(_parts(mine), start=1):
                energies = DayEnergies(self.spec.seed, part, day)
                self.truth.add(part, energies, self.book)
                blocks = (point_block(point, mdp, [energies], self.book) for point in part)
                deliver(self._folder(day), assemble("NEM12", f"{day:%Y%m%d}{number:04d}", mdp, day, blocks))

    def _basic_files(self, day: date) -> None:
        for mdp in MDPS:
            due = [p for p in self.basic if p.mdp == mdp.number and p.delivery == "FILE" and _closes(p, day)]
            if due:
                blocks = (accumulation_block(self.spec.seed, point, mdp, self.book) for point in due)
                deliver(self._folder(day), assemble("NEM13", f"{day:%Y%m%d}B001", mdp, day, blocks))

    def _resends(self, day: date) -> None:
        """Deliver what comes once more, one file for each service point."""
        resends = [resend for resend in self.book.resends if resend.billing_day == day]
        for number, (_, same) in enumerate(groupby(resends, key=lambda resend: resend.point.index), start=1):
            blocks = []
            for resend in same:
                mdp = MDPS[resend.point.mdp]
                blocks.append(resend_block(resend, mdp, DayEnergies(self.spec.seed, [resend.point], resend.market_day)))
            deliver(self._folder(day), assemble("NEM12", f"{day:%Y%m%d}R{number:03d}", mdp, day, blocks))

    def _bulk_files(self) -> None:
        """Periods delivered whole on their last day."""
        for mdp in MDPS:
            blocks = []
            for point in (p for p in self.bulk if p.mdp == mdp.number):
                days = [DayEnergies(self.spec.seed, [point], day) for day in _period(point)]
                for energies in days:
                    self.truth.add([point], energies, self.book)
                blocks.append(point_block(point, mdp, days, self.book))
            if blocks:
                file = assemble("NEM12", f"{self.spec.day:%Y%m%d}M001", mdp, self.spec.day, blocks)
                deliver(self._folder(self.spec.day), file)

    def _special_file(self, special: SpecialFile) -> None:
        day, mdp, folder = self.spec.day, MDPS[0], self._folder(self.spec.day)
        energies = DayEnergies(self.spec.seed, special.points, day)
        blocks = []
        for point in special.points:
            block = point_block(point, mdp, [energies], EditBook())
            if plant := special.record_plants.get(point.index):
                block.placed.append((len(block.lines) - 1, plant))
            blocks.append(block)
        file = assemble("NEM12", f"{day:%Y%m%d}{special.kind.replace('_', '')}", mdp, day, blocks)
        body, extension = _spoil(file.block.lines, special.kind)
        folder.mkdir(parents=True, exist_ok=True)
        if special.kind == "UNREADABLE":
            whole = zip_bytes(f"{file.stem}.csv", body)
            body = whole[: len(whole) * 2 // 3]
        path = folder / f"{file.stem}.{extension}"
        path.write_bytes(body)
        note_places(file.block, path.name)
        for plant in special.plants:
            plant.file, plant.line = path.name, 0

    def _duplicates(self) -> None:
        """The same content again under other names: today's file as a zip, yesterday's once more."""
        day = self.spec.day
        for number, source_day in enumerate((day, day - timedelta(days=1)), start=1):
            source = self._folder(source_day) / f"NEM12#{source_day:%Y%m%d}0001#{MDPS[0].participant}#BANKSIA.csv"
            stem = f"NEM12#{day:%Y%m%d}D{number:03d}#{MDPS[0].participant}#BANKSIA"
            write_packed(self._folder(day), stem, "zip" if number == 1 else "csv", source.read_bytes())


def _spoil(lines: Sequence[str], kind: str) -> tuple[bytes, str]:
    """Give the bytes of a special file; a file that is cut off ends in the middle of its last 300 record."""
    kept = list(lines)
    if kind == "NO_HEADER":
        kept = kept[1:]
    if kind == "CUT_OFF":
        kept = kept[:-1]
        return "\r\n".join([*kept[:-1], kept[-1][: len(kept[-1]) // 2]]).encode("ascii"), "csv"
    return ("\r\n".join(kept) + "\r\n").encode("ascii"), "zip" if kind == "UNREADABLE" else "csv"


def _parts(points: Sequence[ServicePoint]) -> Iterator[Sequence[ServicePoint]]:
    for start in range(0, len(points), POINTS_A_FILE):
        yield points[start : start + POINTS_A_FILE]


def _closes(point: ServicePoint, day: date) -> bool:
    return point.closing is not None and point.closing.day == day


def _period(point: ServicePoint) -> Iterator[date]:
    if point.closing:
        for number in range(point.closing.day_count):
            yield point.closing.period_start + timedelta(days=number)
