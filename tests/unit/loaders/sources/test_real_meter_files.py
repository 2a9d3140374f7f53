"""Every meter file collected from public repositories: what each one gives.

The well-formed ones are compared with a plain oracle that reads them line by line; of the odd ones the facts are
written down here. ``docs/reference/nem12_files.md`` tells the same in words.
"""

from __future__ import annotations

import io
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from loaders.sources.landing import LocalLanding
from tests.unit.loaders.sources.meter_harness import DAY, Row, Staged, read_landing

pytestmark = pytest.mark.shared_data

DATA_RECORDS = {"300": "meter_interval_records", "400": "meter_interval_events", "250": "meter_accumulation_records"}
DETAILS = {"500", "550"}
FRAMES = {"100", "200", "900"}
NEM_READER = "aguinane__nem-reader"
ERRORS = "jufemaiz__aemo/NEM12-Errors"


@dataclass(frozen=True)
class Odd:
    """What a file that breaks the specification gives.

    Attributes:
        kept: 300 and 250 records kept.
        rejected: rejected records by reason.
        has_header: whether it begins with a 100.
        has_end: whether it ends with a 900.
    """

    kept: int
    rejected: dict[str, int] = field(default_factory=dict)
    has_header: int = 1
    has_end: int = 1


ODD = {
    "AEMO__MDFF_specification_v2.5_examples/NEM12_H7_1.csv": Odd(
        0, {"WRONG_VALUE_COUNT": 2, "EVENT_WITHOUT_INTERVAL_RECORD": 2, "DETAIL_WITHOUT_RECORD": 1}
    ),
    "AEMO__MDFF_specification_v2.5_examples/NEM12_H7_2.csv": Odd(
        0, {"WRONG_VALUE_COUNT": 1, "EVENT_WITHOUT_INTERVAL_RECORD": 2, "DETAIL_WITHOUT_RECORD": 1}
    ),
    "AEMO__MDFF_specification_v2.5_examples/NEM12_H8_2.csv": Odd(0, {"WRONG_VALUE_COUNT": 1}),
    "Fyelight__nem12_parser/nem12_test_missing_values.csv": Odd(
        4, {"INTERVAL_LENGTH_MISSING": 1, "INTERVAL_WITHOUT_HEADER": 4, "DETAIL_WITHOUT_RECORD": 1}
    ),
    "Fyelight__nem12_parser/replay_failed_records_wrong_interval.csv": Odd(1, {"WRONG_VALUE_COUNT": 4}, 0, 0),
    f"{NEM_READER}/invalid/Example_NEM12_15min_200_30min_300.csv": Odd(
        0, {"WRONG_VALUE_COUNT": 1, "EVENT_WITHOUT_INTERVAL_RECORD": 2}
    ),
    f"{NEM_READER}/invalid/Example_NEM12_30min_200_15min_300.csv": Odd(
        0, {"WRONG_VALUE_COUNT": 1, "EVENT_WITHOUT_INTERVAL_RECORD": 2}
    ),
    f"{NEM_READER}/invalid/Example_NEM12_30min_200_15min_400.csv": Odd(
        0, {"WRONG_VALUE_COUNT": 1, "EVENT_WITHOUT_INTERVAL_RECORD": 2}
    ),
    f"{NEM_READER}/invalid/Example_NEM12_incomplete_interval.csv": Odd(3, {"WRONG_VALUE_COUNT": 1}),
    f"{NEM_READER}/invalid/Example_NEM12_missing_header.csv": Odd(2, {}, 0, 1),
    f"{NEM_READER}/invalid/Example_NEM12_powercor.csv": Odd(4, {}, 0, 1),
    f"{NEM_READER}/invalid/Example_NEM12_powercor.csv.zip/Example_NEM12_powercor.csv": Odd(4, {}, 0, 1),
    f"{NEM_READER}/invalid/Example_NEM12_powercor_missing_fields.csv": Odd(4, {}, 0, 1),
    f"{NEM_READER}/invalid/Example_empty_file.csv": Odd(0, {}, 0, 0),
    f"{NEM_READER}/nem12/NEM12#Scenario10#ETSAMDP#NEMMCO.zip/NEM12#Scenario10#ETSAMDP#NEMMCO.csv": Odd(8),
    f"{ERRORS}/NEM12#000000000000021#CNRGYMDP#NEMMCO": Odd(0, {"INTERVAL_WITHOUT_HEADER": 1}),
    f"{ERRORS}/NEM12#000000000000025#CNRGYMDP#NEMMCO": Odd(1, {}, 1, 0),
    f"{ERRORS}/NEM12#EmptyCells400Record#CNRGYMDP#NEMMCO.csv": Odd(4, {"EVENT_INTERVALS_INVALID": 1}),
    f"{ERRORS}/NEM12#InvalidIntervalDataLength#CNRGYMDP#NEMMCO.csv": Odd(0, {"WRONG_VALUE_COUNT": 1}),
    "natyip__nodejs-nem12-utility/nem12_data_input_1.csv": Odd(
        0, {"WRONG_VALUE_COUNT": 8, "RECORD_BROKEN": 8, "UNKNOWN_RECORD": 20, "DETAIL_WITHOUT_RECORD": 2}
    ),
    "patrickvorgers__Home-Assistant-Import-Energy-Data/power-redacted.csv": Odd(212, {}, 0, 0),
    "pbutland__nem12adapter/jemena_data.csv": Odd(0, {"UNKNOWN_RECORD": 1463}, 0, 0),
    "ronaldsuwandi__nem12-processor/nem12-invalid-missing-200-record.csv": Odd(
        0, {"INTERVAL_WITHOUT_HEADER": 2, "DETAIL_WITHOUT_RECORD": 1}
    ),
    "ronaldsuwandi__nem12-processor/nem12-invalid-missing-footer.csv": Odd(0, {}, 1, 0),
    "ronaldsuwandi__nem12-processor/nem12-invalid-missing-header.csv": Odd(0, {}, 0, 1),
}


