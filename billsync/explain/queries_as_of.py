"""The questions about a bill as it was known at an instant: what a version keeps of itself, nothing of later.

What belongs here: those of ``queries`` whose answers change with time. What stays out: questions about now.
"""

from __future__ import annotations

from typing import Final

from billsync.explain import queries
from billsync.explain.queries import Query

_STATUS_THEN: Final = "case when status_known_from_at > :as_of then first_status else status end as status"
_REASON_THEN: Final = _STATUS_THEN.replace("first_status", "first_status_reason").replace(
    "else status end as status", "else status_reason end as status_reason"
)

BILL: Final = Query(
    "The bill as the last version known at an instant had it.",
    queries.BILL.sql.replace("marts.fct_shadow_bills", "marts.fct_shadow_bill_versions").replace(
        "    status,\n    status_reason,", f"    {_STATUS_THEN},\n    {_REASON_THEN},"
    )
    + " and (known_from_at is null or known_from_at <= :as_of) order by bill_version desc",
    may_be_missing=True,
)

VERSIONS: Final = Query(
    "Every version up to that one.",
    queries.VERSIONS.sql.replace("bill_version, status,", f"bill_version, {_STATUS_THEN},"),
    may_be_missing=True,
)

LINES: Final = Query(
    "The lines of that version; a plan version whose successor nobody knew then held for ever.",
    queries.LINES.sql.replace("marts.fct_shadow_bill_lines", "marts.fct_shadow_bill_line_versions")
    .replace(
        "and lines.period_end_date = :last_day",
        "and lines.period_end_date = :last_day and lines.bill_version = :bill_version",
    )
    .replace(
        "intermediate.int_plan_versions__in_force as versions",
        "(select in_force.*, lead(first_seen_billing_day) over (partition by plan_id order by first_date) "
        "as followed_day from intermediate.int_plan_versions__in_force as in_force) as versions",
    )
    .replace(
        "versions.last_date",
        "case when versions.followed_day <= :as_of_day then versions.last_date else cast('9999-12-31' as date) end "
        "as last_date",
    ),
    may_be_missing=True,
)

PRICED_READS: Final = Query(
    "The read versions of the market days from the one on which a price of their section begins to the next one, which "
    "is all that a version keeps. A market day that two prices share counts for the later one.",
    """
with starts as (
    select distinct
        case charge_type
            when 'CONTROLLED_LOAD' then 'CONTROLLED_LOAD' when 'FEED_IN' then 'FEED_IN' else 'TARIFF_PERIOD'
        end as section,
        price_start_date
    from marts.fct_shadow_bill_line_versions
    where
        contract_id = :contract_id
        and period_start_date = :first_day
        and period_end_date = :last_day
        and bill_version = :bill_version
        and charge_type in ('USAGE', 'DEMAND', 'CONTROLLED_LOAD', 'FEED_IN')
),

placed as (
    select
        reads.section,
        reads.nmi_suffix,
        reads.register_key,
        reads.source,
        reads.file_name,
        reads.read_version_at,
        reads.market_date,
        coalesce(
            max(case when starts.price_start_date <= reads.market_date then starts.price_start_date end),
            min(starts.price_start_date)
        ) as price_start_date
    from marts.fct_bill_read_versions as reads
    inner join starts
        on reads.section = starts.section
    where
        reads.contract_id = :contract_id
        and reads.period_start_date = :first_day
        and reads.period_end_date = :last_day
        and reads.bill_version = :bill_version
        and reads.register_key = ''
    group by
        reads.section, reads.nmi_suffix, reads.register_key, reads.source, reads.file_name, reads.read_version_at,
        reads.market_date
)

select
    section, nmi_suffix, register_key, source, file_name, read_version_at, price_start_date,
    min(market_date) as first_local_date, count(*) as channel_days
from placed
group by section, nmi_suffix, register_key, source, file_name, read_version_at, price_start_date
order by section, nmi_suffix, min(market_date), file_name, read_version_at
""",
    may_be_missing=True,
)
