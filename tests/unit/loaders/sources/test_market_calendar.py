"""The calendar against hand-worked facts and against zoneinfo, half hour by half hour."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from loaders.errors import PermanentError
from loaders.sources.market_calendar import CLOCKS, ZONES, calendar_table, extract_market_calendar
from loaders.warehouse import open_warehouse


def rows(jurisdiction: str, clock: str, first: date, last: date | None = None) -> list[dict[str, object]]:
    return calendar_table(jurisdiction, clock, first, last or first).to_pylist()


@pytest.mark.parametrize("jurisdiction", sorted(ZONES))
@pytest.mark.parametrize("first", [date(2026, 4, 3), date(2026, 10, 2), date(2025, 12, 30), date(2024, 2, 28)], ids=str)
def test_local_clock_is_that_of_the_zone_at_every_half_hour(jurisdiction: str, first: date) -> None:
    zone = ZoneInfo(ZONES[jurisdiction])
    found = rows(jurisdiction, "LOCAL", first, first + timedelta(days=3))
    assert len(found) == 4 * 48
    for row in found:
        on, half_hour = row["market_date"], row["half_hour"]
        assert isinstance(on, date)
        assert isinstance(half_hour, int)
        instant = (
            datetime(on.year, on.month, on.day, tzinfo=UTC)
            - timedelta(hours=10)
            + timedelta(minutes=30 * (half_hour - 1))
        )
        local = instant.astimezone(zone)
        assert row["local_date"] == local.date()
        assert row["local_start_minute"] == local.hour * 60 + local.minute
        assert row["weekday"] == local.strftime("%a").upper()


def test_market_clock_is_the_market_day_itself() -> None:
    found = rows("SA", "AEST", date(2026, 1, 6))
    assert [row["local_start_minute"] for row in found] == [30 * n for n in range(48)]
    assert {row["local_date"] for row in found} == {date(2026, 1, 6)}


def test_evening_peak_in_new_south_wales_moves_by_an_hour_with_daylight_saving() -> None:
    # 15:00-21:00 local is half hours 29 to 40 in January and 31 to 42 in July (market contract, section D).
    def peak(on: date) -> list[object]:
        return [
            row["half_hour"] for row in rows("NSW", "LOCAL", on) if 900 <= int(str(row["local_start_minute"])) < 1260
        ]

    assert peak(date(2026, 1, 6)) == list(range(29, 41))
    assert peak(date(2026, 7, 7)) == list(range(31, 43))


def test_south_australian_winter_evening_crosses_into_the_next_market_day() -> None:
    found = rows("SA", "LOCAL", date(2026, 7, 7))
    assert (found[0]["local_date"], found[0]["local_start_minute"]) == (date(2026, 7, 6), 23 * 60 + 30)


@pytest.mark.parametrize(
    ("on", "count"), [(date(2026, 4, 5), 50), (date(2026, 10, 4), 46), (date(2026, 7, 7), 48)], ids=str
)
def test_local_day_has_fewer_or_more_half_hours_when_the_clock_changes(on: date, count: int) -> None:
    found = rows("VIC", "LOCAL", on - timedelta(days=1), on + timedelta(days=1))
    assert sum(row["local_date"] == on for row in found) == count


@pytest.mark.parametrize(
    ("jurisdiction", "on", "is_holiday"),
    [
        ("VIC", date(2026, 3, 9), 1),
        ("VIC", date(2026, 11, 3), 1),
        ("NSW", date(2026, 3, 9), 0),
        ("WA", date(2026, 3, 2), 1),
        ("QLD", date(2026, 3, 2), 0),
        ("NSW", date(2026, 1, 26), 1),
        ("TAS", date(2026, 4, 3), 1),
        ("NSW", date(2026, 8, 3), 0),
        ("NSW", date(2026, 7, 7), 0),
    ],
    ids=["labour day", "cup day", "other state", "labour day west", "ordinary", "australia day", "good friday",
         "bank holiday", "school holiday"],
)  # fmt: skip
def test_public_holidays_are_those_of_the_jurisdiction(jurisdiction: str, on: date, is_holiday: int) -> None:
    found = rows(jurisdiction, "AEST", on)
    assert {row["is_public_holiday"] for row in found} == {is_holiday}
    assert {row["is_business_day"] for row in found} == {1 - is_holiday}


def test_part_day_holiday_begins_in_the_evening() -> None:
    found = rows("SA", "AEST", date(2026, 12, 24))
    flags = [(row["is_public_holiday"], row["is_business_day"]) for row in found]
    assert flags == [(0, 1)] * 38 + [(1, 0)] * 10
    queensland = [row["is_public_holiday"] for row in rows("QLD", "AEST", date(2026, 12, 24))]
    assert queensland == [0] * 36 + [1] * 12


def test_part_day_holiday_whose_name_tells_no_hour_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def named_otherwise(_country: str, **options: object) -> dict[date, str]:
        return {date(2026, 12, 24): "Christmas Eve (evening)"} if "categories" in options else {}

    monkeypatch.setattr("holidays.country_holidays", named_otherwise)
    with pytest.raises(PermanentError, match=r"Christmas Eve \(evening\)"):
        rows("SA", "LOCAL", date(2026, 12, 24))


def test_weekend_is_no_business_day() -> None:
    assert {row["is_business_day"] for row in rows("QLD", "AEST", date(2026, 3, 7))} == {0}


def test_extract_replaces_its_window_only(tmp_path: Path) -> None:
    warehouse = open_warehouse("duckdb", duckdb_path=tmp_path / "w.duckdb")
    warehouse.ensure_raw_schema()
    per_day = len(ZONES) * len(CLOCKS) * 48
    first = extract_market_calendar(date(2026, 3, 1), date(2026, 3, 4), tmp_path / "a")
    second = extract_market_calendar(date(2026, 3, 3), date(2026, 3, 6), tmp_path / "b")
    assert first.row_count == second.row_count == 4 * per_day
    warehouse.replace(first.writes)
    warehouse.replace(second.writes)
    (found,) = warehouse.fetch("select count(*) as n, count(distinct market_date) as days from raw.market_calendar")
    assert found == {"n": 6 * per_day, "days": 6}
