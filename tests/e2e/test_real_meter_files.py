"""Every real meter file delivered on one day to a retailer with no customers and no plans.

Usage is compared channel-day by channel-day with a plain reader. The day runs twice; the second run changes nothing.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from .harness import Retailer, assert_balanced, differences
from .own_systems import RETAILER_DDL
from .plain_meter_reader import Day, Key, latest, read_days, texts

pytestmark = [pytest.mark.e2e, pytest.mark.shared_data]

DAY = "2024-03-05"
# Broken over three lines in the file: the product joins it again, the plain reader does not.
JOINED = "NEM1210191"


@pytest.fixture(scope="module")
def delivered(shared_data: Path) -> Path:
    return shared_data / "nem12"


@pytest.fixture(scope="module")
def retailer(delivered: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retailer]:
    root = tmp_path_factory.mktemp("real files")
    with sqlite3.connect(root / "retailer.db") as database:
        database.executescript(RETAILER_DDL)
    shutil.copytree(delivered, root / f"landing/nem12/billing_day={DAY}", ignore=shutil.ignore_patterns("SOURCES.md"))
    environment = {
        "BILLSYNC_ENV": "test",
        "BILLSYNC_FIRST_DAY": "2012-01-01",
        "BILLSYNC_LANDING": str(root / "landing"),
        "BILLSYNC_SOURCE_DB_URL": f"sqlite:///{root / 'retailer.db'}",
    }
    retailer = Retailer(root, environment)
    retailer.run(DAY)
    return retailer


@pytest.fixture(scope="module")
def expected(retailer: Retailer) -> dict[Key, list[Day]]:
    return latest(read_days(retailer.root / f"landing/nem12/billing_day={DAY}"))


def test_usage_of_every_channel_day_is_what_the_file_says(retailer: Retailer, expected: dict[Key, list[Day]]) -> None:
    usage = {
        row[:3]: row[3]
        for row in retailer.fetch("select nmi, nmi_suffix, market_date, usage_kwh from marts.fct_daily_usage")
    }
    assert {key for key in usage if key not in expected} == {key for key in usage if key[0] == JOINED} - set(expected)
    agreed = {key: days[0].kwh for key, days in expected.items() if len({day.body for day in days}) == 1}
    assert len(agreed) > 950
    assert {key: usage.get(key) for key in agreed} == agreed


def test_only_equal_stamps_with_different_values_are_in_conflict(
    retailer: Retailer, expected: dict[Key, list[Day]]
) -> None:
    conflicting = retailer.fetch(
        "select nmi, nmi_suffix, market_date from marts.fct_daily_usage where is_conflicting = 1"
    )
    assert {key for key, days in expected.items() if len({day.body for day in days}) > 1} == set(conflicting)
    named = retailer.fetch(
        "select nmi, first_market_date from marts.fct_billing_exceptions where rule_code = 'VERSION_CONFLICT'"
    )
    assert {(nmi, day) for nmi, _, day in conflicting} <= set(named)


def test_every_file_and_record_is_accounted_for(retailer: Retailer, delivered: Path) -> None:
    assert_balanced(retailer)
    files = [name for name, _ in texts(delivered) if name != "SOURCES.md"]
    assert retailer.fetch(
        "select received, accepted + rejected + parked from marts.rpt_sync_status where stage = 'meter_files'"
    ) == [(len(files), len(files))]
    unexplained = retailer.fetch(
        "select * from marts.rejected_records where reason_code is null or length(reason) < 20 or line_number is null"
    )
    assert unexplained == []


def test_running_the_day_again_changes_nothing(retailer: Retailer) -> None:
    before = retailer.marts()
    retailer.run(DAY)
    assert differences(before, retailer.marts()) == {}
