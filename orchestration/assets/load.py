"""The exception queue and the load into SAP, as assets between the dbt runs.

What belongs here: handing rows from the warehouse to the queue, the ledger and SAP, and their state back into raw
tables. What stays out: deciding anything (``loaders/exception_queue``, ``loaders/sap_isu``).
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from orchestration.assets.transform import DUCKDB_POOL
from orchestration.partitions import run_window
from orchestration.quality import READINGS_PLAN
from orchestration.sap import ACTOR, load_readings, plan_readings, read_back_billed
from orchestration.sap_gate import brake_on_differing_bills
from orchestration.snapshots import write_staged
from orchestration.systems import Systems
from orchestration.translation import EXCEPTIONS_AFTER_LOAD, FRESH_BY_MORNING, owner_of, raw_key

LOAD_PLAN = dg.AssetKey(["sap", "load_plan"])
SAP_CHECK = "sap_answered"
PROGRESS_PREFIX = "load into SAP: "
SECONDS_BETWEEN_LINES = 2.0
Decorator = Callable[[Callable[..., Any]], dg.AssetsDefinition]


def _spec(key: dg.AssetKey, group: str, description: str, deps: list[dg.AssetKey], *kinds: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=key,
        deps=deps,
        description=description,
        group_name=group,
        owners=[owner_of(group)],
        kinds=set(kinds),
        freshness_policy=FRESH_BY_MORNING,
    )


def _step(name: str, spec: dg.AssetSpec, partitions_def: dg.PartitionsDefinition[str], **checks: str) -> Decorator:
    """The decorator that all steps of this module share."""
    return dg.multi_asset(
        name=name,
        specs=[spec],
        check_specs=[dg.AssetCheckSpec(name, asset=spec.key, description=text) for name, text in checks.items()],
        partitions_def=partitions_def,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=DUCKDB_POOL,
        required_resource_keys={"systems"},
    )


def build_exception_assets(partitions_def: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """The queue after rating, and again after the load."""
    before = _spec(
        raw_key("exception_queue"),
        "exceptions",
        "Problems found in the data, merged into the exception queue; people's decisions stay.",
        [dg.AssetKey(["intermediate", name]) for name in ("int_problems__detected", "int_problems__scope")],
        "python",
        "sql",
    )
    after = _spec(
        EXCEPTIONS_AFTER_LOAD,
        "exceptions",
        "What the load and the comparison with SAP found, merged into the exception queue.",
        [
            dg.AssetKey(["intermediate", name])
            for name in ("int_problems__settlement", "int_problems__settlement_scope")
        ],
        "python",
        "sql",
    )

    @_step("exception_queue", before, partitions_def)
    def exception_queue(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        return _merge(context, "int_problems__detected", "int_problems__scope")

    @_step("exception_queue_after_load", after, partitions_def)
    def exception_queue_after_load(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        brake = brake_on_differing_bills(context.resources.systems, run_window(context)[1], ACTOR)
        if brake is not None:
            context.log.error(brake)
        return _merge(context, "int_problems__settlement", "int_problems__settlement_scope")

    return [exception_queue, exception_queue_after_load]


def _merge(context: dg.AssetExecutionContext, detected: str, scope: str) -> dg.MaterializeResult[Any]:
    from loaders.exception_queue import ExceptionQueue  # noqa: PLC0415 - loaded when used
    from loaders.snapshots import snapshot_exceptions  # noqa: PLC0415 - loaded when used

    systems: Systems = context.resources.systems
    first, last = run_window(context)
    queue = ExceptionQueue(systems.engine)
    counts = queue.merge(
        systems.warehouse.fetch(f"select * from intermediate.{detected}"),  # noqa: S608 - our own table names
        systems.warehouse.fetch(f"select * from intermediate.{scope}"),  # noqa: S608 - our own table names
        first_day=first,
        last_day=last,
        actor=ACTOR,
    )
    rows = write_staged(systems, "exception_queue", lambda folder: [snapshot_exceptions(queue, folder)])
    return dg.MaterializeResult(metadata={"dagster/row_count": rows["exception_queue"], **vars(counts)})


def build_load_assets(partitions_def: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """Plan, send and read back."""
    plan = _spec(
        LOAD_PLAN,
        "sap",
        "What would be sent to SAP, by register and state: the plan before the act.",
        [READINGS_PLAN],
        "python",
    )
    ledger = _spec(
        raw_key("load_ledger"),
        "sap",
        "Readings sent to SAP and read back; a snapshot of the load ledger. Sends only where BILLSYNC_SAP_WRITE is 1.",
        [LOAD_PLAN],
        "python",
        "sap",
    )
    billed = _spec(
        raw_key("sap_billed_consumption"),
        "sap",
        "Quantities and amounts that SAP has billed for loaded periods, as it last answered.",
        [raw_key("load_ledger")],
        "python",
        "sap",
    )

    @_step("sap_plan", plan, partitions_def)
    def sap_plan(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        refuse_failed_checks(context)
        return _shown(plan_readings(context.resources.systems, *run_window(context)))

    @_step("sap_load", ledger, partitions_def, sap_answered="SAP took or refused every reading of the plan")
    def sap_load(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        refuse_failed_checks(context)
        progress = SpokenProgress(context.log.info)
        yield _judged(context, *load_readings(context.resources.systems, *run_window(context), progress))

    @_step("sap_readback", billed, partitions_def, sap_answered="SAP could be asked what it has billed")
    def sap_readback(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        yield _judged(context, *read_back_billed(context.resources.systems, run_window(context)[1]))

    return [sap_plan, sap_load, sap_readback]


class SpokenProgress:
    """Says how far a load is, at most every few seconds: done, of, rate, time left.

    Args:
        say: where a line goes.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said_at = time.monotonic()

    def __call__(self, done: int, total: int, rate: float) -> None:
        """Called by the loader after every batch; the last batch is always told of."""
        now = time.monotonic()
        if now - self._said_at < SECONDS_BETWEEN_LINES and done < total:
            return
        self._said_at = now
        left = f", {(total - done) / rate:.0f} s left" if rate > 0 and done < total else ""
        self._say(f"{PROGRESS_PREFIX}{done:,} of {total:,} readings, {rate:,.0f} a second{left}")


