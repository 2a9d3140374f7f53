"""Billing days: daily partitions in market time (UTC+10, no daylight saving)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg

MARKET_TIME_ZONE = "Australia/Brisbane"
PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"


def billing_days(first_day: date) -> dg.DailyPartitionsDefinition:
    """The partitions from the first billing day to the market's today, today included.

    Today is a partition because its deliveries may be looked at before the day is over; the schedule runs yesterday.
    """
    return dg.DailyPartitionsDefinition(start_date=first_day.isoformat(), timezone=MARKET_TIME_ZONE, end_offset=1)


def days_between(first: date, last: date) -> Iterator[date]:
    """Every day from first to last, both included."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def run_window(context: dg.AssetExecutionContext) -> tuple[date, date]:
    """The first and the last billing day of a run: one day, or the range of a backfill."""
    keys = context.partition_key_range
    return date.fromisoformat(keys.start), date.fromisoformat(keys.end)


def window_of_run(run: dg.DagsterRun) -> tuple[date, date]:
    """The billing days of a run by its tags, for steps that are not partitioned themselves.

    Raises:
        ValueError: when the run names no billing day.
    """
    tags = run.tags
    one = tags.get(PARTITION_TAG)
    first = tags.get(RANGE_START_TAG, one)
    last = tags.get(RANGE_END_TAG, one)
    if first is None or last is None:
        msg = "this run names no billing day; start it from a partition of the job"
        raise ValueError(msg)
    return date.fromisoformat(first), date.fromisoformat(last)


def billing_day_of_run(run: dg.DagsterRun) -> date:
    """The last billing day of a run."""
    return window_of_run(run)[1]
