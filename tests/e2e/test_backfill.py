"""A range of billing days run at once, and the same range run day by day: the same marts, the same documents in SAP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .harness import Retailer, Row, assert_balanced, differences, sandboxed

pytestmark = pytest.mark.e2e

DAYS = ("2026-02-18", "2026-02-19", "2026-02-20")
# Of thirty days of data some contracts close on each day of the range.
SEED = ("--service-points", "60", "--days", "30", "--day", "2026-03-05", "--closings", "15")


@pytest.fixture(scope="module")
def day_by_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retailer]:
    with sandboxed(tmp_path_factory.mktemp("day by day"), *SEED) as retailer:
        for day in DAYS:
            retailer.run(day)
        yield retailer


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retailer]:
    with sandboxed(tmp_path_factory.mktemp("at once"), *SEED) as retailer:
        done = retailer.call("backfill", "--from", DAYS[0], "--to", DAYS[-1])
        assert done.returncode == 0, done.stderr
        yield retailer


def documents(retailer: Retailer) -> list[Row]:
    """What SAP was given, without the numbers it gave out itself."""
    return sorted(row[1:8] for row in retailer.sap_documents())


def test_backfill_leaves_the_marts_that_single_days_leave(day_by_day: Retailer, at_once: Retailer) -> None:
    closed = at_once.fetch("select count(distinct billing_day), count(*) from marts.fct_shadow_bills")
    assert closed == [(len(DAYS), 12)]
    sap_gives = ["sap_document_id"]
    # What reached a bill on a later day of the range reached it at once there.
    history = ["fct_bill_revisions"]
    single, range_of_days = (one.marts(without=history, without_columns=sap_gives) for one in (day_by_day, at_once))
    assert differences(single, range_of_days) == {}


def test_backfill_loads_what_single_days_load(day_by_day: Retailer, at_once: Retailer) -> None:
    assert documents(at_once) == documents(day_by_day)
    assert len(documents(at_once)) >= 12


def test_a_day_of_the_range_run_again_changes_nothing(at_once: Retailer) -> None:
    before, loaded = at_once.marts(), at_once.sap_documents()
    at_once.run(DAYS[1])
    assert differences(before, at_once.marts()) == {}
    assert at_once.sap_documents() == loaded
    assert_balanced(at_once)
