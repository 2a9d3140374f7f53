"""Robots in Dagster: the step after the exception queue, the job and sensor that take results between runs.

What belongs here: when it happens. What stays out: the work (``orchestration/robots``). Part of the definitions only
where ``BILLSYNC_UIPATH_EXCEPTIONS`` is 1.
"""

from collections.abc import Iterator
from typing import Any, Final

import dagster as dg

from loaders.errors import LoaderError
from orchestration.assets.transform import DUCKDB_POOL
from orchestration.jobs import BILLING_DAY
from orchestration.partitions import run_window
from orchestration.recorded import recorded
from orchestration.robots import exchange, facts_of, robots_of, waiting_count
from orchestration.systems import Systems
from orchestration.translation import EXCEPTIONS_AFTER_LOAD, FRESH_BY_MORNING, owner_of

QUEUE_ITEMS: Final = dg.AssetKey(["robots", "queue_items"])
COLLECT_JOB: Final = "collect_from_robots"
ANSWERED: Final = "orchestrator_answered"
TICK_SECONDS: Final = 300


def build_robot_asset(partitions_def: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The step of a billing day."""

    @dg.multi_asset(
        name="robots",
        specs=[
            dg.AssetSpec(
                QUEUE_ITEMS,
                deps=[EXCEPTIONS_AFTER_LOAD],
                description="Open exceptions given to UiPath robots (seed robot_queues), and what robots made of them.",
                group_name="exceptions",
                owners=[owner_of("exceptions")],
                kinds={"python", "uipath"},
                freshness_policy=FRESH_BY_MORNING,
            )
        ],
        check_specs=[dg.AssetCheckSpec(ANSWERED, asset=QUEUE_ITEMS, description="Orchestrator took and told all")],
        partitions_def=partitions_def,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=DUCKDB_POOL,
        required_resource_keys={"systems"},
    )
    def robots(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        systems: Systems = context.resources.systems
        facts, problems = recorded(
            systems, "robots", run_window(context)[1], lambda: exchange(systems, context.log.info)
        )
        for problem in problems:
            context.log.error(problem)
        told = "; ".join(problems)[:2000] or None
        yield dg.MaterializeResult(
            metadata={name: value if isinstance(value, int) else str(value) for name, value in facts.items()},
            check_results=[dg.AssetCheckResult(check_name=ANSWERED, passed=not problems, description=told)],
        )

    return robots


@dg.op(name="collect_robot_results", description="Asks Orchestrator what robots made of the exceptions that they have.")
def collect_robot_results(context: dg.OpExecutionContext) -> None:
    """Take results.

    Raises:
        dagster.Failure: Orchestrator could not be asked for all of them.
    """
    outcome = robots_of(Systems(), context.log.info).collect()
    context.log.info(str(facts_of(outcome)))
    if outcome.problems:
        raise dg.Failure(description="; ".join(outcome.problems)[:2000])


@dg.job(
    name=COLLECT_JOB,
    executor_def=dg.in_process_executor,
    description="Takes robots' results: success moves the exception, a failure leaves it to a person with the reason.",
)
def collect_from_robots() -> None:
    """One op."""
    collect_robot_results()


def build_robot_sensor(*, runs_by_default: bool) -> dg.SensorDefinition:
    """The sensor that asks for results while robots have something."""

    @dg.sensor(
        name="look_at_robots",
        job=collect_from_robots,
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if runs_by_default else dg.DefaultSensorStatus.STOPPED,
        description="While robots have exceptions, asks every five minutes what became of them.",
    )
    def look_at_robots(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return look(Systems(), context.instance)

    return look_at_robots


def look(systems: Systems, instance: dg.DagsterInstance) -> dg.RunRequest | dg.SkipReason:
    """One tick."""
    from orchestration.sensors.arrivals import NOT_FINISHED  # noqa: PLC0415 - its own imports are large

    for job in (BILLING_DAY, COLLECT_JOB):
        if instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=list(NOT_FINISHED))):
            return dg.SkipReason(f"{job} is running; it asks by itself")
    try:
        waiting = waiting_count(systems)
    except LoaderError as error:
        return dg.SkipReason(f"cannot look now: {error}")
    return dg.RunRequest() if waiting else dg.SkipReason("robots have no exception of ours")
