-- One row per plan, jurisdiction, market day, half hour and tariff open to it: the day of the plan's clock it falls on and
-- the rate that prices it. This is where market time (reads) meets local time (tariffs). No row: no rate holds.
with clock_days as (
    select
        needed.plan_id,
        needed.jurisdiction,
        needed.market_date,
        clocks.section,
        calendar.half_hour,
        calendar.local_date,
        calendar.local_start_minute,
        calendar.weekday,
        calendar.is_public_holiday,
        calendar.is_business_day
    from {{ ref('int_plan_days__needed') }} as needed
    inner join {{ ref('int_plan_clocks__choose') }} as clocks
        on needed.plan_id = clocks.plan_id and needed.market_date = clocks.market_date
    inner join {{ ref('stg_operations__market_calendar') }} as calendar
        on
            needed.jurisdiction = calendar.jurisdiction
            and needed.market_date = calendar.market_date
            and clocks.clock = calendar.clock
),

open_tariffs as (
    select
        clock_days.plan_id,
        clock_days.jurisdiction,
        clock_days.market_date,
        clock_days.half_hour,
        clock_days.local_date,
        clock_days.local_start_minute,
        clock_days.weekday,
        clock_days.is_public_holiday,
        clock_days.is_business_day,
        by_date.version_hash,
        tariffs.section,
        tariffs.parent_number,
        tariffs.rate_block,
        tariffs.first_rate_number
    from clock_days
    inner join {{ ref('int_tariff_periods__by_date') }} as by_date
        on clock_days.plan_id = by_date.plan_id and clock_days.local_date = by_date.local_date
    inner join {{ ref('int_tariffs__list') }} as tariffs
        on
            by_date.plan_id = tariffs.plan_id
            and by_date.version_hash = tariffs.version_hash
            and clock_days.section = tariffs.section
    where
        clock_days.local_date between tariffs.first_date and tariffs.last_date
        and (tariffs.section <> 'TARIFF_PERIOD' or tariffs.parent_number = by_date.tariff_period_number)
)

select
    open_tariffs.plan_id,
    open_tariffs.jurisdiction,
    open_tariffs.market_date,
    open_tariffs.half_hour,
    open_tariffs.local_date,
    open_tariffs.version_hash,
    open_tariffs.section,
    open_tariffs.parent_number,
    case
        when open_tariffs.rate_block = 'SINGLE_RATE' then open_tariffs.first_rate_number
        else windows.rate_number
    end as rate_number,
    case when open_tariffs.rate_block = 'SINGLE_RATE' then 1 else windows.rate_count end as rate_count
from open_tariffs
left join {{ ref('int_rate_windows__by_day_type') }} as windows
    on
        open_tariffs.plan_id = windows.plan_id
        and open_tariffs.version_hash = windows.version_hash
        and open_tariffs.section = windows.section
        and open_tariffs.parent_number = windows.parent_number
        and open_tariffs.weekday = windows.weekday
        and open_tariffs.is_public_holiday = windows.is_public_holiday
        and open_tariffs.is_business_day = windows.is_business_day
        and open_tariffs.local_start_minute = windows.local_start_minute
where open_tariffs.rate_block = 'SINGLE_RATE' or windows.rate_number is not null
