"""From delivered files to daily usage: versions over several runs, and every real file against a plain reader."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import pytest

from loaders.sources.landing import LocalLanding
from loaders.sources.meter_files import extract_meter_files
from loaders.warehouse import open_warehouse
from tests.dbt.reads_oracle import daily_usage

Dbt = Callable[..., Path]
MODELS = ("+fct_daily_usage", "+rejected_records", "int_meter_files__worked")
DAY_3, DAY_4, DAY_5 = date(2026, 3, 3), date(2026, 3, 4), date(2026, 3, 5)


class Readings:
    """A landing folder, a warehouse, and runs of the reads' models over it."""

    def __init__(self, dbt: Dbt, folder: Path) -> None:
        self.dbt, self.folder = dbt, folder
        self.landing = folder / "landing"
        self.path = folder / "warehouse.duckdb"
        self.warehouse = open_warehouse("duckdb", duckdb_path=self.path)
        self.warehouse.ensure_raw_schema()

    def deliver(self, day: date, name: str, *records: str) -> None:
        """Put a NEM12 file into a day's folder."""
        file = self.landing / "nem12" / f"billing_day={day}" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(["100,NEM12,202603050000,MDP,RETAILER", *records, "900", ""]), encoding="utf-8")

    def run(self, day: date, *, extract: Sequence[date] = ()) -> None:
        """Extract days, then run the models for a billing day."""
        for landed in extract or (day,):
            staging = self.folder / "staging" / str(landed)
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir(parents=True)
            self.warehouse.replace(extract_meter_files(LocalLanding(self.landing), landed, staging).writes)
        variables = f'{{"start_day": "{day}", "end_day": "{day}"}}'
        self.dbt("run", "--select", *MODELS, "--vars", variables, warehouse=self.path, folder=self.folder)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Rows of a query."""
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def usage(self) -> dict[str, tuple[object, ...]]:
        """Usage, conflict and version time by NMI."""
        sql = "select nmi, usage_kwh, is_conflicting, read_version_at from marts.fct_daily_usage"
        return {str(nmi): tuple(rest) for nmi, *rest in self.rows(sql)}


def channel(nmi: str, day: str, first: str, stamp: str, *, unit: str = "kWh", quality: str = "A") -> tuple[str, str]:
    """A 200 and a 300 record of 30-minute values: the first as given, 47 times 1."""
    return (
        f"200,{nmi},E1,1,E1,N1,SERIAL1,{unit},30,",
        f"300,{day},{first},{','.join(['1'] * 47)},{quality},,,{stamp},",
    )


@pytest.fixture(scope="module")
def runs(dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> tuple[Readings, list[dict[str, tuple[object, ...]]]]:
    """Four runs: the fourth of March, the fifth with what came late, and both again."""
    readings = Readings(dbt, tmp_path_factory.mktemp("flow"))
    readings.deliver(
        DAY_4,
        "four.csv",
        *channel("REVISED001", "20260303", "2", "20260304010000"),
        *channel("KEPT000001", "20260303", "2", "20260305010000"),
        *channel("TORN000001", "20260303", "2", "20260304010000"),
        *channel("GONE000001", "20260303", "2", "20260304010000"),
        *channel("WATTS00001", "20260303", "0.5", "20260304010000", unit="Wh"),
        *channel("EXACT00001", "20260303", "0.12345678901234", "20260304010000"),
        *channel("20019857328", "20260303", "2", "20260304010000"),
        *channel("TWODOTS001", "20260303", "1.2.3", "20260304010000"),
    )
    readings.run(DAY_4)
    seen = [readings.usage()]
    readings.deliver(
        DAY_5,
        "five.csv",
        *channel("REVISED001", "20260303", "3", "20260305010000"),
        *channel("KEPT000001", "20260303", "9", "20260304010000"),
        *channel("TORN000001", "20260303", "5", "20260304010000"),
        *channel("EXACT00001", "20260303", "0.12345678901234", "20260304010000"),
    )
    readings.deliver(DAY_3, "late.csv", *channel("LATE000001", "20260302", "4", ""))
    readings.run(DAY_5, extract=(DAY_3, DAY_5))
    seen.append(readings.usage())
    readings.run(DAY_5)
    seen.append(readings.usage())
    readings.deliver(
        DAY_4,
        "four.csv",
        *channel("REVISED001", "20260303", "2", "20260304010000"),
        *channel("KEPT000001", "20260303", "2", "20260305010000"),
        *channel("TORN000001", "20260303", "2", "20260304010000"),
        *channel("WATTS00001", "20260303", "0.5", "20260304010000", unit="Wh"),
    )
    readings.run(DAY_4)
    seen.append(readings.usage())
    return readings, seen


Runs = tuple[Readings, list[dict[str, tuple[object, ...]]]]


def test_daily_usage_of_the_first_run_is_exact_in_every_unit(runs: Runs) -> None:
    first = runs[1][0]
    assert first["REVISED001"][0] == Decimal(49)
    assert first["WATTS00001"][0] == Decimal("0.0475")
    assert first["EXACT00001"][0] == Decimal("47.12345678901234")
    assert first["2001985732"][0] == Decimal(49)


def test_daily_usage_later_stamp_wins_whichever_came_last(runs: Runs) -> None:
    second = runs[1][1]
    assert second["REVISED001"][0] == Decimal(50)
    assert second["KEPT000001"] == (Decimal(49), 0, datetime(2026, 3, 4, 15))  # noqa: DTZ001 - naive UTC as stored


def test_daily_usage_equal_stamps_conflict_only_when_values_differ(runs: Runs) -> None:
    second = runs[1][1]
    assert second["TORN000001"][:2] == (Decimal(49), 1)
    assert second["EXACT00001"][1] == 0


def test_daily_usage_works_a_late_delivery_of_an_earlier_day(runs: Runs) -> None:
    # The file has no UpdateDateTime: its 100 record's time counts.
    assert runs[1][1]["LATE000001"] == (Decimal(51), 0, datetime(2026, 3, 4, 14))  # noqa: DTZ001


def test_daily_usage_run_again_changes_nothing(runs: Runs) -> None:
    assert runs[1][2] == runs[1][1]


def test_daily_usage_of_a_changed_file_of_an_old_day_drops_what_it_no_longer_holds(runs: Runs) -> None:
    before, after = runs[1][2], runs[1][3]
    gone = {"GONE000001", "2001985732"}
    assert before.keys() - after.keys() == gone
    assert {nmi: after[nmi] for nmi in after} == {nmi: before[nmi] for nmi in before if nmi not in gone}


def test_rejected_records_hold_the_number_with_two_points(dbt: Dbt, tmp_path: Path) -> None:
    readings = Readings(dbt, tmp_path)
    readings.deliver(DAY_4, "four.csv", *channel("TWODOTS001", "20260303", "1.2.3", "20260304010000"))
    readings.run(DAY_4)
    found = readings.rows("select file_name, line_number, nmi, reason_code from marts.rejected_records")
    assert found == [("four.csv", 3, "TWODOTS001", "VALUE_NOT_NUMERIC")]
    assert readings.usage() == {}


@pytest.mark.shared_data
def test_daily_usage_of_every_real_file_is_that_of_a_plain_reader(dbt: Dbt, shared_data: Path, tmp_path: Path) -> None:
    readings = Readings(dbt, tmp_path)
    shutil.copytree(shared_data / "nem12", readings.landing / "nem12" / f"billing_day={DAY_5}")
    readings.run(DAY_5)
    records, events = (
        readings.warehouse.fetch(f"select * from raw.{table}")
        for table in ("meter_interval_records", "meter_interval_events")
    )
    expected = daily_usage(records, events)
    columns = list(next(iter(expected.values())))
    sql = f"select nmi, nmi_suffix, market_date, {', '.join(columns)} from marts.fct_daily_usage"
    found = {tuple(row[:3]): dict(zip(columns, row[3:], strict=True)) for row in readings.rows(sql)}
    for day in expected.values():
        demand = day["max_demand_kw"]
        assert isinstance(demand, Decimal)
        day["max_demand_kw"] = demand.quantize(Decimal("0.000001"), ROUND_HALF_UP)
    assert len(found) > 900
    assert {key: found[key] for key in found if found[key] != expected.get(key)} == {}
    assert expected.keys() == found.keys()
