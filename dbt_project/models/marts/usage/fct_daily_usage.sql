{{ config(
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_channel_days__touched',
    replace_on=['nmi', 'nmi_suffix', 'market_date'],
) }}
-- The energy of every channel-day that could be read, by its current version. A channel-day in conflict shows the body
-- delivered first and is_conflicting = 1; nothing of it is billed.
select
    channel_days.nmi,
    channel_days.nmi_suffix,
    channel_days.market_date,
    channel_days.interval_length_minutes,
    channel_days.usage_kwh,
    cast(0 as {{ kwh_type() }}) as filled_kwh,
    channel_days.value_count as interval_count,
    channel_days.actual_interval_count,
    channel_days.substituted_interval_count,
    channel_days.estimated_interval_count,
    channel_days.missing_interval_count,
    channel_days.max_demand_kw,
    channel_days.read_version_at,
    channel_days.is_conflicting,
    channel_days.unit as delivered_unit,
    channel_days.source,
    channel_days.billing_day,
    channel_days.file_name,
    channel_days.line_number
from {{ ref('int_channel_days__current') }} as channel_days
inner join {{ ref('int_channel_days__touched') }} as touched
    on
        channel_days.nmi = touched.nmi
        and channel_days.nmi_suffix = touched.nmi_suffix
        and channel_days.market_date = touched.market_date