def _shown(facts: Mapping[str, object], *checks: dg.AssetCheckResult) -> dg.MaterializeResult[Any]:
    metadata = {
        name: value
        if isinstance(value, int | float | str)
        else dg.MetadataValue.json(json.loads(json.dumps(value, default=str)))
        for name, value in facts.items()
    }
    return dg.MaterializeResult(metadata=metadata, check_results=list(checks))


def _judged(
    context: dg.AssetExecutionContext, facts: Mapping[str, object], problems: Sequence[str]
) -> dg.MaterializeResult[Any]:
    """Facts and the check that SAP took part: the day goes on without it, and is not complete."""
    for problem in problems:
        context.log.error(problem)
    description = "; ".join(problems)[:2000] or None
    return _shown(facts, dg.AssetCheckResult(check_name=SAP_CHECK, passed=not problems, description=description))


def refuse_failed_checks(context: dg.AssetExecutionContext) -> None:
    """Stop before SAP when a check of this very run failed with severity error.

    Dagster's blocking check already keeps these steps from starting; whoever runs them by hand is stopped here.

    Raises:
        dagster.Failure: naming the checks.
    """
    records = context.instance.get_records_for_run(
        context.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ).records
    failed = []
    for record in records:
        event = record.event_log_entry.dagster_event
        check = event.asset_check_evaluation_data if event else None
        if check and check.blocking and not check.passed and check.severity == dg.AssetCheckSeverity.ERROR:
            failed.append(f"{check.asset_key.to_user_string()} {check.check_name}: {check.description}")
    if failed:
        raise dg.Failure(description="nothing is sent to SAP: " + "; ".join(failed), allow_retries=False)
