"""A person's part of the load in Dagster: release a plan, resume a paused load; the billing day then runs again.

What belongs here: the jobs a person launches and the sensor that runs the day after them. What stays out: the
decisions (``loaders/sap_isu/gate``) and the same on the command line (``billsync/sap_cli``).
"""

from datetime import date
from typing import Any, Final

import dagster as dg

from orchestration.sap_gate import gate_of
from orchestration.systems import Systems

RELEASE_JOB: Final = "release_sap_load"
RESUME_JOB: Final = "resume_sap_load"
_RELEASE_OP: Final = "release_plan"


class Release(dg.Config):
    """What is released, by whom.

    Attributes:
        day: the billing day, as 2026-03-05.
        plan_hash: of the plan as shown by the asset sap/load_plan; its first 12 characters are enough.
        approver: who releases it.
        reason: why; kept for the auditor.
    """

    day: str
    plan_hash: str
    approver: str
    reason: str = "looked at and found right"


class Resume(dg.Config):
    """Who lets loads send again, and what was found and done."""

    approver: str
    reason: str


@dg.op(name=_RELEASE_OP, description="Releases exactly the plan whose hash is given; any other stays as it is.")
def release_plan(context: dg.OpExecutionContext, config: Release) -> None:
    """Record the release of a plan.

    Raises:
        dagster.Failure: the plan of the day is another by now, or there is none.
    """
    from loaders.sap_isu.ledger import Ledger  # noqa: PLC0415 - loaded when used
    from loaders.sap_isu.plan_shown import last_shown  # noqa: PLC0415 - loaded when used

    systems = Systems()
    plan = last_shown(Ledger(systems.engine, actor=config.approver), date.fromisoformat(config.day))
    least = 8
    if plan is None or len(config.plan_hash) < least or not plan.plan_hash.startswith(config.plan_hash):
        found = "none" if plan is None else plan.plan_hash
        raise dg.Failure(description=f"the newest plan of {config.day} is {found}, not {config.plan_hash}: look again")
    noted = gate_of(systems).release(plan, actor=config.approver, reason=config.reason)
    context.log.info("plan %s released by %s: %s readings", plan.plan_hash, noted.actor, plan.waits)


@dg.op(name="resume_load", description="Ends the pause of the load.")
def resume_load(context: dg.OpExecutionContext, config: Resume) -> None:
    """Record that loads may send again."""
    noted = gate_of(Systems()).resume(actor=config.approver, reason=config.reason)
    context.log.info("the load goes on with the next run" if noted else "the load was not paused")


@dg.job(
    name=RELEASE_JOB,
    executor_def=dg.in_process_executor,
    description="Releases the plan of a billing day (BILLSYNC_SAP_APPROVAL=required); the day then runs again.",
)
def release_sap_load() -> None:
    """One op."""
    release_plan()


@dg.job(
    name=RESUME_JOB,
    executor_def=dg.in_process_executor,
    description="Ends the pause that a load put itself into; run the billing day again afterwards.",
)
def resume_sap_load() -> None:
    """One op."""
    resume_load()


def build_run_after_release(billing_day: Any) -> dg.SensorDefinition:
    """The sensor that runs a billing day once its plan is released."""

    @dg.run_status_sensor(
        name="run_after_release",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=[release_sap_load],
        request_job=billing_day,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Runs the billing day whose plan was just released in Dagster.",
    )
    def run_after_release(context: dg.RunStatusSensorContext) -> dg.RunRequest:
        return request_of(context.dagster_run)

    return run_after_release


def request_of(run: dg.DagsterRun) -> dg.RunRequest:
    """The run of the day that a finished release was about."""
    operations: Any = run.run_config["ops"]
    day = str(operations[_RELEASE_OP]["config"]["day"])
    return dg.RunRequest(run_key=f"released-{run.run_id}", partition_key=day)
