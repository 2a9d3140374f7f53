{{ config(tags=['billing']) }}
{%- set decided = left_by_earlier_run('marts', 'fct_bill_revisions') %}
-- One row per bill that something known since its last version reached: the version the customer's bill stands on
-- (from_version), the one that holds now (to_version), and what an outcome depends on. from_version is the last that took
-- effect (re-billed or adjusted), else the first known: what was below the tolerance or not recovered counts again.
-- Issued means that SAP has billed the bill's last day, as far as the last read-back knows. A revision is decided
-- once: what an earlier try of this run decided for the same two versions stands, whatever SAP has billed since.
with versions as (
    select
        reworked.contract_id,
        reworked.period_start_date,
        reworked.period_end_date,
        versions.bill_version,
        reworked.bill_version as to_version,
        versions.total_inc_gst_aud,
        case when versions.total_inc_gst_aud is null then 0 else 1 end as is_priced,
        versions.usage_kwh,
        versions.feed_in_kwh,
        versions.status,
        coalesce({{ market_date_of(add_minutes('versions.known_from_at', -1)) }}, {{ date_literal('1900-01-01') }})
            as known_day
    from {{ ref('int_shadow_bills__rework') }} as reworked
    inner join {{ ref('fct_shadow_bill_versions') }} as versions
        on
            reworked.contract_id = versions.contract_id
            and reworked.period_start_date = versions.period_start_date
            and reworked.period_end_date = versions.period_end_date
),

revised as (
    select
        versions.contract_id,
        versions.period_start_date,
        versions.period_end_date,
        versions.to_version,
        due.nmi,
        due.jurisdiction,
        due.billing_day,
        due.revised_by,
        case
            when versions.known_day >= {{ date_literal(var('end_day')) }} then versions.known_day
            else {{ date_literal(var('end_day')) }}
        end as revision_day,
        case when versions.known_day >= {{ date_literal(var('end_day')) }} then 1 else 0 end as is_new_version
    from versions
    inner join {{ ref('int_bill_periods__due') }} as due
        on
            versions.contract_id = due.contract_id
            and versions.period_start_date = due.period_start_date
            and versions.period_end_date = due.period_end_date
    where
        versions.bill_version = versions.to_version
        and (versions.known_day >= {{ date_literal(var('end_day')) }} or due.work_reason = 'REVISED')
),

{% if decided -%}
effective as (
    select
        revised.contract_id,
        revised.period_start_date,
        revised.period_end_date,
        max(decided.to_version) as to_version
    from revised
    inner join {{ decided }} as decided
        on
            revised.contract_id = decided.contract_id
            and revised.period_start_date = decided.period_start_date
            and revised.period_end_date = decided.period_end_date
    where
        decided.revision_day < revised.revision_day
        and decided.outcome in ('REBILL_BEFORE_ISSUE', 'ADJUSTMENT_AFTER_ISSUE')
    group by revised.contract_id, revised.period_start_date, revised.period_end_date
),

{% endif -%}
first_days as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        min(known_day) as known_day
    from versions
    group by contract_id, period_start_date, period_end_date
),

-- What the first day made of the bill in the end, however often it was run.
first_known as (
    select
        revised.contract_id,
        revised.period_start_date,
        revised.period_end_date,
        max(versions.bill_version) as bill_version
    from revised
    inner join first_days
        on
            revised.contract_id = first_days.contract_id
            and revised.period_start_date = first_days.period_start_date
            and revised.period_end_date = first_days.period_end_date
    inner join versions
        on
            first_days.contract_id = versions.contract_id
            and first_days.period_start_date = versions.period_start_date
            and first_days.period_end_date = versions.period_end_date
            and first_days.known_day = versions.known_day
    where first_days.known_day < revised.revision_day
    group by revised.contract_id, revised.period_start_date, revised.period_end_date
),

