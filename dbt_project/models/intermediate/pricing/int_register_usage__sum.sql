-- One row per due bill and register that has an order in it: the energy of the register's channel and band over the days
-- on which its meter was in place, or a DEMAND register's greatest half-hour demand.
with registers as (
    select distinct
        due.contract_id,
        due.period_start_date,
        due.period_end_date,
        due.nmi,
        orders.device_id,
        orders.register_id,
        registers.nmi_suffix,
        registers.usage_type,
        registers.time_band
    from {{ ref('int_bill_periods__due') }} as due
    inner join {{ ref('stg_retailer__meter_reading_orders') }} as orders
        on
            due.contract_id = orders.contract_id
            and due.period_start_date = orders.period_start_date
            and due.period_end_date = orders.scheduled_read_date
    inner join {{ ref('stg_retailer__registers') }} as registers
        on orders.device_id = registers.device_id and orders.register_id = registers.register_id
),

-- A day on which one meter gives way to another belongs to the new one.
meter_days as (
    select
        devices.device_id,
        coalesce(devices.installed_date, {{ date_literal('1900-01-01') }}) as first_date,
        case
            when max(successors.device_id) is not null then {{ add_days('devices.removed_date', -1) }}
            else coalesce(devices.removed_date, {{ date_literal('9999-12-31') }})
        end as last_date
    from {{ ref('stg_retailer__devices') }} as devices
    left join {{ ref('stg_retailer__devices') }} as successors
        on
            devices.nmi = successors.nmi
            and devices.device_id <> successors.device_id
            and devices.removed_date = successors.installed_date
    group by devices.device_id, devices.installed_date, devices.removed_date
),

placed as (
    select
        registers.contract_id,
        registers.period_start_date,
        registers.period_end_date,
        registers.nmi,
        registers.device_id,
        registers.register_id,
        registers.nmi_suffix,
        registers.usage_type,
        registers.time_band,
        case
            when meter_days.first_date > registers.period_start_date then meter_days.first_date
            else registers.period_start_date
        end as first_date,
        case
            when meter_days.last_date < registers.period_end_date then meter_days.last_date
            else registers.period_end_date
        end as last_date
    from registers
    left join meter_days
        on registers.device_id = meter_days.device_id
),

channel_sums as (
    select
        placed.contract_id,
        placed.period_start_date,
        placed.period_end_date,
        placed.device_id,
        placed.register_id,
        cast(sum(daily_usage.usage_kwh + coalesce(daily_usage.filled_kwh * daily_usage.is_fill_billed, 0)) as {{ kwh_type() }}) as usage_kwh,
        max(daily_usage.max_demand_kw) as max_demand_kw
    from placed
    inner join {{ ref('fct_daily_usage') }} as daily_usage
        on
            placed.nmi = daily_usage.nmi
            and placed.nmi_suffix = daily_usage.nmi_suffix
            and daily_usage.market_date between placed.first_date and placed.last_date
    where (placed.time_band = 'ALL' or placed.usage_type = 'DEMAND') and daily_usage.is_conflicting = 0
    group by
        placed.contract_id, placed.period_start_date, placed.period_end_date, placed.device_id, placed.register_id
),

spread_sums as (
    select
        placed.contract_id,
        placed.period_start_date,
        placed.period_end_date,
        placed.device_id,
        placed.register_id,
        cast(sum(spread.energy_kwh) as {{ kwh_type() }}) as usage_kwh
    from placed
    inner join {{ ref('int_accumulation_days__spread') }} as spread
        on
            placed.nmi = spread.nmi
            and placed.nmi_suffix = spread.nmi_suffix
            and placed.time_band = spread.time_band
            and spread.market_date between placed.first_date and placed.last_date
    where placed.usage_type <> 'DEMAND'
    group by
        placed.contract_id, placed.period_start_date, placed.period_end_date, placed.device_id, placed.register_id
),

rate_bands as (
    select distinct
        plan_id,
        version_hash,
        section,
        parent_number,
        rate_number,
        time_band
    from {{ ref('int_rate_steps__price') }}
),

-- A band of the plan in which nothing was used is zero; a band that the plan does not have is not known.
plan_bands as (
    select distinct
        plan_id,
        version_hash,
        section,
        time_band
    from rate_bands
),

band_sums as (
    select
        placed.contract_id,
        placed.period_start_date,
        placed.period_end_date,
        placed.device_id,
        placed.register_id,
        cast(sum(case when rate_bands.plan_id is null then 0 else energy.energy_kwh end) as {{ kwh_type() }}) as usage_kwh
    from placed
    inner join {{ ref('int_daily_energy__by_rate') }} as energy
        on
            placed.contract_id = energy.contract_id
            and placed.nmi = energy.nmi
            and placed.nmi_suffix = energy.nmi_suffix
            and energy.market_date between placed.first_date and placed.last_date
    inner join plan_bands
        on
            energy.plan_id = plan_bands.plan_id
            and energy.version_hash = plan_bands.version_hash
            and energy.section = plan_bands.section
            and placed.time_band = plan_bands.time_band
    left join rate_bands
        on
            energy.plan_id = rate_bands.plan_id
            and energy.version_hash = rate_bands.version_hash
            and energy.section = rate_bands.section
            and energy.parent_number = rate_bands.parent_number
            and energy.rate_number = rate_bands.rate_number
            and placed.time_band = rate_bands.time_band
    where placed.time_band <> 'ALL' and placed.usage_type <> 'DEMAND'
    group by
        placed.contract_id, placed.period_start_date, placed.period_end_date, placed.device_id, placed.register_id
)

select
    placed.contract_id,
    placed.period_start_date,
    placed.period_end_date,
    placed.device_id,
    placed.register_id,
    case
        when placed.usage_type = 'DEMAND' then cast(null as {{ kwh_type() }})
        when spread_sums.contract_id is not null
            then spread_sums.usage_kwh + coalesce(channel_sums.usage_kwh, band_sums.usage_kwh, 0)
        when placed.time_band = 'ALL' then channel_sums.usage_kwh
        else band_sums.usage_kwh
    end as usage_kwh,
    case when placed.usage_type = 'DEMAND' then channel_sums.max_demand_kw end as max_demand_kw
from placed
left join channel_sums
    on
        placed.contract_id = channel_sums.contract_id
        and placed.period_start_date = channel_sums.period_start_date
        and placed.period_end_date = channel_sums.period_end_date
        and placed.device_id = channel_sums.device_id
        and placed.register_id = channel_sums.register_id
left join band_sums
    on
        placed.contract_id = band_sums.contract_id
        and placed.period_start_date = band_sums.period_start_date
        and placed.period_end_date = band_sums.period_end_date
        and placed.device_id = band_sums.device_id
        and placed.register_id = band_sums.register_id
left join spread_sums
    on
        placed.contract_id = spread_sums.contract_id
        and placed.period_start_date = spread_sums.period_start_date
        and placed.period_end_date = spread_sums.period_end_date
        and placed.device_id = spread_sums.device_id
        and placed.register_id = spread_sums.register_id