@pytest.fixture(scope="module")
def delivered(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Deliver the whole collection as one billing day."""
    folder = tmp_path_factory.mktemp("real") / "landing" / "nem12" / f"billing_day={DAY}"
    shutil.copytree(shared_data / "nem12", folder, ignore=shutil.ignore_patterns("SOURCES.md"))
    return folder


@pytest.fixture(scope="module")
def staged(delivered: Path, tmp_path_factory: pytest.TempPathFactory) -> Staged:
    return read_landing(LocalLanding(delivered.parents[1]), tmp_path_factory.mktemp("staging"))


def texts(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the lines of every file and zip member, read the plain way."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        content = path.read_bytes()
        if content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for member in archive.namelist():
                    yield f"{name}/{member}", archive.read(member).decode().splitlines()
        else:
            yield name, content.decode().splitlines()


def of_file(staged: Staged, table: str, name: str) -> list[Row]:
    return [row for row in staged[table] if row["file_name"] == name]


def test_no_file_is_lost_and_none_stops_the_others(delivered: Path, staged: Staged) -> None:
    names = [name for name, _ in texts(delivered)]
    assert len(names) == 239
    assert sorted(row["file_name"] for row in staged.files) == sorted(names)
    assert {row["status"] for row in staged.files} == {"ACCEPTED"}


def test_every_line_is_kept_or_rejected_with_a_reason(delivered: Path, staged: Staged) -> None:
    found: dict[str, list[int]] = {}
    for table in staged.tables:
        if table != "meter_files":
            for row in staged[table]:
                found.setdefault(row["file_name"], []).append(row["line_number"])
    joined = 0
    for name, lines in texts(delivered):
        numbers = found.get(name, [])
        assert len(numbers) == len(set(numbers)), name
        written = {number for number, line in enumerate(lines, 1) if line.strip(", \t\r")}
        joined += len(written - set(numbers))
        assert set(numbers) <= written, name
    # Only the two lines that complete the broken record of Scenario10 ETSAMDP have no row of their own.
    assert joined == 2
    assert all(len(row["reason"]) > 20 and row["reason_code"].isupper() for row in staged["rejected_records"])


def test_counts_of_every_file_balance(staged: Staged) -> None:
    for file in staged.files:
        name = file["file_name"]
        rejected = len(of_file(staged, "rejected_records", name))
        kept = sum(len(of_file(staged, t, name)) for t in staged.tables if t not in {"rejected_records", "meter_files"})
        assert (file["accepted_record_count"], file["rejected_record_count"]) == (kept, rejected), name
        assert file["record_count"] == kept + rejected, name


def test_well_formed_files_give_every_record_as_the_plain_oracle_reads_it(delivered: Path, staged: Staged) -> None:
    checked = 0
    for name, lines in texts(delivered):
        if name in ODD:
            continue
        assert of_file(staged, "rejected_records", name) == [], name
        fields: list[str] = []
        expected: list[tuple[str, ...]] = []
        records = [[value.strip() for value in line.split(",")] for line in lines if line.strip(", \t\r")]
        for record in records:
            if record[0] == "200":
                fields = record
            elif record[0] == "300":
                count = 1440 // int(fields[8])
                values = ",".join(record[2 : 2 + count])
                quality = record[2 + count] if len(record) > 2 + count else ""
                expected.append((fields[1], fields[4], fields[7], record[1], values, quality))
        found = [
            (
                r["nmi"],
                r["nmi_suffix"],
                r["unit"] or "",
                r["interval_date"],
                r["values_text"],
                r["quality_method"] or "",
            )
            for r in of_file(staged, "meter_interval_records", name)
        ]
        assert found == expected, name
        counts = Counter(record[0] for record in records)
        assert set(counts) <= FRAMES | DETAILS | set(DATA_RECORDS), name
        for indicator, table in DATA_RECORDS.items():
            assert len(of_file(staged, table, name)) == counts[indicator], name
        assert len(of_file(staged, "meter_b2b_details", name)) == counts["500"] + counts["550"], name
        assert len(of_file(staged, "meter_headers", name)) == sum(counts[frame] for frame in FRAMES), name
        (file,) = of_file(staged, "meter_files", name)
        assert (file["has_header"], file["has_end"]) == (1, 1), name
        checked += 1
    assert checked == 239 - len(ODD)


@pytest.mark.parametrize("name", sorted(ODD))
def test_odd_file_gives_what_is_written_down(staged: Staged, name: str) -> None:
    odd = ODD[name]
    (file,) = of_file(staged, "meter_files", name)
    kept = of_file(staged, "meter_interval_records", name) + of_file(staged, "meter_accumulation_records", name)
    assert len(kept) == odd.kept
    assert Counter(row["reason_code"] for row in of_file(staged, "rejected_records", name)) == odd.rejected
    assert (file["has_header"], file["has_end"]) == (odd.has_header, odd.has_end)


def test_record_broken_over_three_lines_is_whole(staged: Staged) -> None:
    name = f"{NEM_READER}/nem12/NEM12#Scenario10#ETSAMDP#NEMMCO.zip/NEM12#Scenario10#ETSAMDP#NEMMCO.csv"
    (row,) = [r for r in of_file(staged, "meter_interval_records", name) if r["line_number"] == 27]
    values = row["values_text"].split(",")
    assert (row["interval_date"], row["quality_method"], len(values)) == ("20050113", "V", 48)
    assert (values[0], values[23], values[24], values[47]) == ("11", "47", "37", "36")
    events = [e for e in of_file(staged, "meter_interval_events", name) if e["parent_line_number"] == 27]
    assert [(e["start_interval"], e["end_interval"]) for e in events] == [("1", "24"), ("25", "48")]


def test_portal_body_pasted_twice_is_a_copy_or_a_conflict_by_its_content(staged: Staged) -> None:
    def hashes(name: str) -> dict[tuple[str, str], set[str]]:
        found: dict[tuple[str, str], set[str]] = {}
        for row in of_file(staged, "meter_interval_records", f"{NEM_READER}/invalid/{name}"):
            found.setdefault((row["nmi_suffix"], row["update_text"]), set()).add(row["content_hash"])
        return found

    conflict = hashes("Example_NEM12_powercor.csv")
    copy = hashes("Example_NEM12_powercor.csv.zip/Example_NEM12_powercor.csv")
    assert {len(different) for different in conflict.values()} == {2}
    assert {len(equal) for equal in copy.values()} == {1}


def test_redacted_export_keeps_its_nmi_text_its_decimals_and_its_events(staged: Staged) -> None:
    name = "patrickvorgers__Home-Assistant-Import-Energy-Data/power-redacted.csv"
    found = of_file(staged, "meter_interval_records", name)
    assert {(row["nmi"], row["interval_length_minutes"]) for row in found} == {("(redacted)", 5)}
    assert {len(value.split(".")[1]) for value in found[0]["values_text"].split(",")} == {14}
    assert len(of_file(staged, "meter_interval_events", name)) == 4


def test_record_with_missing_values_is_kept(staged: Staged) -> None:
    (row,) = of_file(staged, "meter_interval_records", f"{ERRORS}/NEM12#EmptyCells300Record#CNRGYMDP#NEMMCO.csv")
    assert row["values_text"] == "," * 47


def test_stamp_of_fifteen_digits_is_kept_as_delivered(staged: Staged) -> None:
    found = of_file(staged, "meter_interval_records", "AEMO__MDFF_specification_v2.5_examples/NEM12_H3_1.csv")
    assert 15 in {len(row["update_text"]) for row in found}


def test_western_power_export_has_its_stamp_and_no_load_time(staged: Staged) -> None:
    found = of_file(staged, "meter_interval_records", f"{NEM_READER}/unzipped/Example_WesternPower.csv")
    assert {(row["update_text"], row["msats_load_text"]) for row in found} == {("202311302114", None)}


def test_ten_minute_voltage_is_kept(staged: Staged) -> None:
    name = f"{NEM_READER}/unzipped/Example_NEM12_different_interval_length.csv"
    found = of_file(staged, "meter_interval_records", name)
    assert [(r["nmi_suffix"], r["interval_length_minutes"], r["value_count"]) for r in found] == [
        ("E1", 30, 48),
        ("E2", 30, 48),
        ("V1", 10, 144),
    ]