pairs as (
    select
        revised.contract_id,
        revised.period_start_date,
        revised.period_end_date,
        revised.revision_day,
        case
            when revised.is_new_version = 0 then revised.to_version
            else {% if decided %}coalesce(effective.to_version, first_known.bill_version)
            {%- else %}first_known.bill_version{% endif %}
        end as from_version,
        revised.to_version,
        revised.nmi,
        revised.jurisdiction,
        revised.billing_day,
        revised.revised_by
    from revised
    inner join first_known
        on
            revised.contract_id = first_known.contract_id
            and revised.period_start_date = first_known.period_start_date
            and revised.period_end_date = first_known.period_end_date
    {%- if decided %}
    left join effective
        on
            revised.contract_id = effective.contract_id
            and revised.period_start_date = effective.period_start_date
            and revised.period_end_date = effective.period_end_date
    left join {{ decided }} as decided
        on
            revised.contract_id = decided.contract_id
            and revised.period_start_date = decided.period_start_date
            and revised.period_end_date = decided.period_end_date
            and revised.revision_day = decided.revision_day
            and revised.to_version = decided.to_version
    where decided.contract_id is null
    {%- endif %}
),

reads as (
    select
        pairs.contract_id,
        pairs.period_start_date,
        pairs.period_end_date,
        reads.nmi_suffix,
        reads.register_key,
        reads.market_date,
        min(case when reads.bill_version = pairs.from_version then reads.energy_kwh end) as from_kwh,
        min(case when reads.bill_version = pairs.to_version then reads.energy_kwh end) as to_kwh,
        min(case when reads.bill_version = pairs.from_version then coalesce(reads.content_hash, '-') end) as from_hash,
        min(case when reads.bill_version = pairs.to_version then coalesce(reads.content_hash, '-') end) as to_hash
    from pairs
    inner join {{ ref('fct_bill_read_versions') }} as reads
        on
            pairs.contract_id = reads.contract_id
            and pairs.period_start_date = reads.period_start_date
            and pairs.period_end_date = reads.period_end_date
            and reads.bill_version in (pairs.from_version, pairs.to_version)
    where pairs.from_version <> pairs.to_version
    group by
        pairs.contract_id, pairs.period_start_date, pairs.period_end_date, reads.nmi_suffix, reads.register_key,
        reads.market_date
),

changed_reads as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        min(market_date) as first_changed_date,
        max(market_date) as last_changed_date
    from reads
    where from_hash is null or to_hash is null or from_hash <> to_hash or from_kwh <> to_kwh
    group by contract_id, period_start_date, period_end_date
),

lines as (
    select
        pairs.contract_id,
        pairs.period_start_date,
        pairs.period_end_date,
        lines.charge_id,
        lines.price_start_date
    from pairs
    inner join {{ ref('fct_shadow_bill_line_versions') }} as lines
        on
            pairs.contract_id = lines.contract_id
            and pairs.period_start_date = lines.period_start_date
            and pairs.period_end_date = lines.period_end_date
            and lines.bill_version in (pairs.from_version, pairs.to_version)
    where pairs.from_version <> pairs.to_version
    group by
        pairs.contract_id, pairs.period_start_date, pairs.period_end_date, lines.charge_id, lines.price_start_date
    having
        count(*) <> 2
        or min(lines.quantity) <> max(lines.quantity)
        or min(lines.unit_price_ex_gst_aud) <> max(lines.unit_price_ex_gst_aud)
        or min(lines.amount_ex_gst_aud) <> max(lines.amount_ex_gst_aud)
        or min(lines.gst_aud) <> max(lines.gst_aud)
),

changed_lines as (
    select
        contract_id,
        period_start_date,
        period_end_date
    from lines
    group by contract_id, period_start_date, period_end_date
),

prices as (
    select
        pairs.contract_id,
        pairs.period_start_date,
        pairs.period_end_date,
        lines.plan_id,
        lines.version_hash,
        count(distinct lines.bill_version) as version_count
    from pairs
    inner join {{ ref('fct_shadow_bill_line_versions') }} as lines
        on
            pairs.contract_id = lines.contract_id
            and pairs.period_start_date = lines.period_start_date
            and pairs.period_end_date = lines.period_end_date
            and lines.bill_version in (pairs.from_version, pairs.to_version)
    where pairs.from_version <> pairs.to_version
    group by
        pairs.contract_id, pairs.period_start_date, pairs.period_end_date, lines.plan_id, lines.version_hash
),

changed_prices as (
    select
        contract_id,
        period_start_date,
        period_end_date
    from prices
    where version_count = 1
    group by contract_id, period_start_date, period_end_date
),

