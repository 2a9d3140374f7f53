"""The gate before SAP, bound to settings: who is asked before a load sends, and who hears when it stops.

What belongs here: settings into the gate, its alerts, and the brake that bills with other totals pull.
What stays out: the decisions themselves (``loaders/sap_isu/gate``).
"""

from __future__ import annotations

import hashlib
import logging
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from billsync.settings.sap_limits import sap_limits
from orchestration.systems import Systems

if TYPE_CHECKING:
    from loaders.sap_isu.gate import Gate, LoadPausedError, PlanGuard, StopRule
    from loaders.sap_isu.plan_shown import ShownPlan

# SAP bills within days of a load; older bills were looked at by the runs of their own days.
DAYS_LOOKED_AT: Final = 7
COMPARED: Final = """
select r.contract_id, r.period_end_date, r.outcome
from marts.fct_bill_reconciliation as r
inner join marts.fct_shadow_bills as b
    on b.contract_id = r.contract_id and b.period_start_date = r.period_start_date
    and b.period_end_date = r.period_end_date
where r.outcome in ('AGREE', 'DIFFER') and b.billing_day > ? and b.billing_day <= ?
order by r.contract_id, r.period_end_date"""

logger = logging.getLogger(__name__)


def gate_of(systems: Systems) -> Gate:
    """The gate of the environment."""
    from loaders.sap_isu.gate import Gate  # noqa: PLC0415 - loaded when used

    return Gate(systems.engine, needs_release=sap_limits(systems.settings).needs_approval)


def guard_of(systems: Systems, shown: ShownPlan, actor: str) -> PlanGuard:
    """The gate before one plan; where the load pauses itself, people are alerted."""
    from loaders.sap_isu.gate import PlanGuard  # noqa: PLC0415 - loaded when used

    return PlanGuard(gate_of(systems), shown, rule_of(systems), actor, lambda error: alert_paused(systems, error))


def rule_of(systems: Systems) -> StopRule:
    """When a load pauses itself."""
    from loaders.sap_isu.gate import StopRule  # noqa: PLC0415 - loaded when used

    limits = sap_limits(systems.settings)
    return StopRule(limits.stop_least, limits.stop_rejected_share, limits.stop_differing_share)


def brake_on_differing_bills(systems: Systems, last: date, actor: str) -> str | None:
    """Pause all loading when too many of the last days' bills have another total in SAP; returns why, or None.

    The same bills do not pause it twice: a person who resumed the load has seen them.
    """
    from loaders.sap_isu.gate import paused_error  # noqa: PLC0415 - loaded when used

    rows = systems.warehouse.fetch(COMPARED, [last - timedelta(days=DAYS_LOOKED_AT), last])
    differing = [f"{row['contract_id']}|{row['period_end_date']}" for row in rows if row["outcome"] == "DIFFER"]
    reason = rule_of(systems).too_many_differ(len(differing), len(rows))
    if reason is None:
        return None
    gate = gate_of(systems)
    cause = hashlib.sha256("\n".join(differing).encode()).hexdigest()
    if gate.pause() is not None or gate.was_stopped_by(cause):
        return None
    error = paused_error(gate.stop(reason, actor=actor, billing_day=last, cause=cause))
    alert_paused(systems, error)
    return str(error)


def alert_paused(systems: Systems, error: LoadPausedError) -> None:
    """Tell people at once: the sensors only run where Dagster's daemon does."""
    from billsync.alerts import Alert, AlertNotSentError, send_once  # noqa: PLC0415 - loaded when used

    fingerprint = hashlib.sha256(error.why.encode()).hexdigest()[:16]
    alert = Alert(("sap_paused", fingerprint), "billsync: the load into SAP has paused itself", str(error))
    settings = systems.settings
    try:
        send_once(systems.engine, settings.alert_urls, alert, settings.secrets)
    except AlertNotSentError as failure:
        # The pause stands and every run says so; an alert that does not go out must not undo what was loaded.
        logger.warning("the alert of the paused load was not sent: %s", failure)
