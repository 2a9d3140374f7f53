{{ config(
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_channel_weeks__touched',
    replace_on=['nmi', 'nmi_suffix', 'week_number'],
) }}
-- One row per channel and week with data: the running statistic that rules on history look at instead of the days. A run
-- reads the days of the weeks it touched and nothing older; the first one reads all. A channel-day in conflict is no history.
-- depends_on: {{ ref('int_channel_weeks__touched') }}
with days as (
    select
        nmi,
        nmi_suffix,
        {{ week_number('market_date') }} as week_number,
        usage_kwh,
        max_demand_kw,
        case when estimated_interval_count = interval_count then 1 else 0 end as is_estimated
    from {{ ref('fct_daily_usage') }}
    where
        is_conflicting = 0
        {%- if is_incremental() %}
        and market_date >= (
            select {{ add_days(date_literal('1900-01-01'), '7 * min(week_number)') }}
            from {{ ref('int_channel_weeks__touched') }}
        )
        {%- endif %}
)

select
    days.nmi,
    days.nmi_suffix,
    days.week_number,
    cast(count(*) as integer) as day_count,
    cast(sum(days.usage_kwh) as {{ kwh_type() }}) as usage_kwh,
    cast(sum(days.max_demand_kw) as {{ kw_type() }}) as demand_kw_sum,
    cast(sum(days.is_estimated) as integer) as estimated_day_count
from days
{%- if is_incremental() %}
inner join {{ ref('int_channel_weeks__touched') }} as touched
    on
        days.nmi = touched.nmi
        and days.nmi_suffix = touched.nmi_suffix
        and days.week_number = touched.week_number
{%- endif %}
group by days.nmi, days.nmi_suffix, days.week_number
