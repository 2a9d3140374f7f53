"""The four dbt asset sets of a billing day, each one run of dbt inside this process.

What belongs here: turning a Dagster selection into one dbt run and its results into Dagster events. What stays out:
how dbt is run (``dbt_runner``) and how nodes are named (``translation``).
"""

import contextlib
import io
import logging
import random
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import dagster as dg
from dagster_dbt import dbt_assets
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from orchestration.dbt_events import DbtEvent
from orchestration.dbt_runner import DbtError, build_args, run_dbt
from orchestration.partitions import run_window
from orchestration.stages import DBT_STAGES, RATING
from orchestration.systems import Systems
from orchestration.translation import BillsyncTranslator, selected_names

DUCKDB_POOL = "duckdb"
DBT_ATTEMPTS: Final = 3
DBT_WAIT_SECONDS: Final = 5.0

logger = logging.getLogger(__name__)

DbtEvents = Iterator[dg.Output[Any] | dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckResult | Any]


def build_transform_assets(
    manifest: Mapping[str, Any], partitions_def: dg.PartitionsDefinition[str]
) -> list[dg.AssetsDefinition]:
    """The asset sets of the stages that have any model.

    Args:
        manifest: the prepared manifest.
        partitions_def: the billing days.
    """
    present = {tag for node in manifest["nodes"].values() for tag in node.get("tags", ())}
    # dbt's selector prints its remarks; standard output belongs to whoever loads the definitions.
    with contextlib.redirect_stdout(io.StringIO()):
        return [_dbt_stage(manifest, partitions_def, stage) for stage in DBT_STAGES if stage in present]


def _dbt_stage(
    manifest: Mapping[str, Any], partitions_def: dg.PartitionsDefinition[str], stage: str
) -> dg.AssetsDefinition:
    translator = BillsyncTranslator()
    models = f"tag:{stage},resource_type:model"
    select = f"{models} resource_type:seed resource_type:test" if stage == RATING else f"{models} resource_type:test"

    @dbt_assets(
        manifest=dict(manifest),
        name=f"dbt_{stage}",
        select=select,
        dagster_dbt_translator=translator,
        partitions_def=partitions_def,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=DUCKDB_POOL,
        required_resource_keys={"systems"},
    )
    def dbt_stage(context: dg.AssetExecutionContext) -> DbtEvents:
        yield from _run_stage(context, context.resources.systems, manifest, translator)

    return dbt_stage


def _run_stage(
    context: dg.AssetExecutionContext, systems: Systems, manifest: Mapping[str, Any], translator: BillsyncTranslator
) -> DbtEvents:
    names = selected_names(manifest, list(context.selected_asset_keys), list(context.selected_asset_check_keys))
    first, last = run_window(context)
    context.log.info("dbt builds %d nodes for %s to %s", len(names), first, last)
    try:
        for event in _attempts(systems, build_args(systems.dbt, first, last), names):
            message = DbtCoreCliEventMessage(raw_event=event.as_raw_event(), event_history_metadata={})
            yield from message.to_default_asset_events(
                manifest=manifest, dagster_dbt_translator=translator, context=context
            )
    except DbtError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


def _attempts(systems: Systems, args: Sequence[str], names: Collection[str]) -> Iterator[DbtEvent]:
    """Run dbt, and what a lost connection or a deadlock stopped again; a node's error is told only when it stays.

    Each attempt takes the database's lock anew: what cut dbt's connections has mostly cut the lock's too.
    """
    for attempt in range(1, DBT_ATTEMPTS + 1):
        errors: list[DbtEvent] = []
        try:
            with systems.warehouse.sole_dbt_run():
                for event in run_dbt(systems.dbt, args, names):
                    if event.is_error:
                        errors.append(event)
                    else:
                        yield event
        except DbtError as error:
            if attempt == DBT_ATTEMPTS or not error.unfinished:
                yield from errors
                raise
            logger.warning("attempt %d of dbt failed, %d nodes run again: %s", attempt, len(error.unfinished), error)
            names = error.unfinished
            time.sleep(random.uniform(0.5, 1) * DBT_WAIT_SECONDS * attempt)  # noqa: S311 - jitter is no secret
        else:
            return