-- Where the prices of the two versions part: the first day of a price that only one of them has.
segments as (
    select
        pairs.contract_id,
        pairs.period_start_date,
        pairs.period_end_date,
        lines.price_start_date
    from pairs
    inner join {{ ref('fct_shadow_bill_line_versions') }} as lines
        on
            pairs.contract_id = lines.contract_id
            and pairs.period_start_date = lines.period_start_date
            and pairs.period_end_date = lines.period_end_date
            and lines.bill_version in (pairs.from_version, pairs.to_version)
    where pairs.from_version <> pairs.to_version
    group by
        pairs.contract_id, pairs.period_start_date, pairs.period_end_date, lines.plan_id, lines.version_hash,
        lines.price_start_date
    having count(distinct lines.bill_version) = 1
),

first_prices as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        min(price_start_date) as first_date
    from segments
    group by contract_id, period_start_date, period_end_date
),

issued as (
    select
        pairs.contract_id,
        pairs.period_start_date,
        pairs.period_end_date
    from pairs
    inner join {{ ref('stg_sap__billed_consumption') }} as billed
        on
            pairs.contract_id = billed.contract_id
            and pairs.period_end_date between billed.start_date and billed.end_date
    group by pairs.contract_id, pairs.period_start_date, pairs.period_end_date
)

select
    pairs.contract_id,
    pairs.period_start_date,
    pairs.period_end_date,
    pairs.revision_day,
    pairs.from_version,
    pairs.to_version,
    pairs.nmi,
    pairs.jurisdiction,
    pairs.billing_day,
    case
        when pairs.from_version = pairs.to_version then pairs.revised_by
        when changed_reads.contract_id is not null and changed_prices.contract_id is not null then 'READS_AND_PRICES'
        when changed_reads.contract_id is not null then 'READS'
        when changed_prices.contract_id is not null then 'PRICES'
        else 'CONTRACT'
    end as cause,
    case
        when changed_prices.contract_id is null then changed_reads.first_changed_date
        when changed_reads.first_changed_date < first_prices.first_date then changed_reads.first_changed_date
        else first_prices.first_date
    end as first_changed_date,
    case when changed_prices.contract_id is null then changed_reads.last_changed_date end as last_changed_date,
    case when issued.contract_id is null then 0 else 1 end as is_issued,
    case
        when changed_lines.contract_id is null
            and coalesce(from_versions.total_inc_gst_aud, 0) = coalesce(to_versions.total_inc_gst_aud, 0)
            and from_versions.is_priced = to_versions.is_priced
            then 1
        else 0
    end as is_same_bill,
    from_versions.total_inc_gst_aud as from_total_inc_gst_aud,
    to_versions.total_inc_gst_aud as to_total_inc_gst_aud,
    to_versions.usage_kwh - from_versions.usage_kwh as difference_usage_kwh,
    to_versions.feed_in_kwh - from_versions.feed_in_kwh as difference_feed_in_kwh,
    to_versions.status as to_status
from pairs
inner join versions as from_versions
    on
        pairs.contract_id = from_versions.contract_id
        and pairs.period_start_date = from_versions.period_start_date
        and pairs.period_end_date = from_versions.period_end_date
        and pairs.from_version = from_versions.bill_version
inner join versions as to_versions
    on
        pairs.contract_id = to_versions.contract_id
        and pairs.period_start_date = to_versions.period_start_date
        and pairs.period_end_date = to_versions.period_end_date
        and pairs.to_version = to_versions.bill_version
left join changed_lines
    on
        pairs.contract_id = changed_lines.contract_id
        and pairs.period_start_date = changed_lines.period_start_date
        and pairs.period_end_date = changed_lines.period_end_date
left join changed_reads
    on
        pairs.contract_id = changed_reads.contract_id
        and pairs.period_start_date = changed_reads.period_start_date
        and pairs.period_end_date = changed_reads.period_end_date
left join changed_prices
    on
        pairs.contract_id = changed_prices.contract_id
        and pairs.period_start_date = changed_prices.period_start_date
        and pairs.period_end_date = changed_prices.period_end_date
left join first_prices
    on
        pairs.contract_id = first_prices.contract_id
        and pairs.period_start_date = first_prices.period_start_date
        and pairs.period_end_date = first_prices.period_end_date
left join issued
    on
        pairs.contract_id = issued.contract_id
        and pairs.period_start_date = issued.period_start_date
        and pairs.period_end_date = issued.period_end_date
