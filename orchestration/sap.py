"""SAP, bound to settings: the plan, the act and the reading back of a run.

What belongs here: rows from the warehouse into the ledger and its snapshots back. What stays out: the ledger's rules
and the protocols (``loaders/sap_isu``), choosing one (``sap_transports``).

A SAP that does not answer does not end the day: the failure is recorded like that of a source, comparison and report
go on with what is known, and the next run resumes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from billsync.settings.sap_limits import sap_limits
from orchestration.recorded import Facts, recorded
from orchestration.sap_gate import gate_of, guard_of
from orchestration.sap_orders import cancel_withdrawn, confirm_orders
from orchestration.sap_profiles import send_intervals
from orchestration.sap_transports import ODATA, LateTransport, odata_client, read_back_by
from orchestration.snapshots import write_staged
from orchestration.systems import Systems

if TYPE_CHECKING:
    from loaders.sap_isu.ledger import Ledger
    from loaders.sap_isu.loads import LoadPlan, Progress
    from loaders.sap_isu.plan_shown import ShownPlan
    from loaders.warehouse import RawWrite

ACTOR: Final = "billsync run"
LOAD: Final = "sap_load"
READ_BACK: Final = "sap_readback"
PLANNED_READINGS: Final = "select * from intermediate.int_meter_readings__plan"
PLANNED_BILLS: Final = """
select distinct p.contract_id, p.reading_date, b.total_inc_gst_aud
from intermediate.int_meter_readings__plan as p
inner join marts.fct_shadow_bills as b
    on b.contract_id = p.contract_id and b.period_start_date = p.period_start_date
    and b.period_end_date = p.period_end_date
where b.total_inc_gst_aud is not null"""
# A reading that SAP has, confirmed or locked, may be billed; the reading's date is the last day of its period.
LOADED: Final = """
select distinct l.contract_id
from raw.load_ledger as l
where l.contract_id is not null and l.state in ('CONFIRMED', 'LOCKED', 'REVERSAL_NEEDED')"""
AND_NOT_AGREED: Final = """
and not exists (
    select 1 from marts.fct_bill_reconciliation as r
    where r.contract_id = l.contract_id and r.period_end_date = l.reading_date and r.outcome = 'AGREE'
)"""


def plan_readings(systems: Systems, first: date, last: date) -> Facts:
    """Take the run's readings into the ledger and say what would be sent; SAP is not contacted."""
    plan, shown = _plan(systems, _ledger(systems), first, last)
    return {
        "plan": shown.plan_hash,
        "to send": shown.to_send,
        "corrections": shown.corrections,
        "open from an earlier run": shown.open,
        "held": shown.held,
        "cancelled": plan.cancelled,
        "bills": shown.bills,
        "money at stake (AUD inc GST)": shown.amount_inc_gst_aud,
        "totals by register": [vars(one) for one in shown.registers],
        "steps": dict(plan.steps),
        "states": dict(shown.states),
        "problems": list(plan.problems),
        "sends": _whether_it_sends(systems, shown),
    }


def _whether_it_sends(systems: Systems, shown: ShownPlan) -> str:
    if not systems.settings.sap_write:
        return "no: BILLSYNC_SAP_WRITE is off"
    refusal = gate_of(systems).refusal(shown)
    return "yes" if refusal is None else f"no: {refusal.why}"


def load_readings(
    systems: Systems, first: date, last: date, progress: Progress | None = None
) -> tuple[Facts, list[str]]:
    """Send what waits and read its status back; returns facts, and what keeps the load from being complete."""
    from loaders.sap_isu.loader import run_load  # noqa: PLC0415 - loaded when used
    from loaders.sap_isu.loads import LoadPolicy  # noqa: PLC0415 - loaded when used
    from loaders.snapshots import snapshot_ledger  # noqa: PLC0415 - loaded when used

    ledger = _ledger(systems)
    plan, shown = _plan(systems, ledger, first, last)

    def act() -> tuple[Facts, list[str]]:
        if not systems.settings.sap_write:
            return {"sent": 0, "states": dict(ledger.counts(plan.plan_id))}, []
        limits = sap_limits(systems.settings)
        transport = LateTransport(systems)
        try:
            result = run_load(
                ledger,
                transport,
                plan,
                write_enabled=True,
                concurrency=limits.concurrency,
                batch_size=limits.batch_size,
                progress=progress,
                policy=LoadPolicy(settle_seconds=limits.settle_seconds),
                guard=guard_of(systems, shown, ACTOR),
            )
        finally:
            transport.close()
        confirmed, unconfirmed = confirm_orders(systems)
        profiles, unsent = send_intervals(systems)
        problems = [*result.problems, *unconfirmed, *unsent]
        facts: Facts = {
            "plan": shown.plan_hash,
            "orders confirmed": confirmed,
            "sent": result.sent,
            "states": dict(result.states),
            "seconds": round(result.elapsed_seconds, 3),
            **profiles,
        }
        return facts, problems

    facts, problems = recorded(systems, LOAD, last, act)
    counts = write_staged(systems, "load_ledger", lambda folder: [snapshot_ledger(ledger, folder)])
    return {"dagster/row_count": counts["load_ledger"], "problems": list(problems), **facts}, problems


