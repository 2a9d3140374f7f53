{{ config(
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_channel_days__refresh',
    replace_on=['nmi', 'nmi_suffix', 'market_date'],
    on_schema_change='append_new_columns',
) }}
{%- set filled_columns = [] %}
{%- for column in half_hour_columns() %}{% do filled_columns.append('fills.' ~ column) %}{% endfor %}
-- One row per NMI, channel and market day: the energy of every channel-day that could be read, by its current version, and
-- beside it what we estimated for its gaps. A channel-day in conflict shows the body delivered first and is_conflicting = 1;
-- nothing of it is billed. A day of a due bill that did not come has a row of its own, all of it missing and estimated.
select
    cast(refreshed.nmi as {{ text_type(40) }}) as nmi,
    cast(refreshed.nmi_suffix as {{ text_type(20) }}) as nmi_suffix,
    refreshed.market_date,
    cast(coalesce(channel_days.interval_length_minutes, 30) as integer) as interval_length_minutes,
    cast(coalesce(channel_days.usage_kwh, 0) as {{ kwh_type() }}) as usage_kwh,
    cast(coalesce(fills.filled_kwh, 0) as {{ kwh_type() }}) as filled_kwh,
    cast(coalesce(channel_days.value_count, 48) as integer) as interval_count,
    cast(coalesce(channel_days.actual_interval_count, 0) as integer) as actual_interval_count,
    cast(coalesce(channel_days.substituted_interval_count, 0) as integer) as substituted_interval_count,
    cast(coalesce(channel_days.estimated_interval_count, 0) as integer) as estimated_interval_count,
    cast(coalesce(channel_days.missing_interval_count, 48) as integer) as missing_interval_count,
    cast(case
        when fills.is_billed = 1 then {{ largest_of(filled_columns) }} * 2
        else coalesce(channel_days.max_demand_kw, 0)
    end as {{ kw_type() }}) as max_demand_kw,
    channel_days.read_version_at,
    coalesce(channel_days.is_conflicting, 0) as is_conflicting,
    {{ short_text("coalesce(channel_days.unit, 'kWh')", 20) }} as delivered_unit,
    cast(coalesce(channel_days.source, 'ESTIMATE') as {{ text_type(20) }}) as source,
    coalesce(channel_days.billing_day, {{ date_literal(var('end_day')) }}) as billing_day,
    {{ short_text('channel_days.file_name', 400) }} as file_name,
    cast(channel_days.line_number as integer) as line_number,
    cast(coalesce(fills.is_billed, 0) as integer) as is_fill_billed
from {{ ref('int_channel_days__refresh') }} as refreshed
left join {{ ref('int_channel_days__current') }} as channel_days
    on
        refreshed.nmi = channel_days.nmi
        and refreshed.nmi_suffix = channel_days.nmi_suffix
        and refreshed.market_date = channel_days.market_date
left join {{ ref('int_channel_days__fill') }} as fills
    on
        refreshed.nmi = fills.nmi
        and refreshed.nmi_suffix = fills.nmi_suffix
        and refreshed.market_date = fills.market_date
where channel_days.nmi is not null or fills.nmi is not null
