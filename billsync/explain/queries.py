"""Everything an explanation says about a bill, as named SQL queries over the warehouse.

What belongs here: the queries, what each one answers, and how to run them. What stays out: putting the answers together
(``explanation``), words (``rules``) and layout (``rendering``). Nothing here writes.

A query names its bill by ``:contract_id``, ``:first_day``, ``:last_day``, ``:bill_version`` and ``:nmi``;
``:as_of`` is an instant, ``:as_of_day`` the last billing day that had ended then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from loaders.errors import MissingTableError
from loaders.warehouse import Warehouse

Row = Mapping[str, Any]
_PARAMETER: Final = re.compile(r":(contract_id|first_day|last_day|bill_version|nmi|as_of|as_of_day)\b")


@dataclass(frozen=True)
class Query:
    """One question about a bill.

    Attributes:
        answers: what its rows are, in a sentence.
        sql: portable SQL with named parameters.
        may_be_missing: its tables may not exist yet, because they are made late in a day; then it has no rows.
    """

    answers: str
    sql: str
    may_be_missing: bool = False

    def run(self, warehouse: Warehouse, bill: Mapping[str, object]) -> list[Row]:
        """Ask the warehouse.

        Raises:
            LoaderError: when the warehouse cannot be read.
        """
        parameters = [bill[name] for name in _PARAMETER.findall(self.sql)]
        try:
            return list(warehouse.fetch(_PARAMETER.sub("?", self.sql), parameters))
        except MissingTableError:
            if self.may_be_missing:
                return []
            raise


PERIODS: Final = Query(
    "The bills of a contract, the latest first.",
    """
select period_start_date, period_end_date, status
from marts.fct_shadow_bills
where contract_id = :contract_id
order by period_end_date desc, period_start_date desc
""",
    may_be_missing=True,
)

BILL: Final = Query(
    "The bill.",
    """
select
    contract_id,
    period_start_date,
    period_end_date,
    billing_day,
    bill_version,
    contract_account_id,
    nmi,
    plan_id,
    day_count,
    usage_kwh,
    feed_in_kwh,
    total_ex_gst_aud,
    gst_aud,
    total_inc_gst_aud,
    has_estimates,
    has_substitutes,
    status,
    status_reason,
    read_version_at,
    content_hash
from marts.fct_shadow_bills
where contract_id = :contract_id and period_start_date = :first_day and period_end_date = :last_day
""",
)

LINES: Final = Query(
    "The bill's lines, with the plan version behind each price.",
    """
select
    lines.charge_id,
    lines.charge_type,
    lines.time_band,
    lines.block_number,
    lines.price_start_date,
    lines.quantity,
    lines.unit,
    lines.unit_price_ex_gst_aud,
    lines.amount_ex_gst_aud,
    lines.gst_aud,
    lines.rule_model,
    lines.plan_id,
    lines.version_hash,
    catalogue.display_name,
    versions.version_number,
    versions.dated_from,
    versions.last_date
from marts.fct_shadow_bill_lines as lines
left join intermediate.int_plan_versions__in_force as versions
    on lines.plan_id = versions.plan_id and lines.version_hash = versions.version_hash
left join staging.stg_plans__versions as catalogue
    on lines.plan_id = catalogue.plan_id and lines.version_hash = catalogue.version_hash
where
    lines.contract_id = :contract_id
    and lines.period_start_date = :first_day
    and lines.period_end_date = :last_day
order by
    lines.price_start_date,
    case lines.charge_type
        when 'SUPPLY' then 1 when 'USAGE' then 2 when 'CONTROLLED_LOAD' then 3 when 'DEMAND' then 4 when 'FEE' then 5
        when 'DISCOUNT' then 6 else 7
    end,
    lines.charge_id
""",
)

READS: Final = Query(
    "The read versions that the bill used, by channel or register, and how much energy they brought.",
    """
select
    section,
    nmi_suffix,
    register_key,
    source,
    file_name,
    read_version_at,
    delivery_billing_day,
    count(*) as channel_days,
    min(market_date) as first_market_date,
    max(market_date) as last_market_date,
    min(read_first_date) as read_first_date,
    max(read_last_date) as read_last_date,
    sum(energy_kwh) as energy_kwh
from marts.fct_bill_read_versions
where
    contract_id = :contract_id
    and period_start_date = :first_day
    and period_end_date = :last_day
    and bill_version = :bill_version
group by section, nmi_suffix, register_key, source, file_name, read_version_at, delivery_billing_day
order by
    case section when 'TARIFF_PERIOD' then 1 when 'CONTROLLED_LOAD' then 2 else 3 end,
    nmi_suffix,
    register_key,
    min(market_date),
    file_name,
    read_version_at
""",
    may_be_missing=True,
)

PRICED_READS: Final = Query(
    "The read versions behind each plan version's prices: those of the days on which it prices the channel's energy, "
    "by season (number of the tariff period) for general usage, with the season's first day that has energy.",
    """
