"""What Dagster remembers of a billing day's last run.

What belongs here: finding the run and its failures. What stays out: numbers (``summary.py``).
"""

from __future__ import annotations

from datetime import date

import dagster as dg

from billsync.run import TELLING, DayOutcome, open_instance, source_failures, source_remarks, told_failures
from billsync.settings import Settings
from orchestration.jobs import BILLING_DAY
from orchestration.partitions import RANGE_START_TAG, window_of_run
from orchestration.systems import Systems

RECENT_RANGES = 200


def last_outcome(settings: Settings, day: date) -> DayOutcome:
    """How the last run of a billing day went; a day that never ran is not complete."""
    with open_instance(settings) as instance:
        run = _last_run(instance, day)
        if run is None:
            return DayOutcome(day, day, "", (f"billing day {day} was never run; run: billsync run --day {day}",))
        failures = _failures(instance, run)
    systems = Systems()
    remarks = tuple(source_remarks(systems, day, day))
    return DayOutcome(day, day, run.run_id, (*failures, *source_failures(systems, day, day)), remarks=remarks)


def _last_run(instance: dg.DagsterInstance, day: date) -> dg.DagsterRun | None:
    """The newest run of the day, by itself or in a range."""
    one = instance.get_run_records(
        dg.RunsFilter(job_name=BILLING_DAY, tags={"dagster/partition": day.isoformat()}), limit=1
    )
    recent = instance.get_run_records(dg.RunsFilter(job_name=BILLING_DAY), limit=RECENT_RANGES)
    ranges = [
        record for record in recent if RANGE_START_TAG in record.dagster_run.tags and _covers(record.dagster_run, day)
    ]
    found = sorted([*one, *ranges], key=lambda record: record.create_timestamp)
    return found[-1].dagster_run if found else None


def _covers(run: dg.DagsterRun, day: date) -> bool:
    first, last = window_of_run(run)
    return first <= day <= last


def _failures(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    if run.is_success:
        return []
    if not run.is_finished:
        return [f"run {run.run_id} is {run.status.value.lower()}"]
    records = instance.get_records_for_run(run.run_id, of_type=TELLING).records
    events = [record.event_log_entry.dagster_event for record in records]
    return told_failures(event for event in events if event is not None) or [
        f"run {run.run_id} ended as {run.status.value}"
    ]
