"""Sensors that tell a person: a run failed, or a check failed in a run that went on.

What belongs here: turning a run's records into alerts. What stays out: posting and remembering (``billsync/alerts``).

A failed check leaves its run successful, so the two sensors read the checks of every finished run. They ask for one
run's records (an event query with a cursor is refused by Dagster's default storage).
"""

import hashlib
from collections.abc import Iterator

import dagster as dg

from billsync.alerts import Alert, send_once
from orchestration.partitions import PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG
from orchestration.systems import Systems


def alerts_of_checks(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[Alert]:
    """One alert per check that did not pass in a run."""
    records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        check = event.asset_check_evaluation_data
        if check.passed:
            continue
        day = day_of(run)
        name = f"{check.asset_key.to_user_string()} {check.check_name}"
        yield Alert(
            ("check", name, day, check.severity.value),
            f"billsync {day}: check {check.severity.value.lower()}: {name}",
            f"{check.description or 'The check did not pass.'}\nRun {run.run_id}. "
            f"See it in Dagster, or run: billsync status --day {day}",
        )


def alert_of_failure(run: dg.DagsterRun, message: str) -> Alert:
    """The alert of a failed run; the same failure of the same day is one alert, however often it is run."""
    day = day_of(run)
    fingerprint = hashlib.sha256(" ".join(message.split()).encode()).hexdigest()[:16]
    return Alert(
        ("run_failed", run.job_name, day, fingerprint),
        f"billsync {day}: the run of {run.job_name} failed",
        f"{message[:4000]}\nRun {run.run_id}. Repair the cause, then run: billsync run --day {day}",
    )


def day_of(run: dg.DagsterRun) -> str:
    """The billing day of a run, or its range."""
    tags = run.tags
    if RANGE_START_TAG in tags:
        return f"{tags[RANGE_START_TAG]}..{tags.get(RANGE_END_TAG, '')}"
    return tags.get(PARTITION_TAG, "no day")


def tell(systems: Systems, alerts: Iterator[Alert]) -> int:
    """Send alerts once each; returns how many were new."""
    settings = systems.settings
    answers = [send_once(systems.engine, settings.alert_urls, alert, settings.secrets) for alert in alerts]
    return sum(answer != "repeated" for answer in answers)


@dg.run_failure_sensor(
    name="alert_on_failed_run",
    description="Alerts once when a run fails, with its reason, and once per check that did not pass in it.",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
)
def alert_on_failed_run(context: dg.RunFailureSensorContext) -> None:
    """Tell of a failed run."""
    systems = Systems()
    message = context.failure_event.message or "no message"
    steps = [event.step_failure_data.error_display_string for event in context.get_step_failure_events()]
    alert = alert_of_failure(context.dagster_run, "\n".join([message, *steps]))
    tell(systems, iter([alert]))
    tell(systems, alerts_of_checks(context.instance, context.dagster_run))


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    name="alert_on_failed_check",
    description="Alerts once per check that did not pass in a run that went on to its end.",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
)
def alert_on_failed_check(context: dg.RunStatusSensorContext) -> None:
    """Tell of failed checks of a successful run."""
    tell(Systems(), alerts_of_checks(context.instance, context.dagster_run))