with priced as (
    select
        plan_id,
        version_hash,
        section,
        nmi_suffix,
        market_date,
        case section when 'TARIFF_PERIOD' then parent_number else 0 end as season_number,
        min(local_date) as first_local_date
    from intermediate.int_daily_energy__by_rate
    where contract_id = :contract_id and market_date between :first_day and :last_day and version_hash is not null
    group by
        plan_id, version_hash, section, nmi_suffix, market_date,
        case section when 'TARIFF_PERIOD' then parent_number else 0 end
)

select
    priced.plan_id,
    priced.version_hash,
    priced.season_number,
    reads.section,
    reads.nmi_suffix,
    reads.register_key,
    reads.source,
    reads.file_name,
    reads.read_version_at,
    min(priced.first_local_date) as first_local_date,
    count(*) as channel_days
from marts.fct_bill_read_versions as reads
inner join priced
    on
        reads.section = priced.section
        and reads.nmi_suffix = priced.nmi_suffix
        and reads.market_date = priced.market_date
where
    reads.contract_id = :contract_id
    and reads.period_start_date = :first_day
    and reads.period_end_date = :last_day
    and reads.bill_version = :bill_version
    and reads.register_key = ''
group by
    priced.plan_id, priced.version_hash, priced.season_number, reads.section, reads.nmi_suffix, reads.register_key,
    reads.source, reads.file_name, reads.read_version_at
order by reads.section, reads.nmi_suffix, min(reads.market_date), reads.file_name, reads.read_version_at
""",
    may_be_missing=True,
)

VERSIONS: Final = Query(
    "Every version of the bill up to the one shown.",
    """
select bill_version, status, total_ex_gst_aud, gst_aud, total_inc_gst_aud, usage_kwh, feed_in_kwh, read_version_at
from marts.fct_shadow_bill_versions
where
    contract_id = :contract_id
    and period_start_date = :first_day
    and period_end_date = :last_day
    and bill_version <= :bill_version
order by bill_version
""",
    may_be_missing=True,
)

REVISIONS: Final = Query(
    "What reached the bill after its first version, and what became of it.",
    """
select
    revision_day, from_version, to_version, cause, first_changed_date, last_changed_date, difference_aud, outcome,
    reason
from marts.fct_bill_revisions
where contract_id = :contract_id and period_start_date = :first_day and period_end_date = :last_day
order by revision_day
""",
    may_be_missing=True,
)

EDITS: Final = Query(
    "Edits of the bill's reads by people.",
    """
select
    file_name, kind, nmi_suffix, market_date, billing_day, made_by, made_at, reason, withdrawn_by, withdrawn_at,
    withdrawn_reason
from raw.read_edits
where nmi = :nmi and market_date between :first_day and :last_day
order by made_at, file_name
""",
    may_be_missing=True,
)

PROBLEMS: Final = Query(
    "Why the bill cannot be priced: the constructs, as the last run that worked it saw them.",
    """
select distinct plan_id, construct, reason
from intermediate.int_bill_problems__detect
where contract_id = :contract_id and period_start_date = :first_day and period_end_date = :last_day
order by plan_id, construct, reason
""",
    may_be_missing=True,
)

EXCEPTIONS: Final = Query(
    "Exceptions of the bill's service point or contract that touch its period, and sources that cannot be read.",
    """
select
    found.exception_id,
    found.rule_code,
    found.severity,
    found.state,
    found.state_reason,
    found.nmi_suffix,
    found.first_market_date,
    found.last_market_date,
    found.detail,
    rules.title,
    rules.what_to_do
from marts.fct_billing_exceptions as found
left join reference.exception_rules as rules
    on found.rule_code = rules.rule_code
where
    (
        (found.contract_id = :contract_id or found.nmi = :nmi)
        and coalesce(found.first_market_date, cast('1900-01-01' as date)) <= :last_day
        and coalesce(found.last_market_date, found.first_market_date, cast('9999-12-31' as date)) >= :first_day
    )
    or (found.rule_code = 'SOURCE_UNAVAILABLE' and found.state = 'OPEN')
order by
    case when found.state = 'OPEN' then 0 else 1 end,
    case when found.severity = 'ISSUE' then 0 else 1 end,
    found.rule_code,
    found.first_market_date,
    found.exception_id
""",
    may_be_missing=True,
)

READINGS: Final = Query(
    "The bill's readings for SAP and how their load stands.",
    """
select
    meter_reading_order_id,
    device_id,
    register_id,
    meter_reading_reason,
    meter_reading_category,
    reading_date,
    reading_result,
    usage_kwh,
    unit,
    load_status,
    hold_reason,
    sap_document_id,
    sap_message
from marts.fct_isu_meter_readings
where contract_id = :contract_id and period_start_date = :first_day and period_end_date = :last_day
order by device_id, register_id, meter_reading_reason
""",
    may_be_missing=True,
)

COMPARISON: Final = Query(
    "What SAP billed, beside our bill.",
    """
select
    shadow_ex_gst_aud,
    billed_ex_gst_aud,
    difference_aud,
    shadow_kwh,
    billed_kwh,
    difference_kwh,
    outcome,
    reason
from marts.fct_bill_reconciliation
where contract_id = :contract_id and period_start_date = :first_day and period_end_date = :last_day
""",
    may_be_missing=True,
)
