"""The day's report as an asset.

What belongs here: when the report is built and published, the run's timings for it, and what Dagster shows of it. What
stays out: its content (``billsync/report``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from orchestration.assets.transform import DUCKDB_POOL
from orchestration.jobs import REPORT_KEY
from orchestration.partitions import days_between, run_window
from orchestration.stages import REPORTING
from orchestration.systems import Systems
from orchestration.translation import FRESH_BY_MORNING, owner_of


def build_report_asset(
    partitions_def: dg.PartitionsDefinition[str], keys_by_stage: Mapping[str, Sequence[dg.AssetKey]]
) -> dg.AssetsDefinition:
    """One HTML file per billing day, after everything else."""

    @dg.asset(
        key=REPORT_KEY,
        deps=list(keys_by_stage.get(REPORTING, ())),
        description="One self-contained HTML file per billing day: balance, load, bills that differ, exceptions.",
        group_name="reporting",
        owners=[owner_of("reporting")],
        kinds={"python", "html"},
        partitions_def=partitions_def,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=DUCKDB_POOL,
        freshness_policy=FRESH_BY_MORNING,
        required_resource_keys={"systems"},
    )
    def day_report(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        from billsync.report import build_report, summarise  # noqa: PLC0415 - loaded when used
        from billsync.report.publication import publish  # noqa: PLC0415 - loaded when used

        systems: Systems = context.resources.systems
        steps = seconds_by_step(context.instance, context.run.run_id)
        paths = {}
        with systems.warehouse.reading():
            for day in days_between(*run_window(context)):
                paths[day] = build_report(systems.warehouse, day, systems.settings.report_path(day), steps)
            told = summarise(systems.warehouse, day)
        return dg.MaterializeResult(
            metadata={
                "report": dg.MetadataValue.path(paths[day]),
                "day": dg.MetadataValue.md(told),
                "reports": len(paths),
                "bytes": paths[day].stat().st_size,
                # Its failure fails the step: the report is there, but not where it was asked to be.
                **publish(systems.engine, systems.settings, paths, told),
            }
        )

    return day_report


def seconds_by_step(instance: dg.DagsterInstance, run_id: str) -> list[tuple[str, float]]:
    """The finished steps of a run in the order they started, and how long each took."""
    finished = [one for one in instance.get_run_step_stats(run_id) if one.start_time and one.end_time]
    finished.sort(key=lambda one: one.start_time or 0.0)
    return [(one.step_key, (one.end_time or 0.0) - (one.start_time or 0.0)) for one in finished]
