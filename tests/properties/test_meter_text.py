"""Whatever the text of a meter file, nothing is lost and nothing counted twice."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.sources.meter_rows import MeterRows
from loaders.sources.nem12 import MeterFileTagger
from loaders.sources.text_lines import TextLines
from loaders.sources.unreadable import UnreadableFileError
from tests.unit.loaders.sources.meter_harness import DAY

Tables = dict[str, list[dict[str, Any]]]


def read(content: bytes) -> Tables | None:
    """Read a file's bytes; None when it is quarantined."""
    with tempfile.TemporaryDirectory() as folder:
        rows = MeterRows(DAY, "FILE", Path(folder))
        tagger = MeterFileTagger(rows, "f")
        lines = TextLines(io.BytesIO(content))
        try:
            for batch in lines:
                tagger.feed(batch)
            tagger.finish(lines.remainder)
        except UnreadableFileError:
            return None
        counts = (rows.counts.accepted, rows.counts.rejected)
        tables = {
            name: [r for path in paths for r in pq.read_table(path).to_pylist()] for name, paths in rows.close().items()
        }
        kept = sum(len(found) for name, found in tables.items() if name != "rejected_records")
        assert counts == (kept, len(tables["rejected_records"]))
        return tables


@dataclass(frozen=True)
class DayModel:
    """What a plain reader would get out of a 300 record."""

    nmi: str
    suffix: str
    minutes: int
    date: str
    values: tuple[str, ...]
    quality: str
    update: str


value = st.one_of(
    st.decimals(min_value=0, max_value=999_999, places=3).map(lambda number: format(number, "f")),
    st.sampled_from(["0", ".02", "5.", "", "-0.5", "0.12345678901234"]),
)
quality = st.sampled_from(["A", "S14", "F55", "E52", "V", "N", ""])
stamp = st.sampled_from(["20260305010000", "202603050100000", ""])


@st.composite
def days(draw: Callable[[Any], Any]) -> DayModel:
    minutes = draw(st.sampled_from([5, 15, 30]))
    some = draw(st.lists(value, min_size=1, max_size=6))
    count = 1440 // minutes
    return DayModel(
        nmi=draw(st.sampled_from(["4103000011", "NABC001492", "(redacted)"])),
        suffix=draw(st.sampled_from(["E1", "B1", "Q1"])),
        minutes=minutes,
        date=draw(st.sampled_from(["20260301", "20240229"])),
        values=tuple(some[place % len(some)] for place in range(count)),
        quality=draw(quality),
        update=draw(stamp),
    )


def render(models: list[DayModel]) -> list[str]:
    records = ["100,NEM12,202603050100,MDP1,RET1"]
    for model in models:
        records.append(f"200,{model.nmi},E1B1,1,{model.suffix},N1,MTR,kWh,{model.minutes:02d},")
        records.append(f"300,{model.date},{','.join(model.values)},{model.quality},,,{model.update},")
    return [*records, "900"]


@settings(max_examples=60, deadline=None)
@given(st.lists(days(), max_size=5), st.sampled_from(["\r\n", "\n"]))
def test_interval_records_round_trip_what_was_written(models: list[DayModel], line_end: str) -> None:
    tables = read("".join(record + line_end for record in render(models)).encode())
    assert tables is not None
    found = [
        DayModel(
            row["nmi"], row["nmi_suffix"], row["interval_length_minutes"], row["interval_date"],
            tuple(row["values_text"].split(",")), row["quality_method"] or "", row["update_text"] or "",
        )
        for row in tables["meter_interval_records"]
    ]  # fmt: skip
    assert found == models
    assert tables["rejected_records"] == []


edit = st.tuples(
    st.sampled_from(["drop", "double", "cut", "insert", "swap", "break"]), st.integers(0, 10**6), st.integers(0, 10**6)
)
noise = st.sampled_from([",", "x", "\u00e9", " ", "1.2.3", '"', "300,", "\t", "-", "1e5", ",,,,", "\r"])


def damage(lines: list[str], edits: list[tuple[str, int, int]], pieces: list[str]) -> list[str]:
    """Damage lines the ways real files are damaged."""
    for number, (kind, line_seed, place_seed) in enumerate(edits):
        if not lines:
            break
        at = line_seed % len(lines)
        line = lines[at]
        place = place_seed % (len(line) + 1)
        piece = pieces[number % len(pieces)] if pieces else "?"
        replacement = {
            "drop": [],
            "double": [line, line],
            "cut": [line[:place]],
            "insert": [line[:place] + piece + line[place:]],
            "swap": [line.replace(",", piece, 1)],
            "break": [line[:place], line[place:]],
        }[kind]
        lines = [*lines[:at], *replacement, *lines[at + 1 :]]
    return lines


def is_blank(line: str) -> bool:
    return not line.strip(", \t\r\f\x1a")


@settings(max_examples=150, deadline=None)
@given(st.lists(days(), max_size=3), st.lists(edit, max_size=8), st.lists(noise, min_size=1, max_size=4), st.booleans())
def test_damaged_lines_are_each_kept_or_rejected_once(
    models: list[DayModel], edits: list[tuple[str, int, int]], pieces: list[str], ends: bool
) -> None:
    models = [*models, DayModel("4103000011", "E1", 30, "20260301", ("0.5",) * 48, "A", "20260305010000")]
    lines = damage(
        ["100,NEM12,202603050100,MDP1,RET1", *render(models)[1:-1], "400,1,48,A,79,", "500,N,,20260301000000,1", "900"],
        edits,
        pieces,
    )
    tables = read(("\n".join(lines) + ("\n" if ends else "")).encode())
    assert tables is not None
    numbers = [row["line_number"] for rows in tables.values() for row in rows]
    assert len(numbers) == len(set(numbers))
    expected = {number for number, line in enumerate(lines, 1) if not is_blank(line)}
    missing = expected - set(numbers)
    # Only a line that completes a broken 300 has no row of its own: its record is filed under its first line.
    for number in missing:
        before = [place for place in numbers if place < number]
        assert before
        joined = [row for row in tables["meter_interval_records"] if row["line_number"] == max(before)]
        assert joined, f"line {number} is nowhere"
    assert set(numbers) <= expected


@settings(max_examples=100, deadline=None)
@given(st.lists(days(), max_size=3), st.lists(edit, max_size=6), st.lists(noise, min_size=1, max_size=4))
def test_quick_and_careful_reading_agree(
    models: list[DayModel], edits: list[tuple[str, int, int]], pieces: list[str]
) -> None:
    content = "\r\n".join([*damage(render(models), edits, pieces), ""]).encode()
    quick = read(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MeterFileTagger, "_read_quickly", lambda _self, _line: False)
        careful = read(content)
    assert quick == careful


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_never_raise(content: bytes) -> None:
    read(b"200,4103000011,E1,1,E1,N1,M,kWh,30,\n300,20260301," + content)
