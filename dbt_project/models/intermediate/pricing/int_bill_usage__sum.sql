-- One row per due bill: the energy its channels read in the period and how good the reads are, as flags and in channel-days.
with channel_days as (
    select
        due.contract_id,
        due.period_start_date,
        due.period_end_date,
        channel_days.nmi,
        channel_days.nmi_suffix,
        channel_days.market_date,
        channel_days.section
    from {{ ref('int_bill_periods__due') }} as due
    inner join {{ ref('int_channel_days__assign') }} as channel_days
        on
            due.contract_id = channel_days.contract_id
            and channel_days.market_date between due.period_start_date and due.period_end_date
    where channel_days.is_conflicting = 0
),

reads as (
    select
        channel_days.contract_id,
        channel_days.period_start_date,
        channel_days.period_end_date,
        channel_days.section,
        daily_usage.usage_kwh + coalesce(daily_usage.filled_kwh * daily_usage.is_fill_billed, 0) as usage_kwh,
        case when daily_usage.estimated_interval_count > 0 or daily_usage.is_fill_billed = 1 then 1 else 0 end
            as is_estimated,
        case when daily_usage.substituted_interval_count > 0 then 1 else 0 end as is_substituted,
        daily_usage.read_version_at
    from channel_days
    inner join {{ ref('fct_daily_usage') }} as daily_usage
        on
            channel_days.nmi = daily_usage.nmi
            and channel_days.nmi_suffix = daily_usage.nmi_suffix
            and channel_days.market_date = daily_usage.market_date
    where channel_days.section is not null
    union all
    select
        days.contract_id,
        days.period_start_date,
        days.period_end_date,
        case spread.usage_type when 'GENERATION' then 'FEED_IN' else 'TARIFF_PERIOD' end as section,
        spread.energy_kwh as usage_kwh,
        spread.is_estimated,
        spread.is_substituted,
        spread.read_version_at
    from {{ ref('int_contract_days') }} as days
    inner join {{ ref('int_accumulation_days__spread') }} as spread
        on days.nmi = spread.nmi and days.market_date = spread.market_date
)

select
    contract_id,
    period_start_date,
    period_end_date,
    cast(sum(case when section in ('TARIFF_PERIOD', 'CONTROLLED_LOAD') then usage_kwh else 0 end) as {{ kwh_type() }})
        as usage_kwh,
    cast(sum(case when section = 'FEED_IN' then usage_kwh else 0 end) as {{ kwh_type() }}) as feed_in_kwh,
    max(is_estimated) as has_estimates,
    max(is_substituted) as has_substitutes,
    max(read_version_at) as read_version_at,
    cast(count(*) as integer) as read_day_count,
    cast(sum(is_estimated) as integer) as estimated_day_count,
    cast(sum(is_substituted) as integer) as substituted_day_count
from reads
group by contract_id, period_start_date, period_end_date
