"""Assembly: every definition of the code location from settings, with any part replaceable.

What belongs here: putting the parts together. What stays out: the parts. Tests and the command line call
``build_defs`` with overrides; Dagster loads ``definitions.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import dagster as dg

from billsync.settings import Settings, load_settings
from billsync.settings.uipath import uipath_settings
from checks.runner import read_contracts
from orchestration.assets.extract import build_extract_assets
from orchestration.assets.load import build_exception_assets, build_load_assets
from orchestration.assets.report import build_report_asset
from orchestration.assets.transform import build_transform_assets
from orchestration.dbt_runner import dbt_target, load_manifest
from orchestration.jobs import billing_day_job, settlement_job
from orchestration.logs import console_logger
from orchestration.partitions import billing_days
from orchestration.quality import build_soda_checks
from orchestration.sap_release import build_run_after_release, release_sap_load, resume_sap_load
from orchestration.schedules import build_look_again_sensor, build_schedules
from orchestration.sensors.alerts import alert_on_failed_check, alert_on_failed_run
from orchestration.sensors.arrivals import build_arrival_sensor
from orchestration.sources import sources_of
from orchestration.stages import DBT_STAGES
from orchestration.systems import systems_resource
from orchestration.translation import prepare_manifest


def build_defs(
    settings: Settings | None = None,
    *,
    manifest: Mapping[str, Any] | None = None,
    resource_overrides: Mapping[str, Any] | None = None,
) -> dg.Definitions:
    """Build the definitions; reads the dbt project on disk, and no network, database or secret.

    Args:
        settings: the configuration; the environment's when None.
        manifest: dbt's manifest; the project's own, parsed when stale, when None.
        resource_overrides: resources that take the place of the default ones.
    """
    settings = settings or load_settings()
    prepared = prepare_manifest(manifest if manifest is not None else load_manifest(dbt_target(settings)))
    days = billing_days(settings.first_day)
    transform = build_transform_assets(prepared, days)
    by_stage = {
        stage: sorted(key for assets in transform if assets.op.name == f"dbt_{stage}" for key in assets.keys)
        for stage in DBT_STAGES
    }
    day_job = billing_day_job(days)
    robots = _robots(settings, days)
    return dg.Definitions(
        assets=[
            *build_extract_assets(days, sources_of(settings)),
            *transform,
            *build_exception_assets(days),
            *build_load_assets(days),
            build_report_asset(days, by_stage),
            *robots.assets,
        ],
        asset_checks=[build_soda_checks(read_contracts())],
        jobs=[day_job, settlement_job(days, by_stage), release_sap_load, resume_sap_load, *robots.jobs],
        schedules=build_schedules(runs_by_default=settings.automation_runs),
        sensors=[
            alert_on_failed_run,
            alert_on_failed_check,
            build_look_again_sensor(runs_by_default=settings.automation_runs),
            build_run_after_release(day_job),
            build_arrival_sensor(runs_by_default=settings.automation_runs),
            *robots.sensors,
        ],
        resources={"systems": systems_resource, **(resource_overrides or {})},
        executor=dg.in_process_executor,
        loggers={"console": console_logger},
    )


class _Parts(NamedTuple):
    """What an option adds to the definitions."""

    assets: Sequence[dg.AssetsDefinition] = ()
    jobs: Sequence[dg.JobDefinition] = ()
    sensors: Sequence[dg.SensorDefinition] = ()


def _robots(settings: Settings, days: dg.PartitionsDefinition[str]) -> _Parts:
    """UiPath's robots, only where exceptions are handed to them."""
    if not uipath_settings(settings).hands_over_exceptions:
        return _Parts()
    from orchestration.assets.robots import (  # noqa: PLC0415 - nothing of robots is imported while they are off
        build_robot_asset,
        build_robot_sensor,
        collect_from_robots,
    )

    sensor = build_robot_sensor(runs_by_default=settings.automation_runs)
    return _Parts([build_robot_asset(days)], [collect_from_robots], [sensor])
