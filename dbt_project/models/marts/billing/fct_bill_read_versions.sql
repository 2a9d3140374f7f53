{{ config(
    tags=['billing'],
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_shadow_bills__rework',
    replace_on=['contract_id', 'period_start_date', 'period_end_date', 'bill_version'],
    on_schema_change='append_new_columns',
) }}
-- One row per bill version, channel or basic meter's register, and market day: the read version whose energy is in it.
-- A revision finds the bills it touches here, an auditor the file and line behind a cent. A channel-day in conflict, or of
-- a channel that no part of the plan prices, is in no bill and not here. A version keeps the reads that it was made from: one
-- that says the same and comes later makes no version and takes nobody's place.
{%- set bill_key = ['contract_id', 'period_start_date', 'period_end_date', 'bill_version'] %}
{%- set columns = bill_key + [
    'nmi_suffix', 'register_key', 'market_date', 'nmi', 'section', 'energy_kwh', 'read_first_date', 'read_last_date', 'source',
    'delivery_billing_day', 'file_name', 'line_number', 'read_version_at', 'content_hash',
] %}
with {% if is_incremental() -%}
kept as (
    {{ picked_rows(this, ref('int_shadow_bills__rework'), bill_key, columns) }}
),

{% endif -%}
new_bills as (
    select
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        bills.bill_version
    from {{ ref('int_shadow_bills__rework') }} as bills
    {%- if is_incremental() %}
    where not exists (
        select 1
        from kept
        where
            {%- for column in bill_key %}
            kept.{{ column }} = bills.{{ column }}{{ " and" if not loop.last }}
            {%- endfor %}
    )
    {%- endif %}
),

reads as (
    select
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        bills.bill_version,
        daily_usage.nmi_suffix,
        cast('' as {{ text_type(60) }}) as register_key,
        daily_usage.market_date,
        daily_usage.nmi,
        channel_days.section,
        daily_usage.usage_kwh as energy_kwh,
        daily_usage.market_date as read_first_date,
        daily_usage.market_date as read_last_date,
        daily_usage.source,
        daily_usage.billing_day as delivery_billing_day,
        daily_usage.file_name,
        daily_usage.line_number,
        daily_usage.read_version_at,
        channel_days.content_hash
    from new_bills as bills
    inner join {{ ref('int_channel_days__assign') }} as channel_days
        on
            bills.contract_id = channel_days.contract_id
            and channel_days.market_date between bills.period_start_date and bills.period_end_date
    inner join {{ ref('fct_daily_usage') }} as daily_usage
        on
            channel_days.nmi = daily_usage.nmi
            and channel_days.nmi_suffix = daily_usage.nmi_suffix
            and channel_days.market_date = daily_usage.market_date
    where
        channel_days.section is not null and channel_days.is_conflicting = 0 and daily_usage.source <> 'ESTIMATE'
    union all
    select
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        bills.bill_version,
        estimates.nmi_suffix,
        {{ concat_text(["'ESTIMATE '", "estimates.method"]) }} as register_key,
        estimates.market_date,
        estimates.nmi,
        channel_days.section,
        cast(sum(estimates.filled_kwh) as {{ kwh_type() }}) as energy_kwh,
        estimates.market_date as read_first_date,
        estimates.market_date as read_last_date,
        'ESTIMATE' as source,
        cast(null as date) as delivery_billing_day,
        cast(null as {{ text_type(400) }}) as file_name,
        cast(null as integer) as line_number,
        cast(null as {{ instant_type() }}) as read_version_at,
        channel_days.content_hash
    from new_bills as bills
    inner join {{ ref('int_channel_days__assign') }} as channel_days
        on
            bills.contract_id = channel_days.contract_id
            and channel_days.market_date between bills.period_start_date and bills.period_end_date
    inner join {{ ref('int_channel_days__fill') }} as fills
        on
            channel_days.nmi = fills.nmi
            and channel_days.nmi_suffix = fills.nmi_suffix
            and channel_days.market_date = fills.market_date
    inner join {{ ref('int_gap_half_hours__estimate') }} as estimates
        on
            fills.nmi = estimates.nmi
            and fills.nmi_suffix = estimates.nmi_suffix
            and fills.market_date = estimates.market_date
    where channel_days.section is not null and fills.is_billed = 1
    group by
        bills.contract_id, bills.period_start_date, bills.period_end_date, bills.bill_version, estimates.nmi_suffix,
        estimates.method, estimates.market_date, estimates.nmi, channel_days.section, channel_days.content_hash
    union all
    select
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        bills.bill_version,
        spread.nmi_suffix,
        spread.register_key,
        spread.market_date,
        spread.nmi,
        case spread.usage_type
            when 'CONTROLLED_LOAD' then 'CONTROLLED_LOAD' when 'GENERATION' then 'FEED_IN' else 'TARIFF_PERIOD'
        end as section,
        spread.energy_kwh,
        spread.first_date as read_first_date,
        spread.last_date as read_last_date,
        spread.source,
        spread.delivery_billing_day,
        spread.file_name,
        spread.line_number,
        spread.read_version_at,
        spread.content_hash
    from new_bills as bills
    inner join {{ ref('int_contract_days') }} as days
        on
            bills.contract_id = days.contract_id
            and bills.period_start_date = days.period_start_date
            and bills.period_end_date = days.period_end_date
    inner join {{ ref('int_accumulation_days__spread') }} as spread
        on days.nmi = spread.nmi and days.market_date = spread.market_date
)

select
    cast(contract_id as {{ text_type(40) }}) as contract_id,
    period_start_date,
    period_end_date,
    bill_version,
    cast(nmi_suffix as {{ text_type(20) }}) as nmi_suffix,
    cast(register_key as {{ text_type(60) }}) as register_key,
    market_date,
    cast(nmi as {{ text_type(40) }}) as nmi,
    cast(section as {{ text_type(20) }}) as section,
    energy_kwh,
    read_first_date,
    read_last_date,
    cast(source as {{ text_type(20) }}) as source,
    delivery_billing_day,
    {{ short_text('file_name', 400) }} as file_name,
    cast(line_number as integer) as line_number,
    read_version_at,
    cast(content_hash as {{ text_type(64) }}) as content_hash
from reads
{%- if is_incremental() %}
union all
select
    {%- for column in columns %}
    {{ column }}{{ "," if not loop.last }}
    {%- endfor %}
from kept
{%- endif %}
