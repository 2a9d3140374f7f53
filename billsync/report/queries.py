"""Every number of the report, as a named SQL query over the marts.

What belongs here: the queries, what each one answers, and how to run them. What stays out: words about the numbers
(``verdict``), geometry (``figures``) and layout (``templates/``).

A query names its days ``:day`` and ``:first_day``. The report's appendix prints each one with the days filled in, so
that anybody can recompute a number in the warehouse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from loaders.errors import MissingTableError
from loaders.warehouse import Warehouse

Row = Mapping[str, Any]
_PARAMETER: Final = re.compile(r":(day|first_day)\b")


@dataclass(frozen=True)
class Query:
    """One question to the marts.

    Attributes:
        name: how templates and tests call it.
        answers: what its rows are, in a sentence.
        sql: portable SQL; ``:day`` and ``:first_day`` stand for dates.
        may_be_missing: its table may not exist yet in a warehouse of an earlier version; then it has no rows.
    """

    name: str
    answers: str
    sql: str
    may_be_missing: bool = False

    def run(self, warehouse: Warehouse, days: Mapping[str, date]) -> list[Row]:
        """Ask the warehouse."""
        parameters = [days[name].isoformat() for name in _PARAMETER.findall(self.sql)]
        try:
            return list(warehouse.fetch(_PARAMETER.sub("cast(? as date)", self.sql), parameters))
        except MissingTableError:
            if self.may_be_missing:
                return []
            raise

    def shown(self, days: Mapping[str, date]) -> str:
        """The query as anybody can paste it into the warehouse."""
        return _PARAMETER.sub(lambda found: f"cast('{days[found[1]].isoformat()}' as date)", self.sql).strip()


QUERIES: Final = (
    Query(
        "balance",
        "What came into each stage of the day and where each of it went.",
        """
select stage, unit, received, accepted, rejected, parked
from marts.rpt_sync_status
where billing_day = :day
order by stage_number
""",
    ),
    Query(
        "bills",
        "Bills of the contracts that close on this day, by status.",
        """
select
    status,
    count(*) as bill_count,
    sum(total_inc_gst_aud) as total_inc_gst_aud,
    sum(case when has_estimates = 1 then 1 else 0 end) as with_estimates,
    sum(case when has_substitutes = 1 then 1 else 0 end) as with_substitutes
from marts.fct_shadow_bills
where billing_day = :day
group by status
order by status
""",
    ),
    Query(
        "waiting_bills",
        "Bills that are not ready, with the reason.",
        """
select contract_id, nmi, period_start_date, period_end_date, status, total_inc_gst_aud, status_reason
from marts.fct_shadow_bills
where billing_day = :day and status <> 'READY'
order by status, contract_id, period_start_date
""",
    ),
    Query(
        "load",
        "Readings of this day by how their load into SAP stands.",
        """
select load_status, count(*) as reading_count, count(distinct contract_id) as contract_count
from marts.fct_isu_meter_readings
where billing_day = :day
group by load_status
order by load_status
""",
    ),
    Query(
        "outcomes",
        "Bills of this day by the outcome of comparing them with SAP's.",
        """
select outcome, count(*) as bill_count, sum(difference_aud) as difference_aud
from marts.fct_bill_reconciliation
where billing_day = :day
group by outcome
order by outcome
""",
    ),
    Query(
        "differing_bills",
        "Bills for which SAP's result is not ours, or cannot be compared.",
        """
select
    contract_id,
    nmi,
    period_start_date,
    period_end_date,
    shadow_ex_gst_aud,
    billed_ex_gst_aud,
    difference_aud,
    shadow_kwh,
    billed_kwh,
    outcome,
    reason
from marts.fct_bill_reconciliation
where billing_day = :day and outcome in ('DIFFER', 'NOT_COMPARABLE')
order by outcome, abs(difference_aud) desc, contract_id
""",
    ),
    Query(
        "revisions",
        "Bills that a revised read, a late file, a changed price or a corrected contract reached on this day.",
        """
select
    contract_id,
    nmi,
    period_start_date,
    period_end_date,
    cause,
    outcome,
    from_total_inc_gst_aud,
    to_total_inc_gst_aud,
    difference_aud,
    reason
from marts.fct_bill_revisions
where revision_day = :day
order by case outcome when 'OUTSIDE_RECOVERY_WINDOW' then 1 when 'ADJUSTMENT_AFTER_ISSUE' then 2 else 3 end,
    abs(difference_aud) desc, contract_id, period_start_date
""",
        may_be_missing=True,
    ),
    Query(
        "exceptions",
        "Exceptions found on this day, by rule and by what became of them.",
        """
