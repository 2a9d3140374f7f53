-- One row per plan, jurisdiction, market day, half hour and demand charge whose window holds it: the day of the plan's clock.
with plans as (
    select distinct plan_id
    from {{ ref('int_demand_charges__price') }}
)

select
    needed.plan_id,
    needed.jurisdiction,
    needed.market_date,
    calendar.half_hour,
    calendar.local_date,
    by_date.version_hash,
    charges.tariff_period_number,
    charges.demand_number
from {{ ref('int_plan_days__needed') }} as needed
inner join plans
    on needed.plan_id = plans.plan_id
inner join {{ ref('int_plan_clocks__choose') }} as clocks
    on
        needed.plan_id = clocks.plan_id
        and needed.market_date = clocks.market_date
        and clocks.section = 'TARIFF_PERIOD'
inner join {{ ref('stg_operations__market_calendar') }} as calendar
    on
        needed.jurisdiction = calendar.jurisdiction
        and needed.market_date = calendar.market_date
        and clocks.clock = calendar.clock
inner join {{ ref('int_tariff_periods__by_date') }} as by_date
    on needed.plan_id = by_date.plan_id and calendar.local_date = by_date.local_date
inner join {{ ref('int_demand_charges__price') }} as charges
    on by_date.plan_id = charges.plan_id and by_date.version_hash = charges.version_hash
inner join {{ ref('stg_plans__tariff_periods') }} as periods
    on
        charges.plan_id = periods.plan_id
        and charges.version_hash = periods.version_hash
        and charges.tariff_period_number = periods.tariff_period_number
where
    charges.refusal is null
    and {{ season_holds('calendar.local_date', 'periods.first_month_day', 'periods.last_month_day') }}
    and {{ window_holds('calendar.local_start_minute', 'charges.start_minute', 'charges.end_minute') }}
    and {{ window_days_hold('charges', 'calendar', 'charges.is_public_holidays') }} = 1
