"""Half hours taken out of real homes: the SQL estimates them as a plain reader does, and better than lines alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from benchmarks.estimation_error import (
    WEEK,
    WEEKS,
    YEAR,
    Gap,
    Homes,
    chosen_order,
    draw_gaps,
    error_of,
    linear,
    read_wide,
)
from loaders.warehouse import open_warehouse

Dbt = Callable[..., Path]
HALF_HOURS = [f"hh_{number:02}_kwh" for number in range(1, 49)]
COUNTS = "is_conflicting integer, missing_interval_count integer, estimated_interval_count integer"
KWH = ", ".join(f"{name} decimal(23, 14)" for name in HALF_HOURS)
DAY_COLUMNS = f"nmi varchar, nmi_suffix varchar, market_date date, {COUNTS}, {KWH}"
MODELS = (
    "stg_retailer__contracts",
    "stg_retailer__contract_accounts",
    "stg_retailer__customers",
    "stg_retailer__service_points",
    "int_estimation_parameters__list",
    "int_gap_half_hours__estimate",
)


def fill_warehouse(path: Path, homes: Homes, gaps: Sequence[Gap]) -> None:
    """What the model reads: each gap is a channel of its own, with its home's days around it."""
    open_warehouse("duckdb", duckdb_path=path).ensure_raw_schema()
    days, missing = [], []
    for number, gap in enumerate(gaps):
        slots = gap.slots()
        inside = {day for day, _ in slots}
        offsets = [-1, 0, 1, *(WEEK * week for week in range(1, WEEKS + 1)), YEAR]
        for day in sorted({day - timedelta(days=offset) for day in inside for offset in offsets}):
            values = homes[gap.home].get(day)
            if values is None:
                continue
            gone = {half_hour for one, half_hour in slots if one == day}
            left = [Decimal(0) if place in gone else value for place, value in enumerate(values, 1)]
            days.append((f"G{number}", "E1", day, 0, len(gone), 0, *left))
        missing += [(f"G{number}", "E1", day, half_hour, 1, 1, 0) for day, half_hour in slots]
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"create schema intermediate; create table intermediate.int_channel_days__current ({DAY_COLUMNS})"
        )
        connection.execute(
            "create table intermediate.int_gap_half_hours__find (nmi varchar, nmi_suffix varchar, market_date date, "
            "half_hour integer, missing_count integer, interval_count integer, is_missing_day integer)"
        )
        connection.execute(
            "create table intermediate.int_channels__use (nmi varchar, nmi_suffix varchar, section varchar)"
        )
        marks = ", ".join("?" for _ in days[0])
        connection.executemany(f"insert into intermediate.int_channel_days__current values ({marks})", days)
        connection.executemany(
            "insert into intermediate.int_gap_half_hours__find values (?, ?, ?, ?, ?, ?, ?)", missing
        )


def estimates_of(path: Path, gaps: Sequence[Gap]) -> list[list[Decimal | None]]:
    """What the model estimated, in the order of the gaps' half hours."""
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute(
            "select nmi, market_date, half_hour, filled_kwh from intermediate.int_gap_half_hours__estimate"
        ).fetchall()
    found: Mapping[tuple[str, date, int], Decimal] = {(nmi, day, place): kwh for nmi, day, place, kwh in rows}
    return [[found.get((f"G{number}", *slot)) for slot in gap.slots()] for number, gap in enumerate(gaps)]


@pytest.mark.shared_data
def test_estimates_of_real_homes_are_those_of_a_plain_reader_and_better_than_lines_alone(
    dbt: Dbt, shared_data: Path, tmp_path: Path
) -> None:
    wide = read_wide(shared_data / "load_profiles" / "sgsc_11_homes_2013_halfhour_wide.csv.gz")
    homes = {name: home for name, home in wide.items() if len(home) == 365}
    gaps = draw_gaps(homes, from_day=WEEK * WEEKS, count=30)
    path = tmp_path / "warehouse.duckdb"
    fill_warehouse(path, homes, gaps)
    dbt("run", "--select", *MODELS, warehouse=path, folder=tmp_path)

    estimated = estimates_of(path, gaps)

    assert len(homes) == 6
    assert estimated == [chosen_order(homes, gap) for gap in gaps]
    ours = error_of(homes, gaps, estimated)
    lines = error_of(homes, gaps, [linear(homes, gap) for gap in gaps])
    assert ours
    assert lines
    # Over gaps of half an hour to three days: nearer by the half hour, and less than half as far by the gap's energy.
    assert ours.by_half_hour < lines.by_half_hour
    assert ours.by_gap * 2 < lines.by_gap
