"""NEM12 as meter data providers write it: each with its own habits, all within what real files show.

What belongs here: records, blocks of one NMI, whole files as bytes, packing. What stays out: what energy
there is (``generate_profiles``) and what is wrong on purpose (``generate_edits`` says, ``generate_defects`` decides).
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from sandbox.generate_edits import Edit, EditBook, Plant, Resend, scaled
from sandbox.generate_population import ServicePoint
from sandbox.generate_profiles import ChannelGroup, Energies, day_energies, shape_of, value_texts
from sandbox.nmi import check_digit, with_wrong_check_digit

RETAILER = "BANKSIA"


@dataclass(frozen=True)
class Mdp:
    """A meter data provider and its habits."""

    number: int
    participant: str
    packing: str = "csv"
    unit_text: str = "kWh"
    prints_check_digit: bool = False
    has_msats_stamp: bool = True
    has_next_read: bool = True
    adds_b2b_details: bool = False

    @property
    def unit(self) -> str:
        """The unit, upper case."""
        return self.unit_text.upper()


MDPS = (
    Mdp(0, "BLUEMDP", adds_b2b_details=True),
    Mdp(1, "METROMDP", packing="zip"),
    Mdp(2, "SOUTHMDP", packing="gz", has_next_read=False),
    Mdp(3, "WATTMDP", unit_text="Wh"),
    Mdp(4, "WESTMDP", prints_check_digit=True, has_msats_stamp=False),
    Mdp(5, "NORTHMDP", packing="zip", unit_text="KWH"),
)


class DayEnergies:
    """The energies of some service points on one market day, as rows and as kWh text."""

    def __init__(self, seed: int, points: Sequence[ServicePoint], day: date) -> None:
        self.day = day
        self.rows: dict[tuple[int, str], Energies] = {}
        self.texts: dict[tuple[int, str], str] = {}
        for minutes in sorted({point.interval_minutes for point in points}):
            channels = [(p, suffix) for p in points if p.interval_minutes == minutes for suffix in p.suffixes]
            energies = day_energies(seed, channel_group(minutes, channels), day)
            keys = [(point.index, suffix) for point, suffix in channels]
            self.rows.update(zip(keys, energies, strict=True))
            self.texts.update(zip(keys, value_texts(energies), strict=True))


def channel_group(minutes: int, channels: Sequence[tuple[ServicePoint, str]]) -> ChannelGroup:
    """Put channels of one interval length into columns."""
    return ChannelGroup(
        minutes,
        [point.index for point, _ in channels],
        [suffix for _, suffix in channels],
        [point.daily_wh[suffix] for point, suffix in channels],
        [shape_of(suffix, point.customer_type) for point, suffix in channels],
    )


@dataclass
class Block:
    """Lines of a file and the planted defects among them, by line counted from the block's first."""

    lines: list[str] = field(default_factory=list)
    placed: list[tuple[int, Plant]] = field(default_factory=list)

    def place(self, plant: Plant | None) -> None:
        """Say that the next line is where a defect stands; the first place of a run counts."""
        if plant is not None:
            self.placed.append((len(self.lines), plant))

    def extend(self, other: Block) -> None:
        """Append another block."""
        self.placed += [(len(self.lines) + line, plant) for line, plant in other.placed]
        self.lines += other.lines


def update_stamp(market_day: date, mdp: Mdp) -> str:
    """When a provider versions a day's data: in the small hours of the next one."""
    return f"{market_day + timedelta(days=1):%Y%m%d}02{10 + mdp.number}33"


def point_block(point: ServicePoint, mdp: Mdp, days: Sequence[DayEnergies], book: EditBook) -> Block:
    """Write one NMI: a 200 record for each channel, its 300 records in order of date."""
    block = Block()
    for number, suffix in enumerate(point.suffixes, start=1):
        edits = [book.edits.get((point.index, suffix, energies.day)) for energies in days]
        kept = [(e, edit) for e, edit in zip(days, edits, strict=True) if edit is None or not edit.is_dropped]
        if not kept:
            continue
        block.lines.append(details_line(point, mdp, suffix, number, edits[0]))
        for energies, edit in kept:
            _interval_lines(block, (point, suffix), mdp, energies, edit)
        for energies, edit in kept:
            if edit is not None and edit.extra_suffix:
                _extra_channel(block, point, mdp, energies, edit)
    if point.has_reactive:
        block.lines.append(details_line(point, mdp, "Q1", len(point.suffixes) + 1, None))
        for energies in days:
            values = value_texts(scaled(energies.rows[point.index, "E1"], 320)[None, :])[0]
            block.lines.append(_record(energies.day, values, update_stamp(energies.day, mdp), mdp))
    return block


def details_line(point: ServicePoint, mdp: Mdp, suffix: str, number: int, edit: Edit | None) -> str:
    """Write a 200 record."""
    nmi, serial, channels = point.nmi, point.serial_number, "".join(point.suffixes)
    if mdp.prints_check_digit:
        nmi += str(check_digit(point.nmi))
    if point.has_reactive:
        channels += "Q1"
    if edit is not None:
        serial = edit.serial_number or serial
        if edit.has_wrong_check_digit:
            nmi = with_wrong_check_digit(point.nmi)
        channels += edit.extra_suffix or ""
    unit = "kVArh" if suffix == "Q1" else mdp.unit_text
    next_read = ""
    if mdp.has_next_read and point.closing:
        next_read = f"{point.closing.day:%Y%m%d}"
    return f"200,{nmi},{channels},{number:03d},{suffix},N{number},{serial},{unit},{point.interval_minutes},{next_read}"