def _plan(systems: Systems, ledger: Ledger, first: date, last: date) -> tuple[LoadPlan, ShownPlan]:
    """Plan into the ledger, and keep what is shown of the plan: a person releases just that."""
    from loaders.sap_isu.loader import plan_load  # noqa: PLC0415 - loaded when used
    from loaders.sap_isu.plan_shown import keep_shown, show_plan  # noqa: PLC0415 - loaded when used

    plan = plan_load(ledger, systems.warehouse.stream(PLANNED_READINGS), first_day=first, last_day=last)
    plan = cancel_withdrawn(systems, ledger, plan)
    bills = systems.warehouse.fetch(PLANNED_BILLS)
    amounts = {
        (str(row["contract_id"]), _day(row["reading_date"])): Decimal(str(row["total_inc_gst_aud"])) for row in bills
    }
    shown = show_plan(ledger, plan.plan_id, first, last, amounts)
    keep_shown(ledger, shown)
    return plan, shown


def _day(value: object) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])


def _ledger(systems: Systems) -> Ledger:
    from loaders.sap_isu.ledger import Ledger  # noqa: PLC0415 - loaded when used

    return Ledger(systems.engine, actor=ACTOR)


def read_back_billed(systems: Systems, day: date) -> tuple[Facts, list[str]]:
    """Ask SAP what it has billed for every loaded period; returns facts, and what kept it from being asked."""

    def act() -> tuple[Facts, list[str]]:
        if not systems.settings.sap_write:
            return {"periods": 0, "asked": "no: BILLSYNC_SAP_WRITE is off"}, []
        if read_back_by(systems.settings) != ODATA:
            return {
                "periods": 0,
                "asked": "no: OData, which tells billed amounts, is not configured",
            }, []
        contracts = unsettled_contracts(systems)
        if not contracts:
            return {"periods": 0, "asked": "no: no loaded period waits for a bill"}, []
        return _ask_what_is_billed(systems, contracts)

    return recorded(systems, READ_BACK, day, act)


def unsettled_contracts(systems: Systems) -> list[str]:
    """Contracts with a loaded period whose bill does not agree yet; those that agree are not asked about again."""
    compared = systems.warehouse.fetch(
        "select 1 as found from INFORMATION_SCHEMA.TABLES where TABLE_SCHEMA = ? and TABLE_NAME = ?",
        ["marts", "fct_bill_reconciliation"],
    )
    rows = systems.warehouse.fetch(LOADED + (AND_NOT_AGREED if compared else "") + " order by l.contract_id")
    return [str(row["contract_id"]) for row in rows]


def _ask_what_is_billed(systems: Systems, contracts: Sequence[str]) -> tuple[Facts, list[str]]:
    from loaders.sap_isu.readback import extract_billed_consumption  # noqa: PLC0415 - loaded when used

    client = odata_client(systems.settings)
    facts: Facts = {"contracts asked": len(contracts)}
    problems: list[str] = []

    def stage(folder: Path) -> Sequence[RawWrite]:
        extract = extract_billed_consumption(client, contracts, folder, read_at=datetime.now(UTC))
        facts.update(periods=extract.row_count, detail=dict(extract.detail))
        problems.extend(unanswered(extract.detail))
        return extract.writes

    try:
        write_staged(systems, READ_BACK, stage)
    finally:
        client.close()
    return facts, problems


def unanswered(detail: Mapping[str, Any]) -> list[str]:
    """What is wrong where SAP would not say of any contract what it has billed; a single refusal stays a detail."""
    if not detail["failure_count"] or detail["contract_count"]:
        return []
    contract_id, why = next(iter(detail["failures"].items()))
    return [f"SAP does not say what it has billed, of contract {contract_id} for example: {why}"]
