{{ config(
    tags=['billing'],
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_shadow_bills__rework',
    replace_on=['contract_id', 'period_start_date', 'period_end_date', 'bill_version'],
    on_schema_change='append_new_columns',
) }}
{#- known_from_at is written once, when a version is first computed; running a day again keeps it. A range of days bills
    each of its days as of that day's end, so that it notes what the days run one by one note. The row of a version that is
    known keeps all it says but its status: a hold is released without the bill being another one. first_status is what the
    version began with, status_known_from_at since when the present one holds. -#}
{%- set run_end = market_day_end_utc(date_literal(var('end_day'))) -%}
{%- set has_known = is_incremental() and has_column(this, 'known_from_at') -%}
{%- set has_first = has_known and has_column(this, 'status_known_from_at') -%}
{%- set first_known -%}
    case
            when bills.billing_day >= {{ date_literal(var('start_day')) }} then {{ market_day_end_utc('bills.billing_day') }}
            else {{ run_end }}
        end
{%- endset -%}
{%- set kept = ['contract_account_id', 'nmi', 'read_version_at'] -%}
{%- if has_known %}
with known as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        bill_version,
        {%- for column in kept %}
        {{ column }},
        {%- endfor %}
        status,
        coalesce(status_reason, '') as status_reason,
        {{ 'coalesce(first_status, status)' if has_first else 'status' }} as first_status,
        {{ 'case when first_status is null then status_reason else first_status_reason end' if has_first else 'status_reason' }}
            as first_status_reason,
        {{ 'status_known_from_at' if has_first else 'known_from_at' }} as status_known_from_at,
        known_from_at
    from {{ this }}
),

latest as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        max(known_from_at) as known_from_at
    from {{ this }}
    group by contract_id, period_start_date, period_end_date
),

{% else %}
with {% endif -%}
bills as (
    select
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        bills.bill_version,
        bills.billing_day,
        {%- for column in kept %}
        {%- if has_known %}
        case when known.bill_version is null then bills.{{ column }} else known.{{ column }} end as {{ column }},
        {%- else %}
        bills.{{ column }},
        {%- endif %}
        {%- endfor %}
        bills.plan_id,
        bills.day_count,
        bills.usage_kwh,
        bills.feed_in_kwh,
        bills.total_ex_gst_aud,
        bills.gst_aud,
        bills.total_inc_gst_aud,
        bills.has_estimates,
        bills.has_substitutes,
        bills.status,
        bills.status_reason,
        bills.content_hash,
        {% if has_known -%}
        case
            when known.bill_version is not null then known.known_from_at
            when latest.known_from_at > {{ run_end }} then latest.known_from_at
            when latest.known_from_at is not null then {{ run_end }}
            else {{ first_known }}
        end as known_from_at,
        case
            when known.bill_version is null then null
            when known.status = bills.status and known.status_reason = coalesce(bills.status_reason, '')
                then known.status_known_from_at
            when known.status_known_from_at > {{ run_end }} then known.status_known_from_at
            else {{ run_end }}
        end as status_changed_at,
        case when known.bill_version is null then bills.status else known.first_status end as first_status,
        case when known.bill_version is null then bills.status_reason else known.first_status_reason end
            as first_status_reason
        {%- else -%}
        {{ first_known }} as known_from_at,
        cast(null as {{ instant_type() }}) as status_changed_at,
        bills.status as first_status,
        bills.status_reason as first_status_reason
        {%- endif %}
    from {{ ref('fct_shadow_bills') }} as bills
    inner join {{ ref('int_shadow_bills__rework') }} as reworked
        on
            bills.contract_id = reworked.contract_id
            and bills.period_start_date = reworked.period_start_date
            and bills.period_end_date = reworked.period_end_date
            and bills.bill_version = reworked.bill_version
    {%- if has_known %}
    left join known
        on
            bills.contract_id = known.contract_id
            and bills.period_start_date = known.period_start_date
            and bills.period_end_date = known.period_end_date
            and bills.bill_version = known.bill_version
    left join latest
        on
            bills.contract_id = latest.contract_id
            and bills.period_start_date = latest.period_start_date
            and bills.period_end_date = latest.period_end_date
    {%- endif %}
)

select
    contract_id,
    period_start_date,
    period_end_date,
    bill_version,
    billing_day,
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
    content_hash,
    known_from_at,
    first_status,
    first_status_reason,
    coalesce(status_changed_at, known_from_at) as status_known_from_at
from bills