select
    rules.rule_code,
    rules.severity,
    rules.title,
    rules.meaning,
    rules.what_to_do,
    count(*) as found_count,
    sum(case when found.state = 'OPEN' then 1 else 0 end) as open_count,
    sum(case when found.state in ('RELEASED', 'WAIVED') then 1 else 0 end) as decided_count,
    sum(case when found.state = 'RESOLVED' then 1 else 0 end) as resolved_count
from marts.fct_billing_exceptions as found
inner join reference.exception_rules as rules
    on found.rule_code = rules.rule_code
where found.billing_day = :day
group by rules.rule_code, rules.severity, rules.title, rules.meaning, rules.what_to_do
order by
    case rules.severity when 'ISSUE' then 1 when 'TERMINATE' then 2 else 3 end,
    open_count desc,
    rules.rule_code
""",
    ),
    Query(
        "open_issues",
        "Open exceptions of this day that keep a contract waiting for a person.",
        """
select exception_id, rule_code, nmi, nmi_suffix, contract_id, first_market_date, last_market_date, detail
from marts.fct_billing_exceptions
where billing_day = :day and state = 'OPEN' and severity = 'ISSUE'
order by rule_code, contract_id, nmi, first_market_date, exception_id
""",
    ),
    Query(
        "older_open_issues",
        "Exceptions of earlier days that are still open.",
        """
select count(*) as open_count, min(billing_day) as oldest_billing_day
from marts.fct_billing_exceptions
where billing_day < :day and state = 'OPEN' and severity = 'ISSUE'
""",
    ),
    Query(
        "usage_by_day",
        "Energy by market day, taken from the grid and sent to it (suffixes that begin with B).",
        """
select
    market_date,
    sum(case when nmi_suffix like 'B%' then 0 else usage_kwh + filled_kwh end) as taken_kwh,
    sum(case when nmi_suffix like 'B%' then usage_kwh + filled_kwh else 0 end) as sent_kwh
from marts.fct_daily_usage
where market_date between :first_day and :day
group by market_date
order by market_date
""",
    ),
    Query(
        "usage_by_jurisdiction",
        "Energy of the period shown and the highest half-hour demand of one channel in it, by jurisdiction.",
        """
select
    coalesce(points.jurisdiction, 'unknown') as jurisdiction,
    count(distinct daily.nmi) as nmi_count,
    sum(case when daily.nmi_suffix like 'B%' then 0 else daily.usage_kwh + daily.filled_kwh end) as taken_kwh,
    sum(case when daily.nmi_suffix like 'B%' then daily.usage_kwh + daily.filled_kwh else 0 end) as sent_kwh,
    max(case when daily.nmi_suffix like 'B%' then 0 else daily.max_demand_kw end) as max_demand_kw
from marts.fct_daily_usage as daily
left join marts.dim_service_points as points
    on daily.nmi = points.nmi
where daily.market_date between :first_day and :day
group by coalesce(points.jurisdiction, 'unknown')
order by taken_kwh desc
""",
    ),
    Query(
        "usage_by_band",
        "Energy on the bills that close on this day, by charge and time band.",
        """
select determinants.charge_type, determinants.time_band, sum(determinants.quantity) as quantity_kwh
from marts.fct_billing_determinants as determinants
inner join marts.fct_shadow_bills as bills
    on
        determinants.contract_id = bills.contract_id
        and determinants.period_start_date = bills.period_start_date
        and determinants.period_end_date = bills.period_end_date
where bills.billing_day = :day and determinants.charge_type in ('USAGE', 'CONTROLLED_LOAD', 'FEED_IN')
group by determinants.charge_type, determinants.time_band
order by determinants.charge_type, quantity_kwh desc
""",
    ),
    Query(
        "quality",
        "Intervals of the period shown by the quality they were delivered with.",
        """
select
    sum(actual_interval_count) as actual_count,
    sum(substituted_interval_count) as substituted_count,
    sum(estimated_interval_count) as estimated_count,
    sum(missing_interval_count) as missing_count
from marts.fct_daily_usage
where market_date between :first_day and :day
""",
    ),
    Query(
        "rejected_records",
        "Records of this day's deliveries that could not be kept, by reason.",
        """
select reason_code, count(*) as record_count, count(distinct file_name) as file_count, min(reason) as example
from marts.rejected_records
where billing_day = :day
group by reason_code
order by record_count desc, reason_code
""",
    ),
)


def run_queries(warehouse: Warehouse, days: Mapping[str, date]) -> dict[str, list[Row]]:
    """All answers by query name."""
    return {query.name: query.run(warehouse, days) for query in QUERIES}
