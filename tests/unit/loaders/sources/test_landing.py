"""Which deliveries there are, and which days a run has to read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from loaders.errors import PermanentError
from loaders.sources import meter_files
from loaders.sources.landing import DeliveredFile, LocalLanding, days_to_extract
from loaders.sources.meter_files import extract_meter_files, known_deliveries
from loaders.warehouse import open_warehouse
from tests.unit.loaders.sources.meter_harness import DAY, Row, Staged, day, header, mdff, read_landing

D1, D2, D3 = date(2026, 3, 3), date(2026, 3, 4), date(2026, 3, 5)
FILE = DeliveredFile("a.csv", 10, "1")


def deliver(landing: Path, on: date, name: str, text: str) -> Path:
    path = landing / "nem12" / f"billing_day={on}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, newline="")
    return path


@pytest.mark.parametrize(
    ("listing", "known", "expected"),
    [
        ({}, {}, [D3]),
        ({D3: [FILE]}, {D3: [FILE]}, [D3]),
        ({D2: [FILE], D3: [FILE]}, {D2: [FILE]}, [D3]),
        ({D2: [FILE]}, {}, [D2, D3]),
        ({D1: [FILE], D2: [FILE]}, {}, [D1, D2, D3]),
        ({D2: [DeliveredFile("a.csv", 11, "1")]}, {D2: [FILE]}, [D2, D3]),
        ({D2: [DeliveredFile("a.csv", 10, "2")]}, {D2: [FILE]}, [D2, D3]),
        ({D2: [FILE]}, {D2: [FILE, DeliveredFile("gone.csv", 1, "1")]}, [D3]),
        ({D2: []}, {D2: [FILE]}, [D3]),
        ({date(2026, 3, 6): [FILE]}, {}, [D3]),
        ({date(2026, 3, 1): [FILE]}, {}, [D3]),
    ],
    ids=["nothing", "day itself again", "known", "late", "two late", "grown", "touched", "archived one", "archived all",
         "future", "before first day"],
)  # fmt: skip
def test_days_to_extract_are_the_day_and_earlier_ones_that_changed(
    listing: dict[date, list[DeliveredFile]], known: dict[date, list[DeliveredFile]], expected: list[date]
) -> None:
    assert days_to_extract(D3, date(2026, 3, 2), listing, known) == expected


def test_landing_lists_days_by_name_and_files_below_them(tmp_path: Path) -> None:
    deliver(tmp_path, D2, "b.csv", "x")
    deliver(tmp_path, D2, "sub/a.csv", "xy")
    deliver(tmp_path, D1, "c.csv", "z")
    (tmp_path / "nem12" / "billing_day=soon").mkdir()
    (tmp_path / "nem12" / "readme").mkdir()
    landing = LocalLanding(tmp_path)
    assert landing.list_days() == [D1, D2]
    assert [(file.name, file.byte_count) for file in landing.list_files(D2)] == [("b.csv", 1), ("sub/a.csv", 2)]
    assert landing.list_files(D3) == []


def test_landing_that_does_not_exist_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="no such folder"):
        LocalLanding(tmp_path / "missing").list_files(D1)


def test_known_deliveries_make_a_second_run_read_nothing_earlier(tmp_path: Path) -> None:
    late = deliver(tmp_path / "landing", D2, "a.csv", mdff(header(), day()))
    landing = LocalLanding(tmp_path / "landing")
    warehouse = open_warehouse("duckdb", duckdb_path=tmp_path / "w.duckdb")
    warehouse.ensure_raw_schema()

    def wanted() -> list[date]:
        listing = {on: landing.list_files(on) for on in landing.list_days()}
        return days_to_extract(D3, D1, listing, known_deliveries(warehouse, D1, D3))

    assert wanted() == [D2, D3]
    warehouse.replace(extract_meter_files(landing, D2, tmp_path / "staging").writes)
    assert wanted() == [D3]
    os.utime(late, ns=(1, 1))
    assert wanted() == [D2, D3]


def test_files_that_left_the_landing_keep_their_rows_while_others_are_replaced(tmp_path: Path) -> None:
    landing = LocalLanding(tmp_path / "landing")
    warehouse = open_warehouse("duckdb", duckdb_path=tmp_path / "w.duckdb")
    warehouse.ensure_raw_schema()

    def read(number: int) -> Mapping[str, object]:
        known = known_deliveries(warehouse, DAY, DAY).get(DAY)
        extract = extract_meter_files(landing, DAY, tmp_path / f"staging{number}", known)
        warehouse.replace(extract.writes)
        return extract.detail

    def rows() -> list[tuple[object, object]]:
        sql = "select file_name, count(*) as n from raw.meter_interval_records group by file_name order by file_name"
        return [(row["file_name"], row["n"]) for row in warehouse.fetch(sql)]

    archived = deliver(tmp_path / "landing", DAY, "a.csv", mdff(header(), day()))
    deliver(tmp_path / "landing", DAY, "b.csv", mdff(header(nmi="4103000002"), day()))
    read(1)
    archived.unlink()
    deliver(tmp_path / "landing", DAY, "b.csv", mdff(header(nmi="4103000002"), day(), day(on="20260303")))
    deliver(tmp_path / "landing", DAY, "late.csv", mdff(header(nmi="4103000003"), day()))
    assert str(read(2)["kept"]).startswith("1 of the deliveries")
    assert rows() == [("a.csv", 1), ("b.csv", 2), ("late.csv", 1)]
    for path in (tmp_path / "landing").rglob("*.csv"):
        path.unlink()
    assert str(read(3)["kept"]).startswith("3 of the deliveries")
    assert rows() == [("a.csv", 1), ("b.csv", 2), ("late.csv", 1)]


def test_large_delivery_shared_between_processes_gives_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        records = [header(nmi=f"410300001{number}"), *[day() for _ in range(number)], "999,unknown"]
        deliver(tmp_path / "landing", DAY, f"{number}.csv", mdff(*records))
    landing = LocalLanding(tmp_path / "landing")
    alone = read_landing(landing, tmp_path / "alone")
    monkeypatch.setattr(meter_files, "_SHARED_FROM_BYTES", 0)
    shared = read_landing(landing, tmp_path / "shared", workers=3)

    def stable(staged: Staged) -> dict[str, list[Row]]:
        return {
            table: [{name: value for name, value in row.items() if name != "extracted_at"} for row in rows]
            for table, rows in staged.tables.items()
        }

    assert stable(shared) == stable(alone)
    assert shared.detail == alone.detail
    assert len({path.parent for path in (tmp_path / "shared").rglob("*.parquet")}) == 3
