{{ config(
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_channel_days__touched',
    replace_on=['nmi', 'nmi_suffix', 'market_date'],
    on_schema_change='append_new_columns',
) }}
-- One row per NMI, channel and market day: the energy of every channel-day that could be read, by its current version. A channel-day in conflict shows the body
-- delivered first and is_conflicting = 1; nothing of it is billed.
select
    cast(channel_days.nmi as {{ text_type(40) }}) as nmi,
    cast(channel_days.nmi_suffix as {{ text_type(20) }}) as nmi_suffix,
    channel_days.market_date,
    cast(channel_days.interval_length_minutes as integer) as interval_length_minutes,
    channel_days.usage_kwh,
    cast(0 as {{ kwh_type() }}) as filled_kwh,
    cast(channel_days.value_count as integer) as interval_count,
    cast(channel_days.actual_interval_count as integer) as actual_interval_count,
    cast(channel_days.substituted_interval_count as integer) as substituted_interval_count,
    cast(channel_days.estimated_interval_count as integer) as estimated_interval_count,
    cast(channel_days.missing_interval_count as integer) as missing_interval_count,
    channel_days.max_demand_kw,
    channel_days.read_version_at,
    channel_days.is_conflicting,
    cast(channel_days.unit as {{ text_type(20) }}) as delivered_unit,
    cast(channel_days.source as {{ text_type(20) }}) as source,
    channel_days.billing_day,
    cast(channel_days.file_name as {{ text_type(400) }}) as file_name,
    cast(channel_days.line_number as integer) as line_number
from {{ ref('int_channel_days__current') }} as channel_days
inner join {{ ref('int_channel_days__touched') }} as touched
    on
        channel_days.nmi = touched.nmi
        and channel_days.nmi_suffix = touched.nmi_suffix
        and channel_days.market_date = touched.market_date
