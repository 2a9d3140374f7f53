"""When things start by themselves: the day at 06:00 market time, and the hourly second look at SAP.

Unattended work is opt-in: schedules run by default only where the environment says so.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import dagster as dg

from loaders.errors import LoaderError
from orchestration.jobs import BILLING_DAY, SETTLEMENT_JOB
from orchestration.partitions import MARKET_TIME_ZONE
from orchestration.systems import Systems

# By 06:00 the meter data of the market day before have been delivered; operations starts at 07:00.
DAY_CRON: Final = "0 6 * * *"
LOOK_AGAIN_SECONDS: Final = 3600


def build_schedules(*, runs_by_default: bool) -> list[dg.ScheduleDefinition]:
    """The schedules of the code location."""
    status = dg.DefaultScheduleStatus.RUNNING if runs_by_default else dg.DefaultScheduleStatus.STOPPED

    @dg.schedule(
        name="billing_day_at_six",
        job_name=BILLING_DAY,
        cron_schedule=DAY_CRON,
        execution_timezone=MARKET_TIME_ZONE,
        default_status=status,
        description="Runs the billing day of the market day before, at 06:00 Australia/Brisbane.",
    )
    def billing_day_at_six(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = (context.scheduled_execution_time - timedelta(days=1)).date().isoformat()
        return dg.RunRequest(run_key=day, partition_key=day)

    return [billing_day_at_six]


def build_look_again_sensor(*, runs_by_default: bool) -> dg.SensorDefinition:
    """The sensor that looks again at periods that were loaded and not billed."""

    @dg.sensor(
        name="look_again_at_unbilled",
        job_name=SETTLEMENT_JOB,
        minimum_interval_seconds=LOOK_AGAIN_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if runs_by_default else dg.DefaultSensorStatus.STOPPED,
        description="While loaded periods are NOT_BILLED, asks SAP again every hour.",
    )
    def look_again_at_unbilled(
        context: dg.SensorEvaluationContext,
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        yield look_again(Systems(), context.cursor)

    return look_again_at_unbilled


def look_again(systems: Systems, _cursor: str | None = None) -> dg.RunRequest | dg.SkipReason:
    """A run of the settlement job for the newest billing day, while any period is NOT_BILLED."""
    try:
        rows = systems.warehouse.fetch(
            "select count(*) as periods, (select max(billing_day) from raw.source_outcomes) as newest "
            "from marts.fct_bill_reconciliation where outcome = ?",
            ["NOT_BILLED"],
        )
    except LoaderError as error:
        return dg.SkipReason(f"the warehouse cannot be asked now: {error}")
    waiting, newest = rows[0]["periods"], rows[0]["newest"]
    if not waiting:
        return dg.SkipReason("every loaded period is billed and compared")
    return dg.RunRequest(partition_key=str(newest))