def _interval_lines(
    block: Block, channel: tuple[ServicePoint, str], mdp: Mdp, energies: DayEnergies, edit: Edit | None
) -> None:
    point, suffix = channel
    values = energies.texts[point.index, suffix]
    if mdp.unit == "WH":
        values = value_texts(energies.rows[point.index, suffix][None, :], "WH")[0]
    stamp = update_stamp(energies.day, mdp)
    if edit is None:
        block.lines.append(_record(energies.day, values, stamp, mdp))
        if mdp.adds_b2b_details and point.closing and point.closing.day == energies.day:
            block.lines.append(f"500,N,,{energies.day + timedelta(days=1):%Y%m%d}000001,")
        return
    original = values.split(",")
    changed = edit.change(original) if edit.change else original
    block.place(edit.plant)
    block.lines.append(_record(energies.day, ",".join(changed), stamp, mdp, quality=edit.quality, reason=edit.reason))
    block.lines += [f"400,{first},{last},{quality},{reason}," for first, last, quality, reason in edit.events]
    if edit.index_read:
        block.lines.append(f"500,N,,{energies.day + timedelta(days=1):%Y%m%d}000001,{edit.index_read}")
    if edit.conflicting_change:
        other = ",".join(edit.conflicting_change(original))
        block.lines.append(_record(energies.day, other, stamp, mdp))


def _extra_channel(block: Block, point: ServicePoint, mdp: Mdp, energies: DayEnergies, edit: Edit) -> None:
    suffix = str(edit.extra_suffix)
    block.lines.append(details_line(point, mdp, suffix, len(point.suffixes) + 1, edit))
    block.place(edit.plant)
    values = value_texts(scaled(energies.rows[point.index, "E1"], 250)[None, :], mdp.unit)[0]
    block.lines.append(_record(energies.day, values, update_stamp(energies.day, mdp), mdp))


def _record(day: date, values: str, stamp: str, mdp: Mdp, *, quality: str = "A", reason: str = "") -> str:
    """Write a 300 record; one provider leaves the MSATS stamp and its comma away, as some really do."""
    msats = f",{stamp[:8]}04{stamp[10:]}" if mdp.has_msats_stamp else ""
    return f"300,{day:%Y%m%d},{values},{quality},{reason},,{stamp}{msats}"


def resend_block(resend: Resend, mdp: Mdp, energies: DayEnergies) -> Block:
    """Write a channel-day once more, under its own stamp."""
    point = resend.point
    block = Block([details_line(point, mdp, resend.suffix, point.suffixes.index(resend.suffix) + 1, None)])
    values = scaled(energies.rows[point.index, resend.suffix], resend.per_mille)
    block.place(resend.plant)
    text = value_texts(values[None, :], mdp.unit)[0]
    block.lines.append(_record(resend.market_day, text, resend.stamp, mdp))
    return block


@dataclass(frozen=True)
class MeterFile:
    """A file to deliver, before it is packed."""

    version: str
    unique_id: str
    mdp: Mdp
    block: Block

    @property
    def stem(self) -> str:
        """Its official name without the extension."""
        return f"{self.version}#{self.unique_id}#{self.mdp.participant}#{RETAILER}"


def assemble(version: str, unique_id: str, mdp: Mdp, billing_day: date, blocks: Iterable[Block]) -> MeterFile:
    """Put the 100 and 900 records around blocks."""
    whole = Block([f"100,{version},{billing_day + timedelta(days=1):%Y%m%d}0330,{mdp.participant},{RETAILER}"])
    for block in blocks:
        whole.extend(block)
    whole.lines.append("900")
    return MeterFile(version, unique_id, mdp, whole)


def deliver(folder: Path, file: MeterFile) -> Path:
    """Write a file as its provider packs it and note where the planted defects ended up."""
    body = ("\r\n".join(file.block.lines) + "\r\n").encode("ascii")
    path = write_packed(folder, file.stem, file.mdp.packing, body)
    note_places(file.block, path.name)
    return path


def note_places(block: Block, file_name: str) -> None:
    """Fill file and line (from 1) into the defects of a block that is a whole file."""
    for line, plant in block.placed:
        if plant.line is None:
            plant.file, plant.line = file_name, line + 1


def write_packed(folder: Path, stem: str, packing: str, body: bytes) -> Path:
    """Write bytes plain, zipped or gzipped; the same bytes give the same file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / {"csv": f"{stem}.csv", "zip": f"{stem}.zip", "gz": f"{stem}.csv.gz"}[packing]
    if packing == "zip":
        path.write_bytes(zip_bytes(f"{stem}.csv", body))
    elif packing == "gz":
        path.write_bytes(gzip.compress(body, compresslevel=1, mtime=0))
    else:
        path.write_bytes(body)
    return path


def zip_bytes(member: str, body: bytes) -> bytes:
    """Zip one member under a fixed date."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(zipfile.ZipInfo(member, (2026, 1, 1, 0, 0, 0)), body, zipfile.ZIP_DEFLATED, 1)
    return buffer.getvalue()
